"""What a reader sees: every notebook run in JupyterLab, every control moved, pictures and sentences that follow.

The images are of CIFAR-10's layout, those of chapter 08 a folder of another kind; tests/browser/test_book.py runs the
chapters on generated ones. With ECA_EDU_SCREENSHOTS=<folder> each test leaves pictures of the page there.
"""

import contextlib
import html
import itertools
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from playwright.sync_api import expect

import eca_edu.explorers
from eca_edu.practice.questions import predictions
from tests.browser.hands import FAULTS, PREDICTION, barriers, commit, touch
from tests.browser.jupyterlab import write_notebook
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
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
IN_KERNEL = "code => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done"
OUTPUTS = "jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(cell => cell.outputs || [])"
THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
SENTENCE = ".eca-edu-sentence"
#: Questions and signs of answers may be longer than a window.
LISTS = ".eca-edu-questions, .eca-edu-signs"
HANDS = ("mouse", "keyboard", "touch")


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


def code_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem[:2] != "08"], ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_controls_move(page, lab, path):
    name, asked = path.stem, len(predictions()[path.stem[:2]])
    page.evaluate(THEME, ["JupyterLab Light", "JupyterLab Dark"][int(name[:2]) % 2])
    open_notebook(page, lab, name)
    outputs = run_all(page)
    screenshot(page, name)
    assert ("cifar10: " in outputs) == ("load_images(" in path.read_text(encoding="utf-8"))
    made = re.findall(r"^ *(?:\w+ = )?(\w+)(?:\.of_tensor)?\(", "\n".join(code_of(path)), re.MULTILINE)
    expect(page.locator(".eca-edu-explorer")).to_have_count(
        sum(callable(getattr(eca_edu.explorers, call, None)) for call in made)
    )
    expect(page.locator(".eca-edu-still")).to_have_count(0)  # each has its kernel
    hands = itertools.cycle(HANDS)
    window = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer").bounding_box()
    for explorer in page.locator(f".eca-edu-explorer:not(:has(.eca-edu-curves), {PREDICTION})").all():
        touch(page, explorer, next(hands))
        assert explorer.locator(LISTS).count() or explorer.bounding_box()["height"] <= window["height"]
    assert commit(page) == asked
    expect(page.locator(".eca-edu-explorer:has(.eca-edu-signs)")).to_contain_text(f"{asked} of")
    for explorer in page.locator(".eca-edu-explorer").all():
        assert explorer.evaluate(FAULTS) == []
    assert barriers(page) == []
    whole(page)
    screenshot(page, f"{name}-moved")


def test_chapter_08_runs_on_a_folder_of_images_and_trains_nothing_twice(page, lab, shapes):
    open_notebook(page, lab, "08_your_own_experiment")
    for left in (4, 0):
        outputs = run_all(page, f'BUDGET = "quick"\nIMAGES = {str(shapes)!r}')
        assert "my shapes: 90 training images and 27 test images" in outputs
        assert f"{left} runs are left to do" in outputs
        (folder,) = (lab.root / "data" / "runs").glob("chapter08-*")
        files = {name: (folder / name).read_bytes() for name in ("results.csv", "network.safetensors", "report.html")}
        expect(page.locator(".eca-edu-explorer:has(.eca-edu-curves)").locator(SENTENCE)).to_contain_text("Done.")
        report = page.frame_locator("iframe[title='The report']")
        expect(report.get_by_role("heading", level=1)).to_contain_text("on my shapes")
        if left:
            first = files
            screenshot(page, "08_your_own_experiment")
    assert files == first
    assert f"IMAGES = {str(shapes)!r}" in html.unescape(files["report.html"].decode())


EXPLORERS = """from eca_edu.explorers import KernelSizeExplorer

kernel_size = KernelSizeExplorer()
kernel_size.observe(lambda change: setattr(kernel_size, "channels", 1024), "gamma")
kernel_size.when(["b"], lambda change: {}["lost"])
kernel_size
---
from pathlib import Path
import tempfile
from eca_edu import ECACNN, make_cue_switch, fit
from eca_edu.explorers import TrainingMonitor

model, options = ECACNN(width=8), {"epochs": 100_000, "batch_size": 32, "state": Path(tempfile.mkdtemp(), "state")}
data = make_cue_switch(512, seed=0), make_cue_switch(64, seed=1)
TrainingMonitor(lambda on_batch: fit(model, *data, on_batch=on_batch, **options), options["epochs"])"""


@pytest.fixture(scope="module")
def explorers(lab):
    """A notebook with five explorers of which each belongs to one test."""
    write_notebook(lab.root / "notebooks" / "explorers.ipynb", EXPLORERS.split("\n---\n"))
    open_notebook(lab.page, lab, "explorers")
    run_all(lab.page)


@pytest.mark.usefixtures("explorers")
def test_the_page_and_python_have_one_state(page):
    explorer = page.locator(".eca-edu-explorer").first
    handle = explorer.get_by_role("slider", name="γ", exact=True)
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"] / 2, steps=10)
    page.mouse.up()
    # Python hears of γ and answers with another C.
    expect(explorer.locator(SENTENCE)).to_contain_text("t = (log₂ 1024 + 1) / 4 = 2.75, and k = 3")
    explorer.get_by_role("slider", name="b", exact=True).press("ArrowLeft")
    expect(explorer.locator("[role=alert]")).to_have_text("KeyError: 'lost'")


