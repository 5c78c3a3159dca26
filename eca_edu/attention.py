"""How do channel weights come from a feature map?

Every channel attention here is the same three steps: average each channel over space, let the channels interact, squash
the result to weights in (0, 1). The relatives of ECA differ only in `interact`.
"""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal

import torch
import torch.fx
from torch import nn

from eca_edu._arguments import LARGEST_KERNEL_SIZE, odd_kernel_size, one_of, positive_integer
from eca_edu.kernel_size import adaptive_kernel_size


class ChannelAttention(nn.Module):
    """Rescale each channel by a weight computed from all of them; a subclass says how in `interact`.

    x: (N, C, H, W), or (N, C) with any number of axes after C, over all of which it averages: a sequence (N, C, L), a volume
    (N, C, D, H, W). Of the floating type of the weights, or any under autocast; N ≥ 0, every axis after C ≥ 1 -> the same
    shape, type and memory format.
    The channel weights ω: (N, C) leave the submodule `gate`, where a forward hook can read or replace them.
    torch.compile, torch.export and torch.jit.trace accept it; torch.jit.script does not.
    Raises TypeError for an input that is no tensor of floating type and ValueError for one of another shape.
    Source: Eq. 1 and 9.
    """

    cost: ClassVar[str] = "unknown"  # the number of parameters, in the symbols of the paper

    def __init__(self, channels: int):
        super().__init__()
        self.channels = positive_integer("channels", channels)
        self.gate: nn.Module = nn.Sigmoid()

    def start_as_identity(self) -> None:
        """Let every channel weight be 1, so that a trained network around it computes what it did, and go on learning.

        The last layer becomes 0, and the gate `TwiceSigmoid`, which is 1 there: not the gate of the paper, where the weights
        lie in (0, 1), and which 0 leaves at 1/2.
        Raises ValueError for attention without weights, which cannot begin anywhere else than it does.
        """
        layers = [module for module in self.modules() if [*module.parameters(recurse=False)]]
        if not layers:
            raise ValueError(f"only attention with weights can start as the identity; {type(self).__name__} has none")
        for parameter in layers[-1].parameters(recurse=False):
            nn.init.zeros_(parameter)
        self.gate = TwiceSigmoid()

    def interact(self, y: torch.Tensor) -> torch.Tensor:
        """Turn descriptors y: (N, C) into the logits of the channel weights: (N, C)."""
        raise NotImplementedError(f"{type(self).__name__} must define interact(y)")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _check_feature_map(x, self.channels)
        y = _average(x)  # (N, C)  global average pooling
        weights = self.gate(self.interact(y))  # (N, C)  channel weights ω in (0, 1)
        return x * beside(x, weights)  # (N, C, H, W) * (N, C, 1, 1)


class TwiceSigmoid(nn.Module):
    """2 σ: channel weights in (0, 2), and 1 for a logit of 0.

    The 2 is a buffer, so that a checkpoint says which gate it holds, and loads into no other.
    """

    factor: torch.Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("factor", torch.tensor(2.0))

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return self.factor * torch.sigmoid(logits)


