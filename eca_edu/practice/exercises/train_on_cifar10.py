"""Exercises of chapter 05: what the differences of a few pairs of runs allow to say."""

from collections.abc import Callable
from typing import Any

import torch

from eca_edu.practice.exercises.exercise import Exercise, Misbehaves, Probe, call, calls, show

# paired_interval


def paired_interval(a, b, t):
    """Both ends of the 95 % interval of the mean difference: a, b: (n,), accuracies of n pairs; t: of Student, for n - 1."""
    d = a - b  # (n,)
    half = t * d.std() / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


def _probe(a: list[float], b: list[float], t: float) -> Probe:
    """Return a probe that takes the two ends as tensors, numbers, or one tensor."""
    arguments = torch.tensor(a), torch.tensor(b), t

    def run(answer: Callable) -> object:
        ends: Any = call(answer, *arguments)
        if ends is None or ends is ...:
            return ends
        try:
            return torch.tensor([float(end) for end in ends])
        except (TypeError, ValueError, RuntimeError):
            raise Misbehaves("ends", f"Return both ends, each of them one number; got {show(ends)}.") from None

    return Probe(f"a = {show(arguments[0])}, b = {show(arguments[1])}, t = {t}", run)


def _around(middle, spread, n, t):
    half = t * spread / n**0.5
    return middle - half, middle + half


PAIRED_INTERVAL = Exercise(
    "paired_interval",
    paired_interval,
    probes=[
        _probe([93.0, 95.0, 91.0], [92.0, 92.0, 90.5], 4.303),
        _probe([80.0, 84.0, 79.0, 82.0], [80.5, 85.0, 80.0, 81.0], 3.182),
        _probe([71.0, 73.5, 70.0, 72.0, 74.0], [69.0, 72.0, 69.5, 71.0, 71.0], 2.132),  # of a 90 % interval
        _probe([81.0, 84.0], [82.5, 80.0], 12.71),
    ],
    success="that is the interval of the paired t-test: the spread is that of the differences, not of the accuracies.",
    hints=[
        "Which n numbers does luck that moves both runs of a pair alike cancel from?",
        "d = a - b has one number for each pair. The interval is mean ± t · s / √n, with s and the mean of d.",
        "half = t * d.std() / len(d) ** 0.5, and the ends are d.mean() - half and d.mean() + half.",
    ],
    mistakes={
        "unpaired": (
            "The spreads of a and of b are added, as for runs that have nothing to do with each other. The pairs share "
            "their luck: take the spread of their differences.",
            lambda a, b, t: _around((a - b).mean(), (a.var() + b.var()) ** 0.5, len(a), t),
        ),
        "swapped": (
            "The sign is turned around: it is a minus b.",
            lambda a, b, t: paired_interval(b, a, t),
        ),
        "population_std": (
            "This standard deviation divides by n. Divide by n - 1, as d.std() does; NumPy's needs ddof=1.",
            lambda a, b, t: _around((a - b).mean(), (a - b).std(correction=0), len(a), t),
        ),
        "variance": (
            "s is the variance here. Take its root, the standard deviation, which has the unit of the accuracies.",
            lambda a, b, t: _around((a - b).mean(), (a - b).var(), len(a), t),
        ),
        "no_root_of_n": (
            "The half width is t · s, without √n. A mean of n differences is less uncertain than one difference: divide by √n.",
            lambda a, b, t: _around((a - b).mean(), (a - b).std(), 1, t),
        ),
        "normal_distribution": (
            "The factor is 1.96, that of the normal distribution. With few pairs s is uncertain, too: use the argument t.",
            lambda a, b, t: paired_interval(a, b, 1.96),
        ),
        "middle": (
            "That is the middle of the interval. Return both ends: the middle minus and plus half the width.",
            lambda a, b, t: (a - b).mean(),
        ),
    },
)


# verdict


def verdict(low, high):
    """What an interval of a minus b allows to say: "better", "worse", or "not shown"."""
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "not shown"


VERDICT = Exercise(
    "verdict",
    verdict,
    probes=[
        *calls(verdict, [(0.2, 0.9), (-0.9, -0.2), (-0.4, 0.6), (-0.6, 0.4), (-0.01, 2.0), (-2.0, 0.01), (0.01, 0.02)]),
        *calls(verdict, [(0.0, 0.5), (-0.5, 0.0), (0.0, 0.0)], looks_at="an end at 0"),
    ],
    success="the interval decides, not its middle. An interval with 0 in it shows no difference, but does not exclude one.",
    hints=[
        "Which true differences are compatible with the study? Those in the interval. When are all of them positive?",
        'All are positive if low > 0, all negative if high < 0. And in between, "not shown".',
    ],
    mistakes={
        "by_the_mean": (
            "The sign of the middle decides. If 0 lies in the interval, the true difference may have either sign.",
            lambda low, high: "better" if low + high > 0 else "worse",
        ),
        "by_the_upper_end": (
            "The upper end decides. Above 0 it says only that a gain is possible; all of the interval must be above 0.",
            lambda low, high: "better" if high > 0 else "worse",
        ),
        "by_the_lower_end": (
            "The lower end decides alone. Below 0 it says only that a loss is possible; all of the interval must be below "
            "0.",
            lambda low, high: "better" if low > 0 else "worse",
        ),
    },
    remarks={
        "an end at 0": "An interval with an end at exactly 0 contains 0, so the study does not show a difference."
    },
)


EXERCISES = [PAIRED_INTERVAL, VERDICT]