@pytest.mark.usefixtures("explorers")
def test_a_late_echo_of_the_kernel_undoes_nothing(page, lab):
    handle = page.locator(".eca-edu-explorer").first.get_by_role("slider", name="C", exact=True)
    handle.press("Home")
    expect(handle).to_have_attribute("aria-valuetext", "1")
    page.evaluate(IN_KERNEL, "1")  # what was set before is saved
    release = lab.root / "notebooks" / "release"
    page.evaluate(f"code => void ({IN_KERNEL})(code)", "import os\nwhile not os.path.exists('release'): pass")
    places = []
    for i in range(15):  # the first is saved, and echoed while others are not saved yet
        handle.press("ArrowRight")
        page.evaluate(NEXT_FRAME)  # which draws what the key has set
        places.append(int(handle.get_attribute("aria-valuetext")))
        if i == 0:
            kept = f"Object.values(sessionStorage).some(state => state.includes('\"channels\":{places[0]},'))"
            page.wait_for_function(kept)
        elif i == 1:
            release.touch()
    page.evaluate(IN_KERNEL, "1")  # all echoes have come
    places.append(int(handle.get_attribute("aria-valuetext")) + 1)
    assert places == sorted(set(places))


@pytest.mark.usefixtures("explorers")
def test_a_run_is_started_paused_stopped_and_goes_on(page):
    panel = page.locator(".eca-edu-explorer", has=page.locator(".eca-edu-curves"))
    status, sentence = panel.locator(".eca-edu-status"), panel.locator(SENTENCE)

    def click(name):
        panel.get_by_role("button", name=name, exact=True).click()

    click("Start")
    expect(sentence).to_contain_text(re.compile(r"Epoch \d+ of"))
    page.evaluate(IN_KERNEL, "answer = 6 * 7")  # returns while the run goes on
    click("Pause")
    expect(status).to_contain_text("Paused at batch")
    click("Go on")
    expect(status).not_to_contain_text("Paused")
    click("Stop")
    expect(status).to_contain_text("Stopped.")
    stopped_at = int(sentence.inner_text().split()[1])
    click("Go on")  # shows the epochs done again, and goes on
    later = "([e, epoch]) => Number(e.innerText.split(' ')[1]) > epoch"
    page.wait_for_function(later, arg=[sentence.element_handle(), stopped_at])
    click("Stop")
    expect(status).to_contain_text("Stopped.")


@pytest.mark.usefixtures("explorers")
def test_a_reopened_notebook_shows_its_explorers_as_they_were_left(page, lab):
    explorer = page.locator(".eca-edu-explorer").first
    explorer.get_by_role("slider", name="C", exact=True).press("End")
    page.wait_for_function("Object.values(sessionStorage).some(state => state.includes('\"channels\":4096'))")
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    open_notebook(page, lab, "explorers")  # with a kernel that has run nothing
    expect(explorer.locator(SENTENCE)).to_contain_text("log₂ 4096")
    expect(page.get_by_text("Error displaying widget").first).to_be_hidden()
    explorer.get_by_role("slider", name="C", exact=True).press("Home")
    expect(explorer.locator(SENTENCE)).to_contain_text("log₂ 1 ")


def test_predictions_are_found_again_after_a_reload_of_the_page(page, lab):
    asked = ("two_more", "tie_of_four", "number_of_ties", "code_of_the_paper", "differ_from_the_paper")
    cells = ["from eca_edu.explorers import Quiz, predict", *(f'predict("{name}")' for name in asked), 'Quiz("before")']
    write_notebook(lab.root / "notebooks" / "reload.ipynb", cells)
    open_notebook(page, lab, "reload")
    run_all(page)
    commit(page)  # those that were committed before are committed still
    revealed = "name => sessionStorage.getItem(`eca-edu prediction ${name}`)?.includes('\"revealed\":true')"
    page.wait_for_function(f"names => names.every({revealed})", arg=asked)  # nothing waits in the page to be told
    file = lab.root / "notebooks" / "progress.json"
    for _ in range(len(asked)):  # while Python answers, the page keeps its next message
        page.evaluate(IN_KERNEL, "1")
    assert json.loads(file.read_text(encoding="utf-8"))["predictions"].keys() >= {*asked}
    expect(page.locator("[role=alert]:visible")).to_have_count(0)
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    quiz = page.locator(".eca-edu-explorer", has=page.locator(".eca-edu-questions"))
    expect(quiz.get_by_role("alert")).to_have_text("The kernel was restarted. Run this cell again.")
    expect(page.locator("[role=alert]:visible")).to_have_count(1)  # what is committed cannot be lost
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.goto(
        f"{lab.address}/lab?token={lab.token}&reset"
    )  # or the notebook and its kernel would come back by themselves
    page.wait_for_function("window.jupyterapp")
    page.evaluate("jupyterapp.restored")
    open_notebook(page, lab, "reload")  # with a kernel that has run nothing
    expect(page.locator(".eca-edu-committed")).to_have_count(len(asked))
    expect(quiz.get_by_role("alert")).to_have_text("The kernel was restarted. Run this cell again.")


def test_explorers_are_timed_beside_interact(lab, browser, capsys, monkeypatch):
    """The benchmark, in the Chromium and the JupyterLab of the other tests, of one explorer."""
    pages = []
    chrome = SimpleNamespace(new_page=lambda **size: pages.append(browser.new_page(**size)) or pages[-1])
    chrome.close = lambda: pages[-1].close()
    server = SimpleNamespace(address=lab.address, token=lab.token, root=lab.root, close=lab.end_kernels)
    monkeypatch.setattr("playwright.sync_api.sync_playwright", contextlib.nullcontext)
    few = {"MOVES": 1, "EXPLORERS": {"kernel size": "KernelSizeExplorer()"}}
    benchmark("explorer_latency.py", JupyterLab=lambda *_: server, launch=lambda _: chrome, **few)()
    assert re.search(r"The slowest explorer is \d+\.\d times as fast", capsys.readouterr().out)
