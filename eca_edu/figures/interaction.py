"""The C×C matrix through which the channels of a gate interact, and what each gate costs."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREY, SIGNED


def draw_interaction(ax: Axes) -> dict[str, Artist]:
    """Prepare the axes, and return the artists that `update_interaction` changes."""
    colours = matplotlib.colormaps[SIGNED].with_extremes(bad="0.88")
    image = ax.imshow(np.zeros((2, 2)), cmap=colours, interpolation="nearest")
    ax.set(xlabel="average $y_j$ of channel j", ylabel="logit of channel i")
    return {"matrix": image}


def update_interaction(artists: dict[str, Artist], matrix: np.ndarray, connected: np.ndarray) -> None:
    """Show a matrix (C, C): row i makes the logit of channel i; grey where `connected` (C, C) is false."""
    channels, reach = len(matrix), float(np.abs(matrix).max()) or 1.0
    image = artists["matrix"]
    image.set_data(np.ma.array(matrix, mask=~connected))
    image.set_clim(-reach, reach)
    image.set_extent((-0.5, channels - 0.5, channels - 0.5, -0.5))
    image.axes.set(xlim=(-0.5, channels - 0.5), ylim=(channels - 0.5, -0.5))


def draw_costs(ax: Axes, names: Sequence[str]) -> dict[str, list[Artist]]:
    """Prepare one horizontal bar for each gate, and return the artists that `update_costs` changes."""
    places = range(len(names))
    ax.set_yticks(places, names, fontsize=9)
    ax.set(xscale="log", xlim=(0.5, 2e5), ylim=(len(names) - 0.5, -0.5), xlabel="parameters")
    ax.spines[["top", "right"]].set_visible(False)
    return {
        "bars": list(ax.barh(places, [1] * len(names), left=0.5, height=0.6)),
        "labels": [ax.text(1, place, "", va="center", fontsize=9) for place in places],
    }


def update_costs(artists: dict[str, list[Artist]], parameters: Sequence[int | None], chosen: int) -> None:
    """Show the parameters of each gate, None for an impossible one; the chosen gate is blue."""
    for i, (bar, label, count) in enumerate(zip(artists["bars"], artists["labels"], parameters, strict=True)):
        bar.set(width=max((count or 0) - 0.5, 0), facecolor=BLUE if i == chosen else GREY)
        label.set(x=1.15 * max(count or 0, 0.5), text="impossible" if count is None else f"{count:,}")
