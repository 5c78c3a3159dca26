"""Errors that no cell raises are found, so that the test of the chapters can fail for them."""

import nbformat
from nbclient import NotebookClient

EXPLORER = """from eca_edu.widgets import KernelSizeExplorer
explorer = KernelSizeExplorer()
explorer.update = lambda **values: {}["lost"]
explorer.gamma.value = 1
explorer"""
SWALLOWED = {
    "ZeroDivisionError": "import ipywidgets as W\nW.interact(lambda n: 1 / n, n=W.IntSlider(0))",
    "IndexError": "out = W.Output()\nwith out:\n    [][0]\nout",
    "KeyError": EXPLORER,
}


def swallowed_errors(notebook):
    """Errors that no cell raises: in the output areas of widgets, and in the alerts of explorers."""
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    widgets = [widget["state"] for widget in state.values()]
    outputs = [output for widget in widgets for output in widget.get("outputs", [])]
    outputs += [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o for o in outputs if o.get("output_type") == "error"] + [
        widget["value"] for widget in widgets if 'role="alert"' in str(widget.get("value", ""))
    ]


def test_swallowed_errors_are_found(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in SWALLOWED.values()])
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    for name, error in zip(SWALLOWED, swallowed_errors(notebook), strict=True):
        assert name in str(error)
