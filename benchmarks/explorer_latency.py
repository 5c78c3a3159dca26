"""Slider to picture in a real browser: our explorer of γ and b beside `interact` with a new figure for each call.

Both draw the same picture with the same functions, in one JupyterLab, one move after another in turn. Measured from the key
press that moves the slider to the first frame in which the browser has loaded the new picture.

    python benchmarks/explorer_latency.py
"""

import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browser.conftest import JupyterLab, launch

MOVES = 40
OURS = "from eca_edu.widgets import KernelSizeExplorer\nKernelSizeExplorer()"
INTERACT = """
import ipywidgets as W
import matplotlib.pyplot as plt
from eca_edu.widgets import kernel_size as explorer

%matplotlib inline

class OnAFigure:  # the same drawing, on whatever figure there is
    prepare, update = explorer.KernelSizeExplorer.prepare, explorer.KernelSizeExplorer.update

@W.interact(gamma=W.FloatSlider(2, min=1, max=4, step=0.25, description="γ"),
            b=W.FloatSlider(1, min=-2, max=4, step=0.5, description="b"),
            channels=W.SelectionSlider(options=explorer.CHOICES, value=128, description="C"))
def draw(gamma, b, channels):
    drawing = OnAFigure()
    drawing.figure = plt.figure(figsize=(8.6, 4.7), dpi=100)
    drawing.prepare()
    drawing.update(gamma, b, channels)
    plt.show()
"""
#: Press a key on the i-th γ slider; resolve to the milliseconds until a picture with another source is loaded and shown.
MOVE = """async ([i, key]) => {
    const cell = document.querySelectorAll('.jp-CodeCell')[i];
    const handle = cell.querySelector('.noUi-handle');
    const picture = () => cell.querySelector('img');
    handle.focus();
    const source = picture().src;
    const start = performance.now();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    while (true) {
        await new Promise(requestAnimationFrame);
        const now = picture();
        if (now && now.src !== source && now.complete && now.naturalWidth > 0) return performance.now() - start;
        if (performance.now() - start > 10000) throw new Error('no new picture after 10 s');
    }
}"""


def main() -> None:
    """Print the median and the 95th percentile of both, in milliseconds, and the ratio of the medians."""
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
    print(f"From key press to picture, {MOVES} moves each, in milliseconds:\n{table.round(0).to_string()}")
    print(
        f"The explorer is {table['median']['interact'] / table['median']['explorer']:.2f} times as fast in the median."
    )


def measure(browser, lab: JupyterLab) -> dict[str, list[float]]:
    """Return the milliseconds of each move, {"explorer": […], "interact": […]}."""
    cells = [nbformat.v4.new_code_cell(source) for source in (OURS, INTERACT)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.root / "notebooks" / "latency.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 1800})
    page.set_default_timeout(60_000)
    page.goto(f"{lab.address}/lab/tree/notebooks/latency.ipynb?token={lab.token}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    assert page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".jp-CodeCell:nth-of-type(2) img")
    times = {"explorer": [], "interact": []}
    for move in range(-2, MOVES):  # the first two are for warming up
        key = "ArrowRight" if move // 6 % 2 == 0 else "ArrowLeft"  # to and fro, well inside the slider's range
        for i, name in enumerate(times):
            milliseconds = page.evaluate(MOVE, [i, key])
            if move >= 0:
                times[name].append(milliseconds)
            page.wait_for_timeout(100)
    return times


if __name__ == "__main__":
    main()
