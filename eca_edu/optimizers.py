"""By what steps does a network learn? Its kernels by Muon and the rest by SGD, or all by SGD."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import SGD, Muon, Optimizer

from eca_edu._arguments import one_of

OPTIMIZERS = ("muon", "sgd")
PEAK_LEARNING_RATE = {"muon": 0.1, "sgd": 0.4}
WARM_UP = {"muon": 0.1, "sgd": 0.25}  # shares of a run


class KernelMuon(Muon):
    """PyTorch's Muon, which takes matrices, for the kernels of convolutions: a row for each output channel.

    Momentum, made orthogonal: in every direction the step is about equally long, also where gradients are always small.
    kernels: (out, in, k, k) each; they share their numbers with the matrices, so their memory must not move any more.
    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """

    def __init__(self, kernels: Sequence[torch.Tensor], lr: float, weight_decay: float):
        self.kernels = kernels
        super().__init__([_as_matrix(kernel.detach(), kernel) for kernel in kernels], lr=lr, weight_decay=weight_decay)

    def step(self, closure=None):
        for kernel, matrix in zip(self.kernels, self.param_groups[0]["params"], strict=True):
            matrix.grad = None if kernel.grad is None else _as_matrix(kernel.grad, kernel)
        return super().step(closure)


def _as_matrix(values: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Return (out, in, k, k) as (out, in · k · k), in the order in which the numbers of the kernel lie in memory."""
    in_last = kernel.is_contiguous(memory_format=torch.channels_last)
    return (values.permute(0, 2, 3, 1) if in_last else values).flatten(1)


def make_optimizers(name: str, model: nn.Module, peak_learning_rate: float | None = None) -> list[Optimizer]:
    """Return the optimizers "muon" (of the kernels, and SGD for all else) or "sgd", which step one after another.

    SGD has Nesterov momentum 0.9 and weight decay 5e-4; that of Muon is 0.05 times the learning rate.
    peak_learning_rate: without it 0.1 for "muon" and 0.4 for "sgd".
    Raises ValueError for another name.
    """
    one_of("optimizer", name, OPTIMIZERS)
    lr = PEAK_LEARNING_RATE[name] if peak_learning_rate is None else peak_learning_rate
    kernels = [p for p in model.parameters() if p.ndim == 4 and name == "muon"]
    rest = [p for p in model.parameters() if not any(p is kernel for kernel in kernels)]
    sgd = SGD(rest, lr=lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return [KernelMuon(kernels, lr, weight_decay=0.05), sgd] if kernels else [sgd]
