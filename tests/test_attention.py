"""The gates: values by hand, agreement with timm, every shape and type, and the tools a network meets."""

import copy
import pickle

import pytest
import timm.layers
import torch
import torch.fx
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from eca_edu import ECA, ChannelAttention, SqueezeExcitation, make_attention

GATES = {
    "eca": lambda channels: ECA(channels),
    "eca-circular": lambda channels: ECA(channels, padding_mode="circular"),
    "se": lambda channels: SqueezeExcitation(channels),
}


@pytest.fixture(params=GATES)
def gate(request):
    torch.manual_seed(0)
    return GATES[request.param](32)


@pytest.mark.parametrize(
    ("padding_mode", "logits"), [("zeros", [1.1, 2.1, 3.1, 2.6]), ("circular", [1.9, 2.1, 3.1, 2.9])]
)
def test_logits_by_hand(padding_mode, logits):
    eca = ECA(4, kernel_size=3, padding_mode=padding_mode)
    eca.conv.weight.data = torch.tensor([[[0.2, 0.5, 0.3]]])
    y = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    torch.testing.assert_close(eca.interact(y), torch.tensor([logits]))
    x = y[:, :, None, None].expand(1, 4, 5, 6)
    torch.testing.assert_close(eca(x), x * torch.tensor([logits]).sigmoid()[:, :, None, None])


@pytest.mark.parametrize(("channels", "kernel_size"), [(64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)])
def test_eca_has_psi_parameters(channels, kernel_size):
    assert [p.numel() for p in ECA(channels).parameters()] == [kernel_size]


def test_eca_follows_gamma_and_b():
    assert ECA(64, 1, 1).conv.kernel_size == (7,)
    assert ECA(64, gamma=2, b=3).conv.kernel_size == (5,)
    assert ECA(64, kernel_size=9).conv.kernel_size == (9,)


@pytest.mark.parametrize(("channels", "parameters"), [(64, 512), (256, 8192), (512, 32768), (2048, 524288)])
def test_se_parameters(channels, parameters):
    assert sum(p.numel() for p in SqueezeExcitation(channels).parameters()) == parameters


def test_se_keeps_one_channel_in_its_bottleneck():
    assert SqueezeExcitation(8, reduction=16).reduce.out_features == 1


@pytest.mark.parametrize("channels", [8, 64, 100, 256])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda c: ECA(c), lambda c: timm.layers.EcaModule(c)),
        (lambda c: ECA(c, padding_mode="circular"), lambda c: timm.layers.CecaModule(c)),
    ],
)
def test_agrees_with_timm(channels, ours, theirs):
    torch.manual_seed(channels)
    ours, theirs = ours(channels).double(), theirs(channels).double()
    theirs.conv.weight.data = ours.conv.weight.data.clone()
    _assert_equal_with_gradients(ours, theirs, channels, [(ours.conv.weight, theirs.conv.weight)])


def test_se_agrees_with_timm():
    torch.manual_seed(0)
    ours = SqueezeExcitation(64, reduction=4, bias=True).double()
    theirs = timm.layers.SEModule(64, rd_channels=16).double()
    pairs = [(ours.reduce, theirs.fc1), (ours.expand, theirs.fc2)]
    for linear, conv in pairs:
        conv.weight.data = linear.weight.data[:, :, None, None].clone()
        conv.bias.data = linear.bias.data.clone()
    _assert_equal_with_gradients(ours, theirs, 64, [(a.bias, b.bias) for a, b in pairs])


def _assert_equal_with_gradients(ours, theirs, channels, parameters):
    x = torch.randn(3, channels, 5, 4, dtype=torch.float64, requires_grad=True)
    x2 = x.detach().clone().requires_grad_()
    direction = torch.randn_like(x)
    out, out2 = ours(x), theirs(x2)
    (out * direction).sum().backward()
    (out2 * direction).sum().backward()
    torch.testing.assert_close(out, out2, rtol=0, atol=1e-12)
    torch.testing.assert_close(x.grad, x2.grad, rtol=0, atol=1e-12)
    for a, b in parameters:
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 3),
    channels=st.integers(1, 40),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    name=st.sampled_from(sorted(GATES)),
    channels_last=st.booleans(),
)
def test_every_shape(n, channels, height, width, name, channels_last):
    x = torch.randn(n, channels, height, width)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    out = GATES[name](channels)(x)
    assert out.shape == x.shape
    assert (out.abs() <= x.abs()).all()  # a weight lies in (0, 1)
    assert not channels_last or out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_type(gate, dtype):
    x = torch.randn(2, 32, 4, 4)
    out = gate.to(dtype)(x.to(dtype))
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), gate.float()(x), rtol=0.02, atol=0.02)


