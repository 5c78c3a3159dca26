"""What a reader sees: every notebook run in JupyterLab, every control moved, pictures and sentences that follow.

With ECA_EDU_SCREENSHOTS=<folder> each test leaves pictures of the page there.
"""

import io
import os
import re
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

expect = pytest.importorskip("playwright.sync_api").expect

IDLE = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
RUN_ALL = """async quick => {
    const notebook = jupyterapp.shell.currentWidget.content;
    for (const cell of notebook.model.cells) {
        if (quick && (cell.metadata.tags || []).includes('parameters')) cell.sharedModel.setSource('BUDGET = "quick"');
    }
    return await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
OUTPUTS = "jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(cell => cell.outputs || [])"
PICTURE = ".eca-edu-picture"
SENTENCE = ".eca-edu-sentence"


def open_and_run(page, lab, name):
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


def move(page, label, key):
    """Press a key on the slider with this label; return the share of the picture's pixels that changed, and the sentence."""
    named = page.locator(".widget-label", has_text=re.compile(f"^{label}$"))
    handle = page.locator(".widget-hslider", has=named).locator(".noUi-handle, .ui-slider-handle").first
    picture = page.locator(PICTURE).last
    picture.scroll_into_view_if_needed()
    before, source = pixels(picture), picture.get_attribute("src")
    handle.focus()
    page.keyboard.press(key)
    element = picture.element_handle()
    page.wait_for_function(
        "([e, source]) => e.src !== source && e.complete && e.naturalWidth > 0", arg=[element, source]
    )
    after = pixels(picture)
    assert after.shape == before.shape  # the picture keeps its size
    return (np.abs(after - before).max(2) > 20).mean(), page.locator(SENTENCE).last.inner_text()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("00_start_here", "cue-switch"),
        ("02_adaptive_kernel_size", "cue-switch"),
        ("03_build_eca", "cue-switch"),
        ("04_plug_into_backbones", "cue-switch"),
        ("05_train_on_cifar10", "cue-switch"),
        ("05_train_on_cifar10", "cifar10"),
    ],
)
def test_notebook_runs_and_its_sliders_move(page, lab, name, data):
    open_and_run(page, lab(data), name)
    screenshot(page, f"{name}-{data}")
    if name.startswith("02"):
        for label, key, words in [
            ("γ", "ArrowRight", "γ = 2.25"),
            ("b", "ArrowLeft", "b = 0.5"),
            ("C", "ArrowRight", "C = 160"),
        ]:
            changed, sentence = move(page, label, key)
            assert changed > 0.0005, label
            assert words in sentence
        screenshot(page, f"{name}-moved")
    if name.startswith("04"):
        for label, key, words in [("γ", "ArrowRight", "5-5-5-5"), ("b", "ArrowLeft", "3-5-5-5")]:
            changed, sentence = move(page, label, key)
            assert changed > 0.0005, label
            assert words in sentence
        page.get_by_label("attention").select_option("se-var3")
        expect(page.locator(SENTENCE).last).to_contain_text("20,119,552 parameters")
        page.get_by_label("attention").select_option("eca")
        page.get_by_label("k list").fill("3-5-5-7")
        page.get_by_label("k list").press("Enter")
        expect(page.locator(SENTENCE).last).to_contain_text("80 parameters")
        page.get_by_label("k list").fill("3-5-5-4")
        page.get_by_label("k list").press("Enter")
        expect(page.locator("[role=alert]")).to_contain_text("kernel_size must be odd")
        screenshot(page, f"{name}-moved")
    if name.startswith(("00", "05")):
        changed, sentence = move(page, "image", "ArrowRight")
        assert changed > 0.005
        assert "Image 1: the right answer is" in sentence
    if name.startswith("05"):
        assert data in page.locator(".jp-Notebook").inner_text()
        assert "Done." in page.locator(SENTENCE).first.inner_text()


def test_a_slider_can_be_dragged(page, lab):
    open_and_run(page, lab("cue-switch"), "02_adaptive_kernel_size")
    named = page.locator(".widget-label", has_text=re.compile("^γ$"))
    handle = page.locator(".widget-hslider", has=named).locator(".noUi-handle").first
    picture = page.locator(PICTURE).last
    picture.scroll_into_view_if_needed()
    before, source = pixels(picture), picture.get_attribute("src")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=10)
    page.mouse.up()
    page.wait_for_function(
        "([e, source]) => e.src !== source && e.complete && e.naturalWidth > 0", arg=[picture.element_handle(), source]
    )
    assert "γ = 2 " not in page.locator(SENTENCE).last.inner_text()
    assert not np.array_equal(pixels(picture), before)
