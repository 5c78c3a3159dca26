"""The 1-D convolution over the channels, one channel at a time."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from eca_edu.figures.colours import BLUE, GREY, VERMILION

ROWS = {"y": 4, "kernel": 3, "products": 2, "logits": 1, "ω": 0}


def number(value: float) -> str:
    """Return a number with at most three decimals."""
    return f"{round(value, 3) + 0:g}"  # + 0 turns -0 into 0


def draw_convolution(ax: Axes, channels: int, kernel_size: int) -> dict[str, list[Artist]]:
    """Prepare a row of cells for y with its padding, one for the kernel, its products, the logits and the weights ω.

    Returns the texts and frames that `update_convolution` moves and fills.
    """
    margin = kernel_size // 2
    for name, row in ROWS.items():
        ax.text(-margin - 0.8, row, name, ha="right", va="center", fontsize=11)
    for place in range(-margin, channels + margin):
        style = {"edgecolor": GREY, "linewidth": 1, "facecolor": "none"}
        if not 0 <= place < channels:
            style["linestyle"] = ":"
        ax.add_patch(Rectangle((place - 0.5, ROWS["y"] - 0.4), 1, 0.8, **style))
    for row in (ROWS["logits"], ROWS["ω"]):
        for place in range(channels):
            ax.add_patch(Rectangle((place - 0.5, row - 0.4), 1, 0.8, edgecolor=GREY, facecolor="none", linewidth=1))
    for place in range(channels):
        ax.text(place, ROWS["y"] + 0.65, str(place), ha="center", va="center", fontsize=9, color=GREY)
    ax.text(-margin - 0.8, ROWS["y"] + 0.65, "channel", ha="right", va="center", fontsize=9, color=GREY)
    ax.set(xlim=(-margin - 3, channels + margin), ylim=(-0.7, ROWS["y"] + 1))
    ax.axis("off")

    def texts(count: int, row: int, colour: str = "black") -> list[Artist]:
        return [ax.text(0, row, "", ha="center", va="center", fontsize=10, color=colour) for _ in range(count)]

    return {
        "y": texts(channels + 2 * margin, ROWS["y"]),
        "kernel": texts(kernel_size, ROWS["kernel"], BLUE),
        "products": texts(kernel_size, ROWS["products"], BLUE),
        "logits": texts(channels, ROWS["logits"]),
        "ω": texts(channels, ROWS["ω"]),
        "window": [
            ax.add_patch(
                Rectangle(
                    (0, ROWS["products"] - 0.45), kernel_size, 2.9, facecolor=BLUE, alpha=0.12, edgecolor=BLUE, zorder=0
                )
            )
        ],
        "result": [
            ax.add_patch(
                Rectangle((0, ROWS["ω"] - 0.42), 1, 1.84, facecolor="none", edgecolor=VERMILION, linewidth=2, zorder=3)
            )
        ],
    }


def update_convolution(
    artists: dict[str, list[Artist]],
    channel: int,
    padded: Sequence[float],
    kernel: Sequence[float],
    logits: Sequence[float],
    omega: Sequence[float],
) -> None:
    """Show the kernel over one channel, and the results of all channels up to it.

    padded: y with the k // 2 values beyond either end, length C + k - 1. logits, omega: length C.
    """
    margin = len(kernel) // 2
    for place, (text, value) in enumerate(zip(artists["y"], padded, strict=True), -margin):
        text.set(position=(place, ROWS["y"]), text=number(value), color="black" if 0 <= place < len(logits) else GREY)
    neighbours = padded[channel : channel + len(kernel)]
    for place, (weight, value) in enumerate(zip(kernel, neighbours, strict=True), channel - margin):
        artists["kernel"][place - channel + margin].set(position=(place, ROWS["kernel"]), text=f"× {number(weight)}")
        artists["products"][place - channel + margin].set(
            position=(place, ROWS["products"]), text=number(weight * value)
        )
    for name, values in (("logits", logits), ("ω", omega)):
        for place, (text, value) in enumerate(zip(artists[name], values, strict=True)):
            text.set(position=(place, ROWS[name]), text=f"{value:.2f}" if place <= channel else "")
    artists["window"][0].set_x(channel - margin - 0.5)
    artists["result"][0].set_x(channel - 0.5)
