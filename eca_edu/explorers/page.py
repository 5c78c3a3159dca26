"""How does an explorer get into a page? As a module for its widget, or as HTML that needs neither kernel nor network."""

import json
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import matplotlib

from eca_edu.figures import colours

HERE = Path(__file__).resolve().parent
SHADES = 64  # of a scale of colours
COLOURS = {name.lower(): value for name, value in vars(colours).items() if name.isupper() and value.startswith("#")}
#: In JupyterLab the output after a still is its widget, or an error where the kernel is gone: hidden until the widget comes.
HIDE = ".jp-OutputArea-child:has(.eca-edu-still) + .jp-OutputArea-child { display: none; }"

ONLY_THIS_FILE = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


@cache
def style() -> str:
    """Return the style sheet of all explorers, and of the callouts around them."""
    return f"{callouts()}\n{(HERE / 'kit.css').read_text(encoding='utf-8')}"


def callouts() -> str:
    """Return the style sheet of the callouts in the text, with the colours of the course as variables."""
    variables = "".join(f"--{name}: {value}; " for name, value in COLOURS.items())
    return f":root {{ {variables}}}\n{(HERE / 'callouts.css').read_text(encoding='utf-8')}"


@cache
def script_source(*names: str) -> str:
    """Return the JavaScript of the files `names`, after all that they share: a classic script without exports."""
    scales = {"signed": colours.SIGNED, "weight": colours.WEIGHT}
    shades = {
        name: [matplotlib.colors.to_hex(matplotlib.colormaps[scale](i / (SHADES - 1))) for i in range(SHADES)]
        for name, scale in scales.items()
    }
    files = [(HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("lit-html", "kit", *names)]
    return "\n".join([f"const palette = {json.dumps({**COLOURS, **shades})};", *files])


def widget_module(name: str, *needs: str) -> str:
    """Return the JavaScript module that anywidget asks for: it draws the explorer `name`, with what it needs."""
    render = f"({{ model, el }}) => mount(explorers[{name!r}], model, el)"
    return f"{script_source(*needs, name)}\nexport default {{ render: {render} }};"


def static_html(name: str, needs: tuple[str, ...], state: dict[str, Any]) -> str:
    """Return an explorer as HTML, with its code, for a page without a kernel.

    state: the value of every trait.
    """
    text = json.dumps(state).replace("<", "\\u003c")  # so that no text of the state ends the script
    return (
        f'<div class="eca-edu-still" data-explorer="{name}" data-key="{state["key"]}">'
        "<noscript>Here is an interactive picture. Turn on JavaScript, or run the notebook, to see it.</noscript>"
        f'<script type="application/json">{text}</script></div>'
        f'<script class="eca-edu-code">(() => {{\n{script_source(*needs, name, "without_kernel")}\n'
        f"const style = document.createElement('style');\nstyle.textContent = {json.dumps(style() + HIDE)};\n"
        "document.head.append(style);\n})();</script>"
    )


def standalone_page(title: str, body: str) -> str:
    """Return a page of HTML that holds all it needs; the browser itself refuses whatever is not in it."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{ONLY_THIS_FILE}">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }}
h1 {{ font-size: 1.4rem; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""
