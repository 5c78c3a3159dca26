"""From the hand to the picture, in a real browser: every explorer, in JupyterLab and as a page without a kernel.

Measured from the event of an input to the moment after the next frame is painted, 40 moves each; beside it `interact` with a
new figure for each call, in the same JupyterLab. No explorer sends a message to the kernel before its picture is drawn.

    python tools/benchmarks/explorer_latency.py
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.browser.jupyterlab import JupyterLab, chromium, launch, write_notebook

MOVES = 40
START = """
from eca_edu import load_checkpoint, make_cue_switch
from eca_edu.explorers import *
model, _ = load_checkpoint("../data/checkpoints/cue-switch-eca.safetensors")
images = make_cue_switch(100, seed=2)"""
#: name -> what makes it, after START.
EXPLORERS = {
    "kernel size": "KernelSizeExplorer()",
    "conventions": "ConventionsExplorer()",
    "interaction": "InteractionExplorer()",
    "convolution": "ConvolutionStepper([4, 0, 2, 1, 1, 2, 1, -1], [0.25, 0.5, 0.125])",
    "pipeline": "PipelineExplorer(model, images)",
    "backbones": "BackboneExplorer()",
    "live network": "LiveNetwork(model, images)",
    "attributions": "AttributionExplorer(model, images)",
    "prediction": 'Prediction("how many?", {"first": 3, "second": 7}, low=0, high=10)',
}
INTERACT = """
import ipywidgets as W
import matplotlib.pyplot as plt
import numpy as np
from eca_edu import adaptive_kernel_size

%matplotlib inline

@W.interact(gamma=W.FloatSlider(2, min=1, max=4, step=0.25), b=W.FloatSlider(1, min=-2, max=4, step=0.5))
def draw(gamma, b):
    channels = np.unique(np.logspace(0, 13, 400, base=2).astype(int))
    figure, ax = plt.subplots(figsize=(8.6, 4.7))
    ax.step(channels, [adaptive_kernel_size(int(c), gamma, b) for c in channels], where="post")
    ax.set(xscale="log", xlabel="channels C", ylabel="kernel size k")
    plt.show()"""
#: Touch the first thing of an explorer that can be moved, to and fro; resolve to milliseconds until the frame is painted.
TOUCH = """async ([root, move]) => {
    const keyed = root.querySelector('.eca-edu-bars, .eca-edu-picture [role=slider][tabindex="0"]');
    const range = root.querySelector('input[type=range]:not(:disabled)');
    const key = move % 2 ? 'ArrowDown' : 'ArrowUp';
    const before = root.innerHTML + (keyed ?? range).value;
    await new Promise(resume => setTimeout(resume, 30 + 16 * Math.random()));  // anywhere between two frames
    const start = performance.now();
    if (root.querySelector('.eca-edu-bars') || !range) {
        keyed.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    } else {
        range.value = Number(range.value) + (move % 2 ? -1 : 1) * Number(range.step || 1);
        range.dispatchEvent(new Event('input', {bubbles: true}));
    }
    await new Promise(requestAnimationFrame);
    const channel = new MessageChannel();  // its message comes after the frame is painted
    await new Promise(resume => { channel.port1.onmessage = resume; channel.port2.postMessage(0); });
    const milliseconds = performance.now() - start;
    if (root.innerHTML + (keyed ?? range).value === before) throw new Error('nothing moved');
    return milliseconds;
}"""
#: The same for `interact`: a key on its first slider, until its new picture is decoded and painted.
INTERACTED = """async ([cell, move]) => {
    const source = cell.querySelector('img').src;
    const frame = () => new Promise(requestAnimationFrame);
    const key = move % 12 < 6 ? 'ArrowRight' : 'ArrowLeft';
    const start = performance.now();
    cell.querySelector('.noUi-handle').dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    while (performance.now() - start < 10000) {
        await frame();
        const picture = cell.querySelector('img');
        if (picture && picture.src !== source) {
            await picture.decode();
            await frame();
            return performance.now() - start;
        }
    }
    throw new Error('no new picture after 10 s');
}"""


def main() -> None:
    """Print the median and the 95th percentile for each explorer, in milliseconds, in JupyterLab and as a page."""
    if chromium() is None:
        sys.exit("No Chromium is installed, which this benchmark drives; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = JupyterLab(Path(home), None)
        browser = launch(playwright)
        try:
            times = measure(browser, lab)
        finally:
            browser.close()
            lab.close()
    table = pd.DataFrame(times).quantile([0.5, 0.95]).T.rename(columns={0.5: "median", 0.95: "95th percentile"})
    print(f"From the hand to the picture, {MOVES} moves each, in milliseconds:\n{table.round(1).to_string()}")
    slowest = table.drop(index="interact, JupyterLab")["median"].max()
    print(f"The slowest explorer is {table['median']['interact, JupyterLab'] / slowest:.1f} times as fast as interact.")


def measure(browser, lab: JupyterLab) -> dict[str, list[float]]:
    """Return the milliseconds of each move, by the name of the explorer and of the place."""
    made = {name: f"e = {code}\nopen('{name}.html', 'w').write(e.to_html())\ne" for name, code in EXPLORERS.items()}
    write_notebook(lab.root / "notebooks" / "latency.ipynb", [START, *made.values(), INTERACT])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(f"{lab.address}/lab/tree/notebooks/latency.ipynb?token={lab.token}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    assert page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"document.querySelectorAll('.eca-edu-explorer').length == {len(EXPLORERS)}")
    times = {}
    for name, cell in zip(EXPLORERS, page.locator(".jp-CodeCell").all()[1:], strict=False):
        times[f"{name}, JupyterLab"] = moved(cell.locator(".eca-edu-explorer"), TOUCH)
    interact = page.locator(".jp-CodeCell").last
    interact.locator("img").wait_for()
    times["interact, JupyterLab"] = moved(interact, INTERACTED)
    for name in EXPLORERS:
        page.goto((lab.root / "notebooks" / f"{name}.html").as_uri())
        times[f"{name}, page"] = moved(page.locator(".eca-edu-explorer"), TOUCH)
    return times


def moved(place, script: str) -> list[float]:
    """Return the milliseconds of each move; the first two are for warming up."""
    place.scroll_into_view_if_needed()
    handle = place.element_handle()
    return [place.page.evaluate(script, [handle, move]) for move in range(MOVES + 2)][2:]


if __name__ == "__main__":
    main()
