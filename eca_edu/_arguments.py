"""Arguments that are not allowed are refused in one sentence."""

import math
import operator
from collections.abc import Iterable
from numbers import Real

LARGEST_KERNEL_SIZE = 9_999  # far beyond what any layer can use


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise ValueError if `value` is none of the texts that are allowed."""
    choices = [*allowed]  # a list, for what came may have no hash
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")


def positive_integer(name: str, value: int, most: float = math.inf) -> int:
    """Return `value` as an int; raise TypeError if it is no whole number and ValueError if it is below 1 or above `most`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number; got {value!r}")
    number = operator.index(value)
    if not 1 <= number <= most:
        raise ValueError(f"{name} must be at {'least 1' if number < 1 else f'most {most:,}'}; got {value!r}")
    return number


def odd_kernel_size(kernel_size: int) -> int:
    """Return `kernel_size` as an int; raise TypeError or ValueError if it is no odd number from 1 to the largest."""
    number = positive_integer("kernel_size", kernel_size, LARGEST_KERNEL_SIZE)
    if number % 2 == 0:
        reason = "so that a channel has as many neighbours left as right"
        raise ValueError(f"kernel_size must be odd, {reason}; got {kernel_size}")
    return number


def number(name: str, value: float) -> float:
    """Return `value` as a float; raise TypeError if it is no number and ValueError if it is not finite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value!r}")
    return float(value)


def positive_number(name: str, value: float) -> float:
    """Return `value` as a float; raise TypeError if it is no number and ValueError if it is not finite or not above 0."""
    if number(name, value) <= 0:
        raise ValueError(f"{name} must be greater than 0; got {value!r}")
    return float(value)
