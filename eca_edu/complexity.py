"""What does any module cost? Parameters, multiply-accumulates and bytes moved."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Return the number of learnable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@torch.no_grad()
def count_macs(module: nn.Module, input_shape: Sequence[int] = (1, 3, 224, 224)) -> int:
    """Return the multiply-accumulates of all convolutions and matrix products for one input.

    input_shape: (N, C, H, W) of the input; an N of 1 gives the cost of one image. Elementwise operations, pooling and batch
    norm count nothing, unlike in the paper's Table 3.
    """
    modes = [(part, part.training) for part in module.modules()]
    like = next(module.parameters(), torch.empty(0))
    with FlopCounterMode(display=False) as counter:
        module.eval()(torch.zeros(*input_shape, device=like.device, dtype=like.dtype))
    for part, training in modes:
        part.training = training
    return counter.get_total_flops() // 2  # torch counts a multiply-accumulate as two operations


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
