"""Costs that can be counted by hand."""

import torch
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
