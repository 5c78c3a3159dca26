"""What are our networks made of?

The blocks of ResNet with a place for attention after the last batch norm, before the shortcut is added; a small network
made of them; and the configuration from which a network is built.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from eca_edu._arguments import one_of, positive_integer
from eca_edu.attention import ATTENTION, ECA, FOLLOWS_PSI, choose_kernel_size, make_attention

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


class ECAResNet8(nn.Module):
    """A stem, and twice a convolution, a max pooling and a BasicBlock with ECA: wide where pixels are few.

    x: (N, 3, H, W) -> class scores (N, num_classes).
    width: channels of the stem, which halves the resolution; the blocks have 2 and 4 times as many.
    attention: called with the channels of each block; nn.Identity for none.
    Raises TypeError or ValueError for a width or num_classes that is no positive integer.
    """

    def __init__(self, width: int = 32, num_classes: int = 10, attention: MakeAttention = ECA):
        super().__init__()
        for name, value in [("width", width), ("num_classes", num_classes)]:
            positive_integer(name, value)
        self.stem = conv_bn_act(3, width, 3, 2)
        self.down1 = nn.Sequential(*conv_bn_act(width, 2 * width), nn.MaxPool2d(2))
        self.block1 = BasicBlock(2 * width, 2 * width, 1, attention)
        self.down2 = nn.Sequential(*conv_bn_act(2 * width, 4 * width), nn.MaxPool2d(2))
        self.block2 = BasicBlock(4 * width, 4 * width, 1, attention)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block1(self.down1(self.stem(x)))  # (N, 2 width, H / 4, W / 4)
        x = self.block2(self.down2(x))  # (N, 4 width, H / 8, W / 8)
        return self.head(x.mean((2, 3)))  # (N, num_classes)


#: The networks by name. "eca-resnet8" is the choice for a laptop; "eca-cnn-fast" reads the image at half the resolution.
BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "eca-resnet8": ECAResNet8,
    "eca-cnn": ECACNN,
    "eca-cnn-fast": partial(ECACNN, stem_stride=2),
}


WIDEST = 1024  # channels of the stem; the last block then has 300 million parameters


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to build a network; goes to JSON and back.

    backbone: a name in BACKBONES. attention: "none" or a name in ATTENTION. gamma, b: the γ and b of ψ, for ECA only.
    width: channels of the stem. num_classes: class scores. kernel_size: for ECA, an odd k that takes the place of ψ(C) in
    every block.
    Raises TypeError or ValueError for a value that is not allowed.
    """

    backbone: str = "eca-resnet8"
    attention: str = "eca"
    gamma: float = 2
    b: float = 1
    width: int = 32
    num_classes: int = 10
    kernel_size: int | None = None

    def __post_init__(self):
        one_of("backbone", self.backbone, BACKBONES)
        one_of("attention", self.attention, ["none", *ATTENTION])
        positive_integer("num_classes", self.num_classes)
        width = positive_integer("width", self.width, WIDEST)
        choose_kernel_size(4 * width, self.gamma, self.b, self.kernel_size)  # of the last block
        if self.attention not in FOLLOWS_PSI and (self.gamma, self.b, self.kernel_size) != (2, 1, None):
            these = f"gamma, b and kernel_size go with {', '.join(FOLLOWS_PSI)}"
            raise ValueError(f"{these}; got {self.gamma}, {self.b} and {self.kernel_size} with {self.attention!r}")
        # Plain numbers, whatever kind came in, so that the configuration can be written as JSON.
        for name, kind in [("gamma", float), ("b", float), ("width", int), ("num_classes", int), ("kernel_size", int)]:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, kind(getattr(self, name)))

    @property
    def name(self) -> str:
        """The attention in words: "se", "eca" for k = ψ(C), "eca k=3" for a fixed k, "eca γ=1 b=1" for another ψ."""
        if self.kernel_size is not None:
            return f"{self.attention} k={self.kernel_size}"
        return self.attention if (self.gamma, self.b) == (2, 1) else f"{self.attention} γ={self.gamma:g} b={self.b:g}"

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


def build_model(config: ModelConfig, seed: int | None = None) -> nn.Module:
    """Return the network that `config` describes, with PyTorch's default initial weights.

    x: (N, 3, H, W) -> class scores (N, num_classes).
    seed: two networks with the same seed start as a pair, with the same weights outside the attention; the global random
    generator is left alone. Without a seed the weights come from that generator.
    """
    if seed is None:
        options: dict[str, Any] = {}
        if config.attention in FOLLOWS_PSI:
            options = {"gamma": config.gamma, "b": config.b, "kernel_size": config.kernel_size}
        attention = partial(make_attention, config.attention, **options)
        return BACKBONES[config.backbone](config.width, config.num_classes, attention)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        plain = build_model(replace(config, attention="none", gamma=2, b=1, kernel_size=None))
        model = build_model(config)
    model.load_state_dict(plain.state_dict(), strict=False)  # the attention keeps its own draw
    return model


def fastest_layout(model: nn.Module) -> torch.memory_format:
    """Return channels_last, which convolutions are fastest with, unless it is dangerous.

    With some builds of PyTorch (2.15 on a CPU with AVX2) the way back through a strided 1×1 convolution with fewer than 8
    input channels writes beyond its memory in this layout, and the process dies.
    """
    convs = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    narrow = any(conv.in_channels < 8 and conv.kernel_size == (1, 1) and conv.stride != (1, 1) for conv in convs)
    return torch.contiguous_format if narrow else torch.channels_last
