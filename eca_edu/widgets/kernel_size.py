"""Sliders for γ, b and C: the kernel size follows, for every network and by every rule in use."""

import math
from functools import lru_cache

import ipywidgets as W
import numpy as np
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREY, VERMILION
from eca_edu.kernel_size import CONVENTIONS, adaptive_kernel_size
from eca_edu.widgets.explorer import Explorer

CHOICES = [1, 4, 8, 16, 24, 32, 64, 96, 128, 160, 256, 320, 512, 1024, 1280, 2048, 4096]
LARGEST_EXPONENT = 13  # the axis ends at 2^13 = 8192 channels
LARGEST_KERNEL_SIZE = 17
FINEST = 256  # rows of the band that are drawn one by one
#: Channel counts an eighth of a power of two apart, enough to draw every step where it is.
CHANNELS = sorted({math.ceil(2 ** (n / 8)) for n in range(8 * LARGEST_EXPONENT + 1)} | set(CHOICES))
EXPONENTS = [math.log2(channels) for channels in CHANNELS]
#: The channels that reach the attention modules of each stage.
STAGES = {
    "ResNet-18": (64, 128, 256, 512),
    "ResNet-50": (256, 512, 1024, 2048),
    "MobileNetV2": (16, 24, 32, 64, 96, 160, 320),
    "our CNN": (24, 48, 96),
}


def gamma_slider() -> W.FloatSlider:
    """Return a slider for the γ of ψ, at the paper's 2."""
    return W.FloatSlider(2, min=1, max=4, step=0.25, description="γ")


def b_slider(low: float = -2) -> W.FloatSlider:
    """Return a slider for the b of ψ, from `low` to 4, at the paper's 1."""
    return W.FloatSlider(1, min=low, max=4, step=0.5, description="b")


@lru_cache(maxsize=256)
def staircase(gamma: float, b: float) -> list[int]:
    """Return ψ(C) for each C in CHANNELS."""
    return [adaptive_kernel_size(channels, gamma, b) for channels in CHANNELS]


class KernelSizeExplorer(Explorer):
    """How γ, b and C set the kernel size: controls `gamma`, `b`, `channels`."""

    def __init__(self):
        channels = W.SelectionSlider(options=CHOICES, value=128, description="C")
        super().__init__(860, 470, {"gamma": gamma_slider(), "b": b_slider(), "channels": channels})

    def prepare(self) -> None:
        self._prepare_staircase(self.figure.add_axes((0.12, 0.38, 0.54, 0.59)))
        self._prepare_stages(self.figure.add_axes((0.12, 0.01, 0.54, 0.25)))
        band_ax = self.figure.add_axes((0.74, 0.34, 0.24, 0.56))
        (self.band,) = band_ax.fill([0, 0, 0], [0, 0, 0], color=BLUE, linewidth=1)  # the channels that meet
        band_ax.set(xlabel="channel j", ylabel="channel i", aspect="equal")
        numbers = [number for row in self.stages.values() for number in row]
        self.keep_still([self.t, self.steps, self.chosen, *numbers, band_ax])

    def _prepare_staircase(self, ax: Axes) -> None:
        """Draw the axes, log2(C) against k, and the staircase of the paper."""
        ax.set(xlim=(0, LARGEST_EXPONENT), xlabel="channels C")
        ax.set(ylim=(0, LARGEST_KERNEL_SIZE + 1), ylabel="kernel size k")
        ax.set_xticks(range(LARGEST_EXPONENT + 1), [2**n for n in range(LARGEST_EXPONENT + 1)], fontsize=8)
        ax.set_yticks(range(1, LARGEST_KERNEL_SIZE + 1, 2))
        ax.grid(axis="y", color="0.9")
        steps, paper = {"drawstyle": "steps-post"}, "ψ(C) of the paper: γ = 2, b = 1"
        ax.plot(EXPONENTS, staircase(2, 1), color=GREY, linewidth=1, **steps, label=paper)
        (self.t,) = ax.plot([], [], color=BLUE, linewidth=1, linestyle="--", label="t = (log₂C + b) / γ")
        (self.steps,) = ax.plot([], [], color=BLUE, linewidth=2.5, **steps, label="k = ψ(C)")
        (self.chosen,) = ax.plot([], [], "o", color=VERMILION, markersize=10, label="your C")
        ax.legend(loc="upper left", frameon=False, fontsize=9)

    def _prepare_stages(self, ax: Axes) -> None:
        """Draw a row for each network with a disc at log2(C) of each of its stages, for its k."""
        self.stages = {}
        disc = {"color": GREY, "linewidth": 1, "markersize": 11, "markerfacecolor": "white"}
        for row, (name, stages) in enumerate(STAGES.items()):
            places = [math.log2(channels) for channels in stages]
            ax.plot(places, [row] * len(places), "o-", **disc)
            self.stages[name] = [ax.text(x, row, "", ha="center", va="center_baseline", fontsize=8) for x in places]
        ax.set(xlim=(0, LARGEST_EXPONENT), ylim=(len(STAGES) - 0.4, -0.6), xticks=[])
        ax.set_yticks(range(len(STAGES)), STAGES, fontsize=9)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    def update(self, gamma: float, b: float, channels: int) -> str:
        k, t = adaptive_kernel_size(channels, gamma, b), (math.log2(channels) + b) / gamma
        self.steps.set_data(EXPONENTS, staircase(gamma, b))
        self.t.set_data(EXPONENTS, [(exponent + b) / gamma for exponent in EXPONENTS])
        self.chosen.set_data([math.log2(channels)], [k])
        networks = {name: [adaptive_kernel_size(c, gamma, b) for c in stages] for name, stages in STAGES.items()}
        for name, sizes in networks.items():
            for number, c, size in zip(self.stages[name], STAGES[name], sizes, strict=True):
                number.set(text=str(size), color="black" if size == adaptive_kernel_size(c) else VERMILION)
        self._show_band(channels, k)
        stages = "; ".join(f"{name} {'-'.join(map(str, sizes))}" for name, sizes in networks.items())
        return (
            f"With γ = {gamma:g} and b = {b:g}, C = {channels} gives t = {t:.2f} and <b>k = {k}</b>: {meaning(channels, k)}. "
            f"The stages get: {stages}."
        )

    def _show_band(self, channels: int, kernel_size: int) -> None:
        """Show, true to scale, which channels j meet in the weight of channel i: |i - j| ≤ (k - 1) / 2."""
        ax, reach, last = self.band.axes, kernel_size // 2, channels - 1
        rows = sorted({round(i * last / FINEST) for i in range(FINEST + 1)})  # for many channels finer than the pixels
        left = [(max(row - reach, 0) - 0.5, row + side) for row in rows for side in (-0.5, 0.5)]
        right = [(min(row + reach, last) + 0.5, row + side) for row in rows for side in (-0.5, 0.5)]
        self.band.set_xy(left + right[::-1])
        ax.set(xlim=(-0.5, last + 0.5), ylim=(last + 0.5, -0.5), title=f"C = {channels}, k = {kernel_size}")
        ax.set_xticks(sorted({0, last}))
        ax.set_yticks(sorted({0, last}))


