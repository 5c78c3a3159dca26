"""The staircase k = ψ(C)."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from eca_edu.plots.colours import BLUE, GREY, VERMILION

__all__ = ["draw_staircase", "update_staircase"]

LARGEST_EXPONENT = 13  # the axis ends at 2^13 = 8192 channels
LARGEST_KERNEL_SIZE = 17


def draw_staircase(ax: Axes) -> dict[str, Artist]:
    """Prepare the axes, log2(C) against k, and return the artists that `update_staircase` fills."""
    ax.set(xlim=(0, LARGEST_EXPONENT), ylim=(0, LARGEST_KERNEL_SIZE + 1), xlabel="channels C", ylabel="kernel size k")
    ax.set_xticks(range(LARGEST_EXPONENT + 1), [2**n for n in range(LARGEST_EXPONENT + 1)], fontsize=9)
    ax.set_yticks(range(1, LARGEST_KERNEL_SIZE + 1, 2))
    ax.grid(axis="y", color="0.9")
    artists = {
        "paper": ax.plot(
            [], [], color=GREY, linewidth=1, drawstyle="steps-post", label="ψ(C) of the paper: γ = 2, b = 1"
        )[0],
        "t": ax.plot([], [], color=BLUE, linewidth=1, linestyle="--", label="t = (log₂C + b) / γ")[0],
        "staircase": ax.plot([], [], color=BLUE, linewidth=2.5, drawstyle="steps-post", label="k = ψ(C)")[0],
        "chosen": ax.plot([], [], "o", color=VERMILION, markersize=10, label="your C")[0],
    }
    ax.legend(loc="upper left", frameon=False)
    return artists


def update_staircase(
    artists: dict[str, Artist],
    exponents: Sequence[float],
    kernel_sizes: Sequence[int],
    paper: Sequence[int],
    t: Sequence[float],
    chosen: tuple[float, int],
) -> None:
    """Show the kernel sizes, those of the paper and t at each log2(C) of `exponents`, and the chosen (log2(C), k)."""
    artists["paper"].set_data(exponents, paper)
    artists["staircase"].set_data(exponents, kernel_sizes)
    artists["t"].set_data(exponents, t)
    artists["chosen"].set_data([chosen[0]], [chosen[1]])
