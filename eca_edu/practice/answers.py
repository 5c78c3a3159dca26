"""What does a reader answer? It is kept in one file beside the notebooks, on their own machine, until they delete it."""

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

from eca_edu._files import atomic_write, read_file

#: Kind of answer -> name -> what was answered.
Answers: TypeAlias = dict[str, dict[str, Any]]
#: Exercises that are solved, committed predictions, questions that return, and the twelve before and after the course.
KINDS = ("exercises", "predictions", "returning", "before", "after")
FILE = "progress.json"


def path() -> Path:
    """Return where the answers of this reader are kept: beside the notebook that runs, unless ECA_EDU_PROGRESS says where."""
    return Path(os.environ.get("ECA_EDU_PROGRESS") or FILE)


def load_answers(file: Path | None = None) -> Answers:
    """Return all answers in `file`, or those of this reader; empty for each kind if there is none.

    Raises OSError if the file cannot be read and ValueError if it holds something else.
    """
    file = file or path()
    if not file.exists():
        return {kind: {} for kind in KINDS}
    try:
        found = json.loads(read_file(file))
        answers: Answers = {kind: dict(found[kind]) for kind in KINDS}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{file} holds no answers to this course. Move it away to begin a new one") from error
    return answers


def save_answer(kind: str, name: str, answer: Any) -> None:
    """Keep an answer of this reader in the place of an earlier one to the same question."""
    answers = load_answers()
    if answers[kind].get(name) == answer:
        return
    answers[kind][name] = answer
    with atomic_write(path(), overwrite=True) as part:
        part.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
