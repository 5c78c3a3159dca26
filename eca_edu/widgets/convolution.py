"""Slide the kernel over the channels, step by step."""

from collections.abc import Sequence

import ipywidgets as W
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from eca_edu.figures.colours import BLUE, GREY, VERMILION
from eca_edu.widgets.explorer import Explorer

PADDING = {"zeros": "constant", "circular": "circular"}  # our name -> the name in torch.nn.functional.pad
LARGEST = 10  # channels whose numbers can be read side by side
ROWS = {"y": 4, "kernel": 3, "products": 2, "logits": 1, "ω": 0}


class ConvolutionStepper(Explorer):
    """The 1-D convolution of ECA one channel at a time: controls `play`, `back`, `forward`, `channel` and `padding`.

    y: (C,), the averages of at most 10 channels. kernel: (k,), its weights; k is odd and at most C.
    Raises ValueError for a y or a kernel of another shape.
    """

    def __init__(self, y: Sequence[float] | torch.Tensor, kernel: Sequence[float] | torch.Tensor):
        self.y, self.weights = (torch.as_tensor(values, dtype=torch.float64).detach() for values in (y, kernel))
        if self.y.ndim != 1 or not 1 <= len(self.y) <= LARGEST:
            raise ValueError(f"y must be a row of 1 to {LARGEST} averages; got shape {tuple(self.y.shape)}")
        if self.weights.ndim != 1 or len(self.weights) % 2 == 0 or len(self.weights) > len(self.y):
            allowed = f"an odd number of weights, at most {len(self.y)}"
            raise ValueError(f"kernel must be a row of {allowed}; got {self.weights.tolist()}")
        last = len(self.y) - 1
        channel = W.IntSlider(0, min=0, max=last, description="channel")
        self.play = W.Play(value=0, min=0, max=last, interval=900)
        W.jslink((self.play, "value"), (channel, "value"))  # in the browser, where one change follows another
        self.back = W.Button(icon="step-backward", tooltip="one channel back", layout=W.Layout(width="40px"))
        self.forward = W.Button(icon="step-forward", tooltip="one channel forward", layout=W.Layout(width="40px"))
        self.back.on_click(lambda _: self._step(-1))
        self.forward.on_click(lambda _: self._step(1))
        padding = W.Dropdown(options=list(PADDING), value="zeros", description="padding")
        super().__init__(760, 300, {"channel": channel, "padding": padding})
        self.children = (W.HBox([self.play, self.back, self.forward]), *self.children)

    def _step(self, step: int) -> None:
        with self.lock:
            self.channel.value = min(max(self.channel.value + step, 0), len(self.y) - 1)

    def prepare(self) -> None:
        """Draw a row of cells for y with its padding, one for the kernel, its products, the logits and the weights ω."""
        ax, channels, k = self.figure.add_axes((0, 0, 1, 1)), len(self.y), len(self.weights)
        margin, top, small = k // 2, ROWS["y"] + 0.65, {"va": "center", "fontsize": 9, "color": GREY}
        ax.set(xlim=(-margin - 3, channels + margin), ylim=(-0.7, ROWS["y"] + 1))
        ax.axis("off")
        ax.text(-margin - 0.8, top, "channel", ha="right", **small)
        for place in range(channels):
            ax.text(place, top, str(place), ha="center", **small)
        places = {"y": range(-margin, channels + margin), "kernel": range(k), "products": range(k)}
        self.texts = {}
        for name, row in ROWS.items():
            ax.text(-margin - 0.8, row, name, ha="right", va="center", fontsize=11)
            moves = name in ("kernel", "products")
            style = {"ha": "center", "va": "center", "fontsize": 10, "color": BLUE if moves else "black"}
            here = places.get(name, range(channels))
            self.texts[name] = [ax.text(place, row, "", **style) for place in here]
            for place in [] if moves else here:
                line = "-" if 0 <= place < channels else ":"
                self._frame(ax, place - 0.5, row - 0.4, 1, 0.8, edgecolor=GREY, linewidth=1, linestyle=line)
        blue = {"facecolor": BLUE, "edgecolor": BLUE, "alpha": 0.12, "zorder": 0}
        self.window = self._frame(ax, 0, ROWS["products"] - 0.45, k, 2.9, **blue)
        self.result = self._frame(ax, 0, ROWS["ω"] - 0.42, 1, 1.84, edgecolor=VERMILION, linewidth=2, zorder=3)

    @staticmethod
    def _frame(ax: Axes, x: float, y: float, width: float, height: float, **style) -> Rectangle:
        return ax.add_patch(Rectangle((x, y), width, height, **{"facecolor": "none", **style}))

    def update(self, channel: int, padding: str) -> str:
        """Show the kernel over one channel, and the results of all channels up to it."""
        k, margin = len(self.weights), len(self.weights) // 2
        padded = F.pad(self.y[None, None], (margin, margin), mode=PADDING[padding])  # (1, 1, C + k - 1)
        logits = F.conv1d(padded, self.weights[None, None])[0, 0]  # (C,)
        omega = logits.sigmoid()
        neighbours, weights = padded[0, 0, channel : channel + k].tolist(), self.weights.tolist()
        for place, (text, value) in enumerate(zip(self.texts["y"], padded[0, 0].tolist(), strict=True), -margin):
            text.set(text=number(value), color="black" if 0 <= place < len(self.y) else GREY)
        for i, (weight, value) in enumerate(zip(weights, neighbours, strict=True)):
            self.texts["kernel"][i].set(x=channel - margin + i, text=f"× {number(weight)}")
            self.texts["products"][i].set(x=channel - margin + i, text=number(weight * value))
        for name, values in (("logits", logits), ("ω", omega)):
            for place, text in enumerate(self.texts[name]):
                text.set_text(f"{values[place]:.2f}" if place <= channel else "")
        self.window.set_x(channel - margin - 0.5)
        self.result.set_x(channel - 0.5)
        products = " + ".join(f"{number(w)} · {number(v)}" for w, v in zip(weights, neighbours, strict=True))
        logit = number(logits[channel].item())
        weight = f"ω = σ({logit}) = {omega[channel]:.2f}"
        return f"Channel {channel}: {products} = {logit}, and its weight is <b>{weight}</b>."


def number(value: float) -> str:
    """Return a number with at most three decimals."""
    return f"{round(value, 3) + 0:g}"  # + 0 turns -0 into 0
