"""Pick a gate and its numbers: the matrix through which its channels interact, and its cost."""

from collections.abc import Callable

import ipywidgets as W
import torch

from eca_edu.attention import (
    ECA,
    ChannelAttention,
    ECANotShared,
    SEGroups,
    SEVar1,
    SEVar2,
    SEVar3,
    SqueezeExcitation,
    interaction_matrix,
)
from eca_edu.complexity import count_parameters
from eca_edu.figures.interaction import draw_costs, draw_interaction, update_costs, update_interaction
from eca_edu.widgets.panel import Explorer, ImpossibleSetting

#: name -> (its number of parameters, gate(C, r, G, k)), in the order of the paper's Table 2.
GATES: dict[str, tuple[str, Callable[[int, int, int, int], ChannelAttention]]] = {
    "SE": ("2 C² / r", lambda channels, r, g, k: SqueezeExcitation(channels, r)),
    "SE-Var1": ("none", lambda channels, r, g, k: SEVar1(channels)),
    "SE-Var2": ("C", lambda channels, r, g, k: SEVar2(channels)),
    "SE-Var3": ("C²", lambda channels, r, g, k: SEVar3(channels)),
    "SE-GC": ("C² / G", lambda channels, r, g, k: SEGroups(channels, g)),
    "ECA-NS": ("k C", lambda channels, r, g, k: ECANotShared(channels, kernel_size=k)),
    "ECA": ("k", lambda channels, r, g, k: ECA(channels, kernel_size=k)),
    "ECA circular": ("k", lambda channels, r, g, k: ECA(channels, kernel_size=k, padding_mode="circular")),
}


class InteractionExplorer(Explorer):
    """The family of gates as C×C matrices: controls `gate`, `channels`, `reduction`, `groups` and `kernel_size`.

    The weights are drawn once from a fixed seed. The matrix of SE is the product of its two factors: what it computes
    where its ReLU lets everything pass.
    """

    def __init__(self):
        controls = {
            "gate": W.Dropdown(options=list(GATES), value="ECA", description="gate"),
            "channels": W.SelectionSlider(options=[8, 16, 32, 64, 128], value=16, description="C"),
            "reduction": W.SelectionSlider(options=[2, 4, 8, 16, 32], value=4, description="r"),
            "groups": W.SelectionSlider(options=[2, 4, 8, 16, 32], value=4, description="G"),
            "kernel_size": W.SelectionSlider(options=[1, 3, 5, 7, 9, 11], value=3, description="k"),
        }
        super().__init__(760, 360, controls)

    def prepare(self) -> None:
        matrix, costs = self.figure.add_axes((0.08, 0.14, 0.38, 0.8)), self.figure.add_axes((0.6, 0.14, 0.33, 0.8))
        self.artists = {**draw_interaction(matrix), **draw_costs(costs, list(GATES))}

    def update(self, gate: str, channels: int, reduction: int, groups: int, kernel_size: int) -> str:
        numbers = (channels, reduction, groups, kernel_size)
        matrix = interaction_matrix(with_drawn_weights(empty_gate(gate, *numbers)))  # (C, C)
        connected = matrix != 0  # drawn weights are never exactly 0
        parameters = {name: count_or_none(name, *numbers) for name in GATES}
        update_interaction(self.artists, matrix.numpy(), connected.numpy())
        update_costs(self.artists, list(parameters.values()), list(GATES).index(gate))
        met = int(connected.sum(1).max()) - 1
        meets = f"{met} other{'s' * (met > 1)}" if met else "only itself"
        bottleneck = f", through a bottleneck of {channels // reduction}" if gate == "SE" else ""
        return (
            f"{gate} on {channels} channels: a channel meets {meets}{bottleneck}. {int(connected.sum()):,} of "
            f"{channels**2:,} entries can differ from zero, made of <b>{parameters[gate]:,} parameters</b> "
            f"({GATES[gate][0]})."
        )


def empty_gate(name: str, channels: int, reduction: int, groups: int, kernel_size: int) -> ChannelAttention:
    """Return the gate without memory for its weights; raise ImpossibleSetting for numbers that do not go together."""
    if name == "SE" and reduction > channels:
        raise ImpossibleSetting(
            f"r must be at most C, so that a channel is left; got r = {reduction} for C = {channels}"
        )
    try:
        with torch.device("meta"):
            return GATES[name][1](channels, reduction, groups, kernel_size)
    except ValueError as error:
        raise ImpossibleSetting(str(error)) from error


@torch.no_grad()
def with_drawn_weights(gate: ChannelAttention) -> ChannelAttention:
    """Give an empty gate the same random weights each time, and leave torch's own random numbers alone."""
    generator = torch.Generator().manual_seed(1)
    for parameter in gate.to_empty(device="cpu").parameters():
        parameter.uniform_(-1, 1, generator=generator)
    return gate


def count_or_none(name: str, *numbers: int) -> int | None:
    """Return the parameters of the gate, or None where the numbers do not go together."""
    try:
        return count_parameters(empty_gate(name, *numbers))
    except ImpossibleSetting:
        return None
