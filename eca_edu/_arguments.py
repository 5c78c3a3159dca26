"""Arguments that are not allowed are refused in one sentence."""

import math
import operator
from numbers import Real


def positive_integer(name: str, value: int) -> int:
    """Return `value` as an int; raise TypeError if it is no whole number and ValueError if it is below 1."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number; got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number; got {value!r}")
    if number < 1:
        raise ValueError(f"{name} must be at least 1; got {value!r}")
    return number


def odd_kernel_size(kernel_size: int) -> int:
    """Return `kernel_size` as an int; raise TypeError or ValueError if it is no odd number from 1 on."""
    number = positive_integer("kernel_size", kernel_size)
    if number % 2 == 0:
        raise ValueError(
            f"kernel_size must be odd, so that a channel has as many neighbours left as right; got {kernel_size}"
        )
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