class ECA(ChannelAttention):
    """Efficient channel attention: ω = σ(C1D_k(y)), each channel meets its k - 1 neighbours, with k = ψ(C).

    channels: C ≥ 1. gamma, b: the γ > 0 and b of ψ. kernel_size: an odd k that takes the place of ψ(C).
    padding_mode: what lies beyond the first and the last channel, "zeros" (the paper) or "circular".
    Raises TypeError or ValueError for a value out of range.
    Source: Eq. 9 and 12.
    """

    cost = "k"

    def __init__(
        self,
        channels: int,
        gamma: float = 2,
        b: float = 1,
        *,
        kernel_size: int | None = None,
        padding_mode: Literal["zeros", "circular"] = "zeros",
    ):
        super().__init__(channels)
        one_of("padding_mode", padding_mode, ("zeros", "circular"))
        k = choose_kernel_size(channels, gamma, b, kernel_size)
        if padding_mode == "circular" and k // 2 > channels:
            most = "at most 2 * channels + 1"
            raise ValueError(f"with circular padding kernel_size must be {most}; got {k} for {channels} channels")
        self.conv = nn.Conv1d(1, 1, k, padding=k // 2, padding_mode=padding_mode, bias=False)

    def interact(self, y: torch.Tensor) -> torch.Tensor:
        return self.conv(y.unsqueeze(1)).squeeze(1)  # (N, C) -> (N, 1, C) -> (N, C)


class SqueezeExcitation(ChannelAttention):
    """Squeeze-and-excitation: ω = σ(W2 ReLU(W1 y)) through a bottleneck of C / r channels.

    channels: C ≥ 1. reduction: r ≥ 1; the bottleneck keeps at least one channel. bias: whether W1 and W2 add one.
    Raises TypeError or ValueError for a value out of range.
    Source: Eq. 2; the parameter counts of Table 3 are without bias.
    """

    cost = "2 C² / r"

    def __init__(self, channels: int, reduction: int = 16, *, bias: bool = False):
        super().__init__(channels)
        hidden = max(1, channels // positive_integer("reduction", reduction))
        self.reduce = nn.Linear(channels, hidden, bias=bias)
        self.expand = nn.Linear(hidden, channels, bias=bias)

    def interact(self, y: torch.Tensor) -> torch.Tensor:
        return self.expand(torch.relu(self.reduce(y)))  # (N, C) -> (N, C/r) -> (N, C)


class SEVar1(ChannelAttention):
    """The gate without interaction: ω = σ(y). Source: SE-Var1 of Table 2."""

    cost = "none"

    def interact(self, y: torch.Tensor) -> torch.Tensor:
        return y


class SEGroups(ChannelAttention):
    """Channels interact within groups only: ω = σ(W y) with a block-diagonal W.

    channels: C ≥ 1. groups: G, a divisor of C.
    Raises TypeError or ValueError for a value out of range.
    Source: Eq. 5, SE-GC of Table 2.
    """

    cost = "C² / G"

    def __init__(self, channels: int, groups: int = 16):
        super().__init__(channels)
        if channels % positive_integer("groups", groups):
            raise ValueError(f"groups must divide channels; got {groups} for {channels} channels")
        self.conv = nn.Conv1d(channels, channels, 1, groups=groups, bias=False)

    def interact(self, y: torch.Tensor) -> torch.Tensor:
        return self.conv(y.unsqueeze(2)).squeeze(2)  # (N, C) -> (N, C, 1) -> (N, C)


class SEVar2(SEGroups):
    """One weight for each channel: ω = σ(w ⊙ y), a diagonal W. Source: Eq. 3 and 4, SE-Var2 of Table 2."""

    cost = "C"

    def __init__(self, channels: int):
        super().__init__(channels, groups=channels)


class SEVar3(SEGroups):
    """Every channel meets every other: ω = σ(W y) with a full W. Source: Eq. 3 and 4, SE-Var3 of Table 2."""

    cost = "C²"

    def __init__(self, channels: int):
        super().__init__(channels, groups=1)


class ECANotShared(ChannelAttention):
    """ECA without shared weights: each channel has its own k weights for its neighbours.

    channels: C ≥ 1. gamma, b, kernel_size: as in ECA.
    At the ends p (p + 1) of the weights meet only the zeros of the padding and never learn, with p = (k - 1) / 2.
    Raises TypeError or ValueError for a value out of range.
    Source: Eq. 6 and 7, ECA-NS of Table 2.
    """

    cost = "k C"

    def __init__(self, channels: int, gamma: float = 2, b: float = 1, *, kernel_size: int | None = None):
        super().__init__(channels)
        k = choose_kernel_size(channels, gamma, b, kernel_size)
        bound = k**-0.5  # the range of a fresh Conv1d with this kernel
        self.weight = nn.Parameter(torch.empty(channels, k).uniform_(-bound, bound))

    def interact(self, y: torch.Tensor) -> torch.Tensor:
        k = self.weight.shape[1]
        neighbours = nn.functional.pad(y, (k // 2, k // 2)).unfold(1, k, 1)  # (N, C, k)
        return torch.einsum("nck,ck->nc", neighbours, self.weight)  # (N, C)


#: The attention modules by name; each is called with the number of channels and its own options. A new gate is added here.
ATTENTION: dict[str, Callable[..., ChannelAttention]] = {
    "se": SqueezeExcitation,
    "se-var1": SEVar1,
    "se-var2": SEVar2,
    "se-var3": SEVar3,
    "se-gc": SEGroups,
    "se-gc1": lambda channels: SEGroups(channels, 16),
    "se-gc2": lambda channels: SEGroups(channels, max(1, channels // 16)),
    "se-gc3": lambda channels: SEGroups(channels, max(1, channels // 8)),
    "eca-ns": ECANotShared,
    "eca": ECA,
    "eca-circular": partial(ECA, padding_mode="circular"),
}


def options_of(name: str) -> list[str]:
    """Return which options the attention called `name` takes, such as "gamma" or "reduction"."""
    _, *options = inspect.signature(ATTENTION[name]).parameters
    return options


#: Those whose kernel size follows from gamma and b, or is given as kernel_size.
FOLLOWS_PSI = [name for name in ATTENTION if "gamma" in options_of(name)]


def make_attention(name: str, channels: int, **options) -> nn.Module:
    """Return the attention called `name` for `channels` channels; "none" gives the identity.

    options: the keyword arguments of the class behind the name, as in make_attention("se", 64, reduction=8).
    Raises ValueError for an unknown name and TypeError for an unknown option.
    """
    one_of("attention", name, ["none", *ATTENTION])
    if name != "none":
        return ATTENTION[name](channels, **options)
    if options:
        raise TypeError(f'attention "none" takes no options; got {", ".join(options)}')
    return nn.Identity()


@torch.no_grad()
def interaction_matrix(module: ChannelAttention) -> torch.Tensor:
    """Return the (C, C) matrix W of the linear map from descriptors to logits: `module.interact(y)` is y @ W.T.

    Row i tells how much each channel counts for the weight of channel i. For squeeze-and-excitation, whose ReLU makes it
    nonlinear, it is the product of its two factors, `module.expand.weight @ module.reduce.weight`.
    Raises TypeError for a module that is no ChannelAttention.
    Source: Eq. 3 to 8.
    """
    if not isinstance(module, ChannelAttention):
        raise TypeError(f"module must be a ChannelAttention; got {type(module).__name__}")
    if isinstance(module, SqueezeExcitation):
        return module.expand.weight @ module.reduce.weight
    parameter = next(module.parameters(), torch.empty(0))
    return module.interact(torch.eye(module.channels, dtype=parameter.dtype, device=parameter.device)).T


def choose_kernel_size(channels: int, gamma: float, b: float, kernel_size: int | None) -> int:
    """Return `kernel_size` where it is given, else ψ(C); raise TypeError or ValueError if it is not odd or out of range."""
    k = adaptive_kernel_size(channels, gamma, b)
    if kernel_size is not None:
        return odd_kernel_size(kernel_size)
    if k > LARGEST_KERNEL_SIZE:
        raise ValueError(f"gamma and b must give a kernel size up to {LARGEST_KERNEL_SIZE:,}; got gamma {gamma}, b {b}")
    return k


# Symbolic tracing, as in torchvision's feature extraction, keeps each of these three as one call.


@torch.fx.wrap
def _average(x: torch.Tensor) -> torch.Tensor:
    if x.ndim == 2:
        return x
    axes = tuple(range(2, x.ndim))
    if x.device.type != "cpu" or x.dtype == torch.float16:  # there a sum takes x to float32, or leaves the range
        return x.mean(axes)
    return x.sum(axes) / math.prod(x.shape[2:])  # the way back of a mean writes a whole map


@torch.fx.wrap
def beside(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the channel weights with as many axes as x has: (N, C) -> (N, C, 1, …)."""
    return weights[(..., *[None] * (x.ndim - 2))]


@torch.fx.wrap
def _check_feature_map(x: torch.Tensor, channels: int) -> None:
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"x must be a tensor of floating type; got {getattr(x, 'dtype', type(x).__name__)}")
    if x.ndim < 2 or x.shape[1] != channels:
        raise ValueError(
            f"x must have shape (N, {channels}, H, W), or other axes after {channels}; got {tuple(x.shape)}"
        )
