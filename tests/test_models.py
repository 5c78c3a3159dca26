"""Blocks, the network of the course, and the configuration that builds it."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from eca_edu import ECA, ECACNN, BasicBlock, Bottleneck, ModelConfig, SqueezeExcitation, build_model, conv_bn_act
from eca_edu.attention import ATTENTION, FOLLOWS_PSI
from eca_edu.models import BACKBONES


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_the_network_of_width_64_has_the_known_counts():
    assert parameters(ECACNN(width=64)) == 1_227_607
    assert parameters(ECACNN(width=64, attention=nn.Identity)) == 1_227_594
    kernels = [m.conv.kernel_size[0] for m in ECACNN(width=64).modules() if isinstance(m, ECA)]
    assert kernels == [3, 5, 5]
    # 194,712,256 are known for kernels 5, 5, 5, two of them more in the 64 channels of the first block than ψ gives.
    model = ECACNN(width=64, attention=partial(ECA, kernel_size=5))
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 32, 32))
    assert counter.get_total_flops() == 2 * 194_712_256


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize(("stride", "out_channels"), [(1, 16), (1, 32), (2, 32)])
def test_block_shapes(block, stride, out_channels):
    x = torch.randn(2, 16, 9, 8)
    out = block(16, out_channels, stride, attention=ECA)(x)
    assert out.shape == (2, out_channels, -(-9 // stride), -(-8 // stride))


def test_attention_sits_on_the_branch_before_the_shortcut_is_added():
    block = BasicBlock(8, 8, attention=ECA).eval()
    block.attention.interact = lambda y: y - 1000  # every channel weight is 0: only the shortcut is left
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x.relu())


def test_attention_sees_the_channels_that_leave_the_block():
    assert BasicBlock(8, 16, attention=ECA).attention.channels == 16
    assert Bottleneck(8, 32, attention=SqueezeExcitation).attention.channels == 32


def test_bottleneck_has_a_quarter_of_its_channels_in_the_middle():
    convolutions = [m for m in Bottleneck(64, 64).modules() if isinstance(m, nn.Conv2d)]
    shapes = [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in convolutions]
    assert shapes == [(64, 16, 1), (16, 16, 3), (16, 64, 1)]
    with pytest.raises(ValueError, match="out_channels must be a multiple of 4; got 10"):
        Bottleneck(8, 10)


def test_conv_bn_act():
    layers = conv_bn_act(3, 8, kernel_size=5, stride=2, activation=nn.SiLU)
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.BatchNorm2d, nn.SiLU]
    assert layers(torch.zeros(1, 3, 10, 10)).shape == (1, 8, 5, 5)
    assert [type(layer) for layer in conv_bn_act(3, 8, activation=None)] == [nn.Conv2d, nn.BatchNorm2d]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("attention", ["none", *ATTENTION])
def test_every_configuration_builds_a_network_that_learns(backbone, attention):
    formula = {"gamma": 1, "b": 0} if attention in FOLLOWS_PSI else {}
    model = build_model(ModelConfig(backbone, attention, width=16, num_classes=3, **formula))
    scores = model(torch.randn(2, 3, 32, 32))
    assert scores.shape == (2, 3)
    scores.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_gamma_and_b_reach_eca():
    model = build_model(ModelConfig(gamma=1, b=1, width=64))
    assert [m.conv.kernel_size[0] for m in model.modules() if isinstance(m, ECA)] == [9, 9]


def test_a_configuration_has_a_name_and_with_any_kind_of_number_goes_to_json_and_back():
    config = ModelConfig("eca-cnn", "eca-ns", 1.5, 0.5, 16, 3)
    assert ModelConfig.from_json(config.to_json()) == config
    assert ModelConfig.from_json("{}") == ModelConfig()
    names = [ModelConfig().name, ModelConfig(kernel_size=3).name, ModelConfig(gamma=1.5).name]
    assert names == ["eca", "eca k=3", "eca γ=1.5 b=1"]
    numbers = ModelConfig(gamma=Fraction(3, 2), b=np.float32(0.5), width=np.int64(8))
    assert ModelConfig.from_json(numbers.to_json()) == numbers == ModelConfig(gamma=1.5, b=0.5, width=8)


def test_a_fixed_kernel_size_takes_the_place_of_psi():
    config = ModelConfig(attention="eca", width=16, kernel_size=np.int64(7))
    assert ModelConfig.from_json(config.to_json()) == config
    assert {m.conv.kernel_size[0] for m in build_model(config).modules() if isinstance(m, ECA)} == {7}


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        (
            {"backbone": "resnet"},
            ValueError,
            "backbone must be one of eca-resnet8, eca-cnn, eca-cnn-fast; got 'resnet'",
        ),
        ({"attention": "ECA"}, ValueError, f"attention must be one of {', '.join(['none', *ATTENTION])}; got 'ECA'"),
        ({"gamma": 0}, ValueError, "gamma must be greater than 0; got 0"),
        ({"b": "1"}, TypeError, "b must be a number; got '1'"),
        ({"width": 0}, ValueError, "width must be at least 1; got 0"),
        ({"width": 1.5}, TypeError, "width must be a whole number; got 1.5"),
        ({"num_classes": 0}, ValueError, "num_classes must be at least 1; got 0"),
        ({"width": 10**20}, ValueError, "width must be at most 1,024; got 1000"),
        ({"gamma": 1e-300}, ValueError, "gamma and b must give a kernel size up to 9,999; got gamma 1e-300, b 1"),
        ({"b": 1e9}, ValueError, "gamma and b must give a kernel size up to 9,999"),
        ({"gamma": 1e-320}, ValueError, "t must be finite"),
        ({"kernel_size": 4}, ValueError, "kernel_size must be odd"),
        (
            {"attention": "se", "kernel_size": 3},
            ValueError,
            "kernel_size go with eca-ns, eca, eca-circular; .* with 'se'",
        ),
    ],
)
def test_bad_configurations_are_named(fields, error, words):
    with pytest.raises(error, match=words):
        ModelConfig(**fields)


@pytest.mark.parametrize("text", ["", "[]", '{"depth": 3}'])
def test_bad_json_is_refused(text):
    with pytest.raises(ValueError, match="text must be a JSON object with the fields of ModelConfig"):
        ModelConfig.from_json(text)
