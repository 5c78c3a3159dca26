"""γ, b and C: the kernel size follows, for every network and by every rule in use."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import traitlets

from eca_edu._arguments import positive_integer
from eca_edu.explorers.explorer import Explorer
from eca_edu.kernel_size import adaptive_kernel_size

GAMMAS = [n / 4 for n in range(4, 17)]  # 1 to 4
BS = [n / 2 for n in range(-4, 9)]  # -2 to 4
CHOICES = [1, 4, 8, 16, 24, 32, 64, 96, 128, 160, 256, 320, 512, 1024, 1280, 2048, 4096]
LARGEST = 8192  # where the axis of the channels ends
#: The channels that reach the attention modules of each stage.
STAGES = {
    "ResNet-18": (64, 128, 256, 512),
    "ResNet-50": (256, 512, 1024, 2048),
    "MobileNetV2": (16, 24, 32, 64, 96, 160, 320),
    "our CNN": (64, 128),  # of chapter 05
}
#: How many modules each stage has.
MODULES = {"ResNet-18": (2, 2, 2, 2), "ResNet-50": (3, 4, 6, 3), "MobileNetV2": (1, 2, 3, 4, 3, 3, 1)}
UPPER_EDGE = 18  # of the picture: where a larger k is drawn


def steps(gamma: float, b: float) -> list[tuple[int, int]]:
    """Return the steps of ψ up to LARGEST channels: (C at which it begins, k), found by bisection."""
    found = [(1, adaptive_kernel_size(1, gamma, b))]
    while found[-1][1] < adaptive_kernel_size(LARGEST, gamma, b):
        below, above = found[-1][0], LARGEST  # ψ grows with C
        while above - below > 1:
            middle = (below + above) // 2
            if adaptive_kernel_size(middle, gamma, b) > found[-1][1]:
                above = middle
            else:
                below = middle
        found.append((above, adaptive_kernel_size(above, gamma, b)))
    return found


def sizes(rule: Callable[[int], float]) -> dict[int, int]:
    """Return {C: k} by a rule of the reader's own, for every C up to LARGEST.

    Raises TypeError for a k that is no number, and ValueError for one that is even, below 1 or not whole, or if the rule
    raises; each names the channel count, and those of the networks come first.
    """
    familiar = sorted({channels for name in MODULES for channels in STAGES[name]})
    found = {channels: _size(rule, channels) for channels in [*familiar, *range(1, LARGEST + 1)]}
    return dict(sorted(found.items()))


def _size(rule: Callable[[int], float], channels: int) -> int:
    try:
        k = rule(channels)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        wanted = f"rule must give a kernel size for every channel count from 1 to {LARGEST}"
        raise ValueError(f"{wanted}; for channels = {channels} it raised {told}") from error
    if isinstance(k, bool) or not isinstance(k, Real):
        raise TypeError(f"rule must return a number; for channels = {channels} it returned {k!r}")
    if not (math.isfinite(k) and k >= 1 and k % 2 == 1):
        raise ValueError(
            f"rule must return an odd whole number of at least 1; for channels = {channels} it returned {k}"
        )
    return int(k)


def _ruled(rule: Callable[[int], float], budget: int) -> dict[str, Any]:
    """Return what the page needs of a rule: its steps, k for each C that can be chosen or is a stage's, and what it spends."""
    if not callable(rule):
        raise TypeError(f"rule must be a function from a channel count to a kernel size; got {rule!r}")
    k = sizes(rule)
    drawn = {channels: min(size, UPPER_EDGE) for channels, size in k.items()}
    return {
        "steps": [(c, size) for c, size in drawn.items() if size != drawn.get(c - 1)],
        "sizes": {c: k[c] for c in {*CHOICES, *(channels for name in MODULES for channels in STAGES[name])}},
        "spent": {name: sum(n * k[c] for n, c in zip(MODULES[name], STAGES[name], strict=True)) for name in MODULES},
        "budget": positive_integer("budget", budget),
    }


class KernelSizeExplorer(Explorer):
    """How γ, b and C set the kernel size: `gamma`, `b`, `channels`.

    rule: a function from C to k, drawn beside the paper's ψ in the place of γ and b, with the parameters that it spends on
    the gates of three networks. budget: how many each network may spend, the sum of k over its gates.
    Raises TypeError if rule is no function or gives no number, and ValueError if it gives a k that is not allowed or raises.
    """

    script = "kernel_size"
    gamma = traitlets.Enum(GAMMAS, 2.0).tag(sync=True, state=True)
    b = traitlets.Enum(BS, 1.0).tag(sync=True, state=True)
    channels = traitlets.Enum(CHOICES, 128).tag(sync=True, state=True)

    def __init__(self, *, rule: Callable[[int], float] | None = None, budget: int = 100, **state):
        numbers = {
            "gammas": GAMMAS,
            "bs": BS,
            "choices": CHOICES,
            "largest": LARGEST,
            "stages": {name: STAGES[name] for name in (STAGES if rule is None else MODULES)},
            "steps": {f"{gamma:g} {b:g}": steps(gamma, b) for gamma in GAMMAS for b in BS},
            "rule": None if rule is None else _ruled(rule, budget),
        }
        super().__init__(numbers, **state)
