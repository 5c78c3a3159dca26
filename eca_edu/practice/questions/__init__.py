"""The texts of all questions: predictions of each chapter, questions that return, and the twelve before and after.

They stand here so that no notebook tells a truth before it is asked for: `NN.json`, `returning_NN.json`, `instrument.json`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

#: What is asked: a question, and what goes with its kind.
Asked: TypeAlias = dict[str, Any]
HERE = Path(__file__).resolve().parent


def _read(file: Path, key: str) -> dict[str, Asked]:
    return json.loads(file.read_text(encoding="utf-8"))[key]


@cache
def predictions() -> dict[str, dict[str, Asked]]:
    """Return {chapter: {name: prediction}}, in the order of the course."""
    return {file.stem: _read(file, "predictions") for file in sorted(HERE.glob("[0-9][0-9].json"))}


@cache
def returning() -> dict[str, dict[str, Asked]]:
    """Return {chapter: {name: question on it}}, in the order of the course."""
    return {file.stem[-2:]: _read(file, "questions") for file in sorted(HERE.glob("returning_*.json"))}


@cache
def instrument() -> dict[str, Asked]:
    """Return {name: question} of the twelve that are asked before and after the course."""
    return _read(HERE / "instrument.json", "questions")
