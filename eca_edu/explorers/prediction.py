"""Predict first: an answer is committed before the truth shows, and both are then laid beside each other."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import traitlets

from eca_edu.explorers.explorer import Explorer

Answer: TypeAlias = dict[str, float] | str | list[str]
NO_ANSWER: dict[str, Answer] = {"numbers": {}, "choice": "", "order": []}
#: question -> the traits `answer` and `revealed`, so that a cell that is run again finds what the learner said.
ANSWERS: dict[str, dict[str, Any]] = {}


class Prediction(Explorer):
    """A question whose truth shows once an answer is committed: numbers, one of several options, or an order.

    `answer` is {label: number}, an option, or a list, and empty before anything is said; `revealed`: it is committed, and
    stays as it is. question: what is asked, which also names the answer that is kept.
    truth: {label: number}, or the right one of `options`, or a list in the right order, which is shown in another one.
    low, high, step: the range of the numbers, which must hold every number of `truth`. unit: written after the numbers.
    because: a sentence shown with the truth.
    Raises TypeError or ValueError if `truth` is none of these, or does not go together with the range or the options.
    """

    script = "prediction"
    answer = traitlets.Union([traitlets.Dict(), traitlets.Unicode(), traitlets.List()]).tag(sync=True, state=True)
    revealed = traitlets.Bool(False).tag(sync=True, state=True)

    def __init__(
        self,
        question: str,
        truth: Mapping[str, float] | str | Sequence[str],
        *,
        low: float | None = None,
        high: float | None = None,
        step: float = 1,
        unit: str = "",
        options: Sequence[str] = (),
        because: str = "",
    ):
        if isinstance(truth, Mapping):
            asked = _numbers(truth, low, high, step)
        elif isinstance(truth, str):
            asked = _choice(truth, options)
        else:
            asked = _order(truth, question)
        numbers = {**asked, "question": question, "unit": unit, "because": because}
        unsaid = {"answer": NO_ANSWER[asked["kind"]], "revealed": False}
        kept = ANSWERS.get(question, unsaid)
        super().__init__(numbers, **(kept if _fits(kept["answer"], asked) else unsaid))
        self.start = unsaid
        self.observe(self._keep, ["answer", "revealed"])

    def _keep(self, change: Any) -> None:
        ANSWERS[self.numbers["question"]] = {"answer": self.answer, "revealed": self.revealed}

    @traitlets.validate("answer")
    def _possible(self, proposal: Any) -> Answer:
        answer = proposal.value
        if not _fits(answer, self.numbers):
            raise traitlets.TraitError(f"answer must be one that the question allows; got {answer!r}")
        if self.revealed and answer != self.answer:
            raise traitlets.TraitError(f"answer must stay as it was committed; got {answer!r}")
        return answer

    @traitlets.validate("revealed")
    def _committed(self, proposal: Any) -> bool:
        missing = self.numbers["truth"] if self.numbers["kind"] == "numbers" else ["an answer"]
        if proposal.value and len(self.answer) < len(missing):
            raise traitlets.TraitError(f"revealed must wait for an answer; got {self.answer!r}")
        return proposal.value


def _numbers(truth: Mapping[str, float], low: float | None, high: float | None, step: float) -> dict[str, Any]:
    if low is None or high is None:
        raise TypeError(f"low and high must be given for numbers; got {low} and {high}")
    if not low < high:
        raise ValueError(f"low must be below high; got {low} and {high}")
    if not step > 0:
        raise ValueError(f"step must be above 0; got {step}")
    if not truth:
        raise ValueError("truth must hold at least one number; got none")
    for label, number in truth.items():
        if not low <= number <= high:
            raise ValueError(f"truth must lie between low = {low} and high = {high}; got {number} for {label!r}")
    return {"kind": "numbers", "truth": dict(truth), "low": low, "high": high, "step": step}


def _choice(truth: str, options: Sequence[str]) -> dict[str, Any]:
    if truth not in options:
        raise ValueError(f"truth must be one of options; got {truth!r} and {list(options)}")
    return {"kind": "choice", "truth": truth, "options": list(options)}


def _order(truth: Sequence[str], question: str) -> dict[str, Any]:
    if not isinstance(truth, Sequence) or not all(isinstance(item, str) for item in truth):
        raise TypeError(f"truth must be a dict of numbers, a text, or a list of texts; got {truth!r}")
    if len(set(truth)) < max(2, len(truth)):
        raise ValueError(f"truth must hold two or more items, each once; got {list(truth)}")
    shown, luck = list(truth), random.Random(question)  # the same each time that the cell is run
    while shown == list(truth):
        luck.shuffle(shown)
    return {"kind": "order", "truth": list(truth), "shown": shown}


def _fits(answer: Answer, asked: Mapping[str, Any]) -> bool:
    """Tell whether the question allows an answer, be it a part of one or empty."""
    truth = asked["truth"]
    if not answer or asked["kind"] == "choice":
        return answer == NO_ANSWER[asked["kind"]] or answer in asked["options"]
    if asked["kind"] == "order":
        return isinstance(answer, list) and sorted(answer) == sorted(truth)
    if not isinstance(answer, dict) or not answer.keys() <= truth.keys():
        return False
    return all(asked["low"] <= number <= asked["high"] for number in answer.values())
