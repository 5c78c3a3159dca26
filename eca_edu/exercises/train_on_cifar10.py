"""Exercises of chapter 05: what the differences of a few pairs of runs allow to say."""

from collections.abc import Callable
from typing import Any

import torch

from eca_edu.exercises.exercise import Exercise, Probe, call, calls, show

# paired_interval


def paired_interval(a, b, t):
    """Both ends of the 95 % interval of the mean difference: a, b: (n,), accuracies of n pairs; t: of Student, for n - 1."""
    d = a - b  # (n,)
    half = t * d.std() / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


def _probe(a: list[float], b: list[float], t: float) -> Probe:
    """Return a probe that takes the two ends as tensors, numbers, or one tensor."""
    arguments = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64), t

    def run(answer: Callable) -> object:
        ends: Any = call(answer, *arguments)
        several = isinstance(ends, (list, tuple)) or (hasattr(ends, "ndim") and ends.ndim > 0)
        return torch.tensor([float(end) for end in ends]) if several else ends

    return Probe(f"a = {show(arguments[0])}, b = {show(arguments[1])}, t = {t}", run)


PAIRED_INTERVAL = Exercise(
    "paired_interval",
    paired_interval,
    probes=[
        _probe([93.0, 95.0, 91.0], [92.0, 92.0, 90.5], 4.303),
        _probe([80.0, 84.0, 79.0, 82.0], [80.5, 85.0, 80.0, 81.0], 3.182),
        _probe([71.0, 73.5, 70.0, 72.0, 74.0], [69.0, 72.0, 69.5, 71.0, 71.0], 2.776),
    ],
    success="that is the interval of the paired t-test: the spread is that of the differences, not of the accuracies.",
    hints=[
        "Which n numbers does luck that moves both runs of a pair alike cancel from?",
        "d = a - b has one number for each pair. The interval is mean ± t · s / √n, with s and the mean of d.",
        "half = t * d.std() / len(d) ** 0.5, and the ends are d.mean() - half and d.mean() + half.",
    ],
)


@PAIRED_INTERVAL.mistake
def unpaired(a, b, t):
    """The spreads of a and of b are added, as for runs that have nothing to do with each other. The pairs share their luck:
    take the spread of their differences."""
    half = t * ((a.var() + b.var()) / len(a)) ** 0.5
    return (a - b).mean() - half, (a - b).mean() + half


@PAIRED_INTERVAL.mistake
def spread_of_a(a, b, t):
    """The spread is that of a alone. What has to be certain is the difference, so take the spread of a - b."""
    half = t * a.std() / len(a) ** 0.5
    return (a - b).mean() - half, (a - b).mean() + half


@PAIRED_INTERVAL.mistake
def interval_of_a(a, b, t):
    """That is the interval of the mean of a. The question is how much it differs from b, pair by pair."""
    return paired_interval(a, 0 * b, t)


@PAIRED_INTERVAL.mistake
def swapped(a, b, t):
    """The sign is turned around: it is a minus b."""
    return paired_interval(b, a, t)


@PAIRED_INTERVAL.mistake
def of_single_pairs(a, b, t):
    """√n is missing: so wide do single pairs scatter. The mean of n pairs is certain to 1 / √n of that."""
    d = a - b
    return d.mean() - t * d.std(), d.mean() + t * d.std()


@PAIRED_INTERVAL.mistake
def divided_by_n(a, b, t):
    """s is divided by n instead of √n, so that the interval promises too much."""
    d = a - b
    half = t * d.std() / len(d)
    return d.mean() - half, d.mean() + half


@PAIRED_INTERVAL.mistake
def root_of_n_minus_1(a, b, t):
    """s is divided by √(n - 1). The n - 1 already stands in the standard deviation; here it is √n."""
    d = a - b
    half = t * d.std() / (len(d) - 1) ** 0.5
    return d.mean() - half, d.mean() + half


@PAIRED_INTERVAL.mistake
def population_std(a, b, t):
    """The standard deviation divides by n. From a sample it divides by n - 1, as d.std() does; numpy's needs ddof=1."""
    d = a - b
    half = t * d.std(correction=0) / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


@PAIRED_INTERVAL.mistake
def variance(a, b, t):
    """s is the variance here. Take its root, the standard deviation, which has the unit of the accuracies."""
    d = a - b
    half = t * d.var() / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


@PAIRED_INTERVAL.mistake
def normal_distribution(a, b, t):
    """The factor is 1.96, that of the normal distribution. With few pairs s is uncertain, too: use the argument t."""
    return paired_interval(a, b, 1.96)


@PAIRED_INTERVAL.mistake
def two(a, b, t):
    """The factor is 2, which is enough for many pairs only. Use the argument t."""
    return paired_interval(a, b, 2)


@PAIRED_INTERVAL.mistake
def without_t(a, b, t):
    """t is missing: mean ± s / √n is one standard error, which covers far less than 95 %."""
    return paired_interval(a, b, 1)


@PAIRED_INTERVAL.mistake
def high_first(a, b, t):
    """Both ends are right, the upper one comes first. Return the lower end, then the upper one."""
    return paired_interval(a, b, t)[::-1]


@PAIRED_INTERVAL.mistake
def absolute(a, b, t):
    """The differences have lost their sign. A pair in which b was better counts against a."""
    return paired_interval((a - b).abs(), 0 * b, t)


@PAIRED_INTERVAL.mistake
def middle(a, b, t):
    """That is the middle of the interval. Return both ends: the middle minus half its width, and plus half its width."""
    return (a - b).mean()


@PAIRED_INTERVAL.mistake
def mean_and_half(a, b, t):
    """Those are the mean and the half width. Return both ends: the mean minus it, and the mean plus it."""
    low, high = paired_interval(a, b, t)
    return (low + high) / 2, (high - low) / 2


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
    probes=calls(
        verdict, [(0.2, 0.9), (-0.9, -0.2), (-0.4, 0.6), (-0.6, 0.4), (-0.01, 2.0), (-2.0, 0.01), (0.01, 0.02)]
    ),
    success="the interval decides, not the mean. An interval that holds 0 shows none, and rules out none inside it.",
    hints=[
        "Which true differences are compatible with the study? Those in the interval. When are all of them positive?",
        'All are positive if low > 0, all negative if high < 0. And in between, "not shown".',
    ],
)


@VERDICT.mistake
def by_the_mean(low, high):
    """The sign of the middle decides. If 0 lies in the interval, the true difference may have either sign."""
    return "better" if low + high > 0 else "worse"


@VERDICT.mistake
def by_the_upper_end(low, high):
    """The upper end decides. Above 0 it says only that a gain is possible; all of the interval must be above 0."""
    return "better" if high > 0 else "worse"


@VERDICT.mistake
def by_the_lower_end(low, high):
    """The lower end decides alone. Below 0 it says only that a loss is possible; all of the interval must be below 0."""
    return "better" if low > 0 else "worse"


@VERDICT.mistake
def turned_around(low, high):
    """ "better" and "worse" have changed places: the interval is that of a minus b, and higher accuracy is better."""
    return {"better": "worse", "worse": "better"}.get(verdict(low, high), "not shown")


@VERDICT.mistake
def never_worse(low, high):
    """An interval wholly below 0 shows something, too: "worse"."""
    return "better" if low > 0 else "not shown"


@VERDICT.mistake
def never_sure(low, high):
    """Nothing is ever shown. If all of the interval lies on one side of 0, something is."""
    return "not shown"


EXERCISES = [PAIRED_INTERVAL, VERDICT]
