"""The gates: values by hand, agreement with timm, every shape and type, and the tools a network meets."""

import copy
import pickle

import pytest
import timm.layers
import torch
import torch.fx
from hypothesis import given, settings, strategies as st
from torch import nn

from eca_edu import ECA, ChannelAttention, SqueezeExcitation, interaction_matrix, make_attention
from eca_edu.attention import ATTENTION, SEGroups

GATES = ("eca", "eca-circular", "eca-ns", "se", "se-var1", "se-var2", "se-var3", "se-gc3")


@pytest.fixture(params=GATES)
def gate(request):
    torch.manual_seed(0)
    return make_attention(request.param, 32)


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


def test_eca_follows_gamma_and_b():
    assert ECA(64, 1, 1).conv.kernel_size == (7,)
    assert ECA(64, gamma=2, b=3).conv.kernel_size == (5,)
    assert ECA(64, kernel_size=9).conv.kernel_size == (9,)


@pytest.mark.parametrize("channels", [8, 64, 100, 256])
@pytest.mark.parametrize(("name", "theirs"), [("eca", timm.layers.EcaModule), ("eca-circular", timm.layers.CecaModule)])
def test_agrees_with_timm(channels, name, theirs):
    torch.manual_seed(channels)
    ours, theirs = make_attention(name, channels).double(), theirs(channels).double()
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
    channels=st.sampled_from([1, 2, 3, 5, 7, 8, 13, 16, 24, 32, 40]),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    name=st.sampled_from(GATES),
    channels_last=st.booleans(),
)
def test_every_shape(n, channels, height, width, name, channels_last):
    x = torch.randn(n, channels, height, width)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    out = make_attention(name, channels)(x)
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
    any_number = {"x": {0: torch.export.Dim("n", min=1, max=512)}}
    exported = torch.export.export(gate, (torch.randn(2, 32, 4, 4),), dynamic_shapes=any_number)
    x = torch.randn(5, 32, 4, 4)
    torch.testing.assert_close(exported.module()(x), gate(x))


def through_pickle(module):
    return pickle.loads(pickle.dumps(module))


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, torch.fx.symbolic_trace])
def test_a_copy_does_the_same(gate, copied):
    x = torch.randn(2, 32, 4, 4)
    assert torch.equal(copied(gate)(x), gate(x))


def test_gradients(gate):
    x = torch.randn(2, 32, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gate.double(), x)


