"""Copies of the notebooks with their exercises solved; tests/browser/test_book.py runs them."""

from pathlib import Path

import nbformat
import pytest

from eca_edu.app.cli import main
from eca_edu.practice.exercises import EXERCISES
from eca_edu.practice.solutions import CHECK, solve, write_solutions

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def checks(path):
    """Return {exercise: number of its cell}."""
    cells = nbformat.read(path, as_version=4).cells
    return {found.group(1): i for i, cell in enumerate(cells) if (found := CHECK.search(cell.source))}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository of its own with the notebooks of the course, in which files may be written."""
    (tmp_path / "notebooks").mkdir()
    for path in NOTEBOOKS:
        (tmp_path / "notebooks" / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("eca_edu.practice.solutions.data_folder", lambda: tmp_path / "data")
    return tmp_path


def test_the_copy_has_all_notebooks_and_differs_in_the_stubs_alone(course, capsys):
    assert main(["solutions"]) == 0
    assert f"{len(NOTEBOOKS)} notebooks with solved exercises are in {course / 'solutions'}." in capsys.readouterr().out
    solved_exercises = []
    for path in NOTEBOOKS:
        before, after = (nbformat.read(p, as_version=4).cells for p in (path, course / "solutions" / path.name))
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        assert changed == list(checks(path).values())
        solved_exercises += checks(path)
    assert solved_exercises == list(EXERCISES)


def test_only_the_stub_is_replaced():
    source = "import torch\n\n\ndef squeeze(x):  # x: (N, C, H, W)\n    ...\n\n\ncheck.squeeze(squeeze)"
    assert solve(source) == (
        'import torch\n\n\ndef squeeze(x):\n    """Average each channel over space: (N, C, H, W) -> (N, C)."""\n'
        "    return x.mean((2, 3))\n\n\ncheck.squeeze(squeeze)"
    )
    assert solve("x = 1\n\ny = 2") == "x = 1\n\ny = 2"


def test_a_check_without_its_stub_is_an_error():
    with pytest.raises(ValueError, match="must define squeeze"):
        solve("check.squeeze(squeeze)")


@pytest.mark.parametrize("folder", ["notebooks", "elsewhere/solutions", "docs"])
def test_the_notebooks_of_the_course_are_never_overwritten(course, folder):
    (course / "docs").mkdir()
    (course / "docs" / "page.md").touch()  # a folder that holds something else
    with pytest.raises(ValueError, match="folder must be a new one"):
        write_solutions(course / folder)


def test_without_the_course_there_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("eca_edu.practice.solutions.data_folder", lambda: tmp_path / "data")
    assert main(["solutions"]) == 1
    assert "the package is installed without the course" in capsys.readouterr().err
