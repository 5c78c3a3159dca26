"""Sliders for γ, b and C: the kernel size follows."""

import math
from functools import lru_cache

import ipywidgets as W

from eca_edu.kernel_size import adaptive_kernel_size
from eca_edu.plots.kernel_size import LARGEST_EXPONENT, draw_staircase, update_staircase
from eca_edu.widgets.panel import Explorer

__all__ = ["KernelSizeExplorer"]

CHOICES = [1, 4, 8, 16, 24, 32, 64, 96, 128, 160, 256, 320, 512, 1024, 1280, 2048, 4096]
#: Channel counts an eighth of a power of two apart, enough to draw every step where it is.
CHANNELS = sorted({math.ceil(2 ** (n / 8)) for n in range(8 * LARGEST_EXPONENT + 1)} | set(CHOICES))
EXPONENTS = [math.log2(channels) for channels in CHANNELS]


@lru_cache(maxsize=256)
def staircase(gamma: float, b: float) -> list[int]:
    """Return ψ(C) for each C in CHANNELS."""
    return [adaptive_kernel_size(channels, gamma, b) for channels in CHANNELS]


class KernelSizeExplorer(Explorer):
    """How γ, b and C set the kernel size: controls `gamma`, `b`, `channels`."""

    def __init__(self):
        controls = {
            "gamma": W.FloatSlider(2, min=1, max=4, step=0.25, description="γ"),
            "b": W.FloatSlider(1, min=-2, max=4, step=0.5, description="b"),
            "channels": W.SelectionSlider(options=CHOICES, value=128, description="C"),
        }
        super().__init__(760, 400, controls)

    def prepare(self) -> None:
        ax = self.figure.subplots()
        self.figure.subplots_adjust(left=0.08, right=0.98, top=0.96, bottom=0.14)
        self.artists = draw_staircase(ax)

    def update(self, gamma: float, b: float, channels: int) -> str:
        k = adaptive_kernel_size(channels, gamma, b)
        t = [(exponent + b) / gamma for exponent in EXPONENTS]
        update_staircase(self.artists, EXPONENTS, staircase(gamma, b), staircase(2, 1), t, (math.log2(channels), k))
        t_chosen = (math.log2(channels) + b) / gamma
        if k > channels:
            meaning = "that is wider than the layer, so that the outer weights meet only padding"
        else:
            meaning = (
                f"each channel meets its {k - 1} nearest neighbours" if k > 1 else "each channel meets only itself"
            )
        return (
            f"With γ = {gamma:g} and b = {b:g}, C = {channels} gives t = {t_chosen:.2f} and <b>k = {k}</b>: {meaning}."
        )
