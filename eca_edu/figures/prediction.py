"""What was predicted, and what came."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, VERMILION


def draw_prediction(ax: Axes, labels: Sequence[str], limits: tuple[float, float]) -> dict[str, list[Artist]]:
    """Prepare one row for each number, and return the artists that `update_prediction` changes."""
    places = range(len(labels))
    ax.set_yticks(places, labels, fontsize=10)
    room = 0.03 * (limits[1] - limits[0])
    ax.set(xlim=(limits[0] - room, limits[1] + room), ylim=(len(labels) - 0.5, -0.5))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    said = ax.plot([], [], "D", color=VERMILION, markersize=9, label="your prediction", clip_on=False)
    true = ax.plot([], [], "|", color=BLUE, markersize=26, markeredgewidth=5, label="the result", clip_on=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=0.5, frameon=False, fontsize=9)
    return {"said": said, "true": true}


def update_prediction(artists: dict[str, list[Artist]], said: Sequence[float], true: Sequence[float] | None) -> None:
    """Show the predicted numbers and the true ones; None as long as they are hidden."""
    artists["said"][0].set_data(said, range(len(said)))
    artists["true"][0].set_data(true or [], range(len(true or [])))
