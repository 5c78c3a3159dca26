"""Loss and accuracy while a network trains."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eca_edu.figures.colours import BLUE, ORANGE
from eca_edu.training.loop import Epoch


def draw_curves(axes: Sequence[Axes], records: Sequence[Epoch]) -> None:
    """Draw loss and accuracy of the training and of the test images over the epochs, on two axes."""
    epochs = [record.epoch for record in records]
    for ax, quantity in zip(axes, ("loss", "accuracy"), strict=True):
        for split, colour, marker in [("train", ORANGE, "s"), ("test", BLUE, "o")]:
            values = [getattr(record, f"{split}_{quantity}") for record in records]
            ax.plot(epochs, values, marker=marker, color=colour, label=split)
        ax.set(xlabel="epoch", title=quantity)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(color="0.9")
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].legend(frameon=False, loc="lower right")
