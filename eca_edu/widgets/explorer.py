"""What all explorers share: one figure that is drawn into one picture, a sentence below it, and errors that show.

A moved slider calls `Explorer.on_move`, which gives the values of all controls to `update` of its explorer and shows the result.
"""

import base64
import html
import io
import traceback
from collections.abc import Iterable, Mapping
from threading import RLock

import ipywidgets as W
import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from eca_edu.datasets.image_data import ImageData
from eca_edu.figures.colours import RED

DPI = 100
NO_FRAME, RED_FRAME = "2px solid transparent", f"2px solid {RED}"


class ImpossibleSetting(ValueError):
    """Raised by `update` for values that do not go together; the text says why, to the reader."""


class Panel(W.VBox):
    """A picture drawn from `figure`, and below it a sentence that says what the picture says.

    width, height: of the picture, in pixels. A subclass changes artists of the figure and then calls `show`.
    The figure belongs to the panel alone, never to pyplot: JupyterLab calls widgets from several threads.
    """

    children: tuple[W.Widget, ...]

    def __init__(self, width: int, height: int):
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        FigureCanvasAgg(self.figure)
        layout = W.Layout(width=f"{width}px", max_width="100%", object_fit="contain", border=NO_FRAME)
        self.picture = W.Image(format="png", layout=layout)
        self.picture.add_class("eca-edu-picture")
        self.sentence = W.HTML()
        self.sentence.add_class("eca-edu-sentence")
        self.alert = W.HTML()
        self.last_error: Exception | None = None
        self.still = None
        self.lock = RLock()
        super().__init__([self.picture, self.sentence, self.alert])
        self.add_class(type(self).__name__)

    def keep_still(self, moving: Iterable[Artist]) -> None:
        """Draw all of the figure but these artists only once; what is drawn of an axis is most of a picture's time."""
        self.moving = list(moving)
        for artist in self.moving:
            artist.set_animated(True)  # left out by canvas.draw()
        self.figure.canvas.draw()
        self.still = self.figure.canvas.copy_from_bbox(self.figure.bbox)

    def draw(self) -> np.ndarray:
        """Draw the figure as it is now; return its pixels, (height, width, 4), which the next drawing overwrites."""
        canvas = self.figure.canvas
        if self.still is None:
            canvas.draw()
        else:
            canvas.restore_region(self.still)
            for artist in self.moving:
                self.figure.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())

    def show(self, sentence: str) -> None:
        """Draw the figure as it is now, and put the sentence (HTML) below it."""
        png = io.BytesIO()
        Image.fromarray(self.draw()).save(png, "png", compress_level=1)
        self.picture.value = png.getvalue()
        self.sentence.value = sentence

    def show_error(self, error: Exception) -> None:
        """Show an error below the picture, which gets a red frame, and keep it in `last_error`."""
        self.last_error = error
        lines = [str(error)] if isinstance(error, ImpossibleSetting) else traceback.format_exception_only(error)
        text = html.escape("".join(lines).strip())
        self.alert.value = f'<pre role="alert" style="color: {RED}; white-space: pre-wrap">{text}</pre>'
        # The picture is still the last good one; its sentence would contradict the alert.
        self.picture.layout.border, self.sentence.value = RED_FRAME, ""

    def clear_error(self) -> None:
        """Take the error away again."""
        self.last_error, self.alert.value, self.picture.layout.border = None, "", NO_FRAME

    def _repr_mimebundle_(self, **kwargs) -> dict:
        """Add the picture itself, for whoever opens the notebook without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "image/png": base64.b64encode(self.picture.value).decode()}


class Explorer(Panel):
    """A panel with controls above the picture, each also an attribute: `explorer.gamma` is controls["gamma"].

    A subclass calls this constructor, draws in `prepare`, and changes the drawing in `update`, which gets the value of each
    control. An error in `update` is shown below the picture until the next good drawing, and kept in `last_error`.
    """

    def __init__(self, width: int, height: int, controls: Mapping[str, W.Widget]):
        super().__init__(width, height)
        self.controls = dict(controls)
        self.children = (W.HBox(list(self.controls.values()), layout=W.Layout(flex_flow="row wrap")), *self.children)
        self.prepare()
        self.show(self.update(**self.values))  # an error of the first drawing is the cell's
        for control in self.controls.values():
            control.observe(self.on_move, "value")

    def __getattr__(self, name: str) -> W.Widget:
        if name in self.__dict__.get("controls", {}):
            return self.controls[name]
        raise AttributeError(f"{type(self).__name__} has no {name!r}")

    @property
    def values(self) -> dict[str, object]:
        """Return the value of each control, by its name."""
        return {name: control.value for name, control in self.controls.items()}

    def on_move(self, change: object = None) -> None:
        """Answer to a control that was moved: the callback of every slider and menu."""
        with self.lock:
            try:
                self.show(self.update(**self.values))
                self.clear_error()
            except Exception as error:  # a callback's error would vanish into JupyterLab's log
                self.show_error(error)

    def prepare(self) -> None:
        """Draw on `self.figure` what stays, and keep the artists that `update` changes."""
        raise NotImplementedError

    def update(self, **values) -> str:
        """Change the artists for the values of the controls; return the sentence below the picture."""
        raise NotImplementedError


def images_to_show(data: ImageData) -> ImageData:
    """Return the images that an explorer offers, at most 500; raise ValueError if there is none."""
    if not len(data):
        raise ValueError("data must hold at least one image; got none")
    return data.spread(500)


def show_image(artist: Artist, image: torch.Tensor, title: str | None = None) -> None:
    """Let an artist that `imshow` made show an image: (3, H, W) uint8."""
    height, width = image.shape[1:]
    artist.set_data(image.permute(1, 2, 0).numpy())
    artist.set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
    if title is not None:
        artist.axes.set_title(title, fontsize=11, parse_math=False)
