"""What a study found: a difference for each pair of runs, and accuracy against the kernel size."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eca_edu.experiments import baseline_of, differences_to, kernel_size_sweep
from eca_edu.figures.colours import BLUE, GREY, ORANGE, VERMILION
from eca_edu.files import file_name, written_whole
from eca_edu.results import CONDITIONS


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


def draw_kernel_sizes(ax: Axes, fixed: Mapping[int, Any], lines: Mapping[str, Any], baseline: str) -> None:
    """Draw the difference to the baseline against a fixed k, after the paper's Fig. 4, and a line with a band for each other.

    fixed: {k: difference}; lines: {name: difference}, such as ECA with k = ψ(C) and SE, as `experiments.kernel_size_sweep`
    returns them. Bars and bands are 95 % intervals; a single seed has none.
    """
    for (name, line), colour, style in zip(lines.items(), (VERMILION, ORANGE), ("-", "--"), strict=False):
        if isfinite(line.high):
            ax.axhspan(100 * line.low, 100 * line.high, color=colour, alpha=0.12, linewidth=0)
        ax.axhline(100 * line.mean, color=colour, linestyle=style, linewidth=2, label=name)
    means = [100 * found.mean for found in fixed.values()]
    reach = [100 * (found.high - found.mean) if isfinite(found.high) else 0 for found in fixed.values()]
    ax.errorbar([*fixed], means, reach, fmt="o-", color=BLUE, capsize=4, label="ECA, fixed k")
    ax.axhline(0, color="black", linewidth=1)
    seeds = len(next(iter(fixed.values())).by_seed)
    ax.set_xticks([*fixed])
    ax.set(
        xlabel="kernel size k",
        ylabel=f"accuracy minus that of {baseline}, points",
        title="1 seed" if seeds == 1 else f"{seeds} seeds",
    )
    ax.grid(axis="y", color="0.9")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=9)


def draw_study(results: pd.DataFrame) -> dict[str, Figure]:
    """Return what the results of one set of conditions allow to draw: {"differences": …, "kernel-sizes": …}."""
    baseline = baseline_of(results)
    drawn = {}
    if differences := differences_to(results, baseline):
        drawn["differences"] = figure = Figure((7, 1.2 + 0.5 * len(differences)), layout="constrained")
        draw_differences(figure.subplots(), differences, baseline)
    fixed, lines = kernel_size_sweep(results, baseline)
    if fixed:
        drawn["kernel-sizes"] = figure = Figure((6, 4), layout="constrained")
        draw_kernel_sizes(figure.subplots(), fixed, lines, baseline)
    return drawn


def save_figures(results: pd.DataFrame, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the figures of each set of conditions into the folder, and return the files.

    Raises FileExistsError for a file that is there and shows something else, unless `overwrite` says to replace it.
    """
    paths = []
    for conditions, group in results.groupby([*CONDITIONS], sort=False):
        named = zip(CONDITIONS, conditions, strict=True)
        name = "-".join(str(value) for column, value in named if column not in ("source", "checksum"))
        for kind, figure in draw_study(group).items():
            paths.append(folder / f"{file_name(name)}-{kind}.png")
            with written_whole(paths[-1], overwrite=overwrite) as temporary:
                figure.savefig(temporary, format="png", dpi=150)
    return paths
