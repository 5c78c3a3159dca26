"""The family of gates as C × C matrices: who meets whom, through which weights, and what each gate costs."""

import base64
from typing import Any

import torch
import traitlets

from eca_edu.attention import ATTENTION, ChannelAttention, options_of
from eca_edu.complexity import count_parameters
from eca_edu.explorers.explorer import Explorer

#: Table 2 has grouped gates with three numbers of groups; here one stands for them, and its groups are chosen.
GATES = [name for name in ATTENTION if not name.startswith("se-gc") or name == "se-gc"]
CHANNELS = [8, 16, 32, 64, 128]
#: The number that a gate may have, beside C; each gate has at most one.
OPTIONS = {"reduction": [2, 4, 8, 16, 32], "groups": [2, 4, 8, 16, 32], "kernel_size": [1, 3, 5, 7, 9, 11]}
MOST = CHANNELS[-1] ** 2  # parameters of the largest gate


class InteractionExplorer(Explorer):
    """Who meets whom in each gate: `gate`, `channels`, `reduction`, `groups` and `kernel_size`.

    The weights are drawn once from a fixed seed. The matrix of SE is the product of its two factors: what it computes
    where its ReLU lets everything pass.
    """

    script = "interaction"
    gate = traitlets.Enum(GATES, "eca").tag(sync=True, state=True)
    channels = traitlets.Enum(CHANNELS, 16).tag(sync=True, state=True)
    reduction = traitlets.Enum(OPTIONS["reduction"], 4).tag(sync=True, state=True)
    groups = traitlets.Enum(OPTIONS["groups"], 4).tag(sync=True, state=True)
    kernel_size = traitlets.Enum(OPTIONS["kernel_size"], 3).tag(sync=True, state=True)

    def __init__(self, **state):
        drawn = draw(torch.empty(MOST))  # a gate takes its weights one after the other from the start
        numbers = {
            "gates": {name: settings_of(name) for name in GATES},
            "choices": {"channels": CHANNELS, **OPTIONS},
            "drawn": base64.b64encode(drawn.numpy().astype("<f4").tobytes()).decode(),
        }
        super().__init__(numbers, **state)


def settings_of(name: str) -> dict[str, Any]:
    """Return what the page needs of a gate: its option or None, its cost in symbols, and all its settings.

    The settings are {"C" or "C option": {"count": parameters, "wrong": why it is impossible, or ""}}.
    """
    option = next((option for option in OPTIONS if option in options_of(name)), None)
    settings = {}
    for channels in CHANNELS:
        for given in [{option: value} for value in OPTIONS[option]] if option else [{}]:
            try:
                gate = empty_gate(name, channels, **given)
                made = {"count": count_parameters(gate), "wrong": ""}
            except ValueError as error:
                made = {"count": 0, "wrong": str(error)}
            settings[" ".join(map(str, [channels, *given.values()]))] = made
    return {"option": option, "cost": gate.cost, "settings": settings}


def empty_gate(name: str, channels: int, **options: int) -> ChannelAttention:
    """Return the gate called `name`, without memory for its weights; raise ValueError for an impossible setting."""
    if options.get("reduction", 1) > channels:
        got = f"r = {options['reduction']} for C = {channels}"
        raise ValueError(f"r must be at most C, so that a channel is left; got {got}")
    with torch.device("meta"):
        return ATTENTION[name](channels, **options)


@torch.no_grad()
def draw(values: torch.Tensor) -> torch.Tensor:
    """Fill a tensor with numbers between -1 and 1, the same ones each time."""
    return values.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
