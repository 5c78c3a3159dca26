"""Where does attention go in a network?

The blocks of ResNet with a place for attention after the last batch norm, before the shortcut is added; a small network
made of them; the configuration from which a network is built; and the insertion of attention into networks of others.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, groupby
from typing import Any

import torch
from torch import nn

from eca_edu._checks import odd_kernel_size, positive_integer
from eca_edu.attention import ATTENTION, ECA, ChannelAttention, make_attention
from eca_edu.kernel_size import adaptive_kernel_size

__all__ = [
    "BACKBONES",
    "ECACNN",
    "BasicBlock",
    "Bottleneck",
    "ModelConfig",
    "build_model",
    "conv_bn_act",
    "insert_attention",
]

#: What a block calls to get its attention: the number of channels -> a module, as the class ECA itself.
MakeAttention = Callable[[int], nn.Module]


def conv_bn_act(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    activation: Callable[[], nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Return convolution, batch norm and activation, padded so that stride 1 keeps H and W.

    x: (N, in_channels, H, W) -> (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉) for an odd kernel_size.
    activation: a class to build it from, or None for none.
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), *([activation()] if activation else []))


class ResidualBlock(nn.Module):
    """Add a branch, rescaled by attention, to the shortcut.

    x: (N, in_channels, H, W) -> (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉).
    The shortcut is the identity, or a 1×1 convolution where the shape changes.
    """

    def __init__(
        self,
        branch: nn.Module,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        attention: MakeAttention = nn.Identity,
    ):
        if not callable(attention) or isinstance(attention, nn.Module):
            raise TypeError(
                f"attention must be what builds it from a number of channels, such as the class ECA; got {attention!r}"
            )
        super().__init__()
        self.branch = branch
        self.attention = attention(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = conv_bn_act(in_channels, out_channels, 1, stride, activation=None)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.attention(self.branch(x)) + self.shortcut(x))


class BasicBlock(ResidualBlock):
    """Two 3×3 convolutions, the block of ResNet-18 and 34, with attention before the addition.

    x: (N, in_channels, H, W) -> (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉).
    attention: called with out_channels; nn.Identity for none.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, attention: MakeAttention = nn.Identity):
        branch = nn.Sequential(
            conv_bn_act(in_channels, out_channels, 3, stride),
            conv_bn_act(out_channels, out_channels, 3, activation=None),
        )
        super().__init__(branch, in_channels, out_channels, stride, attention)


class Bottleneck(ResidualBlock):
    """1×1, 3×3 and 1×1 convolutions, the block of ResNet-50 and deeper, with attention before the addition.

    x: (N, in_channels, H, W) -> (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉); the middle has out_channels / 4 channels.
    attention: called with out_channels; nn.Identity for none.
    Raises ValueError if out_channels is no multiple of 4.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, attention: MakeAttention = nn.Identity):
        if out_channels % 4:
            raise ValueError(f"out_channels must be a multiple of 4; got {out_channels}")
        middle = out_channels // 4
        branch = nn.Sequential(
            conv_bn_act(in_channels, middle, 1),
            conv_bn_act(middle, middle, 3, stride),
            conv_bn_act(middle, out_channels, 1, activation=None),
        )
        super().__init__(branch, in_channels, out_channels, stride, attention)


class ECACNN(nn.Module):
    """A stem and three BasicBlocks with ECA.

    x: (N, 3, H, W) -> class scores (N, num_classes).
    width: channels of the stem and the first block; the next blocks have 2 and 4 times as many.
    attention: called with the channels of each block; nn.Identity for none.
    stem_stride: 2 halves the resolution at once, for a quarter of the work.
    Raises TypeError or ValueError for a width, num_classes or stem_stride that is no positive integer.
    """

    def __init__(self, width: int = 64, num_classes: int = 10, attention: MakeAttention = ECA, stem_stride: int = 1):
        super().__init__()
        for name, value in [("width", width), ("num_classes", num_classes), ("stem_stride", stem_stride)]:
            positive_integer(name, value)
        self.stem = conv_bn_act(3, width, 3, stem_stride)
        self.block1 = BasicBlock(width, width, 1, attention)
        self.block2 = BasicBlock(width, 2 * width, 2, attention)
        self.block3 = BasicBlock(2 * width, 4 * width, 2, attention)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block3(self.block2(self.block1(self.stem(x))))  # (N, 4 width, H / 4, W / 4) at stem_stride 1
        return self.head(x.mean((2, 3)))  # (N, num_classes)


#: The attentions whose kernel size follows from γ and b, or is given.
FOLLOWS_PSI = ("eca", "eca-circular", "eca-ns")

#: The networks by name. "eca-cnn-fast" reads the image at half the resolution: the choice for a laptop.
BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "eca-cnn": ECACNN,
    "eca-cnn-fast": partial(ECACNN, stem_stride=2),
}


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to build a network; goes to JSON and back.

    backbone: a name in BACKBONES. attention: "none" or a name in ATTENTION. gamma, b: the γ and b of ψ, for ECA only.
    width: channels of the stem. num_classes: class scores. kernel_size: for ECA, an odd k that takes the place of ψ(C) in
    every block.
    Raises TypeError or ValueError for a value that is not allowed.
    """

    backbone: str = "eca-cnn-fast"
    attention: str = "eca"
    gamma: float = 2
    b: float = 1
    width: int = 24
    num_classes: int = 10
    kernel_size: int | None = None

    def __post_init__(self):
        for name, allowed in [("backbone", [*BACKBONES]), ("attention", ["none", *ATTENTION])]:
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")
        adaptive_kernel_size(positive_integer("width", self.width), self.gamma, self.b)
        positive_integer("num_classes", self.num_classes)
        if self.kernel_size is not None:
            if self.attention not in FOLLOWS_PSI:
                raise ValueError(f"kernel_size goes with {', '.join(FOLLOWS_PSI)}; got attention {self.attention!r}")
            object.__setattr__(self, "kernel_size", odd_kernel_size(self.kernel_size))
        # Plain numbers, whatever kind came in, so that the configuration can be written as JSON.
        for name, kind in [("gamma", float), ("b", float), ("width", int), ("num_classes", int)]:
            object.__setattr__(self, name, kind(getattr(self, name)))

    def to_json(self) -> str:
        """Return the configuration as a JSON object, one key for each field."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Return the configuration that `to_json` wrote; a field that is missing gets its default.

        Raises ValueError for a text that is no JSON object or has a key that is no field.
        """
        try:
            return cls(**json.loads(text))
        except (json.JSONDecodeError, TypeError) as error:
            raise ValueError(
                f"text must be a JSON object with the fields of ModelConfig; got {text!r} ({error})"
            ) from error


