"""Explorers without a browser: pictures follow the controls, errors show, pyplot stays out of it."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from eca_edu import ECACNN, Epoch, cue_switch
from eca_edu.widgets import BackboneExplorer, ChannelWeightsExplorer, KernelSizeExplorer, LiveCurves
from eca_edu.widgets.panel import Explorer

DATA = cue_switch(6, seed=0)


def make_weights_explorer():
    return ChannelWeightsExplorer(MODEL, DATA)


MODEL = ECACNN(width=8)
MOVES = [
    (KernelSizeExplorer, "gamma", 3.5),
    (KernelSizeExplorer, "b", -2),
    (KernelSizeExplorer, "channels", 2048),
    (make_weights_explorer, "image", 4),
    (BackboneExplorer, "backbone", "mobilenet_v2"),
    (BackboneExplorer, "attention", "se-var3"),
    (BackboneExplorer, "gamma", 1),
    (BackboneExplorer, "b", 4),
    (BackboneExplorer, "kernel_sizes", "3-5-5-9"),
]

OTHERS = {
    "gamma": [1, 4],
    "b": [-2, 4],
    "channels": [1, 64],
    "image": [0, 5],
    "backbone": ["resnet18"],
    "attention": ["se"],
    "kernel_sizes": ["3-3-3-3", "no list"],
}


def pixels(panel):
    return np.asarray(Image.open(io.BytesIO(panel.picture.value)).convert("RGB")).astype(int)


@pytest.mark.parametrize(("build", "control", "value"), MOVES)
def test_a_control_changes_picture_and_sentence(build, control, value):
    explorer = build()
    before, sentence = pixels(explorer), explorer.sentence.value
    getattr(explorer, control).value = value
    assert (np.abs(pixels(explorer) - before).max(2) > 20).mean() > 0.001
    assert explorer.sentence.value != sentence
    assert explorer.last_error is None


@pytest.mark.parametrize(("build", "control", "value"), MOVES)
def test_a_moved_explorer_equals_one_built_there(build, control, value):
    moved, there = build(), build()
    for other in OTHERS[control]:
        moved.controls[control].value = other
    moved.controls[control].value = value
    there.controls[control].value = value
    assert np.array_equal(pixels(moved), pixels(there))


def test_the_sentence_tells_the_kernel_size():
    explorer = KernelSizeExplorer()
    explorer.channels.value = 2048
    assert "<b>k = 7</b>" in explorer.sentence.value
    explorer.gamma.value = 4
    assert "t = 3.00" in explorer.sentence.value
    assert "<b>k = 3</b>" in explorer.sentence.value


def test_the_sentence_tells_class_and_weights():
    explorer = make_weights_explorer()
    explorer.image.value = 3
    assert f"Image 3: the right answer is {DATA.class_names[DATA.labels[3]]}," in explorer.sentence.value
    lowest = explorer.weights["block3.attention"][3].min()
    assert f"from {lowest:.2f} to" in explorer.sentence.value


def test_the_browser_moves_a_slider():
    explorer = KernelSizeExplorer()
    message = {"data": {"method": "update", "state": {"value": 1.0}, "buffer_paths": []}}
    explorer.gamma._handle_msg({"content": message, "buffers": []})
    assert "γ = 1 " in explorer.sentence.value


def test_the_sentence_tells_what_attention_costs():
    explorer = BackboneExplorer()
    assert "kernel sizes 5-5-5-7: <b>86 parameters</b> and 87,808" in explorer.sentence.value
    explorer.kernel_sizes.value = "3-5-5-7"
    assert "<b>80 parameters</b>" in explorer.sentence.value
    explorer.kernel_sizes.value = "3-5-5"
    assert "k list must have 4 odd numbers" in explorer.alert.value
    explorer.kernel_sizes.value = ""
    assert explorer.alert.value == ""
    explorer.backbone.value, explorer.attention.value = "mobilenet_v2", "se-gc1"
    assert "groups must divide channels; got 16 for 24 channels" in explorer.alert.value


class Fragile(Explorer):
    def __init__(self):
        import ipywidgets

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
    assert "seconds are left" in curves.sentence.value
    curves.add(Epoch(2, 1.0, 0.6, 0.9, 0.61, 12.0))
    assert list(curves.artists["test_accuracy"].get_ydata()) == [0.31, 0.61]
    assert "Done." in curves.sentence.value


def test_pyplot_knows_of_no_explorer():
    for build in (KernelSizeExplorer, make_weights_explorer):
        build()
    assert plt.get_fignums() == []
