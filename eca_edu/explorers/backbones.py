"""Networks of others with a gate in every block: where it sits, how wide it is in each stage, and what each gate would cost."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import torch
import traitlets
from torch import nn

from eca_edu._arguments import LARGEST_KERNEL_SIZE
from eca_edu.attention import ATTENTION, FOLLOWS_PSI, make_attention, options_of
from eca_edu.complexity import count_macs, count_parameters
from eca_edu.explorers.explorer import Explorer
from eca_edu.explorers.kernel_size import BS, GAMMAS
from eca_edu.insertion import attention_places, attention_stages
from eca_edu.kernel_size import adaptive_kernel_size

REDUCTIONS = [2, 4, 8, 16, 32]
#: torchvision's networks, each with the r of SE in the paper's Table 3.
BACKBONES = {"resnet18": 16, "resnet34": 16, "resnet50": 16, "resnet101": 16, "resnet152": 16, "mobilenet_v2": 8}


class BackboneExplorer(Explorer):
    """What attention costs in a backbone: `backbone`, `attention`, `gamma`, `b`, `kernel_sizes` and `reduction`.

    kernel_sizes: "3-5-5-7" sets one kernel size for each stage by hand; empty, they follow from γ and b. reduction: r of SE,
    the one of the paper's Table 3 unless it is given.
    """

    script = "backbones"
    backbone = traitlets.Enum(list(BACKBONES), "resnet50").tag(sync=True, state=True)
    attention = traitlets.Enum(list(ATTENTION), "eca").tag(sync=True, state=True)
    gamma = traitlets.Enum(GAMMAS, 2.0).tag(sync=True, state=True)
    b = traitlets.Enum(BS, 1.0).tag(sync=True, state=True)
    kernel_sizes = traitlets.Unicode().tag(sync=True, state=True)
    reduction = traitlets.Enum(REDUCTIONS, 16).tag(sync=True, state=True)

    def __init__(self, **state):
        super().__init__(numbers(), **{"reduction": BACKBONES.get(state.get("backbone"), 16), **state})


@cache
def numbers() -> dict[str, Any]:
    """Return what the page needs of all networks and gates, computed once: it takes about a second."""
    backbones = {name: {**network(name), "reduction": reduction} for name, reduction in BACKBONES.items()}
    channels = sorted({stage["channels"] for made in backbones.values() for stage in made["stages"]})
    return {
        "backbones": backbones,
        "gates": {name: costs(name, channels) for name in ATTENTION},
        "gammas": [GAMMAS[0], GAMMAS[-1]],
        "bs": [BS[0], BS[-1]],
        "reductions": REDUCTIONS,
        "sizes": {f"{gamma:g} {b:g}": {c: adaptive_kernel_size(c, gamma, b) for c in channels} for gamma in GAMMAS for b in BS},
        "largest": LARGEST_KERNEL_SIZE,
        "refusals": {
            "least": refusal(lambda: make_attention("eca", 1, kernel_size=0)),
            "most": refusal(lambda: make_attention("eca", 1, kernel_size=LARGEST_KERNEL_SIZE + 2)),
            "odd": refusal(lambda: make_attention("eca", 1, kernel_size=2)),
            "circular": refusal(lambda: make_attention("eca-circular", 1, kernel_size=5)),
        },
    }


def network(name: str) -> dict[str, Any]:
    """Return the parameters and stages of torchvision's network, built without memory for its weights.

    A stage is {"channels", "modules", "blocks": its first block, and the one that all others of it are like}.
    """
    import torchvision.models  # slow to import, and needed only here

    with torch.device("meta"):
        model = getattr(torchvision.models, name)()
    places = attention_places(model)
    names = iter(places)
    stages = []
    for channels, modules in attention_stages(places):
        blocks = [block(model, place) for place in islice(islice(names, modules), 2)]
        stages.append({"channels": channels, "modules": modules, "blocks": blocks})
    return {"parameters": count_parameters(model), "stages": stages}
