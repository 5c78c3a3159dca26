"""Networks of others with a gate in every block: where it sits, how wide it is in each stage, and what each gate would cost."""

from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice, product
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
        "sizes": {
            f"{gamma:g} {b:g}": {c: adaptive_kernel_size(c, gamma, b) for c in channels} for gamma in GAMMAS for b in BS
        },
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
        own = [*islice(names, modules)]
        stages.append({"channels": channels, "modules": modules, "blocks": [block(model, place) for place in own[:2]]})
    return {"parameters": count_parameters(model), "stages": stages}


def block(model: nn.Module, place: str) -> dict[str, Any]:
    """Return the residual block of a place as words: the layers of its branch, those of its shortcut, and what follows.

    shortcut: None where the block has none, and no layer where it passes what comes in as it is.
    """
    module = model.get_submodule(place.rpartition(".")[0].removesuffix(".conv"))
    relu = next(type(part).__name__ for part in module.modules() if isinstance(part, nn.ReLU | nn.ReLU6))
    layers = words(part for name, part in module.named_modules() if not name.startswith("downsample"))
    shortcut = getattr(module, "downsample", None)
    passes = getattr(module, "use_res_connect", True)  # MobileNetV2 has blocks without a shortcut
    return {
        "place": place,
        # All but the last batch norm follow their convolution in one box.
        "layers": [
            *(f"{conv}\n{norm}, {relu}" for conv, norm in zip(layers[:-2:2], layers[1:-2:2], strict=True)),
            *layers[-2:],
        ],
        "shortcut": words(shortcut.modules()) if shortcut else [] if passes else None,
        "after": relu if hasattr(module, "relu") else "",
    }


def words(layers: Iterable[nn.Module]) -> list[str]:
    """Return each convolution and each batch norm of the layers in words."""
    said = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            (high, wide), stride = layer.kernel_size, layer.stride[0]
            kind, channels = "conv", f"{layer.in_channels} → {layer.out_channels}"
            if layer.groups > 1:
                kind, channels = "depthwise", str(layer.in_channels)
            said.append(f"{kind} {high} × {wide}, {channels}" + (f", stride {stride}" if stride > 1 else ""))
        elif isinstance(layer, nn.BatchNorm2d):
            said.append("batch norm")
    return said


def costs(name: str, channels: Iterable[int]) -> dict[str, Any]:
    """Return what the page needs of a gate: its class, whether it has a kernel or an r, and what it costs.

    costs: {"C", with an r "C r", with a kernel "C 1" and "C 3": [parameters, multiply-accumulates] or the words of a refusal};
    those of a larger kernel are proportional to those of 3.
    """
    kernel, reduction = name in FOLLOWS_PSI, "reduction" in options_of(name)
    options: list[dict[str, int]] = [{}]
    if kernel:
        options = [{"kernel_size": 1}, {"kernel_size": 3}]
    elif reduction:
        options = [{"reduction": r} for r in REDUCTIONS]
    made: dict[str, list[int] | str] = {}
    for c, option in product(channels, options):
        try:
            with torch.device("meta"):
                module = make_attention(name, c, **option)
            kind = type(module).__name__
            cost: list[int] | str = [count_parameters(module), count_macs(module, (1, c, 1, 1))]
        except ValueError as error:
            cost = str(error)
        made[" ".join(map(str, [c, *option.values()]))] = cost
    return {"kind": kind, "kernel": kernel, "reduction": reduction, "costs": made}


def refusal(call: Callable[[], object]) -> str:
    """Return the words with which the package refuses a call, without the value that it got."""
    try:
        call()
    except ValueError as error:
        return str(error).partition("; got ")[0]
    raise AssertionError("the package refuses this no more")
