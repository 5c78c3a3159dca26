"""How wide should the 1-D kernel be for C channels?

The paper (Wang et al., CVPR 2020) maps a kernel size to a channel count by C = φ(k) = 2^(γk - b) (Eq. 11) and reads the
mapping backwards: k = ψ(C) = |log2(C)/γ + b/γ|_odd (Eq. 12). This file has ψ, in pure Python.
"""

import math
from collections.abc import Callable

from eca_edu._arguments import number, positive_integer, positive_number


def adaptive_kernel_size(channels: int, gamma: float = 2, b: float = 1) -> int:
    """Return ψ(C), the width of ECA's kernel: the positive odd number nearest to t = (log2(C) + b) / γ, ties upward.

    channels: C ≥ 1. gamma: γ > 0. b: any finite number.
    Raises TypeError for a value that is no number and ValueError for one out of range.
    Source: Eq. 12. The text gives no rule for ties; the code in its Fig. 3 sends them up, as here.
    """
    channels, gamma, b = positive_integer("channels", channels), positive_number("gamma", gamma), number("b", b)
    return nearest_odd((math.log2(channels) + b) / gamma)


def nearest_odd(t: float) -> int:
    """Return the positive odd number nearest to t, ties upward: the |t|_odd of Eq. 12.

    Raises TypeError if t is no number and ValueError if it is not finite.
    """
    return max(1, 2 * math.floor(number("t", t) / 2) + 1)


def _t(channels: int, gamma: float, b: float) -> float:
    return (math.log2(channels) + b) / gamma


def _bump(t: int) -> int:
    return t if t % 2 else t + 1


#: Rules that are in use or are easily written by mistake: name -> rule(channels, gamma, b), in the floating-point arithmetic
#: that others use, so that the differences can be seen.
#: "paper" is the code in the paper's Fig. 3; `adaptive_kernel_size` equals it wherever log2(C) + b ≥ 0.
#: "timm" has a smallest kernel of 3; "b-not-divided" computes log2(C)/γ + b; "official-mobilenetv2" ignores γ and b.
CONVENTIONS: dict[str, Callable[[int, float, float], int]] = {
    "paper": lambda c, gamma, b: _bump(int(abs(_t(c, gamma, b)))),
    "timm": lambda c, gamma, b: max(_bump(int(abs(math.log2(c) + b) / gamma)), 3),
    "b-not-divided": lambda c, gamma, b: _bump(int(abs(math.log2(c) / gamma + b))),
    "official-mobilenetv2": lambda c, gamma, b: 1 if c < 96 else 3,
    "ties-down": lambda c, gamma, b: max(1, 2 * math.ceil(_t(c, gamma, b) / 2) - 1),
    "bankers-rounding": lambda c, gamma, b: max(1, 2 * round((_t(c, gamma, b) - 1) / 2) + 1),
    "round-then-bump": lambda c, gamma, b: _bump(max(1, math.floor(_t(c, gamma, b) + 0.5))),
    "ceil-then-bump": lambda c, gamma, b: _bump(max(1, math.ceil(_t(c, gamma, b)))),
    "floor-then-drop": lambda c, gamma, b: max(1, (math.floor(_t(c, gamma, b)) - 1) // 2 * 2 + 1),
}
