"""The course as a book, in pages that need neither kernel nor network: `make book` writes it into build/book.

Every notebook is executed without CIFAR-10, on generated images only, so that the book may be published. A chapter that is
executed is kept in build/book-cache until something changes in it or in what it stands on.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import unquote

import jinja2
import nbformat
import search
import zmq
from about import About, described, draw_card, plain
from jupyter_core.utils import run_sync
from latex2mathml.converter import convert as mathml
from nbclient import NotebookClient
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from eca_edu._files import atomic_write
from eca_edu.explorers.page import callouts

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: The pages after the chapters.
DOCUMENTS = (ROOT / "docs" / "glossary.md", ROOT / "docs" / "teachers.md")
#: What an executed notebook depends on, beside its own text.
INGREDIENTS = ("eca_edu", "data/checkpoints", "data/results", "tools/book/kernel.py", "requirements.lock")
CACHE = ROOT / "build" / "book-cache"
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
EXPLORER = '<div class="eca-edu-still"'
#: The explorer of the first page, in the page of a chapter.
COVER = re.compile(
    r'<figure class="explorer"><div class="eca-edu-still" data-explorer="live_network".*?</script></figure>', re.S
)
TITLE = "Efficient Channel Attention"
DESCRIPTION = (
    "A course on ECA-Net (Wang et al., CVPR 2020): derive the kernel size, build the module, train a network with it, and "
    "look at what it does."
)
NUMBERS = re.compile(r'(?<=<script type="application/json">).*?(?=</script>)', re.DOTALL)
CODE = re.compile(r'<script class="eca-edu-code">(.*?)</script>', re.DOTALL)
#: Paragraphs, cells of code and outputs that only help somebody who runs the notebook.
FOR_JUPYTERLAB = re.compile(
    r"Shift \+ Enter|git restore|run the cell again|■ button|^## \d+\. Is everything there|^`FAIL` says|"
    r"^from eca_edu\.app\.doctor import|^Not attempted yet|^\[?\w*Path\("
)
MARK = "book-set-up"
SET_UP = f"import sys\nsys.path.append({str(HERE)!r})\nimport kernel\ndel kernel, sys"
HERE_ALONE = About()  # a book that knows no address of its own
CONTENTS = "contents.json"  # what a book wrote, so that nothing else is ever deleted with it


@dataclass
class Page:
    """A page of the book.

    headings: (anchor, text) of its sections. live: an explorer for the first page. number: of a chapter, or "".
    """

    source: Path
    title: str
    promise: str = ""
    times: str = ""
    body: str = ""
    live: str = ""
    headings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def file(self) -> str:
        return f"{self.source.stem}.html"

    @property
    def number(self) -> str:
        return self.source.stem[:2] if self.source.suffix == ".ipynb" else ""


def chapters() -> list[Path]:
    """Return the notebooks in the order of the course."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


@run_sync
async def run(client: NotebookClient, **options) -> None:
    """Execute the notebook of the client, and do not wait for ever for a reply that is there already.

    On a busy machine it happens that no one tells the client of a message; to ask its sockets every second finds it.
    """
    running = asyncio.ensure_future(client.async_execute(**options))
    while not running.done():
        await asyncio.wait([running], timeout=1)
        for channel in (client.kc.shell_channel, client.kc.iopub_channel) if client.kc else ():
            channel.socket.get(zmq.EVENTS)  # what is there is then handled
    await running


