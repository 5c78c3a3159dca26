"""What a reader sees: every notebook run in JupyterLab, every control moved, pictures and sentences that follow.

The images are of CIFAR-10's layout, those of chapter 08 a folder of another kind; tests/browser/test_book.py runs the
chapters on generated ones. With ECA_EDU_SCREENSHOTS=<folder> each test leaves pictures of the page there.
"""

import contextlib
import html
import io
import os
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import eca_edu.widgets
from tests.test_benchmarks import benchmark

OPEN = """async name => {
    for (const old of [...jupyterapp.shell.widgets('main')]) {
        if (old.context) old.context.model.dirty = false;  // nothing is to be saved
        old.close();
    }
    const path = `notebooks/${name}.ipynb`;
    const notebook = await jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
    await notebook.context.ready;
    await notebook.sessionContext.ready;
    await notebook.sessionContext.session.kernel.info;
}"""
RUN_ALL = """async parameters => {
    const notebook = jupyterapp.shell.currentWidget.content;
    for (const cell of notebook.model.cells)
        if ((cell.metadata.tags || []).includes('parameters'))
            cell.sharedModel.setSource(cell.sharedModel.getSource() + '\\n' + parameters);
    return await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
IN_KERNEL = "code => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done"
OUTPUTS = "jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(cell => cell.outputs || [])"
PICTURE = ".eca-edu-picture"
SENTENCE = ".eca-edu-sentence"


def open_notebook(page, lab, name):
    """Open a notebook in the place of the one before, with a fresh kernel."""
    lab.end_kernels()
    page.evaluate(OPEN, name)


def run_all(page, parameters='BUDGET = "quick"'):
    """Run all cells of the open notebook and return their outputs; none may be an error, and all widgets must show."""
    finished = page.evaluate(RUN_ALL, parameters)
    outputs = page.evaluate(OUTPUTS)
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert finished
    expect(page.get_by_text("Loading widget")).to_have_count(0)
    whole(page)
    return str(outputs)


def whole(page):
    """Fail if anything on the page is an error; what is shown by now is shown."""
    for text in ("Click to show javascript error", "Error displaying widget"):
        assert page.get_by_text(text).count() == 0, text
    assert page.locator("[role=alert]:visible, [data-mime-type='application/vnd.jupyter.error']").count() == 0


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
        scroller.screenshot(path=Path(folder, f"{name}-{i}.png"))


def pixels(locator):
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def act(panel, action, words):
    """Do something with a panel: these words then stand in its sentence, and its picture is another one of the same size."""
    picture = panel.locator(PICTURE)
    before, source = pixels(picture), picture.get_attribute("src")
    action()
    expect(panel.locator(SENTENCE)).to_contain_text(words)  # it is sent after the picture
    expect(picture).not_to_have_attribute("src", source)
    picture.evaluate("image => image.decode()")
    after = pixels(picture)
    assert after.shape == before.shape
    assert (np.abs(after - before).max(2) > 20).mean() > 0.0005, words


def slider(panel, label):
    named = panel.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
    return panel.locator(".widget-hslider", has=named).locator(".noUi-handle").first


def press(panel, label, key, words):
    """Press a key on the slider with this label."""
    act(panel, lambda: slider(panel, label).press(key), words)


def choose(panel, label, option, words):
    act(panel, lambda: panel.get_by_label(label, exact=True).select_option(option), words)


KEYS = {"ArrowLeft", "ArrowRight", "PageUp", "Home", "End"}
#: notebook -> explorer -> (control, key for its slider or option to choose, words that then stand in its sentence)
MOVES = {
    "00_start_here": {"ChannelWeightsExplorer": [("image", "ArrowRight", "Image 1: the right answer is")]},
    "01_why_channel_attention": {
        "InteractionExplorer": [
            *[("C", "ArrowRight", "eca on 32 channels"), ("k", "ArrowRight", "meets 4 others")],
            *[("gate", "se-gc", "a channel meets 7 others"), ("G", "ArrowRight", "a channel meets 3 others")],
            *[("gate", "se", "through a bottleneck of 8"), ("r", "ArrowLeft", "through a bottleneck of 16")],
        ],
        "Prediction": [("images", "ArrowRight", "You predict: images 10")],
    },
    "02_adaptive_kernel_size": {
        "Prediction": [("C = 256", "PageUp", "You predict: C = 256 "), ("C = 2048", "End", "C = 2048 2048")],
        "KernelSizeExplorer": [
            *[("γ", "ArrowRight", "γ = 2.25"), ("b", "ArrowLeft", "b = 0.5"), ("C", "ArrowRight", "C = 160")],
        ],
        "ConventionsExplorer": [
            *[("γ", "ArrowRight", "t = 3.11"), ("b", "ArrowRight", "t = 3.33"), ("C", "ArrowLeft", "C = 32")],
        ],
    },
    "03_build_eca": {
        "ConvolutionStepper": [
            *[("channel", "End", "Channel 7: 0.25 · 1 + 0.5 · -1 + 0.125 · 0"), ("padding", "circular", "0.125 · 4")],
        ],
        "Prediction": [("eca", "End", "eca 100 %"), ("se", "End", "se 100 %"), ("none", "End", "none 100 %")],
    },
    "04_plug_into_backbones": {
        "BackboneExplorer": [
            *[("γ", "ArrowRight", "5-5-5-5"), ("b", "ArrowLeft", "3-5-5-5")],
            *[("attention", "se-var3", "20,119,552 parameters"), ("attention", "eca", "74 parameters")],
            *[("backbone", "mobilenet_v2", "mobilenet_v2 and eca"), ("backbone", "resnet50", "resnet50 and eca")],
        ],
    },
    "05_train_on_cifar10": {"ChannelWeightsExplorer": [("image", "ArrowRight", "Image 1: the right answer is")]},
    "06_channel_weights": {
        "Prediction": [("SE", "End", "SE 100 %"), ("ECA", "End", "ECA 100 %")],
        "InterventionExplorer": [
            *[("model", "ECA", "ECA, block1.attention, image 0 of circle"), ("class", "green", "image 0 of green")],
            *[("image", "ArrowRight", "image 1 of green"), ("channel", "ArrowRight", "of channel 1 is left as it is")],
            ("weight", "End", "of channel 1 is set to 1.00"),
            ("channel", "Home", "the weight of all channels is set to 1.00"),
            ("layer", "block3.attention", "ECA, block3.attention"),
        ],
    },
    "07_attributions": {
        "Prediction": [
            *[("saliency", "End", "saliency 100"), ("integrated", "End", "integrated 100")],
            ("occlusion", "End", "occlusion 100"),
        ],
        "AttributionExplorer": [
            *[("image", "ArrowRight", "Image 1: the right class is triangle"), ("steps", "Home", "NOT complete")],
            *[("steps", "End", ": complete"), ("target", "red", "Why red?"), ("method", "gate", "By gate: channel")],
            *[("layer", "block1", "By gate: channel"), ("method", "DeepLift", "By DeepLift:")],
        ],
    },
}


NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem[:2] != "08"], ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_controls_move(page, lab, path):
    name = path.stem
    open_notebook(page, lab, name)
    outputs = run_all(page)
    screenshot(page, name)
    assert ("cifar10: " in outputs) == ("load_images(" in path.read_text(encoding="utf-8"))
    for explorer, moves in MOVES[name].items():
        for move in moves:
            (press if move[1] in KEYS else choose)(page.locator(f".{explorer}").first, *move)
    whole(page)
    if name.startswith("04"):
        field = page.get_by_label("k list")
        errors = ("3-5-5-4", "[role=alert]", "kernel_size must be odd")
        for text, place, words in [("3-5-5-7", SENTENCE, "80 parameters"), errors]:
            field.fill(text)
            field.press("Enter")
            expect(page.locator(place).last).to_contain_text(words)
    if name.startswith("05"):
        expect(page.locator(SENTENCE).first).to_contain_text("Done.")
    screenshot(page, f"{name}-moved")


def test_chapter_08_runs_on_a_folder_of_images_and_trains_nothing_twice(page, lab, shapes):
    open_notebook(page, lab, "08_your_own_experiment")
    for left in (4, 0):
        outputs = run_all(page, f'BUDGET = "quick"\nIMAGES = {str(shapes)!r}')
        assert "my shapes: 90 training images and 27 test images" in outputs
        assert f"{left} runs are left to do" in outputs
        (folder,) = (lab.root / "data" / "runs").glob("chapter08-*")
        files = {name: (folder / name).read_bytes() for name in ("results.csv", "network.safetensors", "report.html")}
        expect(page.locator(SENTENCE).first).to_contain_text("Done.")
        if left:
            first = files
            screenshot(page, "08_your_own_experiment")
    assert files == first
    assert f"IMAGES = {str(shapes)!r}" in html.unescape(files["report.html"].decode())


def test_every_explorer_is_moved_by_a_test():
    moved = {explorer for moves in MOVES.values() for explorer in moves}
    assert moved | {"LiveCurves", "TrainingMonitor"} == {name for name in vars(eca_edu.widgets) if name[0].isupper()}


EXPLORERS = """from eca_edu.widgets import ConvolutionStepper, InteractionExplorer, KernelSizeExplorer, Prediction

