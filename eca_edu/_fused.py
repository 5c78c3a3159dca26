"""The gradient of ECA with fewer trips to memory, for training on the CPU.

Autograd takes the average and the product of ECA as strangers: on the way back it writes four tensors of the size of x.
Seen together, the gradient of x is one expression, g ω + gy / (H W), and the product x g, which is only summed over space,
can use the room of the result. `benchmarks/attention.py` measures what this gains.
"""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["can_fuse", "fused_eca"]

#: Smaller feature maps stay in the cache, where the plain expression is as fast.
SMALLEST = 2**19


def can_fuse(x: torch.Tensor, conv: nn.Module, gate: nn.Module) -> bool:
    """Return whether `fused_eca` gives the same result as the plain expression for x, and is worth it.

    Not where somebody looks into or replaces the steps between: a hook, another gate, a tracer, a compiler, autocast.
    """
    return (
        type(x) is torch.Tensor
        and x.device.type == "cpu"  # where it was measured
        and x.numel() >= SMALLEST
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch.is_autocast_enabled("cpu")
        and _untouched(conv, nn.Conv1d)
        and _untouched(gate, nn.Sigmoid)
    )


def _untouched(module: nn.Module, kind: type[nn.Module]) -> bool:
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return type(module) is kind and not any(hooks)


def fused_eca(x: torch.Tensor, kernel: torch.Tensor, padding_mode: str) -> torch.Tensor:
    """Return ECA's output for x: (N, C, H, W) and kernel: (1, 1, k); padding_mode: "zeros" or "circular"."""
    return _FusedECA.apply(x, kernel, "constant" if padding_mode == "zeros" else padding_mode)[0]


def _padded(y: torch.Tensor, kernel: torch.Tensor, mode: str) -> torch.Tensor:
    margin = kernel.shape[2] // 2
    return F.pad(y.unsqueeze(1), (margin, margin), mode=mode)  # (N, 1, C + k - 1)


def _plain(x: torch.Tensor, kernel: torch.Tensor, mode: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    y = x.mean((2, 3))  # (N, C)
    weights = F.conv1d(_padded(y, kernel, mode), kernel).squeeze(1).sigmoid()  # (N, C)
    return x * weights.unsqueeze(2).unsqueeze(3), y, weights


class _FusedECA(torch.autograd.Function):
    generate_vmap_rule = True  # for torch.func

    @staticmethod
    def forward(x, kernel, mode):
        return _plain(x, kernel, mode)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, kernel, ctx.mode = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(x, kernel, *output[1:])

    @staticmethod
    def backward(ctx, g, *_):
        x, kernel, y, weights = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph=True asks for a way back that has itself a way back
            wanted = [tensor for tensor in (x, kernel) if tensor.requires_grad]
            grads = iter(torch.autograd.grad(_plain(x, kernel, ctx.mode)[0], wanted, g, create_graph=True))
            return *(next(grads) if tensor.requires_grad else None for tensor in (x, kernel)), None
        room = x * g
        logits_grad = room.sum((2, 3)) * weights * (1 - weights)  # (N, C)
        y_grad = F.conv1d(_padded(logits_grad, kernel, ctx.mode), kernel.flip(2)).squeeze(1)  # (N, C)
        neighbours = _padded(y, kernel, ctx.mode).squeeze(1).unfold(1, kernel.shape[2], 1)  # (N, C, k)
        kernel_grad = torch.einsum("nck,nc->k", neighbours, logits_grad).view_as(kernel)
        share = (y_grad / (x.shape[2] * x.shape[3])).unsqueeze(2).unsqueeze(3)
        torch.addcmul(share, g, weights.unsqueeze(2).unsqueeze(3), out=room)
        return room, kernel_grad, None
