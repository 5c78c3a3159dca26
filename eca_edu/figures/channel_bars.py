"""A few numbers for each channel, side by side as bars."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREY, ORANGE

COLOURS = (GREY, BLUE, ORANGE)


def draw_channel_bars(ax: Axes, series: Mapping[str, Sequence[float]]) -> None:
    """Draw up to three bars for each channel, one of each series, and name the series above.

    series: name -> one number for each channel, (C,), as a list, an array or a tensor; all of one length.
    Raises TypeError or ValueError if there is no series or a fourth, or for what is not one finite number for each channel.
    """
    if not 1 <= len(series) <= len(COLOURS):
        raise ValueError(f"series must hold one to {len(COLOURS)} rows of numbers; got {len(series)}")
    channels = len(next(iter(series.values())))
    width = 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        heights = _one_for_each(name, values, channels)
        ax.bar(np.arange(channels) + (i - (len(series) - 1) / 2) * width, heights, width, label=name, color=COLOURS[i])
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set(xlabel="channel", xticks=range(channels))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(series), frameon=False)
    ax.spines[["top", "right"]].set_visible(False)


def _one_for_each(name: str, values: Sequence[float], channels: int) -> np.ndarray:
    given = getattr(values, "detach", lambda: values)()
    wanted = f"{name} must be {channels} numbers, one for each channel"
    try:
        numbers = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{wanted}; got {values!r}") from error
    if numbers.shape != (channels,):
        got = "one number" if numbers.ndim == 0 and np.isfinite(numbers) else f"the shape {numbers.shape}"
        raise ValueError(f"{wanted}; got {repr(None) if values is None else got}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{wanted}, all of them finite; got {numbers.tolist()}")
    return numbers
