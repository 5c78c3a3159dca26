"""Every chapter is executed once, from a fresh kernel: nothing in it swallows an error, the solutions pass its checks, and
the book is made of it, which is read in Chromium without kernel and without network.

With ECA_EDU_SCREENSHOTS=<folder> each page leaves pictures there, on a wide and on a narrow screen.
"""

import base64
import functools
import html
import importlib.util
import io
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import eca_edu.widgets
from eca_edu.solutions import CHECK, solve

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("make", ROOT / "book" / "make.py")
make = importlib.util.module_from_spec(specification)
specification.loader.exec_module(make)

LARGEST = 30e6  # bytes
#: Explorer -> (page, control, key that moves it, words that then stand below the picture)
MOVES = {
    "ChannelWeightsExplorer": ("00_start_here", "image", "ArrowRight", "Image 1: the right answer is"),
    "KernelSizeExplorer": ("02_adaptive_kernel_size", "b", "ArrowLeft", "γ = 2 and b = 0"),
    "ConventionsExplorer": ("02_adaptive_kernel_size", "C", "ArrowLeft", "C = 32"),
    "ConvolutionStepper": ("03_build_eca", "channel", "End", "Channel 7: 0.25 · 1 + 0.5 · -1 + 0.125 · 0"),
}
#: What cells swallow that are added to a chapter, and are left out of its page.
ERRORS = {
    "ZeroDivisionError": "import ipywidgets as W\nW.interact(lambda n: 1 / n, n=W.IntSlider(0))",
    "IndexError": "out = W.Output()\nwith out:\n    [][0]\nout",
    "KeyError": "from eca_edu.widgets import InteractionExplorer\nexplorer = InteractionExplorer()\n"
    'explorer.update = lambda **values: {}["lost"]\nexplorer.gate.value = "se"',
}
WITH_ERRORS = "01_why_channel_attention"
CHAPTERS = [path.stem for path in make.chapters()]
PAGES = ["index", *CHAPTERS, *(path.stem for path in make.DOCUMENTS)]


def code_cells(stem):
    cells = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


@functools.cache
def executed(stem):
    """The chapter, executed with the quick budget; after each exercise's cell stands one with the solution, out of the book."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    for i in reversed(range(len(notebook.cells))):
        if CHECK.search(source := notebook.cells[i].source):
            solved = nbformat.v4.new_code_cell(solve(source), metadata={"tags": [make.MARK]})
            notebook.cells.insert(i + 1, solved)
    for source in ERRORS.values() if stem == WITH_ERRORS else ():
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [make.MARK]}))
    return make.execute(notebook, "quick")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book, built once, with the quick budget."""
    folder = tmp_path_factory.mktemp("build") / "book"
    make.write(folder, {path: executed(path.stem) for path in make.chapters()})
    return folder


@pytest.fixture
def read(book, browser):
    """Open a page of the book; afterwards the test fails for errors and for anything asked from the network."""
    asked, errors = [], []

    def open_page(name, width=1280):
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((book / f"{name}.html").as_uri())
        page.wait_for_function("[...document.querySelectorAll('.flipbook')].every(e => e.dataset.ready)")
        return page

    contexts = []
    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []


def screenshot(page, name):
    if folder := os.environ.get("ECA_EDU_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder, f"book-{name}.png"), full_page=True)


def pixels(figure):
    """The picture of a flipbook, (height, width, 3)."""
    png = figure.locator("canvas").evaluate("e => e.toDataURL()").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)


def swallowed_errors(notebook):
    """Errors that no cell raises: in the output areas of widgets, and in the alerts of explorers."""
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    widgets = [widget["state"] for widget in state.values()]
    outputs = [output for widget in widgets for output in widget.get("outputs", [])]
    outputs += [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o for o in outputs if o.get("output_type") == "error"] + [
        widget["value"] for widget in widgets if 'role="alert"' in str(widget.get("value", ""))
    ]


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_runs_and_swallows_no_error(stem):
    """But for one chapter, to which three were added, so that the test is seen to find them."""
    found, expected = swallowed_errors(executed(stem)), ERRORS if stem == WITH_ERRORS else ()
    assert [any(name in str(error) for error in found) for name in expected] == [True] * len(found)


@pytest.mark.parametrize("stem", [stem for stem in CHAPTERS if any(map(CHECK.search, code_cells(stem)))])
def test_a_stub_is_told_from_a_solution_and_every_solution_passes(stem):
    found = {}
    for cell in executed(stem).cells:
        if cell.cell_type == "code" and (check := CHECK.search(cell.source)):
            found.setdefault(check.group(1), []).append(cell.outputs[-1]["data"]["text/plain"].partition(": ")[0])
    assert found == {name: ["Not attempted yet", "OK"] for name in found}


def test_the_book_has_a_page_for_each_chapter_and_is_small(book):
    assert sorted(path.stem for path in book.glob("*.html")) == sorted(PAGES)
    assert sum(path.stat().st_size for path in book.rglob("*") if path.is_file()) < LARGEST


