"""Slider to picture in a real browser: our explorer of γ and b beside `interact` with a new figure for each call.

All draw the same plot with the same functions, in one JupyterLab, one move after another in turn. Measured from the key that
moves the slider to the frame after the one in which the browser has decoded the new picture. The key is an event on the
slider's handle, which saves every contestant the same short way through the browser's keyboard.

"interact" is what a reader gets who writes `interact` and a figure: the inline backend then crops the picture, which costs a
second layout. "interact, not cropped" is without that.

    python benchmarks/explorer_latency.py
"""

import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browser.jupyterlab import JupyterLab, chromium, launch

MOVES = 40
OURS = "from eca_edu.widgets import KernelSizeExplorer\nKernelSizeExplorer()"
INTERACT = """
import io
import ipywidgets as W
import matplotlib.pyplot as plt
from IPython.display import Image, display
from eca_edu.widgets import kernel_size as explorer
from eca_edu.widgets.kernel_size import b_slider, gamma_slider

%matplotlib inline

class OnAFigure(explorer.KernelSizeExplorer):  # the same drawing, on whatever figure there is
    __init__ = lambda self: None
    keep_still = lambda self, moving: None

@W.interact(gamma=gamma_slider(), b=b_slider(),
            channels=W.SelectionSlider(options=explorer.CHOICES, value=128, description="C"))
def draw(gamma, b, channels):
    drawing = OnAFigure()
    drawing.figure = plt.figure(figsize=(8.6, 4.7), dpi=100)
    drawing.prepare()
    drawing.update(gamma, b, channels)
    SHOW
"""
SHOW_WHOLE = """png = io.BytesIO()
    drawing.figure.savefig(png)
    plt.close(drawing.figure)
    display(Image(png.getvalue()))"""
#: name -> the cell that shows its slider and its picture.
CONTESTANTS = {
    "explorer": OURS,
    "interact": INTERACT.replace("SHOW", "plt.show()"),
    "interact, not cropped": INTERACT.replace("SHOW", SHOW_WHOLE),
}
#: Press a key on the γ slider of the i-th cell; resolve to the milliseconds until its new picture is on the screen.
MOVE = """async ([i, key]) => {
    const cell = document.querySelectorAll('.jp-CodeCell')[i];
    const handle = cell.querySelector('.noUi-handle');
    const source = cell.querySelector('img').src;
    const frame = () => new Promise(requestAnimationFrame);
    handle.focus();
    const start = performance.now();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
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
    """Print the median and the 95th percentile of each, in milliseconds, and the ratios of the medians."""
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
    print(f"From key to picture, {MOVES} moves each, in milliseconds:\n{table.round(0).to_string()}")
    for name in list(CONTESTANTS)[1:]:
        ratio = table["median"][name] / table["median"]["explorer"]
        print(f"The explorer is {ratio:.2f} times as fast in the median as {name}.")


def measure(browser, lab: JupyterLab) -> dict[str, list[float]]:
    """Return the milliseconds of each move, by the name of the contestant."""
    cells = [nbformat.v4.new_code_cell(source) for source in CONTESTANTS.values()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.root / "notebooks" / "latency.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 2400})
    page.set_default_timeout(60_000)
    page.goto(f"{lab.address}/lab/tree/notebooks/latency.ipynb?token={lab.token}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    assert page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"document.querySelectorAll('.jp-CodeCell img').length == {len(CONTESTANTS)}")
    times = {name: [] for name in CONTESTANTS}
    for move in range(-2, MOVES):  # the first two are for warming up
        key = "ArrowRight" if move // 6 % 2 == 0 else "ArrowLeft"  # to and fro, well inside the slider's range
        for i, name in sorted(enumerate(times), reverse=move % 2 == 0):
            milliseconds = page.evaluate(MOVE, [i, key])
            if move >= 0:
                times[name].append(milliseconds)
            page.wait_for_timeout(100)
    return times


if __name__ == "__main__":
    main()
