"""What attention adds to each stage of a network."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE


def draw_stages(ax: Axes, stages: Sequence[tuple[int, int]], parameters: Sequence[int], labels: Sequence[str]) -> None:
    """Draw, anew on the axes, the parameters that attention adds to each stage, on a logarithmic axis.

    stages: (channels, number of modules). parameters: of all modules of a stage. labels: what stands above each bar.
    """
    ax.clear()
    places = range(len(stages))
    ax.bar(places, [max(count, 0.7) for count in parameters], bottom=0.5, color=BLUE, width=0.6)
    for place, count, label in zip(places, parameters, labels, strict=True):
        ax.annotate(label, (place, max(count, 0.7) + 0.5), (0, 4), textcoords="offset points", ha="center", fontsize=9)
    ax.set(yscale="log", ylim=(0.5, 3e8), ylabel="added parameters", xlabel="stage: modules × channels")
    ax.set_xticks(places, [f"{modules} × {channels}" for channels, modules in stages], fontsize=9)
    ax.set_xlim(-0.6, len(stages) - 0.4)
