"""Predict first: an answer is committed before the truth shows, and both are then laid beside each other."""

import random
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import traitlets

from eca_edu.explorers.explorer import Explorer
from eca_edu.practice import answers
from eca_edu.practice.questions import predictions

Answer: TypeAlias = dict[str, float] | str | list[str] | list[float]
Truth: TypeAlias = Mapping[str, float] | str | Sequence[Any]
NO_ANSWER: dict[str, Answer] = {"numbers": {}, "choice": "", "order": [], "curve": []}


class Prediction(Explorer):
    """A question whose truth shows once an answer is committed: numbers, one of several options, an order, or a curve.

    `answer` is {label: number}, an option, or a list, and empty before anything is said; `revealed`: it is committed, and
    stays as it is, also when the cell is run again: it is kept beside the notebook. question: what is asked.
    truth: {label: number}, or the right one of `options`, or a list of texts in the right order, which are shown in another
    one, or a list of numbers, of which the reader draws the curve, over the texts `x`.
    low, high, step: the range of the numbers, which must hold every number of `truth`. unit: written after the numbers.
    because: a sentence shown with the truth. name: of what is kept (default: the question).
    not_graded: a sentence that is shown in place of the numbers of `truth`, where they are too noisy to judge an answer by.
    Raises TypeError or ValueError if `truth` is none of these, or does not go together with the range or the options.
    """

    script = "prediction"
    answer = traitlets.Union([traitlets.Dict(), traitlets.Unicode(), traitlets.List()]).tag(sync=True, state=True)
    revealed = traitlets.Bool(False).tag(sync=True, state=True)

    def __init__(
        self,
        question: str,
        truth: Truth,
        *,
        low: float = 0,
        high: float = 1,
        step: float = 1,
        unit: str = "",
        options: Sequence[str] = (),
        x: Sequence[str] = (),
        because: str = "",
        name: str = "",
        not_graded: str = "",
    ):
        if isinstance(truth, Mapping):
            asked = _numbers(truth, low, high, step, graded=not not_graded)
        elif isinstance(truth, str):
            asked = _choice(truth, options)
        elif isinstance(truth, list) and truth and not isinstance(truth[0], str):
            asked = _curve(truth, low, high, step, x)
        else:
            asked = _order(truth, question)
        self.name = name or question
        texts = {"question": question, "unit": unit, "because": because, "not_graded": not_graded}
        numbers = {**asked, **texts, "lasts": True}
        unsaid = {"answer": NO_ANSWER[asked["kind"]], "revealed": False}
        before = answers.load_answers()["predictions"].get(self.name, {}).get("answer", unsaid["answer"])
        said = {"answer": before, "revealed": True} if before and _fits(before, asked) else unsaid
        super().__init__(numbers, **said)
        self.key, self.start = f"prediction {self.name}", unsaid
        self.when(["revealed"], self._keep)

    def _keep(self, change: Any) -> None:
        if self.revealed:
            answers.save_answer("predictions", self.name, {"asked": self.numbers, "answer": self.answer})
            for summary in PredictionSummary.shown:
                summary.renew()

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


def _numbers(truth: Mapping[str, float], low: float, high: float, step: float, graded: bool = True) -> dict[str, Any]:
    for label, number in truth.items():
        if graded and not low <= number <= high:
            raise ValueError(f"truth must lie between low = {low} and high = {high}; got {number} for {label!r}")
    return {"kind": "numbers", "truth": dict(truth), "low": low, "high": high, "step": step}


def _curve(truth: Sequence[float], low: float, high: float, step: float, x: Sequence[str]) -> dict[str, Any]:
    asked = _numbers(dict(enumerate(truth)), low, high, step)  # type: ignore[arg-type]
    return {**asked, "kind": "curve", "truth": list(truth), "x": list(x)}


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
    if asked["kind"] == "curve":
        possible = isinstance(answer, list) and len(answer) == len(truth)
        return possible and all(asked["low"] <= number <= asked["high"] for number in answer)
    if not isinstance(answer, dict) or not answer.keys() <= truth.keys():
        return False
    return all(asked["low"] <= number <= asked["high"] for number in answer.values())


def predict(name: str, truth: Truth | None = None, not_graded: str = "") -> Prediction:
    """Return the prediction `name` of the course; truth: what the notebook computed, if its text does not hold it.

    not_graded: a sentence that says why the numbers of `truth` are too noisy to judge an answer by, where they are.
    Raises ValueError if the course has no prediction of this name, or if it needs a truth and gets none.
    """
    texts = next((chapter[name] for chapter in predictions().values() if name in chapter), None)
    if texts is None:
        raise ValueError(f"name must be that of a prediction in eca_edu/practice/questions; got {name!r}")
    if truth is None and "truth" not in texts:
        raise ValueError(f"truth must be given for the prediction {name!r}, whose text holds none")
    return Prediction(**{**texts, **({} if truth is None else {"truth": truth})}, name=name, not_graded=not_graded)


class PredictionSummary(Explorer):
    """What was predicted against what is true, in one picture: of a chapter, such as "03", or of the whole course.

    Raises ValueError if the course has no such chapter.
    """

    script = "summary"
    shown: ClassVar[weakref.WeakSet["PredictionSummary"]] = weakref.WeakSet()

    def __init__(self, chapter: str | None = None):
        if chapter is not None and chapter not in predictions():
            raise ValueError(f"chapter must be one of {', '.join(predictions())}, or None; got {chapter!r}")
        chapters = predictions() if chapter is None else {chapter: predictions()[chapter]}
        super().__init__({"names": {name: number for number, texts in chapters.items() for name in texts}, "kept": {}})
        self.renew()
        self.shown.add(self)

    def renew(self) -> None:
        """Show what is kept by now."""
        predicted, names = answers.load_answers()["predictions"], self.numbers["names"]
        self.numbers = {"names": names, "kept": {name: predicted[name] for name in names if name in predicted}}
