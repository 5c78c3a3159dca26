"""Maps of attributions beside their images, and how they score."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from eca_edu.figures.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, SIGNED


def outline(mask: np.ndarray) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the border of a mask (H, W) as lines ((x, y), (x, y)) along the edges of its pixels."""
    padded = np.pad(mask.astype(bool), 1)
    below, right = np.argwhere(padded[:-1] != padded[1:]), np.argwhere(padded[:, :-1] != padded[:, 1:])  # differ
    across = [((x - 1.5, y - 0.5), (x - 0.5, y - 0.5)) for y, x in below]
    return across + [((x - 0.5, y - 1.5), (x - 0.5, y - 0.5)) for y, x in right]


def draw_attributions(
    figure: Figure,
    images: np.ndarray,
    maps: Mapping[str, np.ndarray],
    *,
    masks: np.ndarray | None = None,
    common_scale: bool = True,
) -> None:
    """Draw one row for each image: the image in its true colours, and its maps; orange is above 0, purple below.

    images: (N, H, W, 3) uint8. maps: {title: (N, H, W)}. masks: (N, H, W), of which the outline is drawn.
    common_scale: one scale of colours, symmetric around 0, for all maps; else one for each column, for methods whose numbers
    have different units. The title of a column tells how far its scale reaches.
    """
    own = {title: float(np.abs(values).max()) for title, values in maps.items()}
    reaches = dict.fromkeys(maps, max(own.values())) if common_scale else own
    edges = {"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 1 - 0.5 / figure.get_figheight()}
    grid = {**edges, "wspace": 0.06, "hspace": 0.06}
    axes = figure.subplots(len(images), 1 + len(maps), squeeze=False, gridspec_kw=grid)
    for i, row in enumerate(axes):
        row[0].imshow(images[i])
        for ax, (title, values) in zip(row[1:], maps.items(), strict=True):
            reach = reaches[title] or 1.0  # a map of zeros is white, whatever the scale
            ax.imshow(values[i], cmap=SIGNED, vmin=-reach, vmax=reach)
            if masks is not None:
                ax.add_collection(LineCollection(outline(masks[i]), colors="black", linewidths=0.8))
            if i == 0:
                ax.set_title(f"{title}\n± {reaches[title]:.2g}", fontsize=9)
        for ax in row:
            ax.axis("off")


def score_table(score: str, rows: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Return {row: (mean, low, high, …)} as a table for `draw_scores`."""
    columns = [score, f"{score} low", f"{score} high"]
    return pd.DataFrame({name: found[:3] for name, found in rows.items()}, index=columns).T


def draw_scores(
    axes: Sequence[Axes],
    tables: Mapping[str, pd.DataFrame],
    scores: Mapping[str, str],
    lines: Sequence[float],
    line: str = "chance",
) -> None:
    """Draw scores with their intervals, one axes for each score, one row for each method, one marker for each table.

    tables: {label: a table with a row for each method and the columns score, "score low" and "score high"}.
    scores: {column: label of its axis}. lines: where to draw a dashed line in each. line: its name.
    """
    methods = list(next(iter(tables.values())).index)
    styles = [*zip((BLUE, ORANGE, PURPLE, GREEN, GREY), "oDs^v", strict=True)]
    for ax, (score, label), place in zip(axes, scores.items(), lines, strict=True):
        ax.axvline(place, color="black", linestyle="--", linewidth=0.8, label=line)
        for i, ((name, table), (colour, marker)) in enumerate(zip(tables.items(), styles, strict=False)):
            places = np.arange(len(table)) + 0.7 / max(3, len(tables)) * (i - (len(tables) - 1) / 2)
            reach = [table[score] - table[f"{score} low"], table[f"{score} high"] - table[score]]
            ax.errorbar(table[score], places, xerr=reach, fmt=marker, color=colour, label=name, markersize=5)
        ax.set(ylim=(len(methods) - 0.5, -0.5), xlabel=label)
        ax.set_yticks(range(len(methods)), methods if ax is axes[0] else [""] * len(methods))
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
    axes[0].legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=1 + len(tables))
