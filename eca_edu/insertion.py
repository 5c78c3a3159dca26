"""How does attention get into a network of others? After the layers that the paper chose, or that you choose."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, groupby, permutations
from typing import Literal

import torch
from torch import nn

from eca_edu._arguments import one_of
from eca_edu.attention import ATTENTION, FOLLOWS_PSI, ChannelAttention


def insert_attention(
    model: nn.Module,
    attention: str = "eca",
    *,
    where: Callable[[str, nn.Module], bool] | None = None,
    start: Literal["paper", "identity"] = "paper",
    kernel_sizes: Sequence[int] | None = None,
    **options,
) -> nn.Module:
    """Put attention into a network that has none, in place, say where, and return the network.

    Each chosen layer is replaced by nn.Sequential(layer, attention), so that trained weights stay as they are. The layer is
    then one step deeper: model.layer1[0].bn2[0].weight, not bn2.weight. Code that needs the old name fails, such as
    fuse_model() of torchvision's quantizable networks. Without `where` the layers are the paper's places in torchvision's
    ResNet, ResNeXt, Wide ResNet and MobileNetV2: after the last batch norm of every residual block, before the shortcut is
    added.
    attention: a name in ATTENTION; options: its keyword arguments, such as gamma, b or reduction.
    where: called with the name and the module of each layer; true for the layers after which attention goes. Such a layer
    must tell its channels as num_features, out_channels or num_channels, as convolutions and batch norms do.
    start: "paper", the σ of the paper, whose weights begin near 1/2 and so halve each chosen layer; or "identity", for a
    network that is trained: all weights begin at 1, and the outputs are what they were (`ChannelAttention.start_as_identity`).
    kernel_sizes: for ECA, one kernel size for each stage; a stage is a run of places with the same number of channels.
    Raises TypeError or ValueError, and changes nothing, if the model holds attention of this package already, has no such
    place, or has other stages than kernel_sizes, and for arguments that are not allowed.
    Source: Sec. 4.1; placement as in the authors' code.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a network, such as resnet50(); got {model!r}")
    if any(isinstance(module, ChannelAttention) for module in model.modules()):
        raise ValueError(f"model must hold no attention yet; this {type(model).__name__} holds some")
    one_of("attention", attention, ATTENTION)
    one_of("start", start, ("paper", "identity"))
    if kernel_sizes is not None and (attention not in FOLLOWS_PSI or "kernel_size" in options):
        allowed = f"{', '.join(FOLLOWS_PSI)} and without kernel_size"
        raise ValueError(f"kernel_sizes go with {allowed}; got attention {attention!r}, {options}")
    places = attention_places(model, where)
    stages = attention_stages(places)
    if kernel_sizes is not None and (not isinstance(kernel_sizes, Sequence) or len(kernel_sizes) != len(stages)):
        stage = f"one entry for each of {len(stages)} stages"
        raise ValueError(f"kernel_sizes must be a list with {stage}; got {kernel_sizes}")
    modules = [
        ATTENTION[attention](c, **options, **({"kernel_size": kernel_sizes[stage]} if kernel_sizes else {}))
        for stage, (c, repeats) in enumerate(stages)
        for _ in range(repeats)
    ]
    for module in modules if start == "identity" else []:
        module.start_as_identity()
    for name, module in zip(places, modules, strict=True):
        layer = model.get_submodule(name)
        parent, _, child = name.rpartition(".")
        tensors = chain(layer.parameters(), layer.buffers(), model.parameters())
        like = next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))
        pair = nn.Sequential(layer, module.to(like.device, like.dtype)).train(layer.training)
        setattr(model.get_submodule(parent), child, pair)
    inserted = ", ".join(f"{repeats} of {c} channels" for c, repeats in stages)
    print(f"Inserted {len(places)} modules of {attention} into {type(model).__name__}: {inserted}.")
    return model


def attention_places(model: nn.Module, where: Callable[[str, nn.Module], bool] | None = None) -> dict[str, int]:
    """Return the layers after which attention goes, {name of the layer: its channels}; where: as in `insert_attention`.

    Raises TypeError for a `where` that cannot be called, and ValueError if there is no such place, or if a chosen layer does
    not tell its channels, is inside another one, or is used in several places of the network.
    """
    if where is None:
        names = _paper_places(model)
    elif not callable(where):
        raise TypeError(f"where must be a function of the name and the module of a layer; got {where!r}")
    else:
        names = [name for name, layer in model.named_modules() if name and where(name, layer)]
    if not names:
        raise ValueError(
            f"{type(model).__name__} has no place for attention; without `where` these are the residual blocks of torchvision's "
            "ResNet and MobileNetV2, else the layers that it chooses, as in where=lambda name, layer: name.endswith('bn3')"
        )
    for outer, inner in permutations(names, 2):
        if inner.startswith(f"{outer}."):
            raise ValueError(f"where must not choose a layer and one inside it; got {outer} and {inner}")
    uses = Counter(id(layer) for module in model.modules() for layer in module._modules.values())
    for name in names:
        if (n := uses[id(model.get_submodule(name))]) > 1:
            raise ValueError(f"{name} is used in {n} places of the network; attention needs a layer that is used once")
    return {name: _channels(name, model.get_submodule(name)) for name in names}


def attention_stages(places: dict[str, int]) -> list[tuple[int, int]]:
    """Return the stages of `attention_places`, as (channels, number of places): runs of the same number of channels."""
    return [(channels, len(list(run))) for channels, run in groupby(places.values())]


def _paper_places(model: nn.Module) -> list[str]:
    """Return the names of the last batch norms in the residual blocks of torchvision's networks."""
    from torchvision.models import mobilenetv2, resnet  # slow to import, and needed only here

    places = []
    for name, block in model.named_modules():
        if isinstance(block, resnet.BasicBlock):
            places.append(f"{name}.bn2")
        elif isinstance(block, resnet.Bottleneck):
            places.append(f"{name}.bn3")
        elif isinstance(block, mobilenetv2.InvertedResidual):
            places.append(f"{name}.conv.{len(block.conv) - 1}")
    return places


def _channels(name: str, layer: nn.Module) -> int:
    for attribute in ("num_features", "out_channels", "num_channels"):
        channels = getattr(layer, attribute, None)
        if channels == 0:
            unknown = "does not know its channels yet; call the network once before"
            raise ValueError(f"{name} is a {type(layer).__name__} that {unknown}")
        if channels is not None:
            return channels
    from torchvision.ops import FrozenBatchNorm2d  # of detection networks; slow to import

    if isinstance(layer, FrozenBatchNorm2d):
        return len(layer.weight)
    raise ValueError(
        "a layer before attention must tell its channels as num_features, out_channels or num_channels; "
        f"{name} is a {type(layer).__name__}"
    )