# The channels of the 16 modules of ResNet-50, and the sums of Table 2's parameters per module over them.
RESNET50 = [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3


@pytest.mark.parametrize(
    ("name", "options", "total"),
    [
        ("se", {}, 2_514_944),
        ("se-var1", {}, 0),
        ("se-var2", {}, 15_104),
        ("se-var3", {}, 20_119_552),
        ("se-gc1", {}, 1_257_472),
        ("se-gc2", {}, 241_664),
        ("se-gc3", {}, 120_832),
        ("eca-ns", {"kernel_size": 3}, 45_312),
        ("eca", {"kernel_size": 3}, 48),
        ("eca", {}, 86),
    ],
)
def test_parameters_of_table_2_over_resnet_50(name, options, total):
    modules = {channels: make_attention(name, channels, **options) for channels in set(RESNET50)}
    assert sum(p.numel() for channels in RESNET50 for p in modules[channels].parameters()) == total


@pytest.mark.parametrize("name", ATTENTION)
def test_interaction_matrix_is_the_linear_map_of_the_layer(name):
    torch.manual_seed(0)
    module = make_attention(name, 32).double()
    matrix = interaction_matrix(module)
    y = torch.randn(5, 32, dtype=torch.float64)
    assert matrix.shape == (32, 32)
    if name == "se":
        factors = module.expand.weight @ module.reduce.weight
        torch.testing.assert_close(matrix, factors)
        assert torch.linalg.matrix_rank(matrix) == 32 // 16  # what the bottleneck lets through
    else:
        torch.testing.assert_close(module.interact(y), y @ matrix.T.double(), rtol=0, atol=1e-12)


def test_interaction_matrices_have_the_shapes_of_the_paper():
    band = interaction_matrix(ECA(8, kernel_size=3))
    assert torch.equal(band, torch.triu(torch.tril(band, 1), -1))
    for offset in (-1, 0, 1):
        assert len(band.diagonal(offset).unique()) == 1
    assert (band != 0).sum() == 3 * 8 - 2
    not_shared = interaction_matrix(make_attention("eca-ns", 8, kernel_size=3))
    assert len(not_shared.diagonal().unique()) == 8
    blocks = interaction_matrix(SEGroups(8, groups=2))
    assert not blocks[:4, 4:].any()
    assert not blocks[4:, :4].any()
    circular = interaction_matrix(ECA(8, kernel_size=3, padding_mode="circular"))
    assert circular[0, 7] == circular[1, 0]
    assert torch.equal(interaction_matrix(make_attention("se-var1", 8)), torch.eye(8))
    with pytest.raises(TypeError, match="module must be a ChannelAttention; got Identity"):
        interaction_matrix(nn.Identity())


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_eca_ns_with_equal_rows_is_eca(kernel_size):
    eca, not_shared = ECA(16, kernel_size=kernel_size), make_attention("eca-ns", 16, kernel_size=kernel_size)
    not_shared.weight.data = eca.conv.weight.data.view(1, -1).repeat(16, 1)
    x = torch.randn(2, 16, 3, 3)
    torch.testing.assert_close(not_shared(x), eca(x))


@pytest.mark.parametrize(("kernel_size", "idle"), [(3, 2), (5, 6), (7, 12)])
def test_some_weights_of_eca_ns_never_learn(kernel_size, idle):
    module = make_attention("eca-ns", 16, kernel_size=kernel_size)
    module(torch.rand(4, 16, 3, 3)).sum().backward()
    assert (module.weight.grad == 0).sum() == idle


def test_make_attention():
    assert isinstance(make_attention("none", 8), nn.Identity)
    assert make_attention("se", 8, reduction=2).reduce.out_features == 4
    assert make_attention("se", 8, reduction=16).reduce.out_features == 1
    assert make_attention("eca-circular", 64).conv.padding_mode == "circular"
    with pytest.raises(ValueError, match=r"attention must be one of none, se, se-var1, .*, eca-circular; got 'sE'"):
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
            "padding_mode must be one of zeros, circular; got 'reflect'",
        ),
        (
            lambda: make_attention("eca-circular", 2, kernel_size=7),
            ValueError,
            r"at most 2 \* channels \+ 1.*got 7 for 2",
        ),
        (lambda: SqueezeExcitation(64, reduction=0), ValueError, "reduction must be at least 1; got 0"),
        (lambda: ECA(64)(torch.zeros(64, 8, 8)), ValueError, r"x must have shape \(N, 64, H, W\), .* got \(64, 8, 8\)"),
        (lambda: ECA(64)(torch.zeros(1, 32, 8, 8)), ValueError, r"or other axes after 64; got \(1, 32, 8, 8\)"),
        (lambda: ECA(64)(torch.zeros(64)), ValueError, r"got \(64,\)"),
        (lambda: ECA(64)(torch.zeros(1, 64, 8, 8).int()), TypeError, "tensor of floating type; got torch.int32"),
        (
            lambda: make_attention("none", 64, reduction=2),
            TypeError,
            'attention "none" takes no options; got reduction',
        ),
        (lambda: SEGroups(10, groups=4), ValueError, "groups must divide channels; got 4 for 10 channels"),
        (lambda: ECA(64)([1]), TypeError, "x must be a tensor of floating type; got list"),
        (lambda: ChannelAttention(4)(torch.zeros(1, 4, 1, 1)), NotImplementedError, "must define interact"),
    ],
)
def test_bad_arguments_are_named(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_the_average_of_a_large_map_stays_within_float16():
    x = torch.full((1, 8, 64, 64), 100, dtype=torch.float16)  # a sum would be 409,600, beyond the largest float16
    averages, module = [], ECA(8).half()
    module.interact = lambda y: averages.append(y) or y
    module(x)
    assert (averages[0] == 100).all()
