"""What a reader sees: every notebook run in JupyterLab, every control moved, pictures and sentences that follow.

With ECA_EDU_SCREENSHOTS=<folder> each test leaves pictures of the page there.
"""

import io
import os
import re
import urllib.parse
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

import eca_edu.widgets

expect = pytest.importorskip("playwright.sync_api").expect

IDLE = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
RUN_ALL = """async quick => {
    const notebook = jupyterapp.shell.currentWidget.content;
    for (const cell of notebook.model.cells) {
        const source = cell.sharedModel.getSource();
        if (quick && (cell.metadata.tags || []).includes('parameters'))
            cell.sharedModel.setSource(source + '\\nBUDGET = "quick"');
    }
    return await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
OUTPUTS = "jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(cell => cell.outputs || [])"
PICTURE = ".eca-edu-picture"
SENTENCE = ".eca-edu-sentence"


def open_and_run(page, lab, name):
    lab.end_kernels()  # a kernel that an earlier test has used would remember it
    page.goto(f"{lab.address}/lab/tree/notebooks/{urllib.parse.quote(name)}.ipynb?token={lab.token}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function(IDLE)
    page.set_default_timeout(240_000)
    finished = page.evaluate(RUN_ALL, True)
    page.set_default_timeout(60_000)
    errors = [output for output in page.evaluate(OUTPUTS) if output["output_type"] == "error"]
    assert errors == []
    assert finished
    for text in ("Click to show javascript error", "Error displaying widget", "Loading widget"):
        assert page.get_by_text(text).count() == 0, text
    assert page.locator("[role=alert]:visible").count() == 0


def screenshot(page, name):
    """Leave the whole notebook as pictures <name>-1.png, <name>-2.png, …"""
    folder = os.environ.get("ECA_EDU_SCREENSHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    scroller = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
    height, visible = scroller.evaluate("e => [e.scrollHeight, e.clientHeight]")
    for i, top in enumerate(range(0, height, visible - 50), 1):
        scroller.evaluate("(e, top) => e.scrollTop = top", top)
        page.wait_for_timeout(200)
        scroller.screenshot(path=Path(folder, f"{name}-{i}.png"))


def pixels(locator):
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def act(panel, action):
    """Do something with a panel; return the share of the pixels of its picture that changed, and its sentence."""
    picture = panel.locator(PICTURE)
    picture.scroll_into_view_if_needed()
    before, source = pixels(picture), picture.get_attribute("src")
    action()
    panel.page.wait_for_function(
        "([e, source]) => e.src !== source && e.complete && e.naturalWidth > 0", arg=[picture.element_handle(), source]
    )
    after = pixels(picture)
    assert after.shape == before.shape  # the picture keeps its size
    return (np.abs(after - before).max(2) > 20).mean(), panel.locator(SENTENCE).inner_text()


def slider(panel, label):
    named = panel.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
    return panel.locator(".widget-hslider", has=named).locator(".noUi-handle").first


def press(panel, label, key):
    """Press a key on the slider with this label."""

    def action():
        slider(panel, label).focus()
        panel.page.keyboard.press(key)

    return act(panel, action)


def choose(panel, label, option):
    return act(panel, lambda: panel.get_by_label(label, exact=True).select_option(option))


#: notebook -> (explorer, how, control, what, words that then stand in its sentence)
MOVES = {
    "00_start_here": [("ChannelWeightsExplorer", press, "image", "ArrowRight", "Image 1: the right answer is")],
    "01_why_channel_attention": [
        ("InteractionExplorer", press, "C", "ArrowRight", "ECA on 32 channels"),
        ("InteractionExplorer", press, "k", "ArrowRight", "meets 4 others"),
        ("InteractionExplorer", choose, "gate", "SE-GC", "a channel meets 7 others"),
        ("InteractionExplorer", press, "G", "ArrowRight", "a channel meets 3 others"),
        ("InteractionExplorer", choose, "gate", "SE", "through a bottleneck of 8"),
        ("InteractionExplorer", press, "r", "ArrowLeft", "through a bottleneck of 16"),
        ("Prediction", press, "images", "ArrowRight", "You predict: images 10"),
    ],
    "02_adaptive_kernel_size": [
        ("Prediction", press, "C = 256", "PageUp", "You predict: C = 256 "),
        ("Prediction", press, "C = 2048", "End", "C = 2048 2048"),
        ("KernelSizeExplorer", press, "γ", "ArrowRight", "γ = 2.25"),
        ("KernelSizeExplorer", press, "b", "ArrowLeft", "b = 0.5"),
        ("KernelSizeExplorer", press, "C", "ArrowRight", "C = 160"),
        ("ConventionsExplorer", press, "γ", "ArrowRight", "t = 3.11"),
        ("ConventionsExplorer", press, "b", "ArrowRight", "t = 3.33"),
        ("ConventionsExplorer", press, "C", "ArrowLeft", "C = 32"),
    ],
    "03_build_eca": [
        ("ConvolutionStepper", press, "channel", "End", "Channel 7: 0.25 · 1 + 0.5 · -1 + 0.125 · 0"),
        ("ConvolutionStepper", choose, "padding", "circular", "0.125 · 4"),
        ("Prediction", press, "eca", "End", "eca 100 %"),
        ("Prediction", press, "se", "End", "se 100 %"),
        ("Prediction", press, "none", "End", "none 100 %"),
    ],
    "04_plug_into_backbones": [
        ("BackboneExplorer", press, "γ", "ArrowRight", "5-5-5-5"),
        ("BackboneExplorer", press, "b", "ArrowLeft", "3-5-5-5"),
        ("BackboneExplorer", choose, "attention", "se-var3", "20,119,552 parameters"),
        ("BackboneExplorer", choose, "attention", "eca", "74 parameters"),
        ("BackboneExplorer", choose, "backbone", "mobilenet_v2", "mobilenet_v2 and eca"),
        ("BackboneExplorer", choose, "backbone", "resnet50", "resnet50 and eca"),
    ],
    "05_train_on_cifar10": [("ChannelWeightsExplorer", press, "image", "ArrowRight", "Image 1: the right answer is")],
    "06_channel_weights": [
        ("Prediction", press, "SE", "End", "SE 100 %"),
        ("Prediction", press, "ECA", "End", "ECA 100 %"),
        ("InterventionExplorer", choose, "model", "ECA", "ECA, block1.attention, image 0 of circle"),
        ("InterventionExplorer", choose, "class", "green", "image 0 of green"),
        ("InterventionExplorer", press, "image", "ArrowRight", "image 1 of green"),
        ("InterventionExplorer", press, "channel", "ArrowRight", "of channel 1 is left as it is"),
        ("InterventionExplorer", press, "weight", "End", "of channel 1 is set to 1.00"),
        ("InterventionExplorer", press, "channel", "Home", "the weight of all channels is set to 1.00"),
        ("InterventionExplorer", choose, "layer", "block3.attention", "ECA, block3.attention"),
    ],
    "07_attributions": [
        ("Prediction", press, "saliency", "End", "saliency 100"),
        ("Prediction", press, "integrated", "End", "integrated 100"),
        ("Prediction", press, "occlusion", "End", "occlusion 100"),
        ("AttributionExplorer", press, "image", "ArrowRight", "Image 1: the right class is triangle"),
        ("AttributionExplorer", press, "steps", "Home", "NOT complete"),
        ("AttributionExplorer", press, "steps", "End", ": complete"),
        ("AttributionExplorer", choose, "target", "red", "Why red?"),
        ("AttributionExplorer", choose, "method", "gate", "By gate: channel"),
        ("AttributionExplorer", choose, "layer", "block1", "By gate: channel"),
        ("AttributionExplorer", choose, "method", "DeepLift", "By DeepLift:"),
    ],
    "08_your_own_experiment": [],
}


@pytest.mark.parametrize(
    ("name", "data"), [*((name, "cue-switch") for name in MOVES), ("05_train_on_cifar10", "cifar10")]
)
def test_notebook_runs_and_its_controls_move(page, lab, name, data):
    open_and_run(page, lab(data), name)
    screenshot(page, f"{name}-{data}")
    for explorer, how, control, what, words in MOVES[name]:
        changed, sentence = how(page.locator(f".{explorer}"), control, what)
        assert changed > 0.0005, (control, what)
        assert words in sentence, (control, what)
    assert page.locator("[role=alert]:visible").count() == 0
    if name.startswith("04"):
        field = page.get_by_label("k list")
        for text, place, words in [
            ("3-5-5-7", SENTENCE, "80 parameters"),
            ("3-5-5-4", "[role=alert]", "kernel_size must be odd"),
        ]:
            field.fill(text)
            field.press("Enter")
            expect(page.locator(place).last).to_contain_text(words)
    if name.startswith("05"):
        assert data in page.locator(".jp-Notebook").inner_text()
        assert "Done." in page.locator(SENTENCE).first.inner_text()
    screenshot(page, f"{name}-{data}-moved")


def test_every_explorer_is_moved_by_a_test():
    moved = {explorer for moves in MOVES.values() for explorer, *_ in moves}
    assert moved | {"LiveCurves", "TrainingMonitor"} == {name for name in vars(eca_edu.widgets) if name[0].isupper()}


def test_a_slider_can_be_dragged(page, lab):
    open_and_run(page, lab("cue-switch"), "02_adaptive_kernel_size")
    panel = page.locator(".KernelSizeExplorer")
    panel.scroll_into_view_if_needed()
    box = slider(panel, "γ").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag():
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y, steps=10)
        page.mouse.up()

    changed, sentence = act(panel, drag)
    assert changed > 0.0005
    assert "γ = 2 " not in sentence


def test_an_error_in_a_callback_and_an_impossible_setting_are_shown(page, lab):
    open_and_run(page, lab("cue-switch"), "01_why_channel_attention")
    panel = page.locator(".InteractionExplorer")
    alert = panel.locator("[role=alert]")
    panel.get_by_label("gate", exact=True).select_option("SE-GC")
    slider(panel, "G").focus()
    page.keyboard.press("End")
    expect(alert).to_have_text("groups must divide channels; got 32 for 16 channels")
    slider(panel, "C").focus()
    page.keyboard.press("End")
    expect(alert).to_have_count(0)
    inject = "code => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done"
    page.evaluate(inject, "explorer.update = lambda **values: {}['lost']")
    page.keyboard.press("Home")
    expect(alert).to_have_text("KeyError: 'lost'")
    page.evaluate(inject, "del explorer.update")
    page.keyboard.press("End")
    expect(alert).to_have_count(0)


def test_the_stepper_plays_and_steps(page, lab):
    open_and_run(page, lab("cue-switch"), "03_build_eca")
    panel = page.locator(".ConvolutionStepper")
    sentence = panel.locator(SENTENCE)
    back, forward = panel.locator(".fa-step-backward"), panel.locator(".fa-step-forward")
    assert "Channel 1:" in act(panel, forward.click)[1]
    assert "Channel 0:" in act(panel, back.click)[1]
    panel.locator(".fa-play").click()
    expect(sentence).to_contain_text("Channel 2:")
    panel.locator(".fa-pause, .fa-stop").first.click()


def test_a_prediction_is_laid_over_the_result(page, lab):
    open_and_run(page, lab("cue-switch"), "02_adaptive_kernel_size")
    panel = page.locator(".Prediction")
    reveal = panel.get_by_role("button", name="Reveal")
    expect(reveal).to_be_disabled()
    press(panel, "C = 256", "End")
    press(panel, "C = 2048", "End")
    changed, sentence = act(panel, reveal.click)
    assert changed > 0.0005
    assert "C = 256: you said 2048, it is 128.5; C = 2048: you said 2048, it is 1024.5." in sentence
    expect(reveal).to_be_disabled()


MONITOR = """
from pathlib import Path
import tempfile
from eca_edu import ECACNN, make_cue_switch, fit
from eca_edu.widgets import TrainingMonitor

