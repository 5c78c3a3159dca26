"""Predict first: the learner's answer is kept, and laid over the result when it is revealed."""

from collections.abc import Mapping
from html import escape

import ipywidgets as W

from eca_edu.figures.colours import BLUE, VERMILION
from eca_edu.widgets.explorer import Explorer

#: question -> {label: answer}, so that a cell that is run again does not lose what the learner said.
ANSWERS: dict[str, dict[str, float]] = {}


class Prediction(Explorer):
    """One slider for each number to be predicted, and a button `reveal` that shows the truth beside the prediction.

    question: what is asked, which also names the answer that is kept. truth: {label: number}.
    low, high, step: the range of the sliders, which must hold every number of `truth`. unit: written after the numbers.
    The truth can be revealed once every slider was moved; from then on the answer stays as it is.
    Raises ValueError if `truth` has a number outside the range.
    """

    def __init__(
        self, question: str, truth: Mapping[str, float], *, low: float, high: float, step: float = 1, unit: str = ""
    ):
        for label, number in truth.items():
            if not low <= number <= high:
                raise ValueError(f"truth must lie between low = {low} and high = {high}; got {number} for {label!r}")
        self.truth, self.limits, self.unit = dict(truth), (low, high), unit
        self.kept = ANSWERS.setdefault(question, {})
        self.revealed = False
        range_ = {"min": low, "max": high, "step": step, "readout_format": f".{len(f'{step:g}'.partition('.')[2])}f"}
        sliders = {label: W.FloatSlider(self.kept.get(label, low), description=label, **range_) for label in truth}
        self.reveal = W.Button(description="Reveal", tooltip="show the truth beside the prediction")
        self.reveal.on_click(self._show_truth)
        super().__init__(760, 80 + 44 * len(truth), sliders)
        asked = W.HTML(f"<b>Predict:</b> {escape(question)}")
        self.children = (asked, self.children[0], self.reveal, *self.children[1:])
        for label, slider in sliders.items():
            slider.observe(lambda change, label=label: self._keep(label, change.new), "value")
        self._allow_reveal()

    def prepare(self) -> None:
        """Draw one row for each number."""
        ax, (low, high) = self.figure.subplots(), self.limits
        height = self.figure.get_figheight() * self.figure.dpi
        self.figure.subplots_adjust(left=0.2, right=0.95, top=1 - 40 / height, bottom=30 / height)
        ax.set_yticks(range(len(self.truth)), self.truth, fontsize=10)
        room = 0.03 * (high - low)
        ax.set(xlim=(low - room, high + room), ylim=(len(self.truth) - 0.5, -0.5))
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
        (self.said,) = ax.plot([], [], "D", color=VERMILION, markersize=9, label="your prediction", clip_on=False)
        bar = {"color": BLUE, "markersize": 26, "markeredgewidth": 5, "clip_on": False}
        (self.true,) = ax.plot([], [], "|", label="the result", **bar)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=0.5, frameon=False, fontsize=9)

    def update(self, **said: float) -> str:
        rows = range(len(said))
        self.said.set_data(list(said.values()), rows)
        if not self.revealed:
            numbers = ", ".join(f"{escape(label)} {number:g}{self.unit}" for label, number in said.items())
            return f"You predict: {numbers}. Move every slider, then press <b>Reveal</b>."
        self.true.set_data(list(self.truth.values()), rows)
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
        self.on_move()