def meaning(channels: int, kernel_size: int) -> str:
    """Return in words whom a channel meets."""
    if kernel_size > 2 * channels - 1:
        return "that is wider than the layer, so that the outer weights meet only padding"
    if kernel_size == 1:
        return "each channel meets only itself"
    if kernel_size == 2 * channels - 1:
        return "all channels meet"
    return f"each channel meets up to {min(kernel_size, channels) - 1} neighbours"


class ConventionsExplorer(Explorer):
    """What the rules in use make of γ, b and C: controls `gamma`, `b`, `channels`."""

    CHANNELS = (1, 4, 8, 12, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 1280, 2048, 4096)

    def __init__(self):
        channels = W.SelectionSlider(options=self.CHANNELS, value=64, description="C")
        super().__init__(860, 330, {"gamma": gamma_slider(), "b": b_slider(low=0), "channels": channels})

    def prepare(self) -> None:
        """Draw a table, one row for each rule and one column for each C."""
        ax = self.figure.add_axes((0.17, 0.02, 0.82, 0.82))
        rows, columns = range(len(CONVENTIONS)), range(len(self.CHANNELS))
        middle = {"ha": "center", "va": "center", "fontsize": 9}
        self.cells = [[ax.text(column, row, "", **middle) for column in columns] for row in rows]
        self.marks = ax.imshow(np.zeros((len(rows), len(columns))), cmap="Oranges", vmin=0, vmax=2, aspect="auto")
        ax.xaxis.tick_top()
        ax.set_xticks(columns, self.CHANNELS, fontsize=9)
        ax.set_yticks(rows, CONVENTIONS, fontsize=9)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title("channels C", fontsize=10, pad=8)
        self.chosen = ax.axvspan(-0.5, 0.5, fill=False, edgecolor=BLUE, linewidth=2)
        self.keep_still([self.marks, *(cell for row in self.cells for cell in row), self.chosen])

    def update(self, gamma: float, b: float, channels: int) -> str:
        table = {name: [rule(c, gamma, b) for c in self.CHANNELS] for name, rule in CONVENTIONS.items()}
        column, paper = self.CHANNELS.index(channels), table["paper"]
        self.marks.set_data(np.array([*table.values()]) != paper)
        for cells, row in zip(self.cells, table.values(), strict=True):
            for cell, k in zip(cells, row, strict=True):
                cell.set_text(str(k))
        self.chosen.set_x(column - 0.5)
        t, k = (math.log2(channels) + b) / gamma, paper[column]
        others = [f"{name} {sizes[column]}" for name, sizes in table.items() if sizes[column] != k]
        differ = f"other rules give another: {', '.join(others)}" if others else "all rules agree"
        return f"C = {channels}: t = {t:.2f}, and <b>the paper's rule gives k = {k}</b>; {differ}."
