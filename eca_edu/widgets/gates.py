"""Pick a gate and its numbers: the matrix through which its channels interact, and its cost."""

import ipywidgets as W
import matplotlib
import numpy as np
import torch

from eca_edu.attention import ATTENTION, ChannelAttention, interaction_matrix, options_of
from eca_edu.complexity import count_parameters
from eca_edu.figures.colours import BLUE, GREY, SIGNED
from eca_edu.widgets.explorer import Explorer, ImpossibleSetting

#: Table 2 has grouped gates with three numbers of groups; here one stands for them, and its groups are chosen.
GATES = [name for name in ATTENTION if not name.startswith("se-gc") or name == "se-gc"]


class InteractionExplorer(Explorer):
    """The family of gates as C×C matrices: controls `gate`, `channels`, `reduction`, `groups` and `kernel_size`.

    The weights are drawn once from a fixed seed. The matrix of SE is the product of its two factors: what it computes
    where its ReLU lets everything pass.
    """

    def __init__(self):
        controls = {
            "gate": W.Dropdown(options=GATES, value="eca", description="gate"),
            "channels": W.SelectionSlider(options=[8, 16, 32, 64, 128], value=16, description="C"),
            "reduction": W.SelectionSlider(options=[2, 4, 8, 16, 32], value=4, description="r"),
            "groups": W.SelectionSlider(options=[2, 4, 8, 16, 32], value=4, description="G"),
            "kernel_size": W.SelectionSlider(options=[1, 3, 5, 7, 9, 11], value=3, description="k"),
        }
        super().__init__(760, 360, controls)

    def prepare(self) -> None:
        """Draw the axes of the matrix, and one horizontal bar for each gate."""
        matrix_ax, ax = self.figure.add_axes((0.08, 0.14, 0.38, 0.8)), self.figure.add_axes((0.6, 0.14, 0.33, 0.8))
        colours = matplotlib.colormaps[SIGNED].with_extremes(bad="0.88")  # grey where channels do not meet
        self.matrix = matrix_ax.imshow(np.zeros((2, 2)), cmap=colours, interpolation="nearest")
        matrix_ax.set(xlabel="average $y_j$ of channel j", ylabel="logit of channel i")
        places = range(len(GATES))
        ax.set_yticks(places, GATES, fontsize=9)
        ax.set(xscale="log", xlim=(0.5, 2e5), ylim=(len(GATES) - 0.5, -0.5), xlabel="parameters")
        ax.spines[["top", "right"]].set_visible(False)
        self.bars = dict(zip(GATES, ax.barh(places, [1] * len(GATES), left=0.5, height=0.6), strict=True))
        self.labels = {
            gate: ax.text(1, place, "", va="center", fontsize=9) for place, gate in zip(places, GATES, strict=True)
        }

    def update(self, gate: str, channels: int, **numbers: int) -> str:
        module = empty_gate(gate, channels, **numbers)
        matrix = interaction_matrix(with_drawn_weights(module)).numpy()  # (C, C)
        connected, reach = matrix != 0, float(np.abs(matrix).max()) or 1.0  # drawn weights are never exactly 0
        self.matrix.set_data(np.ma.array(matrix, mask=~connected))
        self.matrix.set_clim(-reach, reach)
        self.matrix.set_extent((-0.5, channels - 0.5, channels - 0.5, -0.5))
        self.matrix.axes.set(xlim=(-0.5, channels - 0.5), ylim=(channels - 0.5, -0.5))
        for name, bar in self.bars.items():
            try:
                count = count_parameters(empty_gate(name, channels, **numbers))
                text = f"{count:,}"
            except ImpossibleSetting:
                count, text = 0, "impossible"
            bar.set(width=max(count - 0.5, 0), facecolor=BLUE if name == gate else GREY)
            self.labels[name].set(x=1.15 * max(count, 0.5), text=text)
        met = int(connected.sum(1).max()) - 1
        meets = f"{met} other{'s' * (met > 1)}" if met else "only itself"
        bottleneck = f", through a bottleneck of {channels // numbers['reduction']}" if gate == "se" else ""
        return (
            f"{gate} on {channels} channels: a channel meets {meets}{bottleneck}. {int(connected.sum()):,} of "
            f"{channels**2:,} entries can differ from zero, made of <b>{count_parameters(module):,} parameters</b> "
            f"({module.cost})."
        )


def empty_gate(name: str, channels: int, **numbers: int) -> ChannelAttention:
    """Return the gate, with those of the numbers that it takes and without memory for its weights.

    Raises ImpossibleSetting for numbers that do not go together.
    """
    options = {option: number for option, number in numbers.items() if option in options_of(name)}
    if options.get("reduction", 1) > channels:
        raise ImpossibleSetting(
            f"r must be at most C, so that a channel is left; got r = {options['reduction']} for C = {channels}"
        )
    try:
        with torch.device("meta"):
            return ATTENTION[name](channels, **options)
    except ValueError as error:
        raise ImpossibleSetting(str(error)) from error


@torch.no_grad()
def with_drawn_weights(gate: ChannelAttention) -> ChannelAttention:
    """Give an empty gate the same random weights each time, and leave torch's own random numbers alone."""
    generator = torch.Generator().manual_seed(1)
    for parameter in gate.to_empty(device="cpu").parameters():
        parameter.uniform_(-1, 1, generator=generator)
    return gate
