"""By what steps does a network learn? Its kernels by Muon and the rest by SGD, or all by SGD."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import SGD, Optimizer

from eca_edu._arguments import one_of

OPTIMIZERS = ("muon", "sgd")
PEAK_LEARNING_RATE = {"muon": 0.1, "sgd": 0.4}
WARM_UP = {"muon": 0.1, "sgd": 0.25}  # shares of a run


class KernelMuon(Optimizer):
    """Muon for the kernels of convolutions, each of them a matrix with a row for each output channel.

    Momentum, made orthogonal: in every direction the step is about equally long, also where gradients are always small.
    precision: of the products. `torch.optim.Muon` has bfloat16 alone, which is slow on a processor without it.
    kernels: (out, in, k, k) each.
    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """

    def __init__(self, kernels: Sequence[torch.Tensor], lr: float, weight_decay: float, precision: str = "float32"):
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": 0.95, "precision": precision}
        super().__init__(kernels, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        (group,) = self.param_groups
        lr, momentum = group["lr"], group["momentum"]
        for kernel in group["params"]:
            if kernel.grad is not None:
                mean = self.state[kernel].setdefault("momentum_buffer", torch.zeros_like(kernel))
                mean.lerp_(kernel.grad, 1 - momentum)
                direction = _as_matrix(kernel.grad.lerp(mean, momentum), kernel)
                direction = _orthogonal(direction.to(getattr(torch, group["precision"])))
                matrix = _as_matrix(kernel, kernel)  # shares its numbers with the kernel
                matrix.mul_(1 - lr * group["weight_decay"])
                matrix.add_(direction, alpha=-lr * math.sqrt(max(1, matrix.shape[0] / matrix.shape[1])))


def _as_matrix(values: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Return (out, in, k, k) as (out, in · k · k), in the order in which the numbers of the kernel lie in memory."""
    in_last = kernel.is_contiguous(memory_format=torch.channels_last)
    return (values.permute(0, 2, 3, 1) if in_last else values).flatten(1)


def _orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix with the same singular vectors, and singular values of about 1, by five steps of Newton and Schulz."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix  # (rows, columns) with few rows
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(5):  # x becomes a x + b (x xᵀ) x + c (x xᵀ)² x
        products = x @ x.T
        x = torch.addmm(x, torch.addmm(products, products, products, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.T if tall else x


def make_optimizers(
    name: str, model: nn.Module, peak_learning_rate: float | None = None, precision: str = "float32"
) -> list[Optimizer]:
    """Return the optimizers "muon" (of the kernels, and SGD for all else) or "sgd", which step one after another.

    SGD has Nesterov momentum 0.9 and weight decay 5e-4; that of Muon is 0.05 times the learning rate.
    peak_learning_rate: without it 0.1 for "muon" and 0.4 for "sgd". precision: in which Muon multiplies.
    Raises ValueError for another name.
    """
    one_of("optimizer", name, OPTIMIZERS)
    lr = PEAK_LEARNING_RATE[name] if peak_learning_rate is None else peak_learning_rate
    kernels = [p for p in model.parameters() if p.ndim == 4 and name == "muon"]
    rest = [p for p in model.parameters() if not any(p is kernel for kernel in kernels)]
    sgd = SGD(rest, lr=lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return [KernelMuon(kernels, lr, 0.05, precision), sgd] if kernels else [sgd]
