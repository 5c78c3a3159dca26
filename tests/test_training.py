"""Training: reproducible, independent of everything but its seed, and able to learn."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eca_edu import ImageData, ModelConfig, build_model, evaluate, fit, make_cue_switch
from eca_edu.training.loop import MARGIN, augment, one_cycle

TRAIN, TEST = make_cue_switch(256, seed=0), make_cue_switch(64, seed=1)


def trained(seed=0, **options):
    torch.manual_seed(seed)
    model = build_model(ModelConfig(width=8))
    records = list(fit(model, TRAIN, TEST, seed=seed, **{"epochs": 2, "batch_size": 64, **options}))
    return model, records


def test_the_seed_decides_the_run():
    (model, records), (model2, records2) = trained(), trained()
    torch.testing.assert_close(model.state_dict(), model2.state_dict(), rtol=0, atol=0)
    without_time = [{**vars(r), "seconds": None} for r in records]
    assert without_time == [{**vars(r), "seconds": None} for r in records2]
    torch.manual_seed(0)
    other = next(fit(build_model(ModelConfig(width=8)), TRAIN, TEST, epochs=2, batch_size=64, seed=1))
    assert other.train_loss != records[0].train_loss


@pytest.mark.parametrize("width", [1, 4, 6])
def test_a_very_narrow_network_trains(width):
    model = build_model(ModelConfig(attention="none", width=width))
    for _ in fit(model, make_cue_switch(512, seed=0), TEST, epochs=3, batch_size=64):
        pass  # the process would die, see fastest_layout


def test_fit_leaves_the_global_generator_alone():
    model = build_model(ModelConfig(width=8))
    before = torch.get_rng_state()
    next(fit(model, TRAIN, TEST, epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


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
    *_, last = fit(model, data, data, epochs=60, batch_size=32, peak_learning_rate=0.1)
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
    before = copy.deepcopy(model.state_dict())
    fit(model, TRAIN, TEST)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


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


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_one_cycle_rises_to_its_peak_and_falls_to_almost_nothing(share):
    rates = [one_cycle(step, 100, share) for step in range(100)]
    peak = rates.index(max(rates))
    assert peak == pytest.approx(share * 100, abs=1)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(1, abs=0.1)
    assert 0 < rates[-1] < 0.02


def test_bad_arguments_are_named():
    model, nothing = build_model(ModelConfig(width=8)), TRAIN.take(slice(0))
    for call, words in [
        (lambda: next(fit(model, TRAIN, TEST, epochs=0)), "epochs must be at least 1; got 0"),
        (lambda: next(fit(model, TRAIN, TEST, epochs=2.5)), "epochs must be a whole number; got 2.5"),
        (lambda: next(fit(model, TRAIN, TEST, batch_size=0)), "batch_size must be at least 1; got 0"),
        (lambda: next(fit(model, nothing, TEST)), r"len\(train\) must be at least 1; got 0"),
        (lambda: evaluate(model, nothing), r"len\(data\) must be at least 1; got 0"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            call()


def test_any_model_can_be_trained():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    assert len(list(fit(model, TRAIN, TEST, epochs=1, peak_learning_rate=0.01))) == 1
