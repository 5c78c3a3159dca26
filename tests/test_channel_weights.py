"""Recorded channel weights are those that the gate gave, replaced ones are those that the network uses."""

import copy

import pytest
import torch
import torchvision
from torch import nn

from eca_edu import ECA, ECACNN, ModelConfig, build_model, override_channel_weights, record_channel_weights
from eca_edu.attention import ATTENTION, ChannelAttention
from eca_edu.channel_weights import attending, class_statistics, constant, gates, mean_of, shuffled, silenced
from eca_edu.insertion import insert_attention

LAYERS = ["block1.attention", "block2.attention", "block3.attention"]


def network(attention="eca"):
    torch.manual_seed(0)
    model = build_model(ModelConfig("eca-cnn-fast", attention, width=16))
    for module in model.modules():  # as after some training: averages that are not 0
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
    return model.eval()


def images(n=4):
    return torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def no_hooks(model):
    return not any(module._forward_hooks for module in model.modules())


# Recording


@pytest.mark.parametrize("attention", ATTENTION)
def test_recorded_weights_equal_the_gate_by_hand(attention):
    model, x = network(attention), images()
    with torch.no_grad(), record_channel_weights(model) as weights:
        model(x[:3])
        model(x[3:])
    assert list(weights) == LAYERS
    with torch.no_grad():
        x = model.stem(x)
        for block, recorded in zip((model.block1, model.block2, model.block3), weights.values(), strict=True):
            y = block.branch(x).mean((2, 3))
            torch.testing.assert_close(recorded, 1 / (1 + torch.exp(-block.attention.interact(y))))
            x = block(x)


def test_many_calls_copy_little_and_change_nothing_that_was_read_before():
    module, x, seen = ECA(4), torch.randn(100, 1, 4, 3, 3), []
    with torch.no_grad(), record_channel_weights(module) as weights:
        for image in x:
            module(image)
            seen.append(weights[""])
    with record_channel_weights(module) as whole:
        module(x.flatten(0, 1))
    for n, rows in enumerate(seen, 1):
        torch.testing.assert_close(rows, whole[""][:n])
    assert len({rows.data_ptr() for rows in seen}) < 10  # where all that was seen was copied


def test_recording_may_begin_again_and_go_on_in_another_mode():
    module, x = ECA(4), torch.randn(3, 4, 3, 3)
    with record_channel_weights(module) as weights:
        for _ in range(3):
            module(x)
        kept = weights[""].clone(), weights.pop("")
        with torch.inference_mode():
            module(x + 1)
            module(x + 1)
        module(x + 1)
        module.bfloat16()(x.bfloat16())
    torch.testing.assert_close(*kept, rtol=0, atol=0)
    assert weights[""].shape == (12, 4)
    assert weights[""].dtype == torch.float32


def test_recording_changes_nothing_in_training_either():
    model = ECACNN(width=16).train()
    recorded = copy.deepcopy(model)
    x = torch.randn(8, 3, 32, 32)  # large enough for the fused way back
    with record_channel_weights(recorded) as weights:
        torch.testing.assert_close(recorded(x), model(x))
    assert {name: w.shape for name, w in weights.items()} == {f"block{i}.attention": (8, 8 * 2**i) for i in (1, 2, 3)}
    assert not any(w.requires_grad for w in weights.values())


def test_hooks_are_gone_afterwards_also_after_an_error():
    model = network()
    with pytest.raises(RuntimeError, match="in the block"), record_channel_weights(model):
        raise RuntimeError("in the block")
    assert no_hooks(model)
    words = r"function for block1.attention must return a tensor \(4, 16\); got \(4, 15\)"
    override = override_channel_weights(model, {LAYERS[0]: lambda w: w[:, 1:]})
    with pytest.raises(ValueError, match=words), override:
        model(images())
    assert no_hooks(model)


@pytest.mark.parametrize("use", [gates, record_channel_weights, lambda model: override_channel_weights(model, {})])
def test_a_model_without_attention_is_refused(use):
    model = network("none")
    words = "model must hold at least one ChannelAttention, or of timm or torchvision one of .*; ECACNN holds none"
    with pytest.raises(ValueError, match=words):
        use(model).__enter__()


# Networks of others


