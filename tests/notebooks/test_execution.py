"""The notebooks that load images run from top to bottom on CIFAR-10's layout, and nothing in them swallows an error.

All notebooks on generated images: tests/browser/test_book.py runs them as they are, test_solutions.py solved.
"""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def quick(path, **parameters):
    """The notebook with the quick budget and other values set after its parameters cell, as papermill would do it."""
    notebook = nbformat.read(path, as_version=4)
    source = "\n".join(f"{name} = {value!r}" for name, value in {"BUDGET": "quick", **parameters}.items())
    for i, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", []):
            notebook.cells.insert(i + 1, nbformat.v4.new_code_cell(source))
            break
    return notebook


def swallowed_errors(notebook):
    """Errors that no cell raises: in the output areas of widgets, and in the alerts of explorers."""
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    widgets = [widget["state"] for widget in state.values()]
    outputs = [output for widget in widgets for output in widget.get("outputs", [])]
    outputs += [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o for o in outputs if o.get("output_type") == "error"] + [
        widget["value"] for widget in widgets if 'role="alert"' in str(widget.get("value", ""))
    ]


def course(folder):
    """A folder to run notebooks in, with the data of the course beside it, where they may write."""
    for name in ("checkpoints", "results"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name)
    (folder / "notebooks").mkdir()
    return folder / "notebooks"


def execute(notebook, folder):
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


LOADING = [path for path in NOTEBOOKS if "load_images" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", LOADING, ids=lambda path: path.stem)
def test_on_cifar10(path, cifar10_folder, tmp_path, monkeypatch):
    notebook = quick(path)
    monkeypatch.setenv("ECA_EDU_DATA", str(cifar10_folder))
    monkeypatch.setenv("ECA_EDU_OFFLINE", "1")
    execute(notebook, course(tmp_path))
    assert swallowed_errors(notebook) == []
    assert "cifar10: " in str(notebook)


@pytest.mark.parametrize(
    "source",
    [
        "import ipywidgets as W\nW.interact(lambda n: 1 / n, n=W.IntSlider(0))",
        "import ipywidgets as W\nout = W.Output()\nwith out:\n    1 / 0\nout",
        "from eca_edu.widgets import KernelSizeExplorer\ne = KernelSizeExplorer()\ne.update = lambda **values: 1 / 0\n"
        "e.gamma.value = 1\ne",
    ],
    ids=["interact", "output", "explorer"],
)
def test_a_swallowed_error_is_found(source, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    execute(notebook, tmp_path)
    assert len(swallowed_errors(notebook)) == 1
    assert "ZeroDivisionError" in str(swallowed_errors(notebook)[0])
