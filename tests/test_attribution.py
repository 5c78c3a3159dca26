"""Attributions equal what is computed by hand, keep what they promise, and their scores tell good maps from bad ones."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from captum.attr import LayerIntegratedGradients
from scipy.stats import binomtest, spearmanr, ttest_1samp
from torch import nn
from torch.nn import functional as F

from eca_edu import ECACNN, attribution, make_cue_switch, record_channel_weights
from eca_edu.attention import ECANotShared
from eca_edu.attribution import deep_lift, gate_attribution, grad_cam, integrated_gradients, occlusion, saliency
from eca_edu.channel_weights import override_channel_weights

DATA = make_cue_switch(12, seed=0)
X = DATA.normalize(DATA.images)
TARGET = torch.arange(12) % 10


def network(attention=None):
    """A small network that has seen some images, so that its batch norms are not the identity."""
    torch.manual_seed(0)
    model = ECACNN(width=8, stem_stride=2, **({"attention": attention} if attention else {}))
    for _ in range(5):
        model(X)
    return model.eval()


MODEL = network()
METHODS = {
    "saliency": saliency,
    "integrated gradients": integrated_gradients,
    "DeepLift": deep_lift,
    "Grad-CAM": partial(grad_cam, layer="block2"),
    "occlusion": occlusion,
    "gate": partial(gate_attribution, layer="block2.attention"),
}
every_method = pytest.mark.parametrize("name", METHODS)


def score(model, x, target):
    with torch.no_grad():
        return model(x).gather(1, torch.as_tensor(target).expand(len(x))[:, None])[:, 0]


def linear_model(size=8):
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 4)).eval()


# What every method has


@every_method
def test_a_result_says_what_it_explains(name):
    result = METHODS[name](MODEL, X, TARGET)
    assert result.method == name
    assert torch.equal(result.target, TARGET)
    assert result.values.shape in {(12, 3, 32, 32), (12, 1, 32, 32), (12, 16)}
    assert result.values.device.type == "cpu"
    assert not result.values.requires_grad
    assert result.delta.shape == (12,)
    assert (result.baseline is None) == (name in ("saliency", "Grad-CAM"))
    assert result.layer == {"Grad-CAM": "block2", "gate": "block2.attention"}.get(name)
    assert result.promises_completeness == (name in ("integrated gradients", "DeepLift", "gate"))
    assert bool(result.delta.isnan().all()) != result.promises_completeness


@every_method
def test_batching_changes_nothing(name, monkeypatch):
    whole = METHODS[name](MODEL, X, TARGET)
    monkeypatch.setattr(attribution, "BATCH", 5)
    parts = METHODS[name](MODEL, X, TARGET)
    torch.testing.assert_close(parts.values, whole.values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parts.delta, whole.delta, rtol=1e-3, atol=1e-4, equal_nan=True)


@every_method
def test_without_a_target_the_answer_is_explained_and_one_class_serves_for_all(name):
    assert torch.equal(METHODS[name](MODEL, X[:2]).target, MODEL(X[:2]).argmax(1))
    assert METHODS[name](MODEL, X[:2], 3).target.tolist() == [3, 3]


@every_method
def test_no_trace_is_left_on_the_model_and_no_grad_around_does_not_matter(name):
    expected = METHODS[name](MODEL, X[:2], TARGET[:2]).values
    with torch.no_grad():
        assert torch.equal(METHODS[name](MODEL, X[:2], TARGET[:2]).values, expected)
    for module in MODEL.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    assert all(parameter.grad is None for parameter in MODEL.parameters())


@every_method
@pytest.mark.parametrize(
    ("x", "target", "words"),
    [
        (DATA.images, None, r"of a floating type .* as `ImageData.normalize` gives it; got torch.uint8 \(12, 3"),
        (X[0], None, r"and shape \(N, 3, H, W\) with N ≥ 1.*; got torch.float32 \(3, 32, 32\)"),
        (X[:0], None, r"with N ≥ 1.*got torch.float32 \(0, 3"),
        (X[:2], 10, "target must be a class from 0 to 9, or one for each of 2 images; got 10"),
        (X[:2], 1.5, "target must be a class .*; got 1.5"),
        (X[:2], torch.tensor([1, 2, 3]), r"one for each of 2 images; got tensor\(\[1, 2, 3\]\)"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(name, x, target, words):
    with pytest.raises(ValueError, match=words):
        METHODS[name](MODEL, x, target)


@every_method
def test_a_model_in_training_is_refused(name):
    with pytest.raises(ValueError, match="model must be in evaluation mode"):
        METHODS[name](ECACNN(width=8), X)


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        (
            integrated_gradients,
            {"baseline": torch.zeros(3)},
            r"must be a number or have shape \(3, 32, 32\); got \(3,\)",
        ),
        (integrated_gradients, {"steps": 0}, "steps must be at least 1; got 0"),
        (deep_lift, {"baseline": torch.zeros(1, 3, 32, 32)}, "baseline must be a number or have"),
        (grad_cam, {"layer": "block9"}, "layer must be the name of a module, such as stem, block1.*'block9'"),
        (grad_cam, {"layer": "head"}, r"layer must give a feature map \(N, C, h, w\); 'head' gives"),
        (occlusion, {"window": 40}, "window ≤ side of the image must hold; got stride 4 and window 40"),
        (occlusion, {"window": 4, "stride": 5}, "got stride 5 and window 4"),
        (gate_attribution, {"layer": "block1"}, "layer must be one of block1.attention, .*; got 'block1'"),
        (gate_attribution, {"layer": "block1.attention", "baseline": torch.ones(9)}, r"shape \(8,\); got \(9,\)"),
    ],
)
def test_options_that_do_not_fit_are_refused(method, options, words):
    with pytest.raises(ValueError, match=words):
        method(MODEL, X, **options)


def test_a_gate_is_asked_of_a_network_that_has_one_and_gives_no_map():
    with pytest.raises(ValueError, match="holds none"):
        gate_attribution(network(nn.Identity), X, layer="block1")
    with pytest.raises(ValueError, match="pixels must be asked of a map"):
        gate_attribution(MODEL, X, layer="block1.attention").pixels  # noqa: B018


# Equal to what is computed by hand


def test_saliency_is_the_absolute_gradient():
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(MODEL(x).gather(1, TARGET[:, None]).sum(), x)
    torch.testing.assert_close(saliency(MODEL, X, TARGET).values, gradient.abs())


@pytest.mark.parametrize("method", [integrated_gradients, deep_lift])
def test_for_a_linear_model_the_attribution_is_weight_times_difference(method):
    model, baseline = linear_model(), torch.randn(3, 8, 8)
    x, target = torch.randn(5, 3, 8, 8), torch.arange(5) % 4
    result = method(model, x, target, baseline=baseline)
    by_hand = model[1].weight[target].reshape(5, 3, 8, 8) * (x - baseline)
    torch.testing.assert_close(result.values, by_hand.detach(), rtol=1e-4, atol=1e-5)
    assert result.delta.abs().max() < 1e-4


def test_integrated_gradients_are_the_mean_gradient_times_the_difference():
    x, baseline, steps = X[:2].double(), 0.3, 400
    model = network().double()
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baseline + (step + 0.5) / steps * (x - baseline)).requires_grad_()
        (gradient,) = torch.autograd.grad(model(point)[:, 4].sum(), point)
        total += gradient
    values = integrated_gradients(model, x, 4, baseline=baseline, steps=400).values
    assert (values - total / steps * (x - baseline)).abs().max() < 0.02 * values.abs().max()


@pytest.mark.parametrize("layer", ["block1", "block3"])
def test_grad_cam_by_hand(layer):
    kept = {}
    hook = MODEL.get_submodule(layer).register_forward_hook(lambda module, inputs, output: kept.update(maps=output))
    scores = MODEL(X).gather(1, TARGET[:, None]).sum()
    hook.remove()
    (gradient,) = torch.autograd.grad(scores, kept["maps"])
    cam = (gradient.mean((2, 3), keepdim=True) * kept["maps"]).sum(1, keepdim=True).relu()
    by_hand = F.interpolate(cam, size=(32, 32), mode="bilinear")
    torch.testing.assert_close(grad_cam(MODEL, X, TARGET, layer=layer).values, by_hand.detach())


def test_occlusion_by_hand():
    values = torch.zeros(12, 32, 32)
    times = torch.zeros(32, 32)
    before = score(MODEL, X, TARGET)
    for top in range(0, 25, 4):
        for left in range(0, 25, 4):
            hidden = X.clone()
            hidden[:, :, top : top + 8, left : left + 8] = 0.5
            values[:, top : top + 8, left : left + 8] += (before - score(MODEL, hidden, TARGET))[:, None, None]
            times[top : top + 8, left : left + 8] += 1
    torch.testing.assert_close(occlusion(MODEL, X, TARGET, baseline=0.5).pixels, values / times, rtol=1e-4, atol=1e-5)


def test_gate_attribution_equals_captums_layer_method_where_both_have_the_same_baseline():
    grey = torch.zeros(1, 3, 32, 32)
    with torch.no_grad(), record_channel_weights(MODEL) as weights:
        MODEL(grey)
    ours = gate_attribution(MODEL, X, TARGET, layer="block2.attention", baseline=weights["block2.attention"][0])
    captums = LayerIntegratedGradients(MODEL, MODEL.block2.attention.gate)
    theirs = captums.attribute(X, baselines=grey.expand_as(X), target=TARGET, n_steps=attribution.STEPS)
    torch.testing.assert_close(ours.values, theirs.detach(), rtol=1e-3, atol=1e-5)


# Completeness


def test_the_values_sum_to_the_difference_of_the_scores_within_the_printed_delta():
    for baseline in (0.0, -1.0, torch.rand(3, 32, 32)):
        before = score(MODEL, torch.as_tensor(baseline).expand(12, 3, 32, 32), TARGET)
        for method in (integrated_gradients, deep_lift):
            result = method(MODEL, X, TARGET, baseline=baseline)
            difference = score(MODEL, X, TARGET) - before
            torch.testing.assert_close(result.pixels.sum((1, 2)) - difference, result.delta, rtol=0, atol=1e-4)


@pytest.mark.parametrize("baseline", [0.0, 0.5, torch.linspace(0, 1, 16)])
def test_the_gates_values_sum_to_the_score_minus_that_with_the_baselines_weights(baseline):
    result = gate_attribution(MODEL, X, TARGET, layer="block2.attention", baseline=baseline)
    start = torch.as_tensor(baseline).expand(16)
    with override_channel_weights(MODEL, {"block2.attention": lambda w: start.expand_as(w)}):
        before = score(MODEL, X, TARGET)
    difference = score(MODEL, X, TARGET) - before
    torch.testing.assert_close(result.values.sum(1) - difference, result.delta, rtol=0, atol=1e-5)


def test_more_steps_make_integrated_gradients_more_complete():
    deltas = [integrated_gradients(MODEL, X, TARGET, steps=steps).delta.abs().max() for steps in (2, 256)]
    assert deltas[1] < 0.1 * deltas[0]


def test_deep_lift_is_complete_without_gates_and_not_with_them():
    plain, gated = (deep_lift(model, X, TARGET).delta.abs() for model in (network(nn.Identity), MODEL))
    assert plain.max() < 1e-4
    assert gated.min() > plain.max()


# Scores


def test_a_perfect_map_scores_1_and_a_random_one_about_chance():
    masks = make_cue_switch(1000, seed=3).masks
    perfect = masks * torch.rand(masks.shape, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(masks.shape, generator=torch.Generator().manual_seed(1))
    table = attribution.mask_scores(
        {"perfect": perfect, "negative": -perfect, "noise": noise, "nothing": 0 * perfect}, masks
    )
    chance = float(masks.float().mean())
    for score_name in ("pointing", "share"):
        assert table[score_name]["perfect"] == table[score_name]["negative"] == 1
        assert abs(table[score_name]["noise"] - chance) < 0.03
        assert abs(table[score_name]["nothing"] - chance) < 1e-6
        assert table[f"{score_name} low"]["noise"] < table[score_name]["noise"] < table[f"{score_name} high"]["noise"]


def test_scores_of_maps_drawn_by_hand():
    masks = torch.tensor([[[1, 1], [0, 0]]] * 3).bool()
    pixels = torch.tensor([[[3.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [-3.0, 0.0]], [[2.0, 0.0], [2.0, -2.0]]])
    assert attribution.pointing_game(pixels, masks).tolist() == pytest.approx([1, 0, 1 / 3])
    assert attribution.share_inside(pixels, masks).tolist() == pytest.approx([3 / 4, 1 / 4, 1 / 3])
    with pytest.raises(ValueError, match=r"pixels and masks must have the same shape \(N, H, W\)"):
        attribution.pointing_game(pixels[:2], masks)
    with pytest.raises(ValueError, match="masks of type bool"):
        attribution.share_inside(pixels, masks.float())


def test_the_interval_is_that_of_the_mean():
    masks = make_cue_switch(50, seed=3).masks
    noise = torch.randn(masks.shape, generator=torch.Generator().manual_seed(1))
    values = attribution.share_inside(noise, masks).double()
    row = attribution.mask_scores({"noise": noise}, masks).loc["noise"]
    assert row["share high"] - row["share"] == pytest.approx(2.0096 * float(values.std()) / 50**0.5, rel=1e-3)
    hits = binomtest(int(attribution.pointing_game(noise, masks).sum()), 50).proportion_ci(method="wilson")
    assert (row["pointing low"], row["pointing high"]) == pytest.approx((hits.low, hits.high))


def test_maps_of_the_same_images_are_compared_in_pairs():
    masks = make_cue_switch(50, seed=3).masks
    noise = torch.randn(masks.shape, generator=torch.Generator().manual_seed(1))
    better = noise + masks  # a little stronger inside
    row = attribution.mask_scores({"map": better}, masks, minus={"map": noise}).loc["map"]
    for name, measure in {"pointing": attribution.pointing_game, "share": attribution.share_inside}.items():
        difference = (measure(better, masks) - measure(noise, masks)).double()
        expected = ttest_1samp(difference, 0).confidence_interval()
        assert row[name] == pytest.approx(float(difference.mean()))
        assert (row[f"{name} low"], row[f"{name} high"]) == pytest.approx((expected.low, expected.high))
    assert row["share low"] > 0


def test_a_mean_leaves_out_what_has_no_answer():
    mean = attribution.mean_with_interval(torch.tensor([1.0, math.nan, 2.0, 3.0]))
    assert (mean.mean, mean.images) == (2.0, 3)
    assert mean.high - mean.mean == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    assert str(mean) == "2.00 (-0.48 to 4.48)"
    with pytest.raises(ValueError, match="at least one number that is not NaN"):
        attribution.mean_with_interval(torch.tensor([math.nan]))


def test_rank_correlation_is_scipys_for_each_image():
    a, b = torch.randn(2, 6, 4, 5, generator=torch.Generator().manual_seed(0))
    b[0] = a[0] ** 3
    b[1] = -a[1]
    b[2] = a[2].round()  # with ties
    by_scipy = [spearmanr(u.flatten(), v.flatten()).statistic for u, v in zip(a, b, strict=True)]
    assert attribution.rank_correlation(a, b).tolist() == pytest.approx(by_scipy, abs=1e-12)
    assert attribution.rank_correlation(a, b)[:2].tolist() == pytest.approx([1, -1])
    b[3] = 0
    assert math.isnan(attribution.rank_correlation(a, b)[3])
    with pytest.raises(ValueError, match=r"a and b must have the same shape \(N, …\); got"):
        attribution.rank_correlation(a, b[1:])


# Sanity


def test_a_randomized_network_shares_no_weights_and_leaves_the_generator_alone():
    state = torch.get_rng_state()
    fresh, again, other = (
        attribution.randomized(MODEL),
        attribution.randomized(MODEL),
        attribution.randomized(MODEL, seed=1),
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert not fresh.training
    for name, parameter in MODEL.named_parameters():
        if parameter.ndim > 1:  # the others are scales and shifts, which begin at 1 and 0
            assert not torch.equal(fresh.get_parameter(name), parameter)
            assert torch.equal(fresh.get_parameter(name), again.get_parameter(name))
            assert not torch.equal(fresh.get_parameter(name), other.get_parameter(name))
    with torch.no_grad():
        assert not torch.allclose(fresh(X), MODEL(X), atol=1e-2)


def test_a_layer_that_cannot_be_randomized_is_refused():
    with pytest.raises(ValueError, match=r"reset_parameters\(\); block1.attention has none"):
        attribution.randomized(network(ECANotShared))


# Infidelity and sensitivity


def test_for_a_linear_model_the_exact_attribution_foretells_all_and_zeros_nothing():
    model, x = linear_model(), torch.randn(6, 3, 8, 8)
    exact = integrated_gradients(model, x, 2)
    zeros = attribution.Attribution("zeros", torch.zeros(x.shape), exact.target, None, exact.delta)
    # In 8 × 8 pixels the only square is the whole image: the drop is score(x) - score(0).
    drops = (x.flatten(1) @ model[1].weight[2]).detach() ** 2
    assert attribution.infidelity(model, x, exact).max() < 1e-6
    with pytest.raises(ValueError, match=r"must be a map of images of at least 8 pixels; got values \(6, 3\)"):
        attribution.infidelity(model, x, replace(exact, values=exact.values[:, :, 0, 0]))
    torch.testing.assert_close(attribution.infidelity(model, x, zeros), drops, rtol=1e-4, atol=1e-5)
    model, x = linear_model(16), torch.randn(6, 3, 16, 16)  # in which there are several squares
    exact = integrated_gradients(model, x, 2)
    assert attribution.infidelity(model, x, exact).max() < 1e-6
    assert attribution.infidelity(model, x, replace(exact, values=torch.randn(x.shape))).min() > 1e-4


def test_a_constant_map_is_not_sensitive_and_the_seed_fixes_the_trials():
    def constant(model, x, target):
        return attribution.Attribution("constant", torch.ones(x.shape), target, None, torch.zeros(len(x)))

    assert attribution.sensitivity(constant, MODEL, X).max() == 0
    first = attribution.sensitivity(saliency, MODEL, X, draws=3)
    assert first.min() > 0
    assert torch.equal(first, attribution.sensitivity(saliency, MODEL, X, draws=3))
    assert not torch.equal(first, attribution.sensitivity(saliency, MODEL, X, draws=3, seed=1))
