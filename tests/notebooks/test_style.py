"""Notebooks are committed without outputs, in short cells, with links that lead somewhere."""

import ast
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

from eca_edu.practice.questions import predictions

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def test_no_outputs_and_no_widget_state(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in cells(path, "code"))
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_cells_are_short(path):
    counts = [len(lines(cell)) for cell in cells(path, "code")]
    assert max(counts) <= 20
    # JupyterLab shows about 100 characters of a line beside its file browser.
    assert max(len(line) for cell in cells(path, "code") for line in lines(cell)) <= 95
    assert median(counts) <= 5


def test_a_chapter_begins_with_title_promise_and_aims(path):
    first = cells(path, "markdown")[0].source
    assert first.startswith("# ")
    assert re.search(r"^\*\*.+\*\*$", first, re.MULTILINE), "the promise, in bold on a line of its own"
    assert len(re.findall(r"^- ", first, re.MULTILINE)) == 3
    assert "Reading: " in first
    assert "Machine: " in first


def test_a_chapter_ends_with_recap_questions_and_answers(path):
    last = cells(path, "markdown")[-1].source
    assert len(re.findall(r"^- ", last.split("## Recap")[1], re.MULTILINE)) == 5
    questions, _, _ = last.split("**Can you answer?**")[1].partition("\n\n")  # the title of the next chapter may be one
    assert questions.count("?") == 3
    answers = re.search(r"<details>\n<summary>Answers</summary>\n\n(.*)\n\n</details>", last, re.DOTALL).group(1)
    assert re.findall(r"^\d\.", answers, re.MULTILINE) == ["1.", "2.", "3."]


def test_every_prediction_is_committed(path):
    """Each text of a prediction is asked once in its chapter, in a line; no prompt is left without an input."""
    asked = [
        name for cell in cells(path, "code") for name in re.findall(r'^predict\("(\w+)"', cell.source, re.MULTILINE)
    ]
    assert sorted(asked) == sorted(predictions()[path.stem[:2]])
    assert asked
    assert not re.search(r"\*\*Predict", "".join(cell.source for cell in cells(path, "markdown")))
    assert all(texts["because"] for texts in predictions()[path.stem[:2]].values())
    assert f'PredictionSummary("{path.stem[:2]}")' in str(cells(path, "code")) or "PredictionSummary()" in str(
        cells(path, "code")
    )


def test_a_chapter_begins_with_what_is_solved_so_far(path):
    sources = [cell.source for cell in cells(path, "code")]
    assert f'WarmUp("{path.stem[:2]}")' in sources[0] + sources[1]  # the first, or after the budget


def test_exercises_tries_and_recalls_are_callouts(path):
    for kind, begin in [("exercise", "Exercise."), ("try", "Try:"), ("recall", "Can you answer?")]:
        for cell in cells(path, "markdown"):
            opened = f'<blockquote class="eca-edu-{kind}">\n\n**{begin}**'
            assert cell.source.count(opened) == len(re.findall(rf"\*\*{re.escape(begin)}\*\*", cell.source)), (
                cell.source
            )
    text = "".join(cell.source for cell in cells(path, "markdown"))
    assert text.count("<blockquote") == text.count("\n\n</blockquote>")
    assert not re.search(r"^Try: ", text, re.MULTILINE)


def test_there_is_always_something_to_do_soon(path):
    gaps, words = [], 0
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            words += len(cell.source.split())
        elif words:
            gaps.append(words)
            words = 0
    assert median(gaps) <= 60


def test_checks_are_asserts(path):
    for cell in cells(path, "code"):
        for node in ast.parse(cell.source).body:
            bare = isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare)
            assert not bare, "a bare comparison tests nothing"


def test_sections_are_numbered_without_a_gap(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    numbers = [int(number) for number in re.findall(r"^## (\d+)\.", text, re.M)]
    assert numbers == [*range(1, len(numbers) + 1)]
