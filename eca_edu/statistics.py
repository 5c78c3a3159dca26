"""How far can a mean be trusted?"""

import math
from collections.abc import Sequence

from scipy import stats

CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Return mean, standard deviation, and both ends of the 95 % interval of the mean, after Student's t."""
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return mean, math.nan, -math.inf, math.inf
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * std / math.sqrt(n)
    return mean, std, mean - half, mean + half
