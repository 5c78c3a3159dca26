"""How far can a mean or a share be trusted?"""

import math
from collections.abc import Mapping, Sequence

from scipy import special

CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Return mean, standard deviation, and both ends of the 95 % interval of the mean, after Student's t."""
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return mean, math.nan, -math.inf, math.inf
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2) * std / math.sqrt(n)
    return mean, std, mean - half, mean + half


def share_interval(right: float, n: int) -> tuple[float, float]:
    """Return both ends of the 95 % interval of a share, `right` of n, after Wilson; they never leave 0…1.

    right: may be no whole number, where some of the n count in part.
    """
    z = float(special.ndtri((1 + CONFIDENCE) / 2))
    middle, half = right + z**2 / 2, z * math.sqrt(right * (n - right) / n + z**2 / 4)
    low, high = (middle - half) / (n + z**2), (middle + half) / (n + z**2)
    return 0.0 if right == 0 else low, 1.0 if right == n else high  # not a rounding error beside them


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return {comparison: its p-value, corrected for all the others after Holm}, from the smallest to the largest.

    Below 0.05 in the end, all are found with at most 5 % risk that one or more of them are found by chance alone.
    """
    corrected, largest = {}, 0.0
    for i, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = min(1.0, max(largest, (len(p_values) - i) * p))
        corrected[name] = largest
    return corrected