model, state = ECACNN(width=8), Path(tempfile.mkdtemp(), "state")
data = make_cue_switch(512, seed=0), make_cue_switch(64, seed=1)
monitor = TrainingMonitor(lambda on_batch: fit(model, *data, epochs=500, batch_size=32, state=state, on_batch=on_batch), 500)
monitor
"""


def test_a_run_is_started_paused_stopped_and_goes_on(page, lab):
    server = lab("cue-switch")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(MONITOR)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, server.root / "notebooks" / "monitor.ipynb")
    open_and_run(page, server, "monitor")
    panel = page.locator(".TrainingMonitor")
    status, sentence = panel.locator(".eca-edu-status"), panel.locator(SENTENCE)

    def click(name):
        panel.get_by_role("button", name=name).click()

    def batch():
        return int(status.inner_text().split()[3])

    click("Start")
    expect(sentence).to_contain_text("Epoch 2 of 500", timeout=60_000)
    kernel = "code => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done"
    page.evaluate(kernel, "answer = 6 * 7")  # returns while the run goes on
    click("Pause")
    expect(status).to_contain_text("Paused at batch", timeout=30_000)
    paused = batch()
    page.wait_for_timeout(500)
    assert batch() == paused
    click("Start")
    expect(status).not_to_contain_text("Paused")
    click("Stop")
    expect(status).to_contain_text("Stopped.", timeout=30_000)
    stopped_at = int(sentence.inner_text().split()[1])
    click("Start")  # shows the epochs done again, and goes on
    expect(sentence).to_contain_text(f"Epoch {stopped_at + 1} of", timeout=60_000)
    click("Stop")
    expect(status).to_contain_text("Stopped.", timeout=30_000)
