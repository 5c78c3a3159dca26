"""Predict first: the learner's answer is kept, and laid over the result when it is revealed."""

from collections.abc import Mapping
from html import escape

import ipywidgets as W

from eca_edu.figures.prediction import draw_prediction, update_prediction
from eca_edu.widgets.panel import Explorer

#: question -> {label: answer}, so that a cell that is run again does not lose what the learner said.
ANSWERS: dict[str, dict[str, float]] = {}


class Prediction(Explorer):
    """One slider for each number to be predicted, and a button `reveal` that shows the truth beside the prediction.

    question: what is asked, which also names the answer that is kept. truth: {label: number}.
    low, high, step: the range of the sliders, which must hold every number of `truth`. unit: written after the numbers.
    The truth can be revealed once every slider was moved; from then on the answer stays as it is.
    Raises ValueError if `truth` is empty or has a number outside the range.
    """

    def __init__(
        self, question: str, truth: Mapping[str, float], *, low: float, high: float, step: float = 1, unit: str = ""
    ):
        if not truth:
            raise ValueError("truth must hold at least one number; got none")
        for label, number in truth.items():
            if not low <= number <= high:
                raise ValueError(f"truth must lie between low = {low} and high = {high}; got {number} for {label!r}")
        self.truth, self.limits, self.unit = dict(truth), (low, high), unit
        self.kept = ANSWERS.setdefault(question, {})
        self.revealed = False
        decimals = len(f"{step:g}".partition(".")[2])
        sliders = {
            label: W.FloatSlider(
                self.kept.get(label, low),
                min=low,
                max=high,
                step=step,
                description=label,
                readout_format=f".{decimals}f",
            )
            for label in truth
        }
        self.reveal = W.Button(description="Reveal", tooltip="show the truth beside the prediction")
        self.reveal.on_click(self._show_truth)
        super().__init__(760, 80 + 44 * len(truth), sliders)
        self.children = (
            W.HTML(f"<b>Predict:</b> {escape(question)}"),
            self.children[0],
            self.reveal,
            *self.children[1:],
        )
        for label, slider in sliders.items():
            slider.observe(lambda change, label=label: self._keep(label, change.new), "value")
        self._allow_reveal()

    def prepare(self) -> None:
        ax = self.figure.subplots()
        height = self.figure.get_figheight() * self.figure.dpi
        self.figure.subplots_adjust(left=0.2, right=0.95, top=1 - 40 / height, bottom=30 / height)
        self.artists = draw_prediction(ax, list(self.truth), self.limits)

    def update(self, **said: float) -> str:
        update_prediction(self.artists, list(said.values()), list(self.truth.values()) if self.revealed else None)
        if not self.revealed:
            numbers = ", ".join(f"{escape(label)} {number:g}{self.unit}" for label, number in said.items())
            return f"You predict: {numbers}. Move every slider, then press <b>Reveal</b>."
        pairs = (
            f"{escape(label)}: you said {said[label]:g}{self.unit}, it is <b>{truth:g}{self.unit}</b>"
            for label, truth in self.truth.items()
        )
        return "; ".join(pairs) + "."

    def _keep(self, label: str, number: float) -> None:
        self.kept[label] = number
        self._allow_reveal()

    def _allow_reveal(self) -> None:
        self.reveal.disabled = self.revealed or self.kept.keys() < self.truth.keys()

    def _show_truth(self, button: W.Button) -> None:
        with self.lock:
            self.revealed = True
            for control in (*self.controls.values(), button):
                control.disabled = True
        self._redraw()