def build_model(config: ModelConfig) -> nn.Module:
    """Return the network that `config` describes, with PyTorch's default initial weights.

    x: (N, 3, H, W) -> class scores (N, num_classes).
    """
    options: dict[str, Any] = {}
    if config.attention in FOLLOWS_PSI:
        options = {"gamma": config.gamma, "b": config.b, "kernel_size": config.kernel_size}
    attention = partial(make_attention, config.attention, **options)
    return BACKBONES[config.backbone](config.width, config.num_classes, attention)


def insert_attention(
    model: nn.Module,
    attention: str = "eca",
    *,
    where: Callable[[str, nn.Module], bool] | None = None,
    kernel_sizes: Sequence[int] | None = None,
    **options,
) -> nn.Module:
    """Put attention into a network that has none, in place, say where, and return the network.

    Each chosen layer is replaced by nn.Sequential(layer, attention), so that trained weights stay as they are. Without
    `where` these are the paper's places in torchvision's ResNet, ResNeXt, Wide ResNet and MobileNetV2: after the last batch
    norm of every residual block, before the shortcut is added.
    attention: a name in ATTENTION; options: its keyword arguments, such as gamma, b or reduction.
    where: called with the name and the module of each layer; true for the layers after which attention goes. Such a layer
    must tell its channels as num_features, out_channels or num_channels, as convolutions and batch norms do.
    kernel_sizes: for ECA, one kernel size for each stage; a stage is a run of places with the same number of channels.
    Raises TypeError or ValueError, and changes nothing, if the model holds attention of this package already, has no such
    place, or has other stages than kernel_sizes, and for arguments that are not allowed.
    Source: Sec. 4.1; placement as in the authors' code.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a network, such as resnet50(); got {model!r}")
    if any(isinstance(module, ChannelAttention) for module in model.modules()):
        raise ValueError(f"model must hold no attention yet; this {type(model).__name__} holds some")
    if attention not in [*ATTENTION]:  # a list, for what came may have no hash
        raise ValueError(f"attention must be one of {', '.join(ATTENTION)}; got {attention!r}")
    if kernel_sizes is not None and attention not in FOLLOWS_PSI:
        raise ValueError(f"kernel_sizes go with {', '.join(FOLLOWS_PSI)}; got attention {attention!r}")
    if kernel_sizes is not None and not isinstance(kernel_sizes, Sequence):
        raise TypeError(f"kernel_sizes must be a list with a number for each stage; got {kernel_sizes!r}")
    places = attention_places(model, where)
    stages = attention_stages(places)
    if kernel_sizes is not None and len(kernel_sizes) != len(stages):
        raise ValueError(f"kernel_sizes must have one entry for each of {len(stages)} stages; got {list(kernel_sizes)}")
    modules = [
        make_attention(attention, c, **options, **({"kernel_size": kernel_sizes[stage]} if kernel_sizes else {}))
        for stage, (c, repeats) in enumerate(stages)
        for _ in range(repeats)
    ]
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

    Raises TypeError for a `where` that cannot be called, and ValueError if there is no such place, if a chosen layer does not
    tell its channels or lies inside another one.
    """
    if where is None:
        names = _paper_places(model)
    elif callable(where):
        names = [name for name, layer in model.named_modules() if name and where(name, layer)]
    else:
        raise TypeError(f"where must be a function of the name and the module of a layer; got {where!r}")
    if not names:
        missing = (
            "layers that `where` chooses"
            if where
            else "residual blocks of torchvision's ResNet or MobileNetV2; choose the layers yourself with `where`, "
            "for example where=lambda name, layer: name.endswith('bn3')"
        )
        raise ValueError(f"model must have a place for attention; {type(model).__name__} has no {missing}")
    for outer in names:
        for inner in names:
            if inner.startswith(f"{outer}."):
                raise ValueError(f"where must not choose a layer and one inside it; got {outer} and {inner}")
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
        if hasattr(layer, attribute):
            return getattr(layer, attribute)
    from torchvision.ops import FrozenBatchNorm2d  # of detection networks; slow to import

    if isinstance(layer, FrozenBatchNorm2d):
        return len(layer.weight)
    raise ValueError(
        f"a layer before attention must tell its channels as num_features, out_channels or num_channels; "
        f"{name} is a {type(layer).__name__}"
    )
