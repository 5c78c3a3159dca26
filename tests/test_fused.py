"""The lean gradient of ECA equals the plain one, and steps aside where somebody looks between the steps."""

import copy

import pytest
import torch
from torch import nn

from eca_edu import ECA, _fused

SHAPES = [(2, 8, 3, 4), (1, 5, 1, 1), (3, 16, 7, 7), (0, 8, 2, 2)]


@pytest.fixture(autouse=True)
def fuse_small_maps(monkeypatch):
    monkeypatch.setattr(_fused, "SMALLEST", 0)


@pytest.fixture
def calls(monkeypatch):
    """The inputs for which the lean path was taken."""
    taken = []
    real = _fused.fused_eca
    monkeypatch.setattr("eca_edu.attention.fused_eca", lambda x, *rest: (taken.append(x), real(x, *rest))[1])
    return taken


def plain(eca):
    """The same module on the plain path: a subclass never takes the lean one."""
    other = copy.deepcopy(eca)
    other.__class__ = type("PlainECA", (ECA,), {})
    return other


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_output_and_gradients_equal_the_plain_ones(shape, padding_mode, kernel_size, memory_format, calls):
    torch.manual_seed(0)
    eca = ECA(shape[1], kernel_size=kernel_size, padding_mode=padding_mode).double()
    other = plain(eca)
    x = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=memory_format)
    x, x2 = x.clone().requires_grad_(), x.clone().requires_grad_()
    g = torch.randn(shape, dtype=torch.float64)
    out, out2 = eca(x), other(x2)
    out.backward(g)
    out2.backward(g)
    assert len(calls) == 1
    assert out.stride() == out2.stride()
    for a, b in [(out, out2), (x.grad, x2.grad), (eca.conv.weight.grad, other.conv.weight.grad)]:
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_first_and_second_derivatives(padding_mode, memory_format, calls):
    torch.manual_seed(0)
    eca = ECA(6, kernel_size=3, padding_mode=padding_mode).double()
    x = torch.randn(2, 6, 2, 3, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()

    def function(x, kernel):
        return torch.func.functional_call(eca, {"conv.weight": kernel}, (x,))

    kernel = eca.conv.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(function, (x, kernel))
    assert torch.autograd.gradgradcheck(function, (x, kernel))
    assert calls


@pytest.mark.parametrize("frozen", ["x", "kernel"])
def test_only_one_side_learns(frozen, calls):
    eca = ECA(8)
    x = torch.randn(2, 8, 3, 3, requires_grad=frozen != "x")
    eca.conv.weight.requires_grad_(frozen != "kernel")
    learning = [tensor for tensor in (x, eca.conv.weight) if tensor.requires_grad]
    grads = [torch.autograd.grad(eca(x).square().sum(), learning, create_graph=again)[0] for again in (False, True)]
    torch.testing.assert_close(*grads)
    assert len(calls) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    eca = ECA(8).to(dtype)
    other = plain(eca)
    x = torch.randn(2, 8, 4, 4, dtype=dtype)
    x, x2 = x.clone().requires_grad_(), x.clone().requires_grad_()
    eca(x).sum().backward()
    other(x2).sum().backward()
    assert x.grad.dtype == dtype
    torch.testing.assert_close(x.grad, x2.grad, rtol=0.02, atol=0.02)


def replace_gate(eca):
    eca.gate = nn.Hardsigmoid()


def replace_interact(eca):
    eca.interact = lambda y: y


@pytest.mark.parametrize(
    "touch",
    [
        lambda eca: eca.eval(),
        lambda eca: eca.gate.register_forward_hook(lambda gate, inputs, omega: omega * 0),
        lambda eca: eca.gate.register_full_backward_hook(lambda gate, before, after: None),
        lambda eca: eca.conv.register_forward_pre_hook(lambda conv, inputs: None),
        replace_gate,
        replace_interact,
        lambda eca: nn.utils.parametrizations.weight_norm(eca.conv),
    ],
    ids=["eval", "gate hook", "gate backward hook", "conv hook", "other gate", "other interact", "parametrized"],
)
def test_the_plain_path_where_somebody_looks(touch, calls):
    eca = ECA(8)
    touch(eca)
    eca(torch.randn(2, 8, 4, 4))
    assert calls == []


def test_the_plain_path_under_autocast_and_without_gradients(calls):
    eca = ECA(8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        eca(torch.randn(2, 8, 4, 4))
    with torch.no_grad():
        eca(torch.randn(2, 8, 4, 4))
    assert calls == []


def test_small_maps_take_the_plain_path(monkeypatch, calls):
    monkeypatch.setattr(_fused, "SMALLEST", 2 * 8 * 4 * 4 + 1)
    ECA(8)(torch.randn(2, 8, 4, 4))
    assert calls == []


def test_compile_and_trace_in_training_mode():
    eca = ECA(8)
    x = torch.randn(2, 8, 4, 4)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(eca, fullgraph=True, backend="aot_eager")(x), eca(x))
    assert torch.equal(torch.fx.symbolic_trace(eca)(x), plain(eca)(x))


def test_torch_func(calls):
    torch.manual_seed(0)
    eca = ECA(8).double()
    other = plain(eca)
    x = torch.randn(3, 2, 8, 4, 4, dtype=torch.float64)

    def loss_of(module):
        return lambda x: module(x).square().sum()

    assert torch.allclose(torch.func.grad(loss_of(eca))(x[0]), torch.func.grad(loss_of(other))(x[0]))
    per_sample = torch.func.vmap(torch.func.grad(loss_of(eca)))(x)
    assert torch.allclose(per_sample, torch.func.vmap(torch.func.grad(loss_of(other)))(x))
    assert calls


def test_bad_input_is_refused_on_the_lean_path_too():
    with pytest.raises(ValueError, match=r"x must have shape \(N, 8, H, W\); got \(2, 4, 3, 3\)"):
        ECA(8)(torch.randn(2, 4, 3, 3))
