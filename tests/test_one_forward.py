"""ECA has one forward: it equals six lines in float64, for any shape, type and layout, and whatever a user exchanges in it."""

import random

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, jacrev, jvp, vmap

from eca_edu import ECA


def reference(x, conv, gate=torch.sigmoid):  # x: (N, C, …)
    y = x.unsqueeze(-1).flatten(2).mean(2)  # (N, C)
    logits = conv(y.unsqueeze(1)).squeeze(1)
    omega = gate(logits)
    return x * omega.reshape(*omega.shape, *[1] * (x.ndim - 2))


def convolution(chance, k, channels):
    """What a user may put in the place of `conv`: with bias, dilated, circular, or patched."""
    kind = chance.choice(["own", "own", "bias", "dilation", "circular", "patched"])
    if kind == "dilation":
        return nn.Conv1d(1, 1, k, padding=k - 1, dilation=2, bias=False)
    if kind == "circular" and k // 2 <= channels:
        return nn.Conv1d(1, 1, k, padding=k // 2, padding_mode="circular", bias=False)
    conv = nn.Conv1d(1, 1, k, padding=k // 2, bias=kind == "bias")
    if kind == "patched":
        plain = conv.forward
        conv.forward = lambda y: 2 * plain(y) - y
    return conv


def inputs(chance, dtype, c):
    after = [chance.randint(1, 6) for _ in range(chance.choice([0, 1, 2, 2, 2, 3]))]
    shape = [chance.choice([0, 1, 2, 3]), c, *after]
    x = torch.randn(shape, dtype=torch.float64).to(dtype)
    layout = chance.choice(["plain", "channels_last", "strided", "expanded"])
    if layout == "channels_last" and len(after) == 2:
        return x.contiguous(memory_format=torch.channels_last)
    if layout == "strided":
        return torch.randn([*shape[:-1], 2 * shape[-1]], dtype=torch.float64).to(dtype)[..., ::2]
    return x[:, :, :1].expand(shape) if layout == "expanded" and after else x


def test_four_hundred_random_modules_equal_six_lines_in_float64():
    torch.manual_seed(0)
    for seed in range(400):
        chance = random.Random(seed)
        dtype = chance.choice([torch.float64, torch.float32, torch.bfloat16, torch.float16])
        c, k = chance.randint(1, 40), chance.choice([1, 3, 5, 7])
        eca = ECA(c, kernel_size=k)
        eca.conv = convolution(chance, k, c)
        if chance.random() < 0.2:
            eca.gate = nn.Softplus()
        gate = eca.gate.forward
        eca.train(chance.random() < 0.5).to(dtype)
        x = inputs(chance, dtype, c).requires_grad_()
        g = torch.randn(x.shape, dtype=torch.float64).to(dtype)
        out = eca(x)
        gradients = torch.autograd.grad(out, [x, *eca.parameters()], g)
        x2 = x.detach().double().requires_grad_()
        eca.double()
        exact = reference(x2, eca.conv, gate)
        exact_gradients = torch.autograd.grad(exact, [x2, *eca.parameters()], g.double())
        assert out.dtype == dtype
        assert out.shape == x.shape
        tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 1e-1}[dtype]
        for a, b in zip([out, *gradients], [exact, *exact_gradients], strict=True):
            scale = max(1, float(b.detach().abs().max())) if b.numel() else 1
            torch.testing.assert_close(a.double(), b, rtol=0, atol=tolerance * scale, msg=f"seed {seed}, {dtype}")


def test_an_exchanged_interact_is_the_one_that_counts():
    eca, x = ECA(8), torch.randn(2, 8, 3, 3, requires_grad=True)
    eca.interact = lambda y: 3 * y
    torch.testing.assert_close(eca(x), x * (3 * x.mean((2, 3))).sigmoid()[:, :, None, None])


def test_hooks_of_the_module_and_of_all_modules_see_every_step():
    eca, seen = ECA(8), []
    register = nn.modules.module.register_module_forward_hook
    everywhere = register(lambda module, _, out: seen.append(type(module).__name__))
    eca.gate.register_forward_hook(lambda module, _, weights: torch.ones_like(weights))
    x = torch.randn(2, 8, 64, 64, requires_grad=True)
    try:
        out = eca.train()(x)
    finally:
        everywhere.remove()
    assert seen == ["Conv1d", "Sigmoid", "ECA"]
    assert torch.equal(out, x)


@pytest.mark.parametrize("training", [True, False])
def test_the_transforms_of_torch_func(training):
    torch.manual_seed(0)
    eca = ECA(6, kernel_size=3).double().train(training)
    weights = dict(eca.named_parameters())
    x, v = torch.randn(2, 2, 6, 2, 3, dtype=torch.float64)

    def ours(x, weights):
        return functional_call(eca, weights, (x,))

    def six_lines(x, weights):
        return reference(x, lambda y: nn.functional.conv1d(y, weights["conv.weight"], padding=1))

    for transform in (
        lambda f: jvp(lambda x: f(x, weights), (x,), (v,)),
        lambda f: jacrev(f, argnums=(0, 1))(x, weights),
        lambda f: hessian(lambda x: f(x, weights).square().sum())(x[:1]),
        lambda f: grad(lambda w: f(x, w).square().sum())(weights),
        lambda f: vmap(lambda x: f(x[None], weights)[0])(x),
        lambda f: vmap(grad(lambda x: f(x[None], weights).sum()))(x),
    ):
        torch.testing.assert_close(transform(ours), transform(six_lines), rtol=0, atol=1e-12)