def test_torchvision_networks_after_insertion():
    for build, count in [(torchvision.models.resnet18, 8), (torchvision.models.mobilenet_v2, 17)]:
        model = insert_attention(build(), "eca").eval()
        with torch.no_grad(), record_channel_weights(model) as weights:
            model(torch.randn(2, 3, 32, 32))
        modules = [m for m in model.modules() if isinstance(m, ChannelAttention)]
        assert [w.shape for w in weights.values()] == [(2, m.channels) for m in modules]
        assert len(weights) == count


@pytest.mark.parametrize("name", ["EcaModule", "CecaModule", "SEModule", "EffectiveSEModule", "SqueezeExcitation"])
def test_the_modules_of_others(name):
    if name == "SqueezeExcitation":
        module = torchvision.ops.SqueezeExcitation(16, 4)
    else:
        module = getattr(pytest.importorskip("timm.layers"), name)(16)
    module.eval()
    model, x = nn.Sequential(nn.Conv2d(3, 16, 1), module), images()
    with torch.no_grad(), record_channel_weights(model) as weights:
        out = model(x)
        features = model[0](x)  # (4, 16, 16, 16)
        torch.testing.assert_close(out, features * weights["1"][:, :, None, None])
        with override_channel_weights(model, {"1": silenced(3)}):
            expected = out.clone()
            expected[:, 3] = 0
            torch.testing.assert_close(model(x), expected)
        with override_channel_weights(model, {"1": constant(1)}):
            torch.testing.assert_close(model(x), features)
    assert weights["1"][:4].std() > 0
    assert no_hooks(model)


@pytest.mark.parametrize("name", ["ecaresnet26t", "seresnet18", "mobilenetv3_small_050", "of torchvision"])
def test_the_networks_of_others(name):
    if name == "of torchvision":
        model = torchvision.models.mobilenet_v3_small()
    else:
        model = pytest.importorskip("timm").create_model(name)
    model.eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad(), record_channel_weights(model) as weights:
        model(x)
    assert len(weights) == len(gates(model)) > 1
    assert {len(w) for w in weights.values()} == {2}


# Overriding


@pytest.mark.parametrize("attention", ATTENTION)
def test_an_override_with_1_equals_the_model_without_gates_in_training_too(attention):
    model, without, x = network(attention), network("none"), images()
    without.load_state_dict({k: v for k, v in model.state_dict().items() if ".attention." not in k})
    with override_channel_weights(model, {layer: constant(1) for layer in LAYERS}):
        torch.testing.assert_close(model(x), without(x))
        torch.testing.assert_close(model.train()(x), without.train()(x))
    assert not torch.allclose(model(x), without(x))


def used_weights(model, x, functions):
    with torch.no_grad(), override_channel_weights(model, functions), record_channel_weights(model) as used:
        model(x)
    return used


def test_the_ready_functions():
    model, x = network(), images(5)
    first = LAYERS[0]
    own = used_weights(model, x, {})
    others = torch.rand(7, 16)
    assert used_weights(model, x, {first: constant(0.25)})[first].eq(0.25).all()
    torch.testing.assert_close(used_weights(model, x, {first: mean_of(others)})[first], others.mean(0).expand(5, 16))
    silent = used_weights(model, x, {first: silenced(2)})[first]
    assert silent[:, 2].eq(0).all()
    rest = [c for c in range(16) if c != 2]
    assert torch.equal(silent[:, rest], own[first][:, rest])
    order = torch.randperm(5, generator=torch.Generator().manual_seed(3))
    assert not torch.equal(order, torch.arange(5))
    mixed = used_weights(model, x, {first: shuffled(torch.Generator().manual_seed(3))})
    assert torch.equal(mixed[first], own[first][order])
    assert torch.equal(mixed[first].sort(0).values, own[first].sort(0).values)
    assert not torch.allclose(mixed[LAYERS[1]], own[LAYERS[1]])  # what comes after follows
    assert torch.equal(
        used_weights(model, x, {LAYERS[2]: constant(1)})[LAYERS[1]], own[LAYERS[1]]
    )  # what comes before not


def test_nested_uses():
    model, x = network(), images()
    layer = LAYERS[1]
    half, more = {layer: constant(0.5)}, {layer: lambda w: w + 0.25}
    with (
        torch.no_grad(),
        record_channel_weights(model) as outside,
        override_channel_weights(model, half),
        override_channel_weights(model, more),
        record_channel_weights(model) as inside,
    ):
        model(x)
    with torch.no_grad(), record_channel_weights(model) as own:
        model(x)
    assert inside[layer].eq(0.75).all()
    assert torch.equal(outside[layer], own[layer])
    assert no_hooks(model)