def clean(path: Path) -> nbformat.NotebookNode:
    """Return a notebook without all that a reader's own runs left in it: outputs, the name of a kernel, folded cells."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.NotebookNode()
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode(tags=cell.metadata.get("tags", []))
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def execute(notebook: nbformat.NotebookNode, budget: str) -> nbformat.NotebookNode:
    """Return the notebook, executed with this budget, without CIFAR-10 and without network.

    Cells tagged MARK are executed, too; a page leaves them out.
    """
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(rf'^BUDGET = "(?!{budget}")\w+".*', f'BUDGET = "{budget}"', cell.source, flags=re.M)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SET_UP, metadata={"tags": [MARK]}))
    with tempfile.TemporaryDirectory() as place:  # chapters may write beside themselves
        course = Path(place)
        for name in ("checkpoints", "results"):
            shutil.copytree(ROOT / "data" / name, course / "data" / name)
        (course / "notebooks").mkdir()
        environment = {**os.environ, "ECA_EDU_DATA": str(course / "data"), "ECA_EDU_OFFLINE": "1"}
        folder = {"metadata": {"path": course / "notebooks"}}
        quiet = ["--log-level=ERROR"]  # kernels warn that they listen on this machine without encryption
        # Asked to end, one kernel of four takes three seconds; there is nothing left that it could do.
        options = {"timeout": None, "kernel_name": "python3", "extra_arguments": quiet, "shutdown_kernel": "immediate"}
        run(NotebookClient(notebook, resources=folder, **options), env=environment)
        shown = nbformat.writes(notebook).replace(place, "eca-edu").replace(str(ROOT), "eca-edu")
    return nbformat.reads(shown, as_version=4)  # without the paths of this machine


class Book:
    """Writes pages into `folder`; `pages` are all that a link may lead to."""

    def __init__(self, folder: Path, sources: list[Path]):
        self.folder = folder
        self.sources = {source.resolve() for source in sources}
        self.highlight = Highlight2HTML(pygments_lexer="ipython3")
        (folder / "pictures").mkdir(parents=True)

    def keep(self, content: bytes, name: str, kind: str) -> str:
        """Keep a file whose name begins with `name`, once for each content, and return its address."""
        address = f"{name}{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
        (self.folder / address).write_bytes(content)
        return address

    def picture(self, content: bytes, kind: str, alt: str, size: dict | None = None) -> str:
        """Return a picture that can be enlarged; size: its width and height in pixels of the page, if it has more itself."""
        address = self.keep(content, "pictures/", kind)
        sides = "".join(f' {side}="{(size or {})[side]}"' for side in size or {})
        return (
            f'<a class="enlarge" href="{address}" title="Enlarge"><img src="{address}" alt="{escape(alt)}"{sides}></a>'
        )

    def markdown(self, text: str, source: Path) -> str:
        """Return a markdown text of the file `source` as HTML: formulas as MathML, links to the pages of the book."""
        return MarkdownWithMath(renderer=Renderer(self, source)).render(text)

    def address(self, url: str, source: Path) -> str:
        """Return where a link in the file `source` leads in the book; raise ValueError if that is no page of it."""
        if re.match(r"https?:|#", url):
            return url
        target, _, anchor = url.partition("#")
        file = (source.parent / unquote(target)).resolve()
        if file not in self.sources:
            raise ValueError(f"links in {source.name} must lead to a page of the book or to the web; got {url!r}")
        return f"{file.stem}.html{'#' * bool(anchor)}{anchor}"

    def chapter(self, notebook: nbformat.NotebookNode, source: Path) -> Page:
        """Return the page of an executed notebook."""
        cells = [cell for cell in notebook.cells if MARK not in cell.metadata.get("tags", [])]
        cells = [cell for cell in cells if cell.cell_type == "markdown" or not FOR_JUPYTERLAB.search(cell.source)]
        first = cells[0].source
        times = re.search(r"Reading: .*", first)
        page = Page(
            source,
            title=first.splitlines()[0].removeprefix("# "),
            promise=self.markdown(re.search(r"^\*\*(.+)\*\*$", first, re.MULTILINE).group(1), source),
            times=times.group(0).rstrip("*") if times else "",
        )
        said, parts = "", []
        for cell in cells:
            if cell.cell_type == "markdown":
                shown = [part for part in cell.source.split("\n\n") if not FOR_JUPYTERLAB.search(part)]
                cell.source = re.sub(r"<blockquote[^>]*>\s*</blockquote>", "", "\n\n".join(shown))
                said = self.alt_text_from_prose(cell.source, source) or said
            parts.append(self.cell(cell, source, said))
        body = "\n".join(parts)
        widgets = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
        body = with_final_state(body, [widget["state"] for widget in widgets.values()])
        page.body = self.with_scripts(body)
        if live := COVER.search(body):
            key = re.search(r'data-key="([^"]+)"', live.group()).group(1)
            page.live = self.with_scripts(live.group().replace(key, f"{key}-cover"))  # each is touched by itself
        return with_headings(page)

    def with_scripts(self, body: str) -> str:
        """Return a part of a page with the code of its explorers in files."""
        scripts = [self.keep(code.encode(), "explorers-", "js") for code in dict.fromkeys(CODE.findall(body))]
        return CODE.sub("", body) + "".join(f'\n<script src="{script}"></script>' for script in scripts)

    def document(self, source: Path) -> Page:
        """Return the page of a markdown file."""
        text = source.read_text(encoding="utf-8")
        body = f'<div class="text">{self.markdown(text, source)}</div>'
        return with_headings(Page(source, title=text.splitlines()[0].removeprefix("# "), body=body))

    def alt_text_from_prose(self, text: str, source: Path) -> str:
        """Return the sentence of a markdown cell that best says what the next cell shows, or "" if there is none."""
        prose = [part for part in text.split("\n\n") if not re.match(r"[#|<>\-$`]|\d\.|\*\*\w+[.:]?\*\*", part)]
        if not prose:
            return ""
        words = plain(self.markdown(prose[-1], source))
        sentences = [s for s in re.split(r"(?<=[.?]) (?=[A-Z])(?<!Fig. )", words) if not s.endswith("?")] or [words]
        return next((s for s in sentences if re.search(r"\b(Here|picture|figure|drawn)\b", s)), sentences[-1])

    def cell(self, cell: nbformat.NotebookNode, source: Path, said: str) -> str:
        """Return a cell; said: what the text before it announces."""
        if cell.cell_type == "markdown":
            return f'<div class="text">{self.markdown(cell.source, source)}</div>'
        outputs = "\n".join(filter(None, (self.output(output, source, said) for output in cell.outputs)))
        code = f'<div class="input">{self.highlight(cell.source)}</div>' if cell.source.strip() else ""
        return code + (f'<div class="output">{outputs}</div>' if outputs else "")

    def output(self, output: nbformat.NotebookNode, source: Path, said: str) -> str:
        """Return one output of a cell in the richest form that a page can show; bars of progress are left out."""
        if output.output_type == "stream":
            return f"<pre>{ansi2html(output.text)}</pre>"
        if output.output_type == "error":
            raise ValueError(f"{source.name} must run without errors; got {output.ename}: {output.evalue}")
        data = output.data
        if data.get("text/html", "").startswith(EXPLORER):
            return f'<figure class="explorer">{data["text/html"]}</figure>'
        if WIDGET in data or FOR_JUPYTERLAB.search(data.get("text/plain", "")):
            return ""
        if "text/html" in data:
            return f'<div class="table">{data["text/html"]}</div>'
        if "image/png" in data:
            alt = " ".join(filter(None, [said, data["text/plain"] and f"In the picture: {data['text/plain']}."]))
            return self.picture(base64.b64decode(data["image/png"]), "png", alt, output.metadata.get("image/png"))
        if "text/markdown" in data:
            return self.markdown(data["text/markdown"], source)
        return f"<pre>{ansi2html(data['text/plain'])}</pre>"


def with_final_state(body: str, states: list[dict]) -> str:
    """Return a page with its explorers as the last cell left them: the curves of a training grow after they are shown."""
    last = {state["key"]: state for state in states if "key" in state}

    def renewed(match: re.Match) -> str:
        state = json.loads(match.group())
        return json.dumps({**state, **{name: last[state["key"]][name] for name in state}}).replace("<", "\\u003c")

    return NUMBERS.sub(renewed, body) if last else body


class Renderer(IPythonRenderer):
    """Markdown to HTML without a script: LaTeX becomes MathML, which browsers draw themselves."""

    def __init__(self, book: Book, source: Path):
        super().__init__(escape=False)
        self.book, self.source = book, source

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def block_math(self, body: str) -> str:
        return f'<div class="formula">{mathml(body, display="block")}</div>'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, self.book.address(url, self.source), title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        file = self.source.parent / url
        return self.book.picture(file.read_bytes(), file.suffix[1:], text)

    def table(self, text: str) -> str:
        return f'<div class="table"><table>{text}</table></div>'


def with_headings(page: Page) -> Page:
    """Fill in the sections of a page, from its HTML."""
    found = re.findall(r'<h2 id="([^"]+)">(.*?)<a class="anchor-link"', page.body)
    page.headings = [(anchor, re.sub(r"<(?!/?m)[^>]+>", "", text)) for anchor, text in found]
    return page


def checked(folder: Path) -> Path:
    """Return the folder if a book may take its place; raise ValueError if it holds what no older book wrote there."""
    written = folder / CONTENTS
    ours = json.loads(written.read_text(encoding="utf-8")) if written.is_file() else {}
    for name, checksum in checksums(folder).items():
        if ours.get(name) != checksum:
            raise ValueError(
                f"folder must be new, empty or an older book; got {folder}, where {name} is from another hand"
            )
    return folder


def checksums(folder: Path) -> dict[str, str]:
    """Return {file in the folder: checksum of its content}, without the list itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / CONTENTS)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write(folder: Path, notebooks: dict[Path, nbformat.NotebookNode], about: About = HERE_ALONE) -> list[Path]:
    """Write the book of these executed notebooks, let it take the place of an older one, and return its pages."""
    checked(folder).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        new = Path(place) / "book"
        names = [file.name for file in write_pages(new, notebooks, about)]
        (new / CONTENTS).write_text(json.dumps(checksums(new)), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return [folder / name for name in names]


def write_pages(folder: Path, notebooks: dict[Path, nbformat.NotebookNode], about: About) -> list[Path]:
    """Write the book of these executed notebooks into a new folder; return its pages."""
    documents = [path for path in DOCUMENTS if path.is_file()]
    book = Book(folder, [*notebooks, *documents])
    pages = [book.chapter(notebook, path) for path, notebook in notebooks.items()]
    pages += [book.document(path) for path in documents]
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = templates.get_template("page.html")
    words = "The four steps of ECA, row by row for 16 channels of a trained network"
    cover = book.picture((ROOT / "tools" / "gallery" / "overview.png").read_bytes(), "png", words)
    files = []
    for i, page in enumerate([None, *pages]):
        files.append(folder / (page.file if page else "index.html"))
        html = template.render(
            page=page,
            pages=pages,
            before=pages[i - 2] if i > 1 else None,
            after=pages[i] if i < len(pages) else None,
            file=files[-1].name,
            title=TITLE,
            description=described(page.promise or page.body) if page else DESCRIPTION,
            links=about.links(page.source) if page and page.number else {},
            live=next((other.live for other in pages if other.live), ""),
            cover=cover,
            about=about,
        )
        files[-1].write_text(html, encoding="utf-8")
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    css = (HERE / "book.css").read_text(encoding="utf-8")
    colours = f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    (folder / "book.css").write_text(f"{colours}{css}\n{callouts()}", encoding="utf-8")
    (folder / "search-index.js").write_text(search.index(pages), encoding="utf-8")
    for name in ("book.js", "search.js", "favicon.svg"):
        shutil.copy(HERE / name, folder)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE.txt")
    shutil.copytree(HERE / "fonts", folder / "fonts")
    if about.site:
        draw_card(folder / "card.png", TITLE, "derive the kernel size,\nbuild the module,\nlook at what it does")
    return files


@dataclass
class Job:
    """A chapter to execute. key: of all that it depends on. place: where it is kept. seconds: how long it may take."""

    source: Path
    notebook: nbformat.NotebookNode
    key: str
    place: Path
    seconds: float
    done: bool


def jobs(budget: str, cache: Path) -> list[Job]:
    """Return a job for each chapter, the longest first: by its last run, or where it has none by the length of its text."""
    files = [path for name in INGREDIENTS for path in [ROOT / name, *sorted((ROOT / name).rglob("*"))]]
    kitchen = {str(path): path.read_bytes() for path in files if path.is_file() and path.suffix != ".pyc"}
    common = hashlib.sha256(b"".join(name.encode() + content for name, content in kitchen.items())).hexdigest()
    found = []
    for path in chapters():
        notebook = clean(path)
        cells = [(cell.cell_type, cell.source, cell.metadata.tags) for cell in notebook.cells]
        key = hashlib.sha256(json.dumps([cells, common]).encode()).hexdigest()
        place = cache / f"{path.stem}-{budget}.ipynb"
        last = nbformat.read(place, as_version=4).metadata.get("book", {}) if place.is_file() else {}
        studies = sum("run_study(" in cell.source for cell in notebook.cells)  # they take longer than any text
        seconds = last.get("seconds", 1000 * studies + path.stat().st_size / 1000)
        found.append(Job(path, notebook, key, place, seconds, done=last.get("key") == key))
    return sorted(found, key=lambda job: -job.seconds)


def finish(job: Job, budget: str) -> float:
    """Execute a chapter and keep it; return how many seconds it took."""
    began = time.monotonic()
    # Two are executed at a time: with all cores for each they would wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    notebook = execute(job.notebook, budget)
    seconds = round(time.monotonic() - began, 1)
    notebook.metadata["book"] = {"key": job.key, "seconds": seconds}
    with atomic_write(job.place, overwrite=True) as part:
        nbformat.write(notebook, part)
    return seconds


def build(folder: Path, budget: str, cache: Path = CACHE, about: About = HERE_ALONE) -> list[Path]:
    """Execute the notebooks that `cache` does not hold, two at a time, and write the book into `folder`; return its pages.

    Raises RuntimeError, after all other chapters are done, if one fails; the book that is there is then left as it is.
    """
    checked(folder)  # before minutes of work
    every = jobs(budget, cache)
    waiting, running, failed = [job for job in every if not job.done], {}, []
    with ProcessPoolExecutor(2) as pool:
        while waiting or running:
            while waiting and len(running) < 2:  # the pool itself would begin others after Ctrl+C
                job = waiting.pop(0)
                running[pool.submit(finish, job, budget)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future).source.stem
                if error := future.exception():
                    failed.append(name)
                    print(f"{name} failed: {error}", flush=True)
                else:
                    print(f"{name} is executed, in {future.result():.0f} seconds", flush=True)
    if failed:
        names = " and ".join(sorted(failed))
        raise RuntimeError(f"{names} failed, as told above. Mend it and build again: all other chapters are kept")
    kept = {job.source: job.place for job in every}
    return write(folder, {path: nbformat.read(kept[path], as_version=4) for path in sorted(kept)}, about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--budget", choices=["quick", "lesson", "full"], default="lesson", help="for training in the notebooks"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "book")
    parser.add_argument(
        "--repository", default=About.repository, help="its address on GitHub: chapters lead to notebooks there"
    )
    parser.add_argument("--site", default="", help="address of the published book: links to it show a card")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or else the pool's processes would stay behind
    try:
        files = build(options.folder, options.budget, about=About(options.repository, options.site))
    except (OSError, RuntimeError, ValueError) as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the chapters that are executed are kept, and the next build goes on there") from None
    print(f"{len(files)} pages; open {files[0]}")


if __name__ == "__main__":
    main()
