"""Sliders for γ, b and C: the kernel size follows, for every network and by every rule in use."""

import math
from functools import lru_cache

import ipywidgets as W

from eca_edu.figures.kernel_size import (
    LARGEST_EXPONENT,
    draw_band,
    draw_rules,
    draw_stages,
    draw_staircase,
    update_band,
    update_rules,
    update_stages,
    update_staircase,
)
from eca_edu.kernel_size import CONVENTIONS, adaptive_kernel_size
from eca_edu.widgets.controls import b_slider, gamma_slider
from eca_edu.widgets.panel import Explorer

CHOICES = [1, 4, 8, 16, 24, 32, 64, 96, 128, 160, 256, 320, 512, 1024, 1280, 2048, 4096]
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


@lru_cache(maxsize=256)
def staircase(gamma: float, b: float) -> list[int]:
    """Return ψ(C) for each C in CHANNELS."""
    return [adaptive_kernel_size(channels, gamma, b) for channels in CHANNELS]


def kernel_sizes_of_networks(gamma: float, b: float) -> dict[str, list[int]]:
    """Return ψ(C) for each stage of each network in STAGES."""
    return {name: [adaptive_kernel_size(c, gamma, b) for c in stages] for name, stages in STAGES.items()}


class KernelSizeExplorer(Explorer):
    """How γ, b and C set the kernel size: controls `gamma`, `b`, `channels`."""

    def __init__(self):
        controls = {
            "gamma": gamma_slider(),
            "b": b_slider(),
            "channels": W.SelectionSlider(options=CHOICES, value=128, description="C"),
        }
        super().__init__(860, 470, controls)

    def prepare(self) -> None:
        stairs, stages = self.figure.add_axes((0.12, 0.38, 0.54, 0.59)), self.figure.add_axes((0.12, 0.01, 0.54, 0.25))
        self.staircase, self.band = draw_staircase(stairs), draw_band(self.figure.add_axes((0.74, 0.34, 0.24, 0.56)))
        exponents = {name: [math.log2(channels) for channels in counts] for name, counts in STAGES.items()}
        self.stages = draw_stages(stages, exponents)
        numbers = [text for texts in self.stages.values() for text in texts]
        self.keep_still([*self.staircase.values(), *numbers, self.band["band"].axes])

    def update(self, gamma: float, b: float, channels: int) -> str:
        k = adaptive_kernel_size(channels, gamma, b)
        t = [(exponent + b) / gamma for exponent in EXPONENTS]
        update_staircase(self.staircase, EXPONENTS, staircase(gamma, b), staircase(2, 1), t, (math.log2(channels), k))
        networks = kernel_sizes_of_networks(gamma, b)
        update_stages(self.stages, networks, kernel_sizes_of_networks(2, 1))
        update_band(self.band, channels, k)
        t_chosen = (math.log2(channels) + b) / gamma
        if k > 2 * channels - 1:
            meaning = "that is wider than the layer, so that the outer weights meet only padding"
        elif k == 1:
            meaning = "each channel meets only itself"
        elif k == 2 * channels - 1:
            meaning = "all channels meet"
        else:
            meaning = f"each channel meets up to {min(k, channels) - 1} neighbours"
        stages = "; ".join(f"{name} {'-'.join(map(str, sizes))}" for name, sizes in networks.items())
        return (
            f"With γ = {gamma:g} and b = {b:g}, C = {channels} gives t = {t_chosen:.2f} and <b>k = {k}</b>: {meaning}. "
            f"The stages get: {stages}."
        )


class ConventionsExplorer(Explorer):
    """What the rules in use make of γ, b and C: controls `gamma`, `b`, `channels`."""

    CHANNELS = (1, 4, 8, 12, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 1280, 2048, 4096)

    def __init__(self):
        controls = {
            "gamma": gamma_slider(),
            "b": b_slider(low=0),
            "channels": W.SelectionSlider(options=self.CHANNELS, value=64, description="C"),
        }
        super().__init__(860, 330, controls)

    def prepare(self) -> None:
        ax = self.figure.add_axes((0.17, 0.02, 0.82, 0.82))
        self.artists = draw_rules(ax, list(CONVENTIONS), self.CHANNELS)
        cells = [text for row in self.artists["cells"] for text in row]
        self.keep_still([*self.artists["marks"], *cells, *self.artists["chosen"]])

    def update(self, gamma: float, b: float, channels: int) -> str:
        table = {name: [rule(c, gamma, b) for c in self.CHANNELS] for name, rule in CONVENTIONS.items()}
        column = self.CHANNELS.index(channels)
        update_rules(self.artists, list(table.values()), column)
        t, k = (math.log2(channels) + b) / gamma, table["paper"][column]
        others = [f"{name} {sizes[column]}" for name, sizes in table.items() if sizes[column] != k]
        differ = f"other rules give another: {', '.join(others)}" if others else "all rules agree"
        return f"C = {channels}: t = {t:.2f}, and <b>the paper's rule gives k = {k}</b>; {differ}."
