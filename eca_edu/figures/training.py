"""Loss and accuracy while a network trains."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eca_edu.figures.colours import BLUE, ORANGE


def draw_curves(axes: Sequence[Axes], epochs: int) -> dict[str, Artist]:
    """Prepare two axes, loss and accuracy over `epochs` epochs, and return the artists that `update_curves` fills."""
    artists = {}
    for ax, quantity in zip(axes, ("loss", "accuracy"), strict=True):
        ax.set(xlim=(0.5, epochs + 0.5), xlabel="epoch", title=quantity)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(color="0.9")
        for split, colour, marker in [("train", ORANGE, "s"), ("test", BLUE, "o")]:
            artists[f"{split}_{quantity}"] = ax.plot([], [], marker=marker, color=colour, label=split)[0]
        ax.legend(frameon=False, loc="upper right" if quantity == "loss" else "lower right")
    axes[0].set_ylim(0, 2.5)
    axes[1].set_ylim(0, 1)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    return artists


def update_curves(artists: dict[str, Artist], records: Sequence[dict[str, float]]) -> None:
    """Show the records: for each epoch a dict with epoch, train_loss, train_accuracy, test_loss and test_accuracy."""
    for name, line in artists.items():
        line.set_data([record["epoch"] for record in records], [record[name] for record in records])
    losses = [record[name] for record in records for name in ("train_loss", "test_loss")]
    artists["train_loss"].axes.set_ylim(0, max([2.5, *(1.05 * loss for loss in losses)]))