def test_autocast(gate):
    x = torch.randn(2, 32, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = gate(x)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, gate(x), rtol=0.02, atol=0.02)


def test_compile(gate):
    x = torch.randn(2, 32, 4, 4)
    torch._dynamo.reset()
    # "aot_eager" traces the whole module and its gradient without a C++ compiler.
    compiled = torch.compile(gate, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), gate(x))


def test_export(gate):
    exported = torch.export.export(
        gate, (torch.randn(2, 32, 4, 4),), dynamic_shapes={"x": {0: torch.export.Dim("n", min=1)}}
    )
    x = torch.randn(5, 32, 4, 4)
    torch.testing.assert_close(exported.module()(x), gate(x))


def test_symbolic_trace(gate):
    x = torch.randn(2, 32, 4, 4)
    assert torch.equal(torch.fx.symbolic_trace(gate)(x), gate(x))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_deepcopy_and_pickle(gate, copied):
    x = torch.randn(2, 32, 4, 4)
    assert torch.equal(copied(gate)(x), gate(x))


def test_gradients(gate):
    x = torch.randn(2, 32, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gate.double(), x)


def test_make_attention():
    assert isinstance(make_attention("none", 8), nn.Identity)
    assert make_attention("se", 8, reduction=2).reduce.out_features == 4
    assert make_attention("eca-circular", 64).conv.padding_mode == "circular"
    with pytest.raises(ValueError, match="attention must be one of none, se, eca, eca-circular; got 'sE'"):
        make_attention("sE", 8)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ECA(0), ValueError, "channels must be at least 1; got 0"),
        (lambda: ECA(2.5), TypeError, "channels must be a whole number; got 2.5"),
        (lambda: ECA(64, gamma=0), ValueError, "gamma must be greater than 0; got 0"),
        (lambda: ECA(64, kernel_size=4), ValueError, "kernel_size must be odd.*got 4"),
        (lambda: ECA(64, kernel_size=-3), ValueError, "kernel_size must be at least 1; got -3"),
        (
            lambda: ECA(64, padding_mode="reflect"),
            ValueError,
            "padding_mode must be 'zeros' or 'circular'; got 'reflect'",
        ),
        (
            lambda: ECA(2, kernel_size=7, padding_mode="circular"),
            ValueError,
            "at most 2 \\* channels \\+ 1.*got 7 for 2",
        ),
        (lambda: SqueezeExcitation(64, reduction=0), ValueError, "reduction must be at least 1; got 0"),
        (lambda: ECA(64)(torch.zeros(64, 8, 8)), ValueError, r"x must have shape \(N, 64, H, W\); got \(64, 8, 8\)"),
        (
            lambda: ECA(64)(torch.zeros(1, 32, 8, 8)),
            ValueError,
            r"x must have shape \(N, 64, H, W\); got \(1, 32, 8, 8\)",
        ),
        (
            lambda: ECA(64)(torch.zeros(1, 64, 8, 8, dtype=torch.int32)),
            TypeError,
            "x must be of a floating type; got torch.int32",
        ),
        (
            lambda: make_attention("none", 64, reduction=2),
            TypeError,
            'attention "none" takes no options; got reduction',
        ),
        (lambda: ECA(64)([1]), TypeError, r"x must be a tensor of shape \(N, 64, H, W\); got list"),
        (lambda: ChannelAttention(4)(torch.zeros(1, 4, 1, 1)), NotImplementedError, "must define interact"),
    ],
)
def test_bad_arguments_are_named(build, error, words):
    with pytest.raises(error, match=words):
        build()
