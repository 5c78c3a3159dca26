"""Every local link in README, documents and notebooks leads to a file, and its anchor to a heading there."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("*.md", "docs/*.md", "data/*.md", "notebooks/*.ipynb")
FILES = sorted(path for place in PLACES for path in ROOT.glob(place))
#: [text](target), ![text](target), href="target", src="target"
LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:href|src)=["']([^"']+)["']""")


def text_of(path):
    """The markdown of a file, without its code."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """The anchors of a file's headings: as GitHub makes them for a document, as JupyterLab does for a notebook."""
    headings = re.findall(r"^#+ +(.+?) *$", text_of(path), re.MULTILINE)
    if path.suffix == ".ipynb":
        return {heading.replace(" ", "-") for heading in headings}
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(path):
    """The local links of a file that lead nowhere."""
    for groups in LINK.findall(text_of(path)):
        url = "".join(groups)
        if re.match(r"[a-z]+:", url):
            continue
        target, _, anchor = url.partition("#")
        file = (path.parent / unquote(target)).resolve() if target else path
        if not file.is_file() or (anchor and unquote(anchor) not in anchors(file)):
            yield url


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_local_links_lead_somewhere(path):
    assert list(broken(path)) == []


def test_the_documents_can_be_reached_from_the_readme():
    reached, new = set(), [ROOT / "README.md"]
    while new:
        path = new.pop()
        reached.add(path)
        targets = {"".join(groups).partition("#")[0] for groups in LINK.findall(text_of(path))}
        files = {(path.parent / target).resolve() for target in targets if target.endswith((".md", ".ipynb"))}
        new += {file for file in files if file.is_file()} - reached
    assert {*(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb"), ROOT / "CONTRIBUTING.md"} <= reached


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A title, and more\n\n[a](page.md#a-title-and-more) [b](#nowhere) ![c](c.png) [d](https://example.org) `[e](e)`"
    )
    assert list(broken(page)) == ["#nowhere", "c.png"]
