"""Explorers without a browser: pictures follow the controls, errors show, pyplot stays out of it."""

import base64
import io
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.path import Path
from PIL import Image
from torch import nn
from torchvision.models import mobilenet_v2, resnet18, resnet50

from eca_edu import ECA, ECACNN, Epoch, ModelConfig, adaptive_kernel_size, fit, load_checkpoint, make_cue_switch
from eca_edu.attribution import Attribution
from eca_edu.channel_weights import override_channel_weights
from eca_edu.figures.attributions import draw_attributions, draw_scores, outline
from eca_edu.figures.channel_weights import draw_class_means
from eca_edu.figures.feature_maps import draw_feature_maps
from eca_edu.figures.pipeline import draw_pipeline
from eca_edu.insertion import attention_places, attention_stages
from eca_edu.kernel_size import CONVENTIONS
from eca_edu.widgets.attributions import AttributionExplorer, completeness, sanity
from eca_edu.widgets.backbones import BackboneExplorer
from eca_edu.widgets.channel_weights import ChannelWeightsExplorer, InterventionExplorer
from eca_edu.widgets.convolution import ConvolutionStepper
from eca_edu.widgets.explorer import Explorer, Panel
from eca_edu.widgets.gates import GATES, InteractionExplorer
from eca_edu.widgets.kernel_size import STAGES, ConventionsExplorer, KernelSizeExplorer
from eca_edu.widgets.prediction import Prediction
from eca_edu.widgets.training import LiveCurves, TrainingMonitor

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = make_cue_switch(6, seed=0)
SOME = make_cue_switch(60, seed=0)


@pytest.fixture(autouse=True)
def no_answers_of_other_tests(monkeypatch):
    monkeypatch.setattr("eca_edu.widgets.prediction.ANSWERS", {})


