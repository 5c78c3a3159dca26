"""The staircase k = ψ(C), the stages of networks on it, the band of neighbours, and the rules side by side."""

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREY, VERMILION

LARGEST_EXPONENT = 13  # the axis ends at 2^13 = 8192 channels
LARGEST_KERNEL_SIZE = 17
FINEST = 256  # rows of the band that are drawn one by one


def draw_staircase(ax: Axes) -> dict[str, Artist]:
    """Prepare the axes, log2(C) against k, and return the artists that `update_staircase` fills."""
    ax.set(xlim=(0, LARGEST_EXPONENT), ylim=(0, LARGEST_KERNEL_SIZE + 1), xlabel="channels C", ylabel="kernel size k")
    ax.set_xticks(range(LARGEST_EXPONENT + 1), [2**n for n in range(LARGEST_EXPONENT + 1)], fontsize=8)
    ax.set_yticks(range(1, LARGEST_KERNEL_SIZE + 1, 2))
    ax.grid(axis="y", color="0.9")
    paper = {"color": GREY, "linewidth": 1, "drawstyle": "steps-post", "label": "ψ(C) of the paper: γ = 2, b = 1"}
    artists = {
        "paper": ax.plot([], [], **paper)[0],
        "t": ax.plot([], [], color=BLUE, linewidth=1, linestyle="--", label="t = (log₂C + b) / γ")[0],
        "staircase": ax.plot([], [], color=BLUE, linewidth=2.5, drawstyle="steps-post", label="k = ψ(C)")[0],
        "chosen": ax.plot([], [], "o", color=VERMILION, markersize=10, label="your C")[0],
    }
    ax.legend(loc="upper left", frameon=False, fontsize=9)
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


def draw_stages(ax: Axes, stages: Mapping[str, Sequence[float]]) -> dict[str, list[Artist]]:
    """Prepare a row for each network with a disc at log2(C) of each of its stages; `update_stages` writes k into it."""
    artists = {}
    for row, (name, exponents) in enumerate(stages.items()):
        ax.plot(
            exponents, [row] * len(exponents), "o-", color=GREY, linewidth=1, markersize=11, markerfacecolor="white"
        )
        artists[name] = [ax.text(x, row, "", ha="center", va="center_baseline", fontsize=8) for x in exponents]
    ax.set(xlim=(0, LARGEST_EXPONENT), ylim=(len(stages) - 0.4, -0.6), xticks=[])
    ax.set_yticks(range(len(stages)), stages, fontsize=9)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return artists


def update_stages(
    artists: dict[str, list[Artist]], kernel_sizes: Mapping[str, Sequence[int]], paper: Mapping[str, Sequence[int]]
) -> None:
    """Show the kernel size of each stage of each network, in red where it is not that of the paper's γ and b."""
    for name, texts in artists.items():
        for text, k, usual in zip(texts, kernel_sizes[name], paper[name], strict=True):
            text.set(text=str(k), color="black" if k == usual else VERMILION)


def draw_band(ax: Axes) -> dict[str, Artist]:
    """Prepare the C×C square of channels that meet, and return the artists that `update_band` changes."""
    (band,) = ax.fill([0, 0, 0], [0, 0, 0], color=BLUE, linewidth=1)
    ax.set(xlabel="channel j", ylabel="channel i", aspect="equal")
    return {"band": band}


def update_band(artists: dict[str, Artist], channels: int, kernel_size: int) -> None:
    """Show, true to scale, which channels j meet in the weight of channel i: |i - j| ≤ (k - 1) / 2."""
    ax, reach, last = artists["band"].axes, kernel_size // 2, channels - 1
    rows = sorted(
        {round(i * last / FINEST) for i in range(FINEST + 1)}
    )  # finer than the picture's pixels for many channels
    left = [(max(row - reach, 0) - 0.5, row + side) for row in rows for side in (-0.5, 0.5)]
    right = [(min(row + reach, last) + 0.5, row + side) for row in rows for side in (-0.5, 0.5)]
    artists["band"].set_xy(left + right[::-1])
    ax.set(xlim=(-0.5, last + 0.5), ylim=(last + 0.5, -0.5), title=f"C = {channels}, k = {kernel_size}")
    ax.set_xticks(sorted({0, last}))
    ax.set_yticks(sorted({0, last}))


def draw_rules(ax: Axes, rules: Sequence[str], channels: Sequence[int]) -> dict[str, list]:
    """Prepare a table, one row for each rule and one column for each C, and return what `update_rules` changes."""
    cells = [
        [ax.text(column, row, "", ha="center", va="center", fontsize=9) for column in range(len(channels))]
        for row in range(len(rules))
    ]
    marks = [ax.imshow([[0.0] * len(channels)] * len(rules), cmap="Oranges", vmin=0, vmax=2, aspect="auto")]
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(channels)), channels, fontsize=9)
    ax.set_yticks(range(len(rules)), rules, fontsize=9)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title("channels C", fontsize=10, pad=8)
    return {"cells": cells, "marks": marks, "chosen": [ax.axvspan(-0.5, 0.5, fill=False, edgecolor=BLUE, linewidth=2)]}


def update_rules(artists: dict[str, list], kernel_sizes: Sequence[Sequence[int]], chosen: int) -> None:
    """Show the kernel sizes, one row for each rule; orange where a rule differs from the first; a frame around one column."""
    first = kernel_sizes[0]
    differs = [[float(k != usual) for k, usual in zip(row, first, strict=True)] for row in kernel_sizes]
    artists["marks"][0].set_data(differs)
    for texts, row in zip(artists["cells"], kernel_sizes, strict=True):
        for text, k in zip(texts, row, strict=True):
            text.set_text(str(k))
    artists["chosen"][0].set_x(chosen - 0.5)
