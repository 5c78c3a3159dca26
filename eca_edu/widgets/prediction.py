"""Predict first: the learner's answer is kept, and laid over the result when it is revealed."""

from collections.abc import Mapping

import ipywidgets as W

from eca_edu.plots.prediction import draw_prediction, update_prediction
from eca_edu.widgets.panel import Explorer

__all__ = ["Prediction"]

#: question -> {label: answer}, so that a cell that is run again does not lose what the learner said.
ANSWERS: dict[str, dict[str, float]] = {}


class Prediction(Explorer):
    """One slider for each number to be predicted, and a button `reveal` that shows the truth beside the prediction.

    question: what is asked, which also names the answer that is kept. truth: {label: number}.
    low, high, step: the range of the sliders, which must hold every number of `truth`. unit: written after the numbers.
    The answer is in `answer`, {label: number}. Raises ValueError for a number outside the range.
    """

    def __init__(
        self, question: str, truth: Mapping[str, float], *, low: float, high: float, step: float = 1, unit: str = ""
    ):
        for label, number in truth.items():
            if not low <= number <= high:
                raise ValueError(f"truth must lie between low = {low} and high = {high}; got {number} for {label!r}")
        self.truth, self.range, self.unit = dict(truth), (low, high), unit
        start = ANSWERS.setdefault(question, dict.fromkeys(truth, low))
        readout = ".0f" if float(step).is_integer() else ".1f"
        controls = {
            label: W.FloatSlider(
                start.get(label, low), min=low, max=high, step=step, description=label, readout_format=readout
            )
            for label in truth
        }
        self.question = question
        self.revealed = False
        self.reveal = W.Button(description="Reveal", tooltip="show the truth beside the prediction")
        self.reveal.on_click(self._show_truth)
        super().__init__(760, 80 + 44 * len(truth), controls)
        self.children = (W.HTML(f"<b>Predict:</b> {question}"), self.children[0], self.reveal, *self.children[1:])

    @property
    def answer(self) -> dict[str, float]:
        """Return the learner's numbers, {label: number}."""
        return {label: control.value for label, control in self.controls.items()}

    def prepare(self) -> None:
        ax = self.figure.subplots()
        height = self.figure.get_figheight() * self.figure.dpi
        self.figure.subplots_adjust(left=0.2, right=0.95, top=1 - 40 / height, bottom=30 / height)
        self.artists = draw_prediction(ax, list(self.truth), self.range)

    def update(self, **answer: float) -> str:
        ANSWERS[self.question] = answer
        update_prediction(self.artists, list(answer.values()), list(self.truth.values()) if self.revealed else None)
        if not self.revealed:
            said = ", ".join(f"{label} {number:g}{self.unit}" for label, number in answer.items())
            return f"You predict: {said}. Press <b>Reveal</b> when you are done."
        pairs = (
            f"{label}: you said {answer[label]:g}{self.unit}, it is <b>{truth:g}{self.unit}</b>"
            for label, truth in self.truth.items()
        )
        return "; ".join(pairs) + "."

    def _show_truth(self, button: W.Button) -> None:
        self.revealed = True
        self._redraw()