def learned(model):
    """Weights that differ, as after some training: without it all are near 0.5 and no answer follows them."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
    return model


MODEL, OTHER = learned(ECACNN(width=8)), learned(ECACNN(width=8))
TRAINED, _ = load_checkpoint(ROOT / "data" / "checkpoints" / "cue-switch-eca.safetensors")
make_weights_explorer = partial(ChannelWeightsExplorer, MODEL, DATA)
make_intervention = partial(InterventionExplorer, {"first": MODEL, "second": OTHER}, SOME)
make_attribution_explorer = partial(AttributionExplorer, TRAINED, DATA)
make_stepper = partial(ConvolutionStepper, [4.0, 0.0, 2.0, 1.0, 1.0, 2.0, 1.0, -1.0], [0.25, 0.5, 0.125])
make_prediction = partial(Prediction, "how many?", {"first": 3, "second": 7}, low=0, high=10)
#: Explorer -> its moves: a control and its new value, and for a control that matters for one choice of others that choice.
MOVES = {
    KernelSizeExplorer: [("gamma", 3.5), ("b", -2), ("channels", 2048), ("channels", 4, {"gamma": 1, "b": 2})],
    make_weights_explorer: [("image", 4)],
    BackboneExplorer: [
        *[("backbone", "mobilenet_v2"), ("attention", "se-var3"), ("gamma", 1), ("b", 4), ("kernel_sizes", "3-5-5-9")]
    ],
    InteractionExplorer: [
        *[("gate", "se-var3"), ("channels", 32), ("kernel_size", 7)],
        *[("reduction", 2, {"gate": "se"}), ("groups", 8, {"gate": "se-gc"})],
    ],
    ConventionsExplorer: [("gamma", 3.5), ("b", 3), ("channels", 2048)],
    make_stepper: [("channel", 5), ("padding", "circular"), ("padding", "circular", {"channel": 7})],
    make_prediction: [("first", 4)],
    make_intervention: [
        *[("model", "second"), ("layer", "block3.attention"), ("label", 7), ("image", 1), ("channel", 5)],
        *[("weight", 1.0), ("channel", "all", {"weight": 0.0})],
    ],
    make_attribution_explorer: [
        *[("image", 4), ("method", "saliency"), ("method", "gate"), ("target", "red"), ("steps", 2)],
        *[("layer", "block1", {"method": "Grad-CAM"}), ("layer", "block2", {"method": "gate"})],
        ("steps", 4, {"method": "gate"}),
    ],
}
#: Control -> where it is moved before.
OTHERS = {
    **{"gamma": [1, 4], "b": [-2, 4], "channels": [1, 64], "gate": ["se", "se-gc"], "kernel_size": [1, 11]},
    **{"channel": [7, 0], "padding": ["circular"], "first": [10, 0], "reduction": [32, 4], "groups": [32, 2]},
    **{"image": [0, 5], "backbone": ["resnet18"], "attention": ["se"], "kernel_sizes": ["3-3-3-3", "no list"]},
    **{"model": ["second", "first"], "label": [3, 9], "weight": [0.0, 1.0, "own"], "target": ["ring", "its answer"]},
    **{"method": ["Grad-CAM", "gate", "occlusion"], "layer": ["block2.attention", "block3", "block1"]},
    **{"steps": [128, 2]},
}


def pixels(panel):
    return np.asarray(Image.open(io.BytesIO(panel.picture.value)).convert("RGB")).astype(int)


def name_of(part):
    return f"{part[0]}-{part[1]}" if isinstance(part, tuple) else getattr(part, "func", part).__name__


@pytest.mark.parametrize(("build", "move"), [(b, move) for b, moves in MOVES.items() for move in moves], ids=name_of)
def test_a_moved_control_changes_what_is_shown_to_what_an_explorer_drawn_there_shows(build, move):
    control, value, first = *move[:2], *(move[2:] or [{}])
    moved, there = build(), build()
    for name, choice in first.items():
        moved.controls[name].value = choice
    before, sentence = pixels(moved), moved.sentence.value
    options = getattr(moved.controls[control], "options", None)
    for other in OTHERS[control]:
        if options is None or other in options:
            moved.controls[control].value = other
    moved.controls[control].value = value
    assert (np.abs(pixels(moved) - before).max(2) > 20).mean() > (0 if first else 0.001)
    assert moved.sentence.value != sentence
    assert moved.last_error is None

    fresh = type(there).__new__(type(there))
    Panel.__init__(fresh, *(round(size * 100) for size in there.figure.get_size_inches()))
    for name, state in vars(there).items():
        if name not in vars(fresh):
            setattr(fresh, name, state)
    fresh.prepare()
    fresh.show(fresh.update(**{**there.values, **first, control: value}))
    assert np.array_equal(pixels(moved), pixels(fresh))
    assert moved.sentence.value == fresh.sentence.value


def test_an_impossible_setting_turns_red_and_says_why():
    explorer = InteractionExplorer()
    explorer.gate.value, explorer.channels.value, explorer.groups.value = "se-gc", 8, 16
    assert ">groups must divide channels; got 16 for 8 channels</pre>" in explorer.alert.value
    assert explorer.picture.layout.border_top == "2px solid #B00020"
    explorer.groups.value = 8
    assert explorer.alert.value == ""
    assert explorer.picture.layout.border_top == "2px solid transparent"
    explorer.gate.value, explorer.reduction.value = "se", 16
    assert "r must be at most C" in explorer.alert.value


BRIDGES = "of 1,024 entries can differ from zero, made of <b>"


@pytest.mark.parametrize(
    ("build", "settings", "words"),
    [
        (InteractionExplorer, {"gate": "se"}, f"31 others, through a bottleneck of 8. 1,024 {BRIDGES}512 "),
        (InteractionExplorer, {"gate": "se-var1"}, f"meets only itself. 32 {BRIDGES}0 "),
        (InteractionExplorer, {"gate": "se-gc"}, f"meets 7 others. 256 {BRIDGES}256 "),
        (InteractionExplorer, {"gate": "eca-ns"}, f"meets 2 others. 94 {BRIDGES}96 "),
        (InteractionExplorer, {"gate": "eca"}, f"meets 2 others. 94 {BRIDGES}3 "),
        (InteractionExplorer, {"gate": "eca-circular"}, f"meets 2 others. 96 {BRIDGES}3 "),
        (
            ConventionsExplorer,
            {"channels": 8},
            "other rules give another: official-mobilenetv2 1, ties-down 1, bankers-",
        ),
        (KernelSizeExplorer, {"channels": 2048}, "<b>k = 7</b>"),
        (KernelSizeExplorer, {"channels": 2048, "gamma": 4}, "t = 3.00"),
        (KernelSizeExplorer, {"channels": 2048, "gamma": 4}, "<b>k = 3</b>"),
        (make_weights_explorer, {"image": 3}, f"Image 3: the right answer is {DATA.class_names[DATA.labels[3]]},"),
        (make_stepper, {"channel": 1}, "Channel 1: 0.25 · 4 + 0.5 · 0 + 0.125 · 2 = 1.25"),
        (make_stepper, {"channel": 1}, "ω = σ(1.25) = 0.78"),
        (make_stepper, {"padding": "circular"}, "0.25 · -1 + 0.5 · 4"),
    ],
)
def test_the_sentence_tells_what_the_picture_shows(build, settings, words):
    explorer = build()
    if build is InteractionExplorer:
        explorer.channels.value = 32
    for control, value in settings.items():
        explorer.controls[control].value = value
    assert words in explorer.sentence.value
    if build is make_weights_explorer:
        assert f"from {explorer.weights['block3.attention'][3].min():.2f} to" in explorer.sentence.value


def test_the_stages_of_the_explorer_are_those_of_the_networks():
    for name, build in {"ResNet-18": resnet18, "ResNet-50": resnet50, "MobileNetV2": mobilenet_v2}.items():
        assert STAGES[name] == tuple(channels for channels, _ in attention_stages(attention_places(build())))
    blocks = [module for module in ECACNN(width=ModelConfig().width).modules() if isinstance(module, ECA)]
    assert STAGES["our CNN"] == tuple(block.channels for block in blocks)


def test_the_stepper_steps():
    stepper = make_stepper()
    stepper.forward.click()
    assert stepper.channel.value == 1
    for _ in range(9):
        stepper.forward.click()
    assert stepper.channel.value == 7
    for _ in range(9):
        stepper.back.click()
    assert stepper.channel.value == 0
    with pytest.raises(ValueError, match="odd number of weights, at most 2"):
        ConvolutionStepper([1.0, 2.0], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"y must be a row of 1 to 10 averages; got shape \(1, 3\)"):
        ConvolutionStepper(torch.ones(1, 3), [0.1])


def test_the_stepper_rounds_its_numbers():
    stepper = ConvolutionStepper([1 / 3, -1e-9, 2.0], [0.1234567, 1 / 7, -2e-6])
    assert "Channel 0: 0.123 · 0 + 0.143 · 0.333 + 0 · 0 = 0.048" in stepper.sentence.value


def test_a_prediction_hides_the_truth_until_it_is_revealed():
    prediction = make_prediction()
    prediction.first.value = 4
    assert prediction.reveal.disabled  # the second slider was not moved yet
    prediction.second.value = 9
    assert not prediction.reveal.disabled
    assert "You predict: first 4, second 9." in prediction.sentence.value
    said, true = prediction.said, prediction.true
    assert np.array_equal(said.get_xydata(), [[4, 0], [9, 1]])
    assert len(true.get_xydata()) == 0
    prediction.reveal.click()
    assert "first: you said 4, it is <b>3</b>; second: you said 9, it is <b>7</b>." in prediction.sentence.value
    assert np.array_equal(true.get_xydata(), [[3, 0], [7, 1]])
    assert all(control.disabled for control in (prediction.first, prediction.second, prediction.reveal))


def test_a_prediction_is_kept_when_its_cell_runs_again():
    make_prediction().second.value = 6
    again = make_prediction()
    assert again.values == {"first": 0, "second": 6}
    assert again.reveal.disabled
    again.first.value = 1
    assert not make_prediction().reveal.disabled


def test_a_prediction_takes_any_label_and_refuses_what_it_cannot_show():
    odd = Prediction("1 < 2?", {"layout": 1, "range": 2, "a < b": 3}, low=0, high=10, step=0.25)
    odd.controls["range"].value = 2.25
    assert "range 2.25, a &lt; b 0." in odd.sentence.value
    with pytest.raises(ValueError, match="truth must lie between low = 0 and high = 10; got 11"):
        Prediction("more?", {"n": 11}, low=0, high=10)


def test_one_callback_at_a_time():
    explorer, taken = KernelSizeExplorer(), []
    update = explorer.update

    def watched(**values):
        other = Thread(target=lambda: taken.append(explorer.lock.acquire(blocking=False)))
        other.start()  # as another callback would
        other.join()
        return update(**values)

    explorer.update = watched
    moves = [(explorer.gamma, 1.5), (explorer.b, 2), (explorer.gamma, 3), (explorer.b, -1), (explorer.channels, 512)]
    with ThreadPoolExecutor(len(moves)) as threads:
        list(threads.map(lambda move: setattr(move[0], "value", move[1]), moves))
    assert taken == [False] * len(moves)
    assert explorer.last_error is None


def test_moving_an_explorer_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    explorer = InteractionExplorer()
    explorer.gate.value = "se"
    assert torch.equal(torch.get_rng_state(), before)


def test_the_band_and_its_sentence_count_the_neighbours():
    explorer = KernelSizeExplorer()
    settings = [(1, 4, 4), (1, 2, 4), (1, 4, 8), (2, 1, 64), (4, -2, 32), (1, 4, 1), (2, 1, 1), (1, 0, 16)]
    for gamma, b, channels in settings:
        explorer.gamma.value, explorer.b.value, explorer.channels.value = gamma, b, channels
        k = adaptive_kernel_size(channels, gamma, b)
        rows = np.arange(channels)
        meets = np.abs(rows[:, None] - rows[None]) <= k // 2  # (C, C)
        band = Path(explorer.band.get_xy())
        for i in rows[:: max(1, channels // 8)]:
            assert [band.contains_point((j, i)) for j in rows] == meets[i].tolist()
        others = meets.sum(1).max() - 1
        if k > 2 * channels - 1:
            words = "the outer weights meet only padding"
        elif meets.all():
            words = "meets only itself" if channels == 1 else "all channels meet"
        else:
            words = f"meets up to {others} neighbours" if others else "meets only itself"
        assert words in explorer.sentence.value, (gamma, b, channels)


def test_the_rules_are_marked_where_they_differ():
    explorer = ConventionsExplorer()
    marks = np.asarray(explorer.marks.get_array())
    for row, rule in enumerate(CONVENTIONS.values()):
        differs = [rule(c, 2, 1) != adaptive_kernel_size(c) for c in explorer.CHANNELS]
        assert marks[row].tolist() == differs
        assert [int(cell.get_text()) for cell in explorer.cells[row]] == [rule(c, 2, 1) for c in explorer.CHANNELS]


def test_the_colours_of_a_matrix_reach_its_largest_entry():
    explorer = InteractionExplorer()
    for gate in GATES:
        explorer.gate.value = gate
        image = explorer.matrix
        low, high = image.get_clim()
        assert (-low, high) == pytest.approx((np.abs(image.get_array()).max(),) * 2)


def test_feature_maps_share_one_scale():
    figure = Figure()
    draw_feature_maps(figure, np.zeros((2, 4, 4, 3)), np.arange(2 * 9 * 4.0).reshape(2, 9, 2, 2) - 80)
    maps = [ax.images[0] for ax in figure.axes if ax.get_title()]
    assert len(maps) == 18
    assert {image.get_clim() for image in maps} == {(-80, 80)}


def test_the_overview_shows_the_numbers_of_its_tensors():
    ax = Figure().subplots()
    x = np.arange(24.0).reshape(4, 2, 3)
    draw_pipeline(ax, x, x.mean((1, 2)), np.array([-1.5, 0, 1.25, 9]), np.full(4, 0.75), 0.75 * x, 3, channel=0)
    texts = [text.get_text() for text in ax.texts]
    assert {"2.50", "-1.50", "1.25", "0.75", "4 × 2 × 3", "C1D$_k$, k = 3"} <= set(texts)
    lines = [line for line in ax.lines if line.get_color() == "#0072B2" and line.get_linestyle() == "-"]
    assert len(lines) == 2  # channel 0 has itself and one neighbour


def test_an_intervention_moves_the_probabilities_that_it_tells():
    explorer = make_intervention()
    explorer.layer.value, explorer.label.value, explorer.image.value = "block2.attention", 6, 1
    index = int((SOME.labels == 6).nonzero()[1])
    x = SOME.normalize(SOME.images[index : index + 1])
    with torch.no_grad():
        before = MODEL.eval()(x).softmax(1)[0]
    for channel, weight in [("all", 0.0), (3, 1.0), (3, "own"), ("all", "own")]:
        explorer.channel.value, explorer.weight.value = channel, weight

        def function(w, chosen=slice(None) if channel == "all" else channel, weight=weight):
            w = w.clone()
            w[:, chosen] = w[:, chosen] if weight == "own" else weight
            return w

        with torch.no_grad(), override_channel_weights(MODEL, {"block2.attention": function}):
            now = MODEL(x).softmax(1)[0]
        widths = [bar.get_width() for bar in explorer.now]
        np.testing.assert_allclose(widths, now, atol=1e-5)
        np.testing.assert_allclose(explorer.before.get_xdata(), before, atol=1e-5)
        assert f"of green goes from {before[6]:.1%} to <b>{now[6]:.1%}</b>" in explorer.sentence.value
    assert not any(module._forward_hooks for module in MODEL.modules())


def test_an_intervention_on_a_channel_that_is_not_there_turns_red():
    explorer = make_intervention()
    explorer.channel.value = 8
    assert ">block1.attention has channels 0 to 7; got channel 8</pre>" in explorer.alert.value
    explorer.layer.value = "block2.attention"
    assert explorer.alert.value == ""


def test_interventions_need_images_and_models_alike():
    deeper = nn.Sequential(ECACNN(width=8))
    for models, data, words in [
        ({"a": MODEL, "b": deeper}, SOME, r"the same layers .*; got \[\['block1.*'0.block3.attention'\]\]"),
        ({"a": MODEL}, SOME.take(slice(0)), "data must hold at least one image; got none"),
        ({"a": ECACNN(width=8, attention=nn.Identity)}, SOME, "at least one ChannelAttention"),
    ]:
        with pytest.raises(ValueError, match=words):
            InterventionExplorer(models, data)


def test_class_means_are_drawn_as_they_are():
    ax = Figure().subplots()
    means = {"cat": np.array([0.25, 0.5]), "dog": np.array([1, 0.0])}
    draw_class_means(ax, means, np.array([0.5, 0.75]))
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert {"all images": [0.5, 0.75], "cat": [0.25, 0.5], "dog": [1, 0]}.items() <= drawn.items()


def test_the_sentence_tells_what_attention_costs():
    explorer = BackboneExplorer()
    assert "kernel sizes 5-5-5-7: <b>86 parameters</b> and 87,808" in explorer.sentence.value
    explorer.kernel_sizes.value = "3-5-5-7"
    assert "<b>80 parameters</b>" in explorer.sentence.value
    explorer.kernel_sizes.value = "3-5-5"
    assert "k list must have 4 odd numbers" in explorer.alert.value
    explorer.kernel_sizes.value = ""
    assert explorer.alert.value == ""
    explorer.attention.value = "se"
    assert "resnet50 and se with r = 16: <b>2,514,944 parameters</b>" in explorer.sentence.value
    explorer.backbone.value = "mobilenet_v2"
    assert "with r = 8: <b>56,928 parameters</b>" in explorer.sentence.value
    explorer.attention.value = "se-gc1"
    assert "groups must divide channels; got 16 for 24 channels" in explorer.alert.value


class Fragile(Explorer):
    def __init__(self):
        super().__init__(200, 100, {"n": ipywidgets.IntSlider(1, min=0, max=3)})

    def prepare(self):
        self.ax = self.figure.subplots()

    def update(self, n):
        return f"{1 // n} <is> the answer"


def test_an_error_in_a_callback_is_shown_and_goes_away():
    explorer = Fragile()
    assert explorer.alert.value == ""
    explorer.n.value = 0
    assert 'role="alert"' in explorer.alert.value
    assert "ZeroDivisionError" in explorer.alert.value
    assert isinstance(explorer.last_error, ZeroDivisionError)
    explorer.n.value = 2
    assert explorer.alert.value == ""
    assert explorer.last_error is None


def test_a_picture_remains_without_a_kernel():
    explorer = KernelSizeExplorer()
    bundle = explorer._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == explorer.picture.value
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_live_curves_grow():
    curves = LiveCurves(epochs=2)
    empty = pixels(curves)
    curves.add(Epoch(1, 2.0, 0.3, 1.9, 0.31, 12.0))
    assert not np.array_equal(pixels(curves), empty)
    assert "31.0% of the test images are right" in curves.sentence.value
    assert "About 12 seconds are left" in curves.sentence.value
    curves.add(Epoch(2, 1.0, 0.6, 0.9, 0.61, 12.0))
    assert list(curves.artists["test_accuracy"].get_ydata()) == [0.31, 0.61]
    assert "Done." in curves.sentence.value


def test_pyplot_knows_of_no_explorer():
    for build in MOVES:
        build()
    assert plt.get_fignums() == []


def make_monitor(tmp_path, epochs=3, *, at=None, **options):
    """A monitor of a short run, 4 batches an epoch. at: {batch: what is done just before the monitor hears of it}."""
    torch.manual_seed(0)
    model = ECACNN(width=8, stem_stride=2)
    options = {"epochs": epochs, "batch_size": 64, "state": tmp_path / "run", **options}

    def train(on_batch):
        def watched(done, total):
            batches.append(done)
            at.pop(done, lambda: None)()
            on_batch(done, total)

        return fit(model, make_cue_switch(256, seed=0), make_cue_switch(64, seed=1), on_batch=watched, **options)

    batches, at = [], at or {}
    monitor = TrainingMonitor(train, epochs)
    monitor.batches, monitor.at = batches, at
    return monitor


def wait_for_status(monitor, words):
    came = Event()
    monitor.status.observe(lambda change: change["new"].startswith(words) and came.set(), "value")
    assert monitor.status.value.startswith(words) or came.wait(600)


def test_the_monitor_draws_a_run_in_the_background(tmp_path):
    monitor = make_monitor(tmp_path)
    assert monitor.status.value == "Press Start."
    assert monitor.wait() == []  # nothing was started
    monitor.start.click()
    records = monitor.wait()
    assert [record.epoch for record in records] == [1, 2, 3]
    assert list(monitor.artists["test_accuracy"].get_ydata()) == [record.test_accuracy for record in records]
    assert (monitor.status.value, monitor.progress.value) == ("Done.", 1)
    assert "Done." in monitor.sentence.value


def test_stop_stops_within_a_batch_and_start_goes_on(tmp_path):
    monitor = make_monitor(tmp_path, epochs=4)
    monitor.at.update({5: monitor.pause.click, 10: monitor.pause.click})
    monitor.start.click()
    wait_for_status(monitor, "Paused at batch 5 of 16.")
    assert len(monitor.records) == 1
    monitor.start.click()  # goes on where it paused
    wait_for_status(monitor, "Paused at batch 10 of 16.")
    monitor.stop.click()  # also while it pauses
    kept = monitor.wait()
    assert monitor.status.value.startswith("Stopped.")
    assert len(kept) == 2
    assert monitor.batches == list(range(1, 11))  # none was trained after Stop
    monitor.at[15] = monitor.stop.click
    monitor.start.click()
    assert monitor.wait()[:2] == kept
    assert len(monitor.records) == 3
    assert monitor.batches[10:] == list(range(9, 16))


def test_an_error_of_the_run_is_shown_and_raised(tmp_path):
    monitor = make_monitor(tmp_path, peak_learning_rate=1e6)
    monitor.start.click()
    with pytest.raises(FloatingPointError, match="lower peak_learning_rate"):
        monitor.wait()
    assert "lower peak_learning_rate" in monitor.alert.value
    assert monitor.status.value == "The run has failed."


def start_and_stay_in_batch_6(monitor):
    """Start; batch 6 then waits until somebody wants the run to stop."""
    inside = Event()
    monitor.at[6] = lambda: (inside.set(), monitor.stopping.wait())
    monitor.start.click()
    assert inside.wait(600)


def test_start_during_stop_goes_on(tmp_path):
    monitor = make_monitor(tmp_path)
    start_and_stay_in_batch_6(monitor)
    monitor.stop.click()
    monitor.start.click()  # while batch 6 may still be running
    assert len(monitor.wait()) == 3
    assert monitor.batches == [*range(1, 7), *range(5, 13)]


def test_the_start_of_another_monitor_ends_the_run(tmp_path):
    first, second = make_monitor(tmp_path), make_monitor(tmp_path)  # the same network and file
    start_and_stay_in_batch_6(first)
    second.start.click()
    assert not first.thread.is_alive()
    assert first.status.value.startswith("Stopped.")
    assert len(second.wait()) == 3
    assert second.batches == list(range(5, 13))


def test_a_process_can_end_while_a_run_goes_on():
    code = """
