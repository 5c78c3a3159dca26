"""What a study found: a difference for each pair of runs."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREY


def draw_differences(ax: Axes, differences: Mapping[str, Any], baseline: str) -> None:
    """Draw a row for each configuration: a dot for each pair of runs, and the mean with its 95 % interval.

    differences: {configuration: its difference to the baseline}, as `experiments.differences_to` returns them.
    """
    for row, difference in enumerate(differences.values()):
        dots = [100 * value for value in difference.by_seed.values()]
        ax.plot(dots, [row + 0.18] * len(dots), "o", color=GREY, markersize=5, alpha=0.7)
        if len(dots) > 1:  # one pair has no interval
            ax.plot([100 * difference.low, 100 * difference.high], [row, row], color=BLUE, linewidth=2.5)
        ax.plot([100 * difference.mean], [row], "D", color=BLUE, markersize=7)
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(differences)), differences)
    ax.set_ylim(len(differences) - 0.5, -0.5)
    ax.set_xlabel(f"test accuracy minus that of {baseline}, percentage points")
    ax.grid(axis="x", color="0.9")
    ax.spines[["top", "right"]].set_visible(False)