KernelSizeExplorer()
---
interaction = InteractionExplorer()
interaction
---
stepper = ConvolutionStepper([4, 0, 2, 1, 1, 2, 1, -1], [0.25, 0.5, 0.125])
stepper.play.interval = 1  # ms
stepper
---
Prediction("how many?", {"first": 3, "second": 7}, low=0, high=10)
---
from pathlib import Path
import tempfile
from eca_edu import ECACNN, make_cue_switch, fit
from eca_edu.widgets import TrainingMonitor

model, options = ECACNN(width=8), {"epochs": 100_000, "batch_size": 32, "state": Path(tempfile.mkdtemp(), "state")}
data = make_cue_switch(512, seed=0), make_cue_switch(64, seed=1)
TrainingMonitor(lambda on_batch: fit(model, *data, on_batch=on_batch, **options), options["epochs"])"""


@pytest.fixture(scope="module")
def explorers(lab):
    """A notebook with five explorers of which each belongs to one test."""
    cells = [nbformat.v4.new_code_cell(source) for source in EXPLORERS.split("\n---\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab.root / "notebooks" / "explorers.ipynb")
    open_notebook(lab.page, lab, "explorers")
    run_all(lab.page)


@pytest.mark.usefixtures("explorers")
def test_a_slider_can_be_dragged(page):
    panel = page.locator(".KernelSizeExplorer")

    def drag():
        handle = slider(panel, "γ")
        handle.hover()
        box = handle.bounding_box()
        page.mouse.down()
        page.mouse.move(box["x"] + 80, box["y"], steps=10)
        page.mouse.up()

    act(panel, drag, re.compile("γ = [34]"))


@pytest.mark.usefixtures("explorers")
def test_an_error_in_a_callback_and_an_impossible_setting_are_shown(page):
    panel = page.locator(".InteractionExplorer")
    alert = panel.locator("[role=alert]")
    panel.get_by_label("gate", exact=True).select_option("se-gc")
    slider(panel, "G").press("End")
    expect(alert).to_have_text("groups must divide channels; got 32 for 16 channels")
    slider(panel, "C").press("End")
    expect(alert).to_have_count(0)
    page.evaluate(IN_KERNEL, "interaction.update = lambda **values: {}['lost']")
    slider(panel, "C").press("Home")
    expect(alert).to_have_text("KeyError: 'lost'")
    page.evaluate(IN_KERNEL, "del interaction.update")
    slider(panel, "C").press("End")
    expect(alert).to_have_count(0)


@pytest.mark.usefixtures("explorers")
def test_the_stepper_plays_and_steps(page):
    panel = page.locator(".ConvolutionStepper")
    act(panel, panel.locator(".fa-step-forward").click, "Channel 1:")
    act(panel, panel.locator(".fa-step-backward").click, "Channel 0:")
    act(panel, panel.locator(".fa-play").click, "Channel 7:")  # the last one, where it ends


@pytest.mark.usefixtures("explorers")
def test_a_prediction_is_laid_over_the_result(page):
    panel = page.locator(".Prediction")
    reveal = panel.get_by_role("button", name="Reveal")
    expect(reveal).to_be_disabled()
    press(panel, "first", "End", "You predict: first 10")
    press(panel, "second", "End", "second 10")
    act(panel, reveal.click, "first: you said 10, it is 3; second: you said 10, it is 7.")
    expect(reveal).to_be_disabled()


@pytest.mark.usefixtures("explorers")
def test_a_run_is_started_paused_stopped_and_goes_on(page):
    panel = page.locator(".TrainingMonitor")
    status, sentence = panel.locator(".eca-edu-status"), panel.locator(SENTENCE)

    def click(name):
        panel.get_by_role("button", name=name).click()

    click("Start")
    expect(sentence).to_contain_text(re.compile(r"Epoch \d+ of"))
    page.evaluate(IN_KERNEL, "answer = 6 * 7")  # returns while the run goes on
    click("Pause")
    expect(status).to_contain_text("Paused at batch")
    click("Start")
    expect(status).not_to_contain_text("Paused")
    click("Stop")
    expect(status).to_contain_text("Stopped.")
    stopped_at = int(sentence.inner_text().split()[1])
    click("Start")  # shows the epochs done again, and goes on
    later = "([e, epoch]) => Number(e.innerText.split(' ')[1]) > epoch"
    page.wait_for_function(later, arg=[sentence.element_handle(), stopped_at])
    click("Stop")
    expect(status).to_contain_text("Stopped.")


def test_the_explorer_is_timed_beside_interact(lab, browser, capsys, monkeypatch):
    """The benchmark, in the Chromium and the JupyterLab of the other tests."""
    pages = []
    chrome = SimpleNamespace(new_page=lambda **size: pages.append(browser.new_page(**size)) or pages[-1])
    chrome.close = lambda: pages[-1].close()
    server = SimpleNamespace(address=lab.address, token=lab.token, root=lab.root, close=lab.end_kernels)
    monkeypatch.setattr("playwright.sync_api.sync_playwright", contextlib.nullcontext)
    benchmark("explorer_latency.py", MOVES=1, JupyterLab=lambda *_: server, launch=lambda _: chrome)()
    assert len(re.findall(r"The explorer is \d+\.\d\d times as fast", capsys.readouterr().out)) == 2
