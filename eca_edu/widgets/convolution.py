"""Slide the kernel over the channels, step by step."""

from collections.abc import Sequence

import ipywidgets as W
import torch
from torch.nn import functional as F

from eca_edu.figures.convolution import draw_convolution, number, update_convolution
from eca_edu.widgets.panel import Explorer

PADDING = {"zeros": "constant", "circular": "circular"}  # our name -> the name in torch.nn.functional.pad

LARGEST = 10  # channels whose numbers can be read side by side


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
            raise ValueError(
                f"kernel must be a row of an odd number of weights, at most {len(self.y)}; got {self.weights.tolist()}"
            )
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
        self.artists = draw_convolution(self.figure.add_axes((0, 0, 1, 1)), len(self.y), len(self.weights))

    def update(self, channel: int, padding: str) -> str:
        margin = len(self.weights) // 2
        padded = F.pad(self.y[None, None], (margin, margin), mode=PADDING[padding])  # (1, 1, C + k - 1)
        logits = F.conv1d(padded, self.weights[None, None])[0, 0]  # (C,)
        omega = logits.sigmoid()
        neighbours = padded[0, 0, channel : channel + len(self.weights)]
        update_convolution(self.artists, channel, *(v.tolist() for v in (padded[0, 0], self.weights, logits, omega)))
        products = " + ".join(
            f"{number(w)} · {number(v)}" for w, v in zip(self.weights.tolist(), neighbours.tolist(), strict=True)
        )
        return (
            f"Channel {channel}: {products} = {number(logits[channel].item())}, and its weight is "
            f"<b>ω = σ({number(logits[channel].item())}) = {omega[channel]:.2f}</b>."
        )
