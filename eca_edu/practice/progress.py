"""Which exercises are solved in notebooks that learners have saved, and how did they answer? Nothing is executed."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from eca_edu._files import read_file
from eca_edu.practice.answers import FILE, Answers
from eca_edu.practice.exercises.exercise import BEGINNINGS
from eca_edu.practice.questions import instrument

CALL = re.compile(r"^check\.(\w+)\(", re.MULTILINE)
#: How the answer of a check begins -> what is said of the exercise.
STATES = {BEGINNINGS[True]: "OK", BEGINNINGS[False]: "wrong", BEGINNINGS[None]: "not tried"}


def progress(path: Path) -> dict[str, str]:
    """Return {exercise: "OK", "wrong", "not tried" or "not run"} for the notebook at `path`, in its order.

    Who writes into the file by hand can write "OK" there, too; to be sure, run the notebook.
    Raises OSError if the file cannot be read and ValueError if it is no notebook.
    """
    try:
        notebook = nbformat.reads(read_file(path).decode("utf-8"), as_version=4)
        nbformat.validate(notebook)
    except OSError:
        raise
    except Exception as error:  # each kind of malformed notebook raises its own kind of error
        raise ValueError(f"{path} is no notebook ({type(error).__name__})") from error
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {name: _state(cell) for cell in cells for name in CALL.findall(cell.source)}


def notebooks_below(folder: Path) -> list[Path]:
    """Return all notebooks in a folder and the folders in it, but for JupyterLab's own copies.

    Raises FileNotFoundError if there are none.
    """
    copies = ".ipynb_checkpoints"
    found = sorted(path for path in folder.rglob("*.ipynb") if copies not in path.parts and not path.is_dir())
    if not found and not answers_below(folder):
        raise FileNotFoundError(f"there are no notebooks in {folder}")
    return found


def answers_below(folder: Path) -> list[Path]:
    """Return the files of answers in a folder and the folders in it, one for each reader."""
    return sorted(folder.rglob(FILE))


def class_summary(readers: list[Answers]) -> Iterator[str]:
    """Yield lines on the answers of several readers: exercises, predictions, and the twelve questions before and after."""
    for kind, words in [("exercises", "exercises solved"), ("predictions", "predictions committed")]:
        yield f"{words}: {', '.join(str(len(reader[kind])) for reader in readers)}"
    questions = instrument()
    both = [
        reader for reader in readers if all(reader[when].keys() >= questions.keys() for when in ("before", "after"))
    ]
    yield f"twelve questions, answered before and after by {len(both)} of {len(readers)}:"
    for name, question in questions.items() if both else ():
        before, after = (
            sum(reader[when][name] == question["truth"] for reader in both) for when in ("before", "after")
        )
        yield f"  {before} right before, {after} after: {question['question']}"


def _state(cell: nbformat.NotebookNode) -> str:
    """Return what the last answer of a check in the outputs of a cell says."""
    said = [output.data.get("text/plain", "") for output in cell.outputs if "data" in output]
    found = [state for text in said for begin, state in STATES.items() if text.startswith(begin)]
    return found[-1] if found else "not run"
