"""Every chapter is executed once, from a fresh kernel: nothing in it swallows an error, the solutions pass its checks, and
the book is made of it, which is read in Chromium without kernel and without network.

With ECA_EDU_SCREENSHOTS=<folder> each page leaves pictures there, on a wide and on a narrow screen.
"""

import functools
import html
import importlib
import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import expect

from eca_edu.practice.questions import predictions
from eca_edu.practice.solutions import CHECK, solve
from tests.browser.hands import FAULTS, PREDICTION, barriers, commit, touch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "book"))  # its worker processes import it as well
make = importlib.import_module("make")

LARGEST = 30e6  # bytes
#: What cells swallow that are added to a chapter, and are left out of its page.
ERRORS = {
    "ZeroDivisionError": "import ipywidgets as W\nW.interact(lambda n: 1 / n, n=W.IntSlider(0))",
    "IndexError": "out = W.Output()\nwith out:\n    [][0]\nout",
    "KeyError": "from eca_edu.explorers.kernel_size import KernelSizeExplorer\nexplorer = KernelSizeExplorer()\n"
    'explorer.when(["gamma"], lambda change: {}["lost"])\nexplorer.gamma = 3',
}
WITH_ERRORS = "01_why_channel_attention"
CHAPTERS = [path.stem for path in make.chapters()]
PHONE = (390, 844)
#: A page's width, height and colour scheme, and the hand that is used there.
PLACES = [(*PHONE, "light", "touch"), (1100, 700, "dark", "keyboard"), (1440, 900, "light", "mouse")]
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

    def open_page(name, width=1280, height=900, scheme="light", **options):
        screen = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, **options}
        context = browser.new_context(**screen, has_touch=True)
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((book / f"{name}.html").as_uri())
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


