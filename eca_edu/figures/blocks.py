"""A residual block as a drawing: the branch with its layers, the gate at its end, the shortcut and the addition."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyBboxPatch

from eca_edu.figures.colours import BLUE, GREEN, GREY, ORANGE

WIDTH, HEIGHT, GAP = 1.5, 1.0, 0.45  # of a layer, and from it to the next
DEPTH, RISE = -1.85, 1.45  # where the gate hangs, and how high the shortcut goes


def draw_block(ax: Axes, attention: str | None = "ECA", convolutions: Sequence[str] = ("3 × 3", "3 × 3")) -> None:
    """Draw a residual block from left to right: layers, gate, addition and ReLU on a line, the shortcut above them.

    attention: what stands in the gate, which is left out with None; all else keeps its place, so that both can be compared.
    convolutions: the sizes of the branch's convolutions, for a bottleneck ("1 × 1", "3 × 3", "1 × 1").
    A figure 9 inches wide and 2.7 high holds two convolutions, one 11 inches wide three.
    Raises TypeError if attention is neither a text nor None, and ValueError if there is no convolution.
    Source: Fig. 3 of the paper on SE, with ECA in the place of SE.
    """
    if not (attention is None or isinstance(attention, str)):
        raise TypeError(f'attention must be a text such as "ECA", or None; got {attention!r}')
    if isinstance(convolutions, str) or not convolutions:
        raise ValueError(f'convolutions must be one or more texts such as "3 × 3"; got {convolutions!r}')
    layers = [layer for size in convolutions for layer in (("conv", size), ("batch", "norm"), ("ReLU",))][:-1]
    at, end = 1.1, 0.25  # the middle of the next thing, the right edge of the one before
    ax.text(0, 0, "$x$", ha="center", va="center", fontsize=14)
    for layer in layers:
        left = at
        _arrow(ax, (end, 0), (left, 0))
        _box(ax, (left, 0), "\n".join(layer), BLUE if layer[0] == "conv" else GREY)
        end, at = left + WIDTH, left + WIDTH + GAP
    times, plus = end + 1.9, end + 3.2
    if attention is None:
        _arrow(ax, (end, 0), (plus - 0.3, 0))
    else:
        _gate(ax, end, times, attention)
        _arrow(ax, (times + 0.3, 0), (plus - 0.3, 0))
    _node(ax, plus, "+", GREEN)
    _arrow(ax, (plus + 0.3, 0), (plus + 0.8, 0))
    _box(ax, (plus + 0.8, 0), "ReLU", GREY)
    _arrow(ax, (plus + 0.8 + WIDTH, 0), (plus + 1.3 + WIDTH, 0))
    ax.plot([0.65, 0.65, plus], [0, RISE, RISE], color=GREEN, linewidth=1.8, solid_joinstyle="round")
    _arrow(ax, (plus, RISE), (plus, 0.3), GREEN)
    ax.text((0.65 + plus) / 2, RISE + 0.12, "shortcut: $x$ as it came", ha="center", va="bottom")
    ax.text((1.1 + end) / 2, -HEIGHT / 2 - 0.14, "branch", ha="center", va="top")
    ax.set(xlim=(-0.4, plus + 1.9 + WIDTH), ylim=(DEPTH - 0.75, RISE + 0.7), aspect="equal")
    ax.axis("off")


def _gate(ax: Axes, start: float, times: float, attention: str) -> None:
    """Draw the gate: what the branch gives goes on to the ×, and down through the attention, whose weights come up to it."""
    _arrow(ax, (start, 0), (times - 0.3, 0))
    _node(ax, times, "×", ORANGE)
    fork = start + 0.35
    ax.plot([fork, fork], [0, DEPTH + HEIGHT / 2 + 0.3], color=ORANGE, linewidth=1.8)
    _arrow(ax, (fork, DEPTH + HEIGHT / 2 + 0.3), (fork, DEPTH + HEIGHT / 2), ORANGE)
    _arrow(ax, (times, DEPTH + HEIGHT / 2), (times, -0.3), ORANGE)
    _box(ax, (fork - 0.4, DEPTH), attention, ORANGE, times - fork + 0.8)
    ax.text(times + 0.15, DEPTH / 2, r"$\omega$: one weight for each channel", va="center")


def _box(ax: Axes, left: tuple[float, float], text: str, colour: str, width: float = WIDTH) -> None:
    x, y = left
    shape = FancyBboxPatch((x, y - HEIGHT / 2), width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.15", zorder=2)
    shape.set(facecolor=to_rgba(colour, 0.14), edgecolor=colour, linewidth=1.5)
    ax.add_patch(shape)
    ax.text(x + width / 2, y, text, ha="center", va="center", zorder=3)


def _node(ax: Axes, x: float, text: str, colour: str) -> None:
    """Draw a small circle with a sign of arithmetic, whose radius is 0.3."""
    shape = FancyBboxPatch((x - 0.3, -0.3), 0.6, 0.6, boxstyle="round,pad=0,rounding_size=0.3", zorder=2)
    shape.set(facecolor="white", edgecolor=colour, linewidth=1.5)
    ax.add_patch(shape)
    ax.text(x, 0, text, ha="center", va="center_baseline", fontsize=13, zorder=3)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "black") -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 10}
    ax.annotate("", end, start, arrowprops=style)
