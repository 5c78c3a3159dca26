"""What all explorers share: one figure that is drawn into one picture, a sentence below it, and errors that show."""

import base64
import html
import io
import traceback
from collections.abc import Mapping
from threading import RLock

import ipywidgets as W
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["Explorer", "Panel"]

DPI = 100
RED = "#B00020"
NO_FRAME, RED_FRAME = "2px solid transparent", f"2px solid {RED}"


class Panel(W.VBox):
    """A picture drawn from `figure`, and below it a sentence that says what the picture says.

    width, height: of the picture, in pixels. A subclass changes artists of the figure and then calls `show`.
    The figure belongs to the panel alone, never to pyplot: JupyterLab calls widgets from several threads.
    """

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
        self.lock = RLock()
        super().__init__([self.picture, self.sentence, self.alert])
        self.add_class(type(self).__name__)

    def show(self, sentence: str) -> None:
        """Draw the figure as it is now, and put the sentence (HTML) below it."""
        png = io.BytesIO()
        self.figure.savefig(png, format="png", dpi=DPI)
        self.picture.value = png.getvalue()
        self.sentence.value = sentence

    def _repr_mimebundle_(self, **kwargs) -> dict:
        """Add the picture itself, for whoever opens the notebook without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "image/png": base64.b64encode(self.picture.value).decode()}


class Explorer(Panel):
    """A panel with controls above the picture, each also an attribute: `explorer.gamma` is controls["gamma"].

    A subclass prepares its figure, calls this constructor, and redraws in `update`, which gets the value of each control.
    An error in `update` is shown below the picture until the next good drawing, and kept in `last_error`.
    """

    def __init__(self, width: int, height: int, controls: Mapping[str, W.Widget]):
        super().__init__(width, height)
        self.controls = dict(controls)
        for name, control in self.controls.items():
            setattr(self, name, control)
        self.children = (W.HBox(list(self.controls.values()), layout=W.Layout(flex_flow="row wrap")), *self.children)
        self.prepare()
        self._redraw()
        for control in self.controls.values():
            control.observe(self._redraw, "value")

    def prepare(self) -> None:
        """Draw on `self.figure` what stays, and keep the artists that `update` changes."""
        raise NotImplementedError(f"{type(self).__name__} must define prepare()")

    def update(self, **values) -> str:
        """Change the artists for the values of the controls; return the sentence below the picture."""
        raise NotImplementedError(f"{type(self).__name__} must define update(...)")

    def _redraw(self, change: object = None) -> None:
        with self.lock:
            try:
                self.show(self.update(**{name: control.value for name, control in self.controls.items()}))
                self.last_error, self.alert.value, self.picture.layout.border = None, "", NO_FRAME
            except Exception as error:  # a callback's error would vanish into JupyterLab's log
                self.last_error = error
                # A ValueError is an impossible setting, and its sentence says so; any other error is named.
                lines = [str(error)] if type(error) is ValueError else traceback.format_exception_only(error)
                text = html.escape("".join(lines).strip())
                self.alert.value = f'<pre role="alert" style="color: {RED}; white-space: pre-wrap">{text}</pre>'
                # The picture is still that of the last possible setting; its sentence would contradict the alert.
                self.picture.layout.border, self.sentence.value = RED_FRAME, ""
