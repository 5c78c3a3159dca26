"""Training: reproducible, independent of everything but its seed, and able to learn."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eca_edu import ImageData, ModelConfig, build_model, evaluate, fit, make_cue_switch
from eca_edu.training import MARGIN, augment, one_cycle

TRAIN, TEST = make_cue_switch(256, seed=0), make_cue_switch(64, seed=1)


def trained(seed=0, **options):
    torch.manual_seed(seed)
    model = build_model(ModelConfig(width=8))
    records = list(fit(model, TRAIN, TEST, seed=seed, **{"epochs": 2, "batch_size": 64, **options}))
    return model, records


def test_same_seed_same_run():
    (model, records), (model2, records2) = trained(), trained()
    for a, b in zip(model.state_dict().values(), model2.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    without_time = [{**vars(r), "seconds": None} for r in records]
    assert without_time == [{**vars(r), "seconds": None} for r in records2]


@pytest.mark.parametrize("width", [1, 4, 6])
def test_a_very_narrow_network_trains(width):
    model = build_model(ModelConfig(attention="none", width=width))
    for _ in fit(model, make_cue_switch(512, seed=0), TEST, epochs=3, batch_size=64):
        pass  # the process would die, see _layout


def test_other_seed_other_run():
    torch.manual_seed(0)
    model, model2 = build_model(ModelConfig(width=8)), None
    torch.manual_seed(0)
    model2 = build_model(ModelConfig(width=8))
    losses = [next(fit(m, TRAIN, TEST, epochs=2, seed=s)).train_loss for m, s in [(model, 0), (model2, 1)]]
    assert losses[0] != losses[1]


def test_fit_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    model = build_model(ModelConfig(width=8))
    torch.manual_seed(5)
    next(fit(model, TRAIN, TEST, epochs=1))
    assert torch.equal(torch.rand(1), expected)


def test_the_seed_fixes_dropout_too():
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(3 * 32 * 32, 10))
        run = fit(model, TRAIN, TEST, epochs=2, peak_learning_rate=0.01)
        first = next(run).train_loss
        torch.rand(len(losses) + 1)  # what others draw in between must not matter
        losses.append((first, next(run).train_loss))
    assert losses[0] == losses[1]


def test_the_recorded_loss_is_the_cross_entropy_without_smoothing():
    certain = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    nn.init.zeros_(certain[1].weight)
    certain[1].bias.data = torch.tensor([50.0] + [0.0] * 9)  # sure of class 0
    zeros = TRAIN.take(TRAIN.labels == 0)
    record = next(fit(certain, zeros, zeros, epochs=1, peak_learning_rate=0.0))
    assert record.train_loss == pytest.approx(0, abs=1e-6)
    assert record.test_loss == pytest.approx(0, abs=1e-6)


def test_it_learns_a_batch_by_heart():
    data = TRAIN.take(slice(32))
    torch.manual_seed(0)
    model = build_model(ModelConfig(width=16))
    *_, last = fit(model, data, data, epochs=60, batch_size=32, peak_learning_rate=0.1, weight_decay=0)
    assert last.test_accuracy == 1


def test_records_count_what_happened():
    model, records = trained()
    assert [r.epoch for r in records] == [1, 2]
    loss, accuracy = evaluate(model, TEST)
    assert (records[-1].test_loss, records[-1].test_accuracy) == (loss, accuracy)
    assert all(0 <= r.train_accuracy <= 1 and math.isfinite(r.train_loss) and r.seconds > 0 for r in records)


def test_evaluate_is_the_mean_over_all_images_whatever_the_batch():
    model = build_model(ModelConfig(width=8)).eval()
    with torch.no_grad():
        scores = model(TEST.normalize(TEST.images))
    expected = F.cross_entropy(scores, TEST.labels).item(), (scores.argmax(1) == TEST.labels).float().mean().item()
    for batch_size in (7, 64, 1000):
        assert evaluate(model, TEST, batch_size=batch_size) == pytest.approx(expected, abs=1e-5)


def test_nothing_runs_before_the_first_record_is_asked_for():
    model = build_model(ModelConfig(width=8))
    before = [p.clone() for p in model.parameters()]
    fit(model, TRAIN, TEST)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("flip", [True, False])
def test_augment_only_crops_and_flips(flip):
    images = torch.arange(5 * 3 * 6 * 6, dtype=torch.uint8).view(5, 3, 6, 6)
    padded = F.pad(images, (MARGIN,) * 4, mode="reflect")
    indices = torch.tensor([4, 0, 2, 2, 1, 3] * 20)
    out = augment(padded, indices, torch.Generator().manual_seed(0), flip=flip)
    assert out.shape == (120, 3, 6, 6)
    places = 2 * MARGIN + 1
    seen = set()
    for image, i in zip(out, indices, strict=True):
        found = [
            (top, left, flipped)
            for top in range(places)
            for left in range(places)
            for flipped in (False, True)
            for crop in [padded[i, :, top : top + 6, left : left + 6]]
            if torch.equal(image, crop.flip(2) if flipped else crop)
        ]
        assert found
        seen.update(found)
    assert {place[2] for place in seen} == {False, flip}
    assert len({place[:2] for place in seen}) > 2 * places  # crops come from many places


@pytest.mark.parametrize("flip", [True, False])
def test_left_and_right_can_be_told_apart_only_without_mirroring(flip):
    images = torch.zeros(64, 3, 32, 32, dtype=torch.uint8)
    images[:32, :, :, :12] = images[32:, :, :, 20:] = 255
    data = ImageData("sides", ("left", "right"), images, torch.arange(2).repeat_interleave(32))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    *_, last = fit(model, data, data, epochs=4, batch_size=16, peak_learning_rate=0.001, flip=flip)
    assert last.train_accuracy < 0.8 if flip else last.train_accuracy == 1


def test_normalized_training_images_have_mean_0_and_std_1():
    x = TRAIN.normalize(TRAIN.images)
    assert x.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_one_cycle_rises_to_its_peak_and_falls_to_almost_nothing():
    rates = [one_cycle(step, 100) for step in range(100)]
    peak = rates.index(max(rates))
    assert peak == pytest.approx(25, abs=1)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(1, abs=0.02)
    assert 0 < rates[-1] < 0.02


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number; got 2.5"),
    ],
)
def test_bad_arguments_are_named(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        trained(**options)


def test_no_images_are_refused():
    model, nothing = build_model(ModelConfig(width=8)), TRAIN.take(slice(0))
    with pytest.raises(ValueError, match=r"len\(train\) must be at least 1; got 0"):
        next(fit(model, nothing, TEST))
    with pytest.raises(ValueError, match=r"len\(data\) must be at least 1; got 0"):
        evaluate(model, nothing)


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    with pytest.raises(FloatingPointError, match=r"training loss became .* in epoch 1; lower peak_learning_rate"):
        trained(peak_learning_rate=1e30)


def test_any_model_can_be_trained():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    assert len(list(fit(model, TRAIN, TEST, epochs=1, peak_learning_rate=0.01))) == 1