def test_gradients_pass_through_an_override():
    model, x = network(), images().requires_grad_()
    with override_channel_weights(model, {layer: silenced(0) for layer in LAYERS}):
        model(x).sum().backward()
    assert model.block1.attention.conv.weight.grad.abs().sum() > 0
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("functions", "error", "words"),
    [
        ({"block4": constant(1)}, ValueError, "must be for layers among block1.attention, .*; got one for 'block4'"),
        ({LAYERS[0]: mean_of(torch.rand(3, 8))}, ValueError, r"must return a tensor \(4, 16\); got \(4, 8\)"),
        ({LAYERS[0]: lambda w: 1.0}, ValueError, r"must return a tensor \(4, 16\); got float"),
        ({LAYERS[0]: silenced(16)}, ValueError, "channel must lie in 0…15; got 16"),
        ({LAYERS[0]: silenced(-1)}, ValueError, "channel must lie in 0…15; got -1"),
    ],
)
def test_what_cannot_be_replaced_is_refused(functions, error, words):
    model = network()
    with pytest.raises(error, match=words), override_channel_weights(model, functions):
        model(images())
    assert no_hooks(model)


# Numbers


@pytest.mark.filterwarnings("ignore:std")  # of a class without images
def test_class_statistics_are_those_of_each_class_alone():
    weights, labels = torch.rand(50, 6), torch.randint(3, (50,))
    means, spreads = class_statistics(weights, labels, 5)
    for label in range(3):
        torch.testing.assert_close(means[label], weights[labels == label].mean(0))
        torch.testing.assert_close(spreads[label], weights[labels == label].std(0))
    assert means[3:].isnan().all()
    assert spreads[3:].isnan().all()


@pytest.mark.filterwarnings("error")
def test_one_image_of_a_class_has_a_mean_and_no_deviation():
    weights = torch.rand(3, 4)
    means, spreads = class_statistics(weights, torch.tensor([0, 0, 1]), 2)
    torch.testing.assert_close(means[1], weights[2])
    assert spreads[1].isnan().all()
    assert not spreads[0].isnan().any()


def test_a_learned_scale_does_not_attend():
    scale = torch.tensor([0.25, 0.5, 0.75])
    assert attending(scale.expand(10, 3)) == 0
    assert attending(torch.full((10, 3), 0.5)) == 0
    assert attending(torch.tensor([[0.0, 0.5], [0.5, 1.0]])) == pytest.approx(0.125 / 0.125)
    assert attending(torch.tensor([[0.2, 0.6], [0.4, 0.6]])) == pytest.approx(0.01 / 0.045)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: class_statistics(torch.rand(4, 2), torch.zeros(3).long(), 2), r"shape \(4,\).*got \(3,\)"),
        (lambda: class_statistics(torch.rand(2, 2), torch.tensor([0, 2]), 2), "labels must lie in 0…1; got 0…2"),
        (lambda: class_statistics(torch.rand(4), torch.zeros(4).long(), 2), r"shape \(N, C\); got .* \(4,\)"),
        (lambda: mean_of(torch.rand(4)), r"shape \(N, C\); got torch.float32, \(4,\)"),
        (lambda: mean_of(torch.ones(4, 2, dtype=torch.long)), r"floating numbers .* got torch.int64, \(4, 2\)"),
        (lambda: attending(torch.rand(1, 4)), r"at least 2 images and 2 channels; got \(1, 4\)"),
        (lambda: attending(torch.rand(4, 1)), r"at least 2 images and 2 channels; got \(4, 1\)"),
        (lambda: silenced(1.5), "'float' object cannot be interpreted as an integer"),
    ],
)
def test_bad_numbers_are_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_an_eca_alone_is_a_model_too():
    module = ECA(4)
    with record_channel_weights(module) as weights:
        module(torch.ones(2, 4, 3, 3))
    assert weights[""].shape == (2, 4)


def test_a_shared_gate_is_refused():
    model = nn.Sequential(ECA(8), ECA(8))
    model[1].gate = model[0].gate
    with pytest.raises(ValueError, match="must have a gate of its own"):
        gates(model)