from threading import Event
from eca_edu import ECACNN, make_cue_switch, fit
from eca_edu.widgets import TrainingMonitor

inside = Event()
def train(on_batch):
    model, data = ECACNN(width=8), (make_cue_switch(64, seed=0), make_cue_switch(64, seed=1))
    return fit(model, *data, epochs=100_000, on_batch=lambda *done: (inside.set(), on_batch(*done)))

TrainingMonitor(train, 100_000).begin()
inside.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# Attributions


def test_an_explorer_of_attributions_enables_what_the_method_takes():
    explorer = make_attribution_explorer()
    free = {}
    for method in explorer.method.options:
        explorer.method.value = method
        free[method] = [name for name in ("layer", "steps") if not explorer.controls[name].disabled]
    assert free.pop("gate") == ["layer", "steps"]
    assert free.pop("Grad-CAM") == ["layer"]
    assert free.pop("integrated gradients") == ["steps"]
    assert set(map(tuple, free.values())) == {()}


def test_the_lights_tell_what_the_attribution_says():
    explorer = make_attribution_explorer()
    lights = explorer.lights
    assert "complete" in lights["completeness"][1].get_text()
    assert lights["completeness"][1].get_text() in explorer.sentence.value
    assert lights["sanity"][1].get_text() in explorer.sentence.value
    explorer.method.value = "saliency"
    assert "saliency promises none" in lights["completeness"][1].get_text()
    assert lights["completeness"][0].get_color() == "#8C8C8C"


