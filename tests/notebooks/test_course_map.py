"""The two maps of the course, in chapter 00 and in the README, tell of every chapter what it says of itself."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def chapters():
    """(number, title, minutes of reading) of each chapter, by its own first cell."""
    for path in NOTEBOOKS:
        first = nbformat.read(path, as_version=4).cells[0].source
        minutes = re.search(r"Reading: (\d+) minutes", first).group(1)
        yield path.stem[:2], first.splitlines()[0].removeprefix("# "), minutes


def start_here():
    cells = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    return next(cell.source for cell in cells if "| chapter |" in cell.source)


@pytest.mark.parametrize(
    "text", [start_here(), (ROOT / "README.md").read_text(encoding="utf-8")], ids=["chapter 00", "README"]
)
def test_the_map_has_every_chapter_with_its_title_and_time(text):
    rows = re.findall(r"^\| \[?(\d\d) ([^|\]]+?)(?:\]\([^)]*\))? \|.*\| (\d+) min(?:utes)? \|$", text, re.MULTILINE)
    assert rows == list(chapters())
