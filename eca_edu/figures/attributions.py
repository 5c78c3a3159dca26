"""Maps of attributions beside their images, and how they score."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from eca_edu.figures.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, SIGNED, VERMILION

#: What a light of `draw_explanation` may say, and its colour.
LIGHTS = {"good": GREEN, "bad": VERMILION, "none": GREY}
MARKERS = "oDs^v"
#: The two networks whose maps `draw_explanation` compares.
NETWORKS = {"map": "this network", "untrained": "an untrained network"}


def outline(mask: np.ndarray) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the border of a mask (H, W) as lines ((x, y), (x, y)) along the edges of its pixels."""
    padded = np.pad(mask.astype(bool), 1)
    lines = []
    for row, column in zip(*np.nonzero(padded[:-1] != padded[1:]), strict=True):  # the pixel below differs
        lines.append(((column - 1.5, row - 0.5), (column - 0.5, row - 0.5)))
    for row, column in zip(*np.nonzero(padded[:, :-1] != padded[:, 1:]), strict=True):  # the pixel to the right differs
        lines.append(((column - 0.5, row - 1.5), (column - 0.5, row - 0.5)))
    return lines


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
    height = figure.get_figheight()
    axes = figure.subplots(
        len(images),
        1 + len(maps),
        squeeze=False,
        gridspec_kw={
            "left": 0.01,
            "right": 0.99,
            "bottom": 0.02,
            "top": 1 - 0.5 / height,
            "wspace": 0.06,
            "hspace": 0.06,
        },
    )
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
    colours = (BLUE, ORANGE, PURPLE, GREEN, GREY)
    for ax, (score, label), place in zip(axes, scores.items(), lines, strict=True):
        ax.axvline(place, color="black", linestyle="--", linewidth=0.8, label=line)
        for i, (name, table) in enumerate(tables.items()):
            places = np.arange(len(table)) + 0.7 / max(3, len(tables)) * (i - (len(tables) - 1) / 2)
            reach = [table[score] - table[f"{score} low"], table[f"{score} high"] - table[score]]
            ax.errorbar(table[score], places, xerr=reach, fmt=MARKERS[i], color=colours[i], label=name, markersize=5)
        ax.set(ylim=(len(methods) - 0.5, -0.5), xlabel=label)
        ax.set_yticks(range(len(methods)), methods if ax is axes[0] else [""] * len(methods))
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
    axes[0].legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=1 + len(tables))


def draw_explanation(figure: Figure) -> dict[str, Any]:
    """Prepare an image, its map, the map of an untrained network and two lights; return what `update_explanation` fills."""
    places = {"image": 0.02, "map": 0.35, "untrained": 0.68}
    titles = {"image": "the image", **NETWORKS}
    artists: dict[str, Any] = {"lights": {}, "titles": {}, "maps": {}, "outlines": {}, "bars": {}}
    for name, left in places.items():
        ax = figure.add_axes((left, 0.02, 0.3, 0.68))
        artists["titles"][name] = ax.set_title(titles[name], fontsize=10)
        if name == "image":
            artists["image"] = ax.imshow(np.zeros((2, 2, 3), np.uint8))
        else:
            artists["maps"][name] = ax.imshow(np.zeros((2, 2)), cmap=SIGNED)
            artists["outlines"][name] = ax.add_collection(LineCollection([], colors="black", linewidths=0.8))
            artists["bars"][name] = figure.add_axes((left + 0.06, 0.13, 0.24, 0.54))
        ax.axis("off")
    for name, height in {"completeness": 0.94, "sanity": 0.86}.items():
        dot = figure.text(0.02, height, "●", fontsize=16, va="center", family="DejaVu Sans")
        artists["lights"][name] = (dot, figure.text(0.055, height, "", fontsize=10, va="center"))
    return artists


def update_explanation(
    artists: dict[str, Any],
    image: np.ndarray,
    mask: np.ndarray | None,
    values: Mapping[str, np.ndarray],
    lights: Mapping[str, tuple[str, str]],
) -> None:
    """Show an image (H, W, 3) with its attributions and lights.

    values: {"map": …, "untrained": …}, each a map (H, W), drawn in colours, or (C,), drawn as bars; each on a scale of its own,
    symmetric around 0. mask: (H, W), of which the outline is drawn on maps. lights: {name: (a key of LIGHTS, text)}.
    """
    artists["image"].set_data(image)
    artists["image"].set_extent((-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    lines = [] if mask is None else outline(mask)
    for name, numbers in values.items():
        reach = float(np.abs(numbers).max())
        artists["titles"][name].set_text(f"{NETWORKS[name]}, ± {reach:.2g}")
        picture, bars = artists["maps"][name], artists["bars"][name]
        is_map = numbers.ndim == 2
        picture.set_visible(is_map)
        artists["outlines"][name].set_segments(lines if is_map else [])
        bars.set_visible(not is_map)
        bars.clear()
        if is_map:
            picture.set_data(numbers)
            picture.set_clim(-(reach or 1.0), reach or 1.0)
            picture.set_extent((-0.5, numbers.shape[1] - 0.5, numbers.shape[0] - 0.5, -0.5))
        else:
            bars.bar(range(len(numbers)), numbers, color=np.where(numbers < 0, PURPLE, ORANGE))
            bars.axhline(0, color="black", linewidth=0.6)
            bars.set_ylim(-1.1 * (reach or 1.0), 1.1 * (reach or 1.0))
            bars.set_xlabel("channel", fontsize=9, labelpad=1)
            bars.set_yticks([-reach, 0, reach], [f"{-reach:.2g}", "0", f"{reach:.2g}"])
            bars.tick_params(labelsize=8)
            bars.spines[["top", "right"]].set_visible(False)
    for name, (state, text) in lights.items():
        dot, words = artists["lights"][name]
        dot.set_color(LIGHTS[state])
        words.set_text(text)
