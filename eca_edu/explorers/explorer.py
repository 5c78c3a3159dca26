"""What all explorers share: state that Python and the page both can change, numbers from Python, errors that show."""

import base64
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import anywidget
import numpy as np
import torch
import traitlets
from IPython.display import HTML, display

from eca_edu.datasets.image_data import ImageData
from eca_edu.explorers import page


class Explorer(anywidget.AnyWidget):
    """An explorer: `<script>.js` draws it in the page from its state, the traits with `state=True`, and from `numbers`.

    A trait can be read, set and observed: `explorer.gamma = 3`. What the hand changes needs no kernel.
    numbers: what the package computed, as JSON. error: of a callback in Python, shown below the picture.
    """

    script: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    numbers = traitlets.Dict().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "script" in vars(cls):
            cls._esm, cls._css = page.widget_module(cls.script, *cls.needs), page.style()

    def __init__(self, numbers: dict[str, Any], **state):
        super().__init__(numbers=numbers, key=f"e{uuid.uuid4().hex[:12]}", **state)
        self.start = {name: getattr(self, name) for name in self.trait_names(state=True)}

    def when(self, names: list[str], callback: Callable[[dict], None]) -> None:
        """Call `callback` when the page or Python sets one of the traits; an error of it shows below the picture."""

        def guarded(change: dict) -> None:
            try:
                callback(change)
                self.error = ""
            except Exception as error:  # it would vanish into JupyterLab's log
                self.error = f"{type(error).__name__}: {error}"

        self.observe(guarded, names)

    def to_html(self) -> str:
        """Return the explorer as it is now, as HTML that needs neither kernel nor network."""
        names = set(self.trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names(sync=True))
        state = {name: getattr(self, name) for name in sorted(names) if not name.startswith("_")}
        return page.static_html(self.script, self.needs, state)

    def _ipython_display_(self) -> None:
        """Show the explorer twice: as HTML, which lives on without a kernel, and as the widget that takes its place."""
        display(HTML(self.to_html()))
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        display(data, metadata=metadata, raw=True)


def pick_images(data: ImageData, images: int) -> torch.Tensor:
    """Return the indices of at most so many images, evenly spread over the contexts, or else over the data: (n,).

    Raises ValueError if there is no image.
    """
    if not len(data):
        raise ValueError("data must hold at least one image; got none")
    order = torch.arange(len(data)) if data.context is None else data.context.argsort(stable=True)
    images = min(images, len(data))
    return order[torch.arange(images) * len(data) // images]


def to_base64(values: torch.Tensor | np.ndarray) -> str:
    """Return the bytes of an array, row after row, as base64."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