def test_the_book_is_made_of_generated_images_only(book):
    """CIFAR-10 may not be published: every chapter that loads images says that it has generated ones."""
    loading = [stem for stem in CHAPTERS if any("load_images(" in source for source in code_cells(stem))]
    assert loading
    for stem in loading:
        page = (book / f"{stem}.html").read_text("utf-8")
        outputs = "".join(re.findall(r'<div class="output">.*?</div>', page, re.S))
        assert "cue-switch: " in outputs
        assert "cifar10: " not in outputs


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_is_whole(read, name, width):
    page = read(name, width)
    screenshot(page, f"{name}-{width}")
    broken = "[...document.images].filter(e => !(e.complete && e.naturalWidth > 0)).map(e => e.src)"
    assert page.evaluate(broken) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out; code and tables scroll
    prose = page.evaluate("[...document.querySelectorAll('.text, figcaption, li')].map(e => e.innerText).join(' ')")
    assert not re.search(r"\$|\\[a-z]+", prose)  # no formula is left as LaTeX
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    small = "[...document.querySelectorAll('math')].filter(e => e.getBoundingClientRect().height < 5).length"
    assert page.evaluate(small) == 0


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_and_places(book, name):
    places = {path.name: set(re.findall(r' id="([^"]+)"', path.read_text("utf-8"))) for path in book.glob("*.html")}
    text = (book / f"{name}.html").read_text("utf-8")
    for url in map(html.unescape, re.findall(r'<a [^>]*href="([^"]+)"', text)):
        if not url.startswith("http"):
            file, _, place = url.partition("#")
            assert (file or f"{name}.html") in places, url
            assert not place or place in places[file or f"{name}.html"], url


def test_one_can_walk_through_the_book(read):
    page = read("index")
    for name in PAGES[1:]:
        page.locator("a[rel=next]").click()
        page.wait_for_url(f"**/{name}.html")
        expect(page.locator(".contents [aria-current=page]")).to_have_count(1)
    expect(page.locator("a[rel=next]")).to_have_count(0)


@pytest.mark.parametrize("explorer", MOVES)
def test_a_flipbook_moves(read, explorer):
    name, label, key, words = MOVES[explorer]
    page = read(name)
    figure = page.locator(f"figure.flipbook[data-explorer={explorer}]").first
    before = pixels(figure)
    figure.get_by_role("slider", name=label, exact=True).press(key)
    expect(figure.locator("figcaption")).to_contain_text(words)
    assert (np.abs(pixels(figure) - before).max(2) > 20).mean() > 0.0005


def test_a_flipbook_shows_what_the_explorer_draws(read):
    """The pixels of one state, put together from tiles, are those of the explorer in this state."""
    page = read("02_adaptive_kernel_size")
    figure = page.locator("figure.flipbook[data-explorer=KernelSizeExplorer]")
    for label in ("γ", "b", "C"):
        figure.get_by_role("slider", name=label, exact=True).press("ArrowRight")
    explorer = eca_edu.widgets.KernelSizeExplorer()
    explorer.gamma.value, explorer.b.value, explorer.channels.value = 2.5, 2, 160
    assert np.array_equal(pixels(figure), explorer.draw()[..., :3])


def test_every_explorer_has_a_picture(book):
    for stem in CHAPTERS:
        text = (book / f"{stem}.html").read_text("utf-8")
        for explorer in (name for name in vars(eca_edu.widgets) if name[0].isupper()):
            made = any(f"{explorer}(" in source for source in code_cells(stem))
            assert made == (f'data-explorer="{explorer}"' in text), (stem, explorer)


def test_a_link_out_of_the_book_is_refused(tmp_path):
    book = make.Book(tmp_path / "book", [ROOT / "docs" / "glossary.md"])
    assert book.address("glossary.md#Words", ROOT / "docs" / "teachers.md") == "glossary.html#Words"
    with pytest.raises(ValueError, match="must lead to a page of the book or to the web"):
        book.address("../LICENSE", ROOT / "docs" / "teachers.md")


def test_a_folder_that_is_no_book_is_left_alone(tmp_path, monkeypatch):
    def write_pages(folder, notebooks):
        folder.mkdir()
        (folder / "index.html").write_text("a page")
        return [folder / "index.html"]

    monkeypatch.setattr(make, "write_pages", write_pages)
    folder = tmp_path / "book"
    for _ in range(2):  # a book takes the place of an older one
        (first, *_) = make.write(folder, {})
    changes = {"thesis.txt": "years of work", first.name: first.read_text("utf-8") + "a teacher's remark"}
    for name, text in changes.items():
        before = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=f"must be new, empty or an older book; got .*{name} is from another hand"):
            make.build(folder, "quick")
        assert (folder / name).read_text("utf-8") == text
        (folder / name).unlink() if before is None else (folder / name).write_bytes(before)
