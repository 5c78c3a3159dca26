"""The overview figure: a feature map on its way through GAP, the 1-D convolution, the sigmoid and the product."""

import numpy as np
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, SIGNED, WEIGHT, ink

#: Where the columns stand: feature map, descriptor, logits, channel weights, rescaled feature map.
COLUMNS = (0, 2.6, 5.6, 7.6, 10.2)


def draw_pipeline(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    logits: np.ndarray,
    omega: np.ndarray,
    out: np.ndarray,
    kernel_size: int,
    channel: int | None = None,
) -> None:
    """Draw the steps of ECA from left to right, one row for each channel, with the numbers of real tensors.

    x, out: (C, H, W), the feature map before and after, on one scale of colours symmetric around 0. y, logits, omega: (C,).
    kernel_size: k. channel: the one whose k neighbours are drawn in blue; by default one in the middle.
    Source: after Fig. 2 of the paper.
    """
    channels = len(x)
    channel = channels // 2 if channel is None else channel
    reach = float(max(np.abs(x).max(), np.abs(out).max(), 1e-9))
    for left, maps in ((COLUMNS[0], x), (COLUMNS[4], out)):
        for row, image in enumerate(maps):
            extent = (left - 0.45, left + 0.45, row + 0.45, row - 0.45)
            ax.imshow(image, cmap=SIGNED, vmin=-reach, vmax=reach, extent=extent)
    for row in range(channels):
        ax.text(COLUMNS[0] - 0.6, row, str(row), ha="right", va="center", fontsize=8, color="0.4")
    for left, values in ((COLUMNS[1], y), (COLUMNS[2], logits)):
        largest = float(np.abs(values).max())
        _draw_cells(ax, left, values, SIGNED, (-largest, largest))
    _draw_cells(ax, COLUMNS[3], omega, WEIGHT, (0, 1))
    _draw_neighbours(ax, channels, kernel_size, channel)
    _draw_arrows(ax, channel)
    _draw_names(ax, (channels, *x.shape[1:]), kernel_size)
    ax.set(xlim=(-1.2, COLUMNS[4] + 1), ylim=(channels + 0.1, -2.1), aspect="equal")
    ax.axis("off")


def _draw_cells(ax: Axes, left: float, values: np.ndarray, colours: str, limits: tuple[float, float]) -> None:
    extent = (left - 0.5, left + 0.5, len(values) - 0.5, -0.5)
    image = ax.imshow(values[:, None], cmap=colours, vmin=limits[0], vmax=limits[1], extent=extent, aspect="auto")
    for row, value in enumerate(values):
        colour = ink(image.cmap(image.norm(value)))
        ax.text(left, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    for row in range(1, len(values)):
        ax.plot((left - 0.5, left + 0.5), (row - 0.5, row - 0.5), color="white", linewidth=1)


def _draw_neighbours(ax: Axes, channels: int, kernel_size: int, channel: int) -> None:
    for row in range(channels):
        chosen = row == channel
        for neighbour in range(max(0, row - kernel_size // 2), min(channels, row + kernel_size // 2 + 1)):
            style = {"color": BLUE, "linewidth": 2} if chosen else {"color": "0.8", "linewidth": 0.7}
            ends = (COLUMNS[1] + 0.5, COLUMNS[2] - 0.5), (neighbour, row)
            ax.plot(*ends, **style, zorder=3 if chosen else 1)


def _draw_arrows(ax: Axes, row: int) -> None:
    for start, end in ((0, 1), (2, 3), (3, 4)):
        ends = {"xy": (COLUMNS[end] - 0.55, row), "xytext": (COLUMNS[start] + 0.55, row)}
        ax.annotate("", **ends, arrowprops={"arrowstyle": "->", "color": BLUE, "linewidth": 2})
    middle = (COLUMNS[3] + COLUMNS[4]) / 2
    circle = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": BLUE}
    ax.text(middle, row, "×", ha="center", va="center", fontsize=11, bbox=circle, zorder=4)
    # The feature map itself goes around the gate, above it.
    above = {"color": BLUE, "linewidth": 1.2, "linestyle": "--"}
    ax.plot([COLUMNS[0], COLUMNS[0], middle, middle], [-0.6, -1.9, -1.9, row - 0.45], **above)


def _draw_names(ax: Axes, shape: tuple[int, int, int], kernel_size: int) -> None:
    names = ("$X$", "$y$", "logits", r"$\omega$", r"$\tilde{X}$")
    for left, name in zip(COLUMNS, names, strict=True):
        ax.text(left, -1.05, name, ha="center", va="center", fontsize=12, bbox={"color": "white", "pad": 1})
    steps = ("GAP", f"C1D$_k$, k = {kernel_size}", r"$\sigma$")
    for i, name in enumerate(steps):
        place = (COLUMNS[i] + COLUMNS[i + 1]) / 2
        ax.text(place, -1.05, name, ha="center", va="center", fontsize=11, color=BLUE)
    for left, size in zip(COLUMNS, (shape, shape[:1], shape[:1], shape[:1], shape), strict=True):
        ax.text(left, shape[0] - 0.1, " × ".join(map(str, size)), ha="center", fontsize=9, color="0.4")
