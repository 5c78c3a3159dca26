"""Imported into each kernel of the book: figures come sharp enough to be enlarged, and with the words that stand in them;
a warning is its first sentence, without the place in the code or what to do about it."""

import re
import warnings

from IPython import get_ipython
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

KINDS = {AxesImage: "images", Rectangle: "bars", Line2D: "lines", PathCollection: "dots"}


def words(figure: Figure) -> str:
    """Return what is drawn in a figure and what stands written there, each word once; numbers alone are left out."""
    drawn = [part for ax in figure.axes for part in ax.get_children() if part is not ax.patch and part.get_visible()]
    kinds = [name for kind, name in KINDS.items() if any(isinstance(part, kind) for part in drawn)]
    texts = [" ".join(text.get_text().split()) for text in figure.findobj(Text) if text.get_visible()]
    texts = [re.sub(r"[$\\{}_]", "", text) for text in texts if "mathdefault" not in text]  # $\omega$ is read as omega
    named = [text for text in texts if re.search(r"[^\W\d]", text)]
    return "; ".join(dict.fromkeys([", ".join(kinds), *named]))


warnings.formatwarning = lambda message, category, *_: f"{str(message).partition('. ')[0].rstrip('.')}.\n"
Figure.__repr__ = words  # a page gives it to who cannot see the picture
get_ipython().config.InlineBackend.figure_format = "retina"
