"""Muon for convolutions steps as PyTorch's Muon for matrices does, and every weight has one optimizer."""

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from eca_edu import ModelConfig, build_model
from eca_edu.training.optimizers import KernelMuon, make_optimizers


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (8, 4, 1, 1), (8, 1, 3, 3)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_kernel_moves_as_its_matrix_does(shape, layout, precision):
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(shape).to(memory_format=layout))
    matrix = nn.Parameter(kernel.detach().reshape(shape[0], -1).clone())
    ours, theirs = KernelMuon([kernel], 0.1, 0.05, precision), torch.optim.Muon([matrix], lr=0.1, weight_decay=0.05)
    for _ in range(3):
        gradient = torch.randn(shape)  # in another layout than the kernel
        kernel.grad, matrix.grad = gradient.clone(), gradient.reshape(shape[0], -1)
        ours.step()
        theirs.step()
    torch.testing.assert_close(
        kernel.detach().reshape(shape[0], -1), matrix.detach(), rtol=0.01, atol=0.003
    )  # theirs has bfloat16 inside


@pytest.mark.parametrize("name", ["muon", "sgd"])
@pytest.mark.parametrize("model", [build_model(ModelConfig(width=8)), mobilenet_v2(weights=None, num_classes=3)])
def test_each_weight_has_one_optimizer(name, model):
    parts = make_optimizers(name, model)
    owners = [part.param_groups[0]["params"] for part in parts]
    assert sorted(id(p) for own in owners for p in own) == sorted(id(p) for p in model.parameters())
    assert [{p.ndim == 4 for p in own} for own in owners][: len(parts) - 1] == [{True}] * (len(parts) - 1)
    assert len(parts) == 1 + (name == "muon")


def test_without_kernels_there_is_no_muon():
    assert [type(part) for part in make_optimizers("muon", nn.Linear(3, 2))] == [torch.optim.SGD]


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"optimizer must be .*got 'adam'"):
        make_optimizers("adam", nn.Linear(3, 2))