def swallowed_errors(notebook):
    """Errors that no cell raises: in the output areas of widgets, and in the callbacks of explorers."""
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    widgets = [widget["state"] for widget in state.values()]
    outputs = [output for widget in widgets for output in widget.get("outputs", [])]
    outputs += [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o for o in outputs if o.get("output_type") == "error"] + [
        widget["error"] for widget in widgets if widget.get("error")
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
def test_a_page_is_whole(read, name):
    page = read(name)
    wide = "[...document.querySelectorAll('.input')].filter(e => e.scrollWidth > e.clientWidth)"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        screenshot(page, f"{name}-{width}")
        out = page.evaluate("document.documentElement.scrollWidth") - width  # code and tables scroll by themselves
        assert out <= 0
        assert page.evaluate(f"{wide}.every(e => getComputedStyle(e).overflowX == 'auto')")
    assert name not in CHAPTERS or page.evaluate(f"{wide}.length") > 0
    broken = "[...document.images].filter(e => !(e.complete && e.naturalWidth > 0)).map(e => e.src)"
    assert page.evaluate(broken) == []
    prose = page.evaluate("[...document.querySelectorAll('.text, figcaption, li')].map(e => e.innerText).join(' ')")
    assert not re.search(r"\$|\\[a-z]+", prose)  # no formula is left as LaTeX
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    small = "[...document.querySelectorAll('math')].filter(e => e.getBoundingClientRect().height < 5).length"
    assert page.evaluate(small) == 0
    assert (
        page.evaluate("document.fonts.ready.then(() => [...document.fonts].filter(e => e.status == 'error').length)")
        == 0
    )
    words = page.evaluate("[...document.images].map(e => e.alt)")
    assert [alt for alt in words if len(alt.split()) < 5 or words.count(alt) > 1] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_and_places(book, name):
    places = {path.name: set(re.findall(r' id="([^"]+)"', path.read_text("utf-8"))) for path in book.glob("*.html")}
    text = (book / f"{name}.html").read_text("utf-8")
    for url in map(html.unescape, re.findall(r'<a [^>]*href="([^"]+)"', text)):
        if not url.startswith("http"):
            file, _, place = url.partition("#")
            file = file or f"{name}.html"
            assert (book / file).is_file(), url
            assert not place or place in places[file], url


def test_the_book_says_nothing_that_only_helps_in_jupyterlab_and_shows_its_budget(book):
    pages = {stem: make.plain((book / f"{stem}.html").read_text("utf-8")) for stem in CHAPTERS}
    for words in (
        "Shift + Enter",
        "git restore",
        "Not attempted yet",
        "PosixPath(",
        "UserWarning",
        "checks say",
        "to touch it",
    ):
        assert [stem for stem, text in pages.items() if words in text] == [], words
    trains = [stem for stem in CHAPTERS if any(source.startswith("BUDGET = ") for source in code_cells(stem))]
    assert [stem for stem in trains if 'BUDGET = "quick"' not in pages[stem]] == []


def test_a_figure_that_tells_the_outcome_cannot_be_seen_behind_its_veil(read):
    figure = read("06_channel_weights").locator(".veiled.output img").first
    assert figure.evaluate("e => getComputedStyle(e).visibility") == "hidden"


def test_on_a_phone_no_button_lies_on_code_and_a_wide_formula_has_a_hint(read):
    page = read("02_adaptive_kernel_size", *PHONE, is_mobile=True)
    boxes = page.locator(".code").evaluate_all(
        "all => all.map(e => [...e.children].map(part => part.getBoundingClientRect())).map(([a, b]) => [a.bottom, b.top])"
    )
    assert boxes
    assert [pair for pair in boxes if pair[0] > pair[1]] == []
    assert "gradient" in page.locator(".formula").first.evaluate("e => getComputedStyle(e).backgroundImage")
    inside = page.locator("blockquote .table, blockquote .formula")
    assert [
        found
        for found in inside.evaluate_all("all => all.map(e => getComputedStyle(e).backgroundImage)")
        if found != "none"
    ] == []


def test_one_can_walk_through_the_book(read):
    page = read("index")
    for name in PAGES[1:]:
        page.locator("a[rel=next]").click()
        page.wait_for_url(f"**/{name}.html")
        expect(page.locator(".contents [aria-current=page]")).to_have_count(1)
    expect(page.locator("a[rel=next]")).to_have_count(0)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_every_explorer_answers_to_the_hand_without_kernel(read, stem):
    outputs = [output for cell in executed(stem).cells for output in cell.get("outputs", [])]
    made = [o for o in outputs if o.get("data", {}).get("text/html", "").startswith(make.EXPLORER)]
    assert bool(made) == any("eca_edu.explorers" in source for source in code_cells(stem))
    page = read(stem, *PHONE)
    explorers = page.locator(".eca-edu-explorer")
    expect(explorers).to_have_count(len(made))
    assert page.locator(".eca-edu-code").count() == 0  # the code of each stands in a file, once
    page.evaluate("for (const button of document.querySelectorAll('.lift')) button.click()")
    for width, height, scheme, hand in PLACES:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        for explorer in page.locator(f".eca-edu-explorer:not({PREDICTION})").all():
            touch(page, explorer, hand)
        assert commit(page) == len(predictions()[stem[:2]])  # the first time; later they are committed already
        for explorer in explorers.all():
            assert explorer.evaluate(FAULTS) == []
        if scheme == "dark" or (width, height) == PHONE:
            assert barriers(page) == []
    expect(page.locator(".veiled")).to_have_count(0)  # the outcomes that followed
    page.reload()
    expect(page.locator(".eca-edu-committed")).to_have_count(len(predictions()[stem[:2]]))
    expect(page.locator(".veiled")).to_have_count(0)


def test_an_outcome_is_veiled_until_it_is_predicted_or_passed_over(read):
    page = read("01_why_channel_attention")
    veiled, skips = page.locator(".veiled"), page.get_by_role("button", name="Go on without")
    before = skips.count()
    assert before > 1
    prediction = page.locator("figure", has=page.get_by_text("every feature map is mirrored"))
    outcome = page.get_by_text("mirrored = features.flip(3)")
    assert outcome.evaluate("e => Boolean(e.closest('.veiled[inert]'))")
    prediction.get_by_role("button", name="Go on without").click()
    assert outcome.evaluate("e => !e.closest('.veiled')")
    while skips.count():
        skips.first.click()
    expect(veiled).to_have_count(0)


def test_a_picture_is_enlarged_by_a_key_and_goes_again(read):
    page = read("index", 390)
    link, dialog = page.locator(".enlarge"), page.get_by_role("dialog")
    link.press("Enter")
    expect(dialog.get_by_role("img", name="The four steps of ECA")).to_be_visible()
    assert dialog.locator("img").bounding_box()["width"] > 390
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


@pytest.mark.parametrize(("width", "height"), [(1100, 700), (390, 844)])
def test_a_live_network_is_the_first_that_is_seen(read, width, height):
    page = read("index", width, height)
    explorer = page.locator("figure.explorer")
    box = explorer.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + (box["height"] if width > 390 else 300) <= height  # on a phone the image and the answer
    page.get_by_role("button", name="Turn the stripes").click()
    expect(explorer.locator(".eca-edu-sentence")).to_contain_text("it says yellow")
    page.goto((Path(page.url.removeprefix("file://")).parent / f"{CHAPTERS[0]}.html").as_uri())
    chapter = page.locator("[data-explorer=live_network] .eca-edu-sentence").first
    expect(chapter).to_contain_text("it says triangle")  # what was turned on the first page is not turned there


def test_the_search_is_led_by_keys_and_leads_to_a_section(read):
    page = read("index")
    search, options = page.get_by_role("combobox", name="Search the book"), page.locator(".search [role=option]")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("ps")
    page.keyboard.type("i par")  # letters of Greek are found by their names, and words by their beginnings
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert barriers(page, ".contents") == []
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(search).not_to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("kernel")
    expect(options).to_have_count(8)
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    title, _, heading = options.nth(1).locator("b").inner_text().partition(" › ")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\.html"))
    expect(page.locator(".contents [aria-current=page]")).to_have_text(title)
    expect(page.locator("h2:target, h3:target, h1").last).to_contain_text(heading or title[3:])
    page.keyboard.press("/")
    page.keyboard.type("qqq")
    expect(page.get_by_role("status")).to_have_text("Nothing found")


def test_arrow_keys_turn_pages_but_not_where_they_have_another_task(read):
    page = read("index")
    for key, name in [("ArrowRight", CHAPTERS[0]), ("ArrowRight", CHAPTERS[1]), ("ArrowLeft", CHAPTERS[0])]:
        page.keyboard.press(key)
        page.wait_for_url(f"**/{name}.html")
    for place in (page.get_by_role("combobox", name="Search"), page.locator(".eca-edu-explorer [role=slider]").first):
        place.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Alt+Shift+ArrowRight")
    page.locator(".eca-edu-explorer").first.click(position={"x": 2, "y": 2})
    page.keyboard.press("ArrowRight")
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert page.url.endswith(f"{CHAPTERS[0]}.html")


def test_the_first_key_leads_past_the_contents(read):
    page = read(CHAPTERS[1])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') != null")


@pytest.mark.parametrize("clipboard", ["as it is", "kept from the page"])
def test_code_is_copied_by_a_button(read, clipboard):
    page = read(CHAPTERS[1], height=2000)
    if clipboard != "as it is":
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    place = page.locator(".code").first
    place.get_by_role("button", name="Copy").click()
    expect(place.get_by_role("button")).to_have_text("Copied")
    page.keyboard.press("/")
    page.keyboard.press("Control+v")
    code = place.locator("pre").inner_text().strip().replace("\n", " ")
    expect(page.get_by_role("combobox", name="Search")).to_have_value(code)


def small_book(folder, monkeypatch, about):
    """A book of one chapter, which is not executed."""
    text = "# A title\n\n**A promise.**\n\n## A section\n\nWords\n\n<details><summary>Answers</summary>\n\nsecret\n\n</details>"
    chapter = folder / "00_a_title.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("1 + 1")])
    monkeypatch.setattr(make, "DOCUMENTS", ())
    make.write(folder / "book", {chapter: notebook}, about)
    return folder / "book"


def test_addresses_stand_in_the_book_where_they_are_known(tmp_path, monkeypatch):
    book = small_book(tmp_path, monkeypatch, make.About("https://github.com/OWNER/NAME", "https://book.example/eca/"))
    page = html.unescape((book / "00_a_title.html").read_text("utf-8"))
    file = "OWNER/NAME/blob/main/notebooks/00_a_title.ipynb"
    for url in (
        f"https://github.com/{file}",
        f"https://colab.research.google.com/github/{file}",
        "https://mybinder.org/v2/gh/OWNER/NAME/main?labpath=notebooks%2F00_a_title.ipynb",
    ):
        assert f'href="{url}"' in page
    assert "!git clone --quiet https://github.com/OWNER/NAME eca-edu" in page
    assert '<meta property="og:image" content="https://book.example/eca/card.png">' in page
    assert '<meta property="og:title" content="A title">' in page
    assert '<meta name="description" content="A promise.">' in page
    with Image.open(book / "card.png") as card:
        assert card.size == (1200, 630)


def test_a_book_invents_no_address(tmp_path, monkeypatch):
    book = small_book(tmp_path, monkeypatch, make.About(""))
    page = (book / "00_a_title.html").read_text("utf-8")
    assert "http" not in page
    assert "og:image" not in page
    assert not (book / "card.png").exists()
    assert "The eca-edu authors. MIT licence" in page
    assert "Q. Wang, B. Wu, P. Zhu, P. Li, W. Zuo, Q. Hu. ECA-Net" in page
    for wrong in ("OWNER/NAME", "https://github.com/NAME", "https://elsewhere.example/OWNER/NAME"):
        with pytest.raises(ValueError, match="repository must be https"):
            make.About(wrong)
    with pytest.raises(ValueError, match="site must begin with https"):
        make.About("", "book.example")


def test_the_index_of_the_search_holds_sections_and_no_answers(tmp_path, monkeypatch):
    text = (small_book(tmp_path, monkeypatch, make.About("")) / "search-index.js").read_text("utf-8")
    ((file, title, sections),) = json.loads(text.removeprefix("const searched = ").rstrip(";\n"))
    assert (file, title) == ("00_a_title.html", "00 A title")
    assert sections == [["", "A title", "A promise."], ["A-section", "A section", "Words 1 + 1"]]


def test_paper_has_all_code_and_all_answers_and_no_controls(read):
    page = read("02_adaptive_kernel_size")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("details:not([open])")).to_have_count(0)
    assert page.evaluate("[...document.querySelectorAll('pre')].every(e => e.scrollWidth <= e.clientWidth)")
    for shown in page.locator("nav, footer, .anchor-link, .copy, .eca-edu-slider, .eca-edu-reset, .eca-edu-main").all():
        expect(shown).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("main details[open]")).to_have_count(0)


