"""Imported into each kernel of the book: figures come sharp enough to be enlarged, and with the words that stand in them."""

import re

from IPython import get_ipython
from matplotlib.figure import Figure
from matplotlib.text import Text


def words(figure: Figure) -> str:
    """Return what stands written in a figure, each word once: titles, names of axes and lines, but no numbers."""
    texts = [text.get_text().strip() for text in figure.findobj(Text) if text.get_visible()]
    return ", ".join(
        dict.fromkeys(text for text in texts if re.search(r"[^\W\d_]", text) and "mathdefault" not in text)
    )


Figure.__repr__ = words  # a page gives it to who cannot see the picture
get_ipython().config.InlineBackend.figure_format = "retina"