def test_each_light_has_its_colours():
    def attribution(values, delta):
        return Attribution("by hand", torch.tensor([[values]]), torch.tensor([0]), 0.0, torch.tensor([delta]))

    ramp = [[1.0, 2.0], [3.0, 4.0]]
    words = "Completeness: it sums to 10.00, the score rises by 9.60: complete."
    assert completeness(attribution(ramp, 0.4)) == ("good", words)
    assert completeness(attribution(ramp, 1.0))[0] == "bad"
    assert completeness(attribution(ramp, float("nan"))) == ("none", "Completeness: by hand promises none.")
    back, zeros = [[4.0, 3.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]
    assert sanity(attribution(ramp, 0.0), attribution(ramp, 0.0))[0] == "bad"
    assert sanity(attribution(ramp, 0.0), attribution(back, 0.0))[0] == "good"
    words = "Sanity: the map is 0 everywhere; there is nothing to compare."
    assert sanity(attribution(zeros, 0.0), attribution(ramp, 0.0)) == ("none", words)
    assert sanity(attribution(ramp, 0.0), attribution(zeros, 0.0))[0] == "none"


def test_an_explanation_is_computed_once():
    explorer = make_attribution_explorer()
    for image in (1, 0, 1, 0):
        explorer.image.value = image
    assert explorer.explain.cache_info().misses == 4  # two images, two networks


def test_a_network_without_gates_has_no_gate_to_ask():
    explorer = AttributionExplorer(ECACNN(width=8, attention=torch.nn.Identity), DATA)
    explorer.method.value = "gate"
    assert "block3 has no channel attention, so there is no gate to ask" in explorer.alert.value
    explorer.method.value = "Grad-CAM"
    assert explorer.alert.value == ""
    with pytest.raises(ValueError, match="layers must be names of modules of the model, at least one; got"):
        AttributionExplorer(MODEL, DATA, layers=["block7"])
    with pytest.raises(ValueError, match="data must hold at least one image"):
        AttributionExplorer(MODEL, DATA.take(slice(0)))


def test_maps_share_a_symmetric_scale_and_a_map_of_zeros_is_drawn():
    images = DATA.images[:2].permute(0, 2, 3, 1).numpy()
    maps = {"zeros": np.zeros((2, 32, 32)), "ramp": np.linspace(-1, 3, 2 * 32 * 32).reshape(2, 32, 32)}
    for common, zeros in [(True, (-3, 3)), (False, (-1, 1))]:
        figure = Figure(figsize=(5, 4))
        draw_attributions(figure, images, maps, masks=DATA.masks[:2].numpy(), common_scale=common)
        figure.canvas.draw()
        axes = np.array(figure.axes).reshape(2, 3)
        assert np.array_equal(axes[1, 0].images[0].get_array(), images[1])
        assert [axes[1, 1].images[0].get_clim(), axes[1, 2].images[0].get_clim()] == [zeros, (-3, 3)]
        assert axes[0, 2].get_title() == "ramp\n± 3"
    everywhere_zero = Figure()
    draw_attributions(everywhere_zero, images, {"zeros": maps["zeros"]})
    everywhere_zero.canvas.draw()
    assert everywhere_zero.axes[1].get_title() == "zeros\n± 0"


def test_the_outline_runs_along_the_edges_of_the_pixels():
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    lines = outline(mask)
    assert len(lines) == 4
    assert {point for line in lines for point in line} == {(0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (1.5, 1.5)}
    assert outline(np.ones((2, 5), bool)) != []
    assert outline(np.zeros((2, 2), bool)) == []


def test_scores_are_drawn_where_they_are():
    scores = {"pointing": [0.5, 0.9], "pointing low": [0.4, 0.85], "pointing high": [0.6, 0.95]}
    table = pd.DataFrame(scores, index=["saliency", "other"])
    ax = Figure().subplots()
    draw_scores([ax], {"one": table, "two": table + 0.01}, {"pointing": "pointing game"}, [0.1])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["saliency", "other"]
    assert ax.containers[0].lines[0].get_xdata().tolist() == [0.5, 0.9]
    low, high = ax.containers[0].lines[2][0].get_segments()[1][:, 0]
    assert (low, high) == pytest.approx((0.85, 0.95))
    assert ax.get_lines()[0].get_xdata()[0] == 0.1


def test_an_explorer_of_attributions_leaves_the_network_alone():
    model = ECACNN(width=8).train()
    before = [len(module._forward_hooks) for module in model.modules()]
    explorer = AttributionExplorer(model, make_cue_switch(4, seed=0))
    explorer.method.value = "gate"
    assert explorer.last_error is None
    assert model.training
    assert [len(module._forward_hooks) for module in model.modules()] == before