def test_a_build_names_what_failed_and_goes_on_there(tmp_path, monkeypatch):
    def write(stem, source):
        """A chapter as a reader left it."""
        left = nbformat.v4.new_output("stream", text="a reader's own")
        first = nbformat.v4.new_markdown_cell(f"# {stem}\n\n**A promise.**")
        notebook = nbformat.v4.new_notebook(cells=[first, nbformat.v4.new_code_cell(source, outputs=[left])])
        notebook.metadata.kernelspec = {"name": "missing", "display_name": "missing"}
        nbformat.write(notebook, tmp_path / f"{stem}.ipynb")

    def order():
        return [job.source.stem for job in make.jobs("quick", cache)]

    monkeypatch.setattr(make, "chapters", lambda: sorted(tmp_path.glob("*.ipynb")))
    monkeypatch.setattr(make, "DOCUMENTS", ())
    monkeypatch.setattr(make, "INGREDIENTS", ("tools/book/kernel.py",))
    folder, cache = tmp_path / "book", tmp_path / "cache"
    write("00_kept", "'whole'")
    write("01_failing", "1 / 0  # and a longer text")
    assert order() == ["01_failing", "00_kept"]
    with pytest.raises(RuntimeError, match="01_failing failed"):
        make.build(folder, "quick", cache)
    assert not folder.exists()
    (kept,) = cache.iterdir()
    written = kept.stat().st_mtime_ns
    write("01_failing", "'mended'")
    make.build(folder, "quick", cache)
    assert kept.stat().st_mtime_ns == written  # it was not executed again
    page = (folder / "01_failing.html").read_text("utf-8")
    assert "mended" in page.partition('"output"')[2]
    assert "a reader's own" not in html.unescape(page)
    for seconds, place in enumerate(sorted(cache.iterdir(), reverse=True)):
        notebook = nbformat.read(place, as_version=4)
        notebook.metadata.book.seconds = seconds
        nbformat.write(notebook, place)
    assert order() == ["00_kept", "01_failing"]
    assert all(job.done for job in make.jobs("quick", cache))


def test_a_link_out_of_the_book_is_refused(tmp_path):
    book = make.Book(tmp_path / "book", [ROOT / "docs" / "glossary.md"])
    assert book.address("glossary.md#Words", ROOT / "docs" / "teachers.md") == "glossary.html#Words"
    with pytest.raises(ValueError, match="must lead to a page of the book or to the web"):
        book.address("../LICENSE", ROOT / "docs" / "teachers.md")


def test_a_folder_that_is_no_book_is_left_alone(tmp_path, monkeypatch):
    def write_pages(folder, notebooks, about):
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
