"""The notebooks with their exercises solved run from top to bottom, and every check in them passes."""

import nbformat
import pytest

from eca_edu.__main__ import main
from eca_edu.exercises import EXERCISES
from eca_edu.solutions import CHECK, solve, solved, write_solutions
from tests.notebooks.test_execution import NOTEBOOKS, execute, quick, swallowed_errors


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
    monkeypatch.setattr("eca_edu.solutions.data_folder", lambda: tmp_path / "data")
    return tmp_path


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if checks(path)], ids=lambda path: path.stem)
def test_with_the_solutions_every_check_passes(path, tmp_path, monkeypatch):
    # Chapters without an exercise are the same in both copies; the test of the book runs them.
    monkeypatch.setenv("ECA_EDU_DATA", str(tmp_path))
    solution = tmp_path / path.name
    nbformat.write(solved(path), solution)
    notebook = execute(quick(solution), path.parent)
    assert swallowed_errors(notebook) == []
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and (match := CHECK.search(cell.source)):
            found[match.group(1)] = cell.outputs[-1]["data"]["text/plain"]
    assert found.keys() == checks(path).keys()
    assert [text for text in found.values() if not text.startswith("OK: ")] == []


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
    monkeypatch.setattr("eca_edu.solutions.data_folder", lambda: tmp_path / "data")
    assert main(["solutions"]) == 1
    assert "the package is installed without the course" in capsys.readouterr().err
