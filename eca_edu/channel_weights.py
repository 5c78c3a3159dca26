"""What are the channel weights for these images, and what would the network say if they were others?"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import nn

from eca_edu.attention import ChannelAttention

#: The channel attentions of timm, which the package does not import, and torchvision's: the submodule that gives the weights.
OF_OTHERS = dict.fromkeys(("CecaModule", "EcaModule", "EffectiveSEModule", "SEModule", "SqueezeExcite"), "gate")
OF_OTHERS["SqueezeExcitation"] = "scale_activation"

#: Takes the channel weights (N, C) that a gate gave, and returns those to be used instead: (N, C).
Replace = Callable[[torch.Tensor], torch.Tensor]


def gates(model: nn.Module) -> dict[str, nn.Module]:
    """Return the module whose output are the channel weights, for each channel attention: {layer name: gate}.

    model: holds ChannelAttention, as ECACNN or what `insert_attention` returns, timm's ECA and SE, or torchvision's SE modules.
    Raises ValueError if it holds none, or if several share a gate.
    """
    found = {
        name: module.get_submodule(place)
        for name, module in model.named_modules()
        if (place := "gate" if isinstance(module, ChannelAttention) else OF_OTHERS.get(type(module).__name__))
    }
    if not found:
        raise ValueError(
            f"model must hold at least one ChannelAttention, or of timm or torchvision one of {', '.join(OF_OTHERS)}; "
            f"{type(model).__name__} holds none"
        )
    if len(set(found.values())) < len(found):
        raise ValueError("each channel attention must have a gate of its own; here several share one")
    return found


@contextmanager
def record_channel_weights(model: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the channel weights of every channel attention while the block runs; feature maps are not kept.

    Yields a dict that fills up: {layer name: (N, C)}, on the CPU, the images of all calls one after another.
    May be nested with itself and with `override_channel_weights`: inside of an override the replaced weights are recorded,
    outside of it those of the gate.
    Raises ValueError as `gates` does.
    """
    weights: dict[str, torch.Tensor] = {}
    rooms: dict[str, torch.Tensor] = {}  # weights[layer] are its first rows

    @torch.inference_mode(False)
    def record(layer: str, gate: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        new = output.detach().flatten(1).cpu()  # the gates of others give (N, 1, C) or (N, C, 1, 1)
        seen = weights.get(layer, new[:0])
        room, rows = rooms.get(layer, seen), len(seen) + len(new)
        # Each copy leaves room for as many rows again, so that many calls do not copy all that was seen every time.
        if len(room) < rows or room.data_ptr() != seen.data_ptr() or room.dtype != new.dtype:
            room = rooms[layer] = torch.cat([seen, new, new.new_empty(seen.shape)])
        else:
            room[len(seen) : rows] = new
        weights[layer] = room[:rows]

    with ExitStack() as hooks:
        for layer, gate in gates(model).items():
            hooks.enter_context(gate.register_forward_hook(partial(record, layer)))
        yield weights


@contextmanager
def override_channel_weights(model: nn.Module, functions: Mapping[str, Replace]) -> Iterator[None]:
    """Replace the channel weights of some layers while the block runs.

    functions: {layer name: function}; each function takes the weights (N, C) of a batch and returns those to be used
    instead, (N, C), such as `constant(1)`, `mean_of(weights)`, `shuffled(generator)` and `silenced(channel)`.
    May be nested: an inner function takes what the outer one of the same layer returned.
    Raises ValueError for the name of no channel attention, and while the block runs for a function that returns another shape.
    """
    found = gates(model)
    for layer in functions:
        if layer not in found:
            raise ValueError(f"functions must be for layers among {', '.join(found)}; got one for {layer!r}")

    def replace(layer: str, gate: nn.Module, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        weights = output.flatten(1)  # (N, C)
        replaced = functions[layer](weights)
        came = tuple(replaced.shape) if isinstance(replaced, torch.Tensor) else type(replaced).__name__
        if came != weights.shape:
            raise ValueError(f"the function for {layer} must return a tensor {tuple(weights.shape)}; got {came}")
        return replaced.to(output).reshape(output.shape)

    with ExitStack() as hooks:
        for layer in functions:
            hooks.enter_context(found[layer].register_forward_hook(partial(replace, layer)))
        yield


def constant(value: float) -> Replace:
    """Return a function for `override_channel_weights`: every weight of every image is `value`."""
    return lambda weights: torch.full_like(weights, value)


def mean_of(recorded: torch.Tensor) -> Replace:
    """Return a function for `override_channel_weights`: every image gets the mean of the recorded weights (N, C)."""
    mean = _checked(recorded).mean(0)  # (C,)
    return lambda weights: mean.repeat(len(weights), 1)


def shuffled(generator: torch.Generator) -> Replace:
    """Return a function for `override_channel_weights`: every image gets the weights of a random image of its batch.

    The weights of an image stay together, and each image's are used once.
    """
    return lambda weights: weights[torch.randperm(len(weights), generator=generator)]


def silenced(channel: int) -> Replace:
    """Return a function for `override_channel_weights`: the weight of one channel is 0, the others stay.

    Raises TypeError for a channel that is no whole number; the function raises ValueError for one that the layer lacks.
    """
    channel = operator.index(channel)

    def silence(weights: torch.Tensor) -> torch.Tensor:
        channels = weights.shape[1]
        if not 0 <= channel < channels:
            raise ValueError(f"channel must lie in 0…{channels - 1}; got {channel}")
        keep = torch.arange(channels, device=weights.device) != channel
        return weights * keep

    return silence


def class_statistics(weights: torch.Tensor, labels: torch.Tensor, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of the channel weights over the images of each class: (classes, C) each.

    weights: (N, C); labels: (N,), in 0…classes - 1. Where a class has no image both are NaN, with one image the deviation is.
    Raises ValueError for other shapes and labels.
    """
    if labels.shape != _checked(weights).shape[:1]:
        raise ValueError(f"labels must have shape ({len(weights)},), one for each row; got {tuple(labels.shape)}")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"labels must lie in 0…{classes - 1}; got {int(labels.min())}…{int(labels.max())}")
    of_class = [weights[labels == label] for label in range(classes)]
    unknown = weights.new_full(weights.shape[1:], math.nan)
    deviations = [w.std(0) if len(w) > 1 else unknown for w in of_class]
    return torch.stack([w.mean(0) for w in of_class]), torch.stack(deviations)


def attending(weights: torch.Tensor) -> float:
    """Return how much a gate attends: the variance between images over the variance between channels.

    weights: (N, C). Above: the variance of each channel's weight over the images, averaged over the channels. Below: the
    variance over the channels of their mean weights. 0 for a gate that gives all images the same weights, a learned scale.
    Raises ValueError for fewer than 2 images or channels.
    """
    if min(_checked(weights).shape) < 2:
        raise ValueError(f"weights must hold at least 2 images and 2 channels; got {tuple(weights.shape)}")
    between_images = float(weights.var(0).mean())
    return between_images / float(weights.mean(0).var()) if between_images else 0.0


def _checked(weights: torch.Tensor) -> torch.Tensor:
    if weights.ndim != 2 or not weights.is_floating_point():
        came = f"{weights.dtype}, {tuple(weights.shape)}"
        raise ValueError(f"weights must be floating numbers of shape (N, C); got {came}")
    return weights
