"""What does a page need to run a trained network? The steps, one after another, and their weights."""

import base64
from typing import Any

import torch
from torch import nn

from eca_edu.attention import ECA, SqueezeExcitation
from eca_edu.models import ECACNN, ECAResNet8, ResidualBlock

WIDEST = 32  # channels of the stem; wider ones answer too late for a hand that moves


def network_numbers(model: nn.Module) -> dict[str, Any]:
    """Describe a network, as it is in evaluation mode, for `makeNetwork` of network.js, as JSON values.

    model: an ECACNN or ECAResNet8 up to width 32 with ECA, SE or no attention.
    -> {"steps": [conv, maxpool, block, …, head]}, batch norms folded into the convolutions. A block holds its gate, and as
    conv its branch and shortcut; a tensor is {"shape": […], "float32": base64}, the weight of a conv (out, k, k, in).
    Raises ValueError for any other network.
    """
    if not isinstance(model, (ECACNN, ECAResNet8)):
        raise _refusal(type(model).__name__)
    width = model.head.in_features // 4
    if width > WIDEST:
        raise _refusal(f"an {type(model).__name__} of width {width}")
    return {"steps": [step for name, module in model.named_children() for step in _steps(name, module)]}


def _steps(name: str, module: Any) -> list[dict[str, Any]]:
    if isinstance(module, ResidualBlock):
        return [_block(name, module)]
    if isinstance(module, nn.Linear):
        return [{"op": "head", "name": name, **_linear(module)}]
    *layer, last = module
    if not isinstance(last, nn.MaxPool2d):
        return [_conv(name, module)]
    pool = {"size": last.kernel_size, "stride": last.stride, "padding": last.padding}
    return [_conv(f"{name}.conv", layer), {"op": "maxpool", "name": name, **pool}]


def _block(name: str, block: Any) -> dict[str, Any]:
    *first, last = block.branch
    names = [*(f"conv{i}" for i in range(1, len(first) + 1)), "branch"]
    identity = isinstance(block.shortcut, nn.Identity)
    return {
        "op": "block",
        "name": name,
        "branch": [_conv(*pair) for pair in zip(names, [*first, last], strict=True)],
        "shortcut": None if identity else _conv("shortcut", block.shortcut),
        "gate": _gate(block.attention),
    }


def _conv(name: str, layer: Any) -> dict[str, Any]:
    """Describe convolution, batch norm and perhaps ReLU as one convolution with a bias."""
    conv, norm, *activation = layer
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()  # (out,)
    weight = conv.weight.double() * scale[:, None, None, None]  # (out, in, k, k)
    bias = norm.bias.double() - norm.running_mean.double() * scale
    return {
        "op": "conv",
        "name": name,
        "stride": conv.stride[0],
        "padding": conv.padding[0],
        "relu": bool(activation),
        "weight": _tensor(weight.permute(0, 2, 3, 1)),  # the page keeps the channels of a pixel side by side
        "bias": _tensor(bias),
    }


def _gate(attention: nn.Module) -> dict[str, Any] | None:
    if isinstance(attention, nn.Identity):
        return None
    if isinstance(attention, SqueezeExcitation):
        return {"kind": "se", "reduce": _linear(attention.reduce), "expand": _linear(attention.expand)}
    if isinstance(attention, ECA) and attention.conv.padding_mode == "zeros":
        return {"kind": "eca", "kernel": _tensor(attention.conv.weight.flatten())}
    around = " around a ring" if isinstance(attention, ECA) else ""
    raise _refusal(f"a network with {type(attention).__name__}{around}")


def _linear(layer: nn.Linear) -> dict[str, Any]:
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    return {"weight": _tensor(layer.weight), "bias": _tensor(bias)}  # (out, in) and (out,)


def _tensor(values: torch.Tensor) -> dict[str, Any]:
    content = values.detach().cpu().contiguous().numpy().astype("<f4").tobytes()
    return {"shape": list(values.shape), "float32": base64.b64encode(content).decode()}


def _refusal(what: str) -> ValueError:
    runs = "the page runs ECACNN and ECAResNet8 up to width 32 with ECA, SE or no attention"
    return ValueError(f"model must be one for the page: {runs}; got {what}")
