"""Arguments that are not allowed are refused in one sentence."""

import operator

__all__ = ["positive_integer"]


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
