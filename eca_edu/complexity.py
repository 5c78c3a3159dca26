"""What does any module cost? Parameters, multiply-accumulates and bytes moved."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
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
    norm count nothing, unlike in the paper's Table 3. Sparse and quantized layers and nn.Bilinear count nothing either.
    """
    modes = [(part, part.training) for part in module.modules()]
    like = next(module.parameters(), torch.empty(0))
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it would hide the products of nn.MultiheadAttention
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=_MORE_OPERATIONS) as counter:
            module.eval()(torch.zeros(*input_shape, device=like.device, dtype=like.dtype))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, training in modes:
            part.training = training
    return counter.get_total_flops() // 2  # torch counts a multiply-accumulate as two operations


#: What FlopCounterMode does not know: products with a vector, and recurrent layers, whose steps are a single operation. Each
#: function gets the shapes of the arguments and returns two for each multiply-accumulate.
_MORE_OPERATIONS: dict[Any, Callable[..., int]] = {
    torch.ops.aten.mv: lambda matrix, vector, **_: 2 * math.prod(matrix),
    torch.ops.aten.dot: lambda a, b, **_: 2 * math.prod(a),
    torch.ops.aten.mkldnn_rnn_layer: lambda x, w1, w2, *_, **__: (
        2 * math.prod(x[:-1]) * (math.prod(w1) + math.prod(w2))
    ),
    torch.ops.aten._cudnn_rnn: lambda x, weights, *_, **__: (
        2 * math.prod(x[:-1]) * sum(math.prod(w) for w in weights if len(w) == 2)
    ),
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
