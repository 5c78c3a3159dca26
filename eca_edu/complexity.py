"""What does any module cost? Parameters, multiply-accumulates and bytes moved."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    import pandas as pd


def count_parameters(module: nn.Module) -> int:
    """Return the number of learnable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def count_macs(module: nn.Module, input_shape: Sequence[int] = (1, 3, 224, 224)) -> int:
    """Return the multiply-accumulates of all convolutions and matrix products for one input.

    input_shape: (N, C, H, W) of the input; an N of 1 gives the cost of one image. Elementwise operations, pooling and batch
    norm count nothing, unlike in the paper's Table 3.
    """
    return _macs_by_module(module, input_shape)["Global"]


def complexity(module: nn.Module, input_shape: Sequence[int] = (1, 3, 224, 224)) -> "pd.DataFrame":
    """Return a table with one row for each layer that has parameters of its own, and a last row "total".

    input_shape: as in `count_macs`. Columns: type, parameters, macs; index: the name of the layer in the module.
    """
    import pandas as pd  # slow to import, and needed only here

    macs = _macs_by_module(module, input_shape)
    rows = {
        name: (type(layer).__name__, sum(p.numel() for p in own), macs.get(name, 0))
        for name, layer in module.named_modules()
        if (own := [p for p in layer.parameters(recurse=False) if p.requires_grad])
    }
    rows["total"] = (type(module).__name__, count_parameters(module), macs["Global"])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["type", "parameters", "macs"])


@torch.no_grad()
def _macs_by_module(module: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """Return {name of a submodule: its multiply-accumulates}; "Global" names the whole."""
    modes = [(part, part.training) for part in module.modules()]
    like = next(module.parameters(), torch.empty(0))
    with FlopCounterMode(display=False) as counter:
        module.eval()(torch.zeros(*input_shape, device=like.device, dtype=like.dtype))
    for part, training in modes:
        part.training = training
    prefix = f"{type(module).__name__}."
    return {"Global": 0} | {
        name.removeprefix(prefix): sum(flops.values()) // 2  # torch counts a multiply-accumulate as two operations
        for name, flops in counter.get_flop_counts().items()
    }


def count_bytes_moved(step: Callable[[], object]) -> int:
    """Return the bytes that the tensor operations of `step` read and write, forward and backward.

    An estimate of memory traffic: each operation counts its input and output tensors once, as if nothing stayed in a cache;
    views, which touch no data, count nothing.
    """
    with _ByteCounter() as counter:
        step()
    return counter.bytes


class _ByteCounter(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view:
            for tensor in tree_leaves((args, kwargs, result)):
                if isinstance(tensor, torch.Tensor):
                    self.bytes += tensor.numel() * tensor.element_size()
        return result
