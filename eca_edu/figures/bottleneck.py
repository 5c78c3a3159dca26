"""SE's narrow waist as a drawing: the averages of all channels, the few numbers in the middle, the weights of all channels."""

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from eca_edu.figures.colours import BLUE, GREY, ORANGE

COLUMNS = (0.0, 1.0, 2.0)  # where averages, waist and weights stand
MARGIN = 0.06  # of the width, between a circle and the lines that lead to it


def draw_bottleneck(ax: Axes, channels: int = 16, reduction: int = 16) -> None:
    """Draw SE's two layers from left to right: C averages, C / r numbers, C weights, and a line for each parameter.

    channels: C. reduction: r, which divides C, so that 2C²/r lines are drawn.
    Raises ValueError for channels below 1, and for a reduction that does not divide them.
    Source: Eq. 2 of the paper, {W₁, W₂}.
    """
    if channels < 1:
        raise ValueError(f"channels must be at least 1; got {channels}")
    if reduction < 1 or channels % reduction:
        raise ValueError(f"reduction must divide the {channels} channels; got {reduction}")
    waist = channels // reduction
    middle = (channels - 1) / 2
    heights = [[middle - (count - 1) / 2 + i for i in range(count)] for count in (channels, waist, channels)]
    for left, colour in ((0, BLUE), (1, ORANGE)):
        starts, ends = heights[left], heights[left + 1]
        lines = [
            [(COLUMNS[left] + MARGIN, start), (COLUMNS[left + 1] - MARGIN, end)] for start in starts for end in ends
        ]
        ax.add_collection(LineCollection(lines, colors=colour, linewidths=0.8, alpha=0.6))
    for x, column, colour in zip(COLUMNS, heights, (BLUE, GREY, ORANGE), strict=True):
        ax.plot([x] * len(column), column, "o", color=colour, markersize=6)
    numbers = "1 number" if waist == 1 else f"{waist} numbers"
    names = (f"$y$\n{channels} averages", f"$r$ = {reduction}\n{numbers}", f"$\\omega$\n{channels} weights")
    for x, name in zip(COLUMNS, names, strict=True):
        ax.text(x, channels + 0.2, name, ha="center", va="bottom", fontsize=10)
    for x, name in ((0.5, "$W_1$, ReLU"), (1.5, "$W_2$, sigmoid")):
        ax.text(x, -1.2, name, ha="center", va="top", fontsize=10)
    ax.set(xlim=(-0.35, 2.35), ylim=(-0.25 * channels - 1, 1.25 * channels + 1))
    ax.axis("off")
