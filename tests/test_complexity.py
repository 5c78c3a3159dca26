"""Costs that can be counted by hand."""

import copy

import pytest
import torch
import torchvision
from torch import nn

from eca_edu import ECA, count_macs, count_parameters, make_attention
from eca_edu.complexity import count_bytes_moved


def test_a_convolution_by_hand():
    conv = nn.Conv2d(3, 8, 5, stride=2, padding=2, bias=False)
    assert count_parameters(conv) == 3 * 8 * 25
    assert count_macs(conv, (1, 3, 10, 12)) == 3 * 8 * 25 * 5 * 6
    assert count_macs(conv, (4, 3, 10, 12)) == 4 * count_macs(conv, (1, 3, 10, 12))


def test_frozen_parameters_are_not_counted():
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert count_parameters(layer) == 6


def test_attention_by_hand():
    for name, options, macs in [("eca", {"kernel_size": 5}, 5 * 64), ("eca-ns", {"kernel_size": 5}, 5 * 64)]:
        assert count_macs(make_attention(name, 64, **options), (1, 64, 7, 7)) == macs
    assert count_macs(make_attention("se", 64, reduction=8), (1, 64, 7, 7)) == 2 * 64 * 8
    assert count_macs(make_attention("se-var1", 64), (1, 64, 7, 7)) == 0


def test_counting_leaves_the_module_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout().eval())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert count_macs(model, (1, 3, 4, 4)) == 3 * 4 * 16
    assert [part.training for part in model] == [True, True, False]
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_a_forward_that_fails_leaves_the_module_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout().eval())
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        count_macs(model, (1, 1, 4, 4))
    assert [part.training for part in model] == [True, False]
    assert torch.backends.mha.get_fastpath_enabled()


class OfSequences(nn.Module):
    """A layer whose forward takes more than one tensor, or returns more than one, with one in and one out."""

    def __init__(self, layer, forward):
        super().__init__()
        self.layer, self.of = layer, forward

    def forward(self, x):
        return self.of(self.layer, x)


MHA, ATTENTION = nn.MultiheadAttention(8, 2, batch_first=True), 10 * 4 * 8 * 8 + 2 * 2 * 5 * 5 * 8
LAYERS = {  # for 2 sequences with 5 entries of 8 numbers each
    "attention with its weights": (MHA, lambda f, x: f(x, x, x)[0], ATTENTION),
    "attention": (MHA, lambda f, x: f(x, x, x, need_weights=False)[0], ATTENTION),
    "transformer": (
        nn.TransformerEncoderLayer(8, 2, 32, batch_first=True),
        lambda f, x: f(x),
        ATTENTION + 10 * 2 * 8 * 32,
    ),
    "RNN": (nn.RNN(8, 16, batch_first=True), lambda f, x: f(x)[0], 10 * 16 * (8 + 16)),
    "GRU": (nn.GRU(8, 16, batch_first=True), lambda f, x: f(x)[0], 10 * 3 * 16 * (8 + 16)),
    "LSTM": (nn.LSTM(8, 16, batch_first=True), lambda f, x: f(x)[0], 10 * 4 * 16 * (8 + 16)),
    "deep LSTM": (
        nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True),
        lambda f, x: f(x)[0],
        10 * 2 * 4 * 16 * (8 + 16 + 32 + 16),
    ),
    "matrix times vector": (nn.Linear(8, 3), lambda f, x: f(x) @ x.new_ones(3), 10 * (8 * 3 + 3)),
    "vector times vector": (nn.Identity(), lambda f, x: x[0, 0].dot(x[1, 0]), 8),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", LAYERS)
def test_attention_and_recurrent_layers_by_hand(device, name):
    layer, forward, macs = LAYERS[name]
    assert count_macs(OfSequences(copy.deepcopy(layer).to(device), forward), (2, 5, 8)) == macs


def test_a_vision_transformer_by_hand():
    with torch.device("meta"):
        model = torchvision.models.vit_b_16()
    tokens, width = 197, 768
    block = tokens * (4 + 8) * width**2 + 2 * tokens**2 * width  # q, k, v, out and the two of the MLP; q kᵀ and times v
    assert count_macs(model) == 196 * 3 * 16 * 16 * width + 12 * block + 1000 * width


def test_bytes_moved_by_hand():
    x = torch.zeros(1000)
    assert count_bytes_moved(lambda: x + x) == 3 * 4000
    assert count_bytes_moved(lambda: x.view(10, 100).T) == 0
    assert count_bytes_moved(lambda: x.double().sum()) == 4000 + 8000 + 8000 + 8


def test_eca_reads_the_feature_map_twice_and_writes_it_once():
    x = torch.zeros(2, 64, 16, 16)
    size = x.numel() * x.element_size()
    with torch.no_grad():
        moved = count_bytes_moved(lambda: ECA(64).eval()(x))
    assert 3 * size < moved < 3.2 * size
