"""An exercise is a solution, probes to try an answer on, and known mistakes, which stand in its chapter's file.

Checking is comparing. The solution is run on the probes first, once and for all, and then an answer. If all that comes out
is equal, the answer is right. If not, the known mistakes, each a real wrong answer, are run as well: the one with which the
answer agrees on every probe is the mistake that was made. Probes may look at different things, say at parameters first and
then at the output; an answer with two faults is known by the first of them, if a single mistake explains it. Otherwise the
first probe that differs is shown as it is.

An answer runs in the learner's own process: what it sets in PyTorch, NumPy and Python is set back, and SystemExit is caught.
There is no time limit, since no limit fits all machines: an endless loop is ended by the Stop button of the notebook, whose
KeyboardInterrupt goes through.
"""

import contextlib
import copy
import dis
import html
import inspect
import io
import math
import random
import re
import reprlib
import sysconfig
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eca_edu.practice.answers import save_answer

#: How the text of a Result begins; `progress` reads it in saved notebooks.
BEGINNINGS = {True: "OK: ", False: "Not yet: ", None: "Not attempted yet: "}
#: The sign of a Result in a notebook, and its colour: a variable of JupyterLab, and what others show.
SIGNS = {
    True: ("✓", "var(--jp-success-color1, #3d9a50)"),
    False: ("✗", "var(--jp-warn-color1, #c77700)"),
    None: ("○", "var(--jp-content-font-color3, #808080)"),
}
#: A tensor with more elements is described by its shape instead of written out.
LARGEST_SHOWN = 9
#: Longer texts, of exceptions say, are cut.
LONGEST_TEXT = 300
#: What a result says if it knows no more than this kind of difference.
DIFFERS = {
    "value": "The result is not right for this input.",
    "shape": "The result has the wrong shape for this input.",
    "exception": "Your code stops with an error for this input.",
}
#: All that an empty function does.
NOTHING = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
#: What lies here was written by others than the learner.
LIBRARIES = (str(Path(__file__).parents[2]), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


class Text:
    """A message that a notebook shows as it is, in lines of at most 95 characters; a line break in it stays."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        fill = partial(textwrap.fill, width=95, break_long_words=False, break_on_hyphens=False)
        return "\n".join(map(fill, self.text.splitlines()))


class Result(Text):
    """What a check found: plain text, and in a notebook the same words with a sign and a colour.

    passed: True, False, or None for an answer that was not attempted.
    mistake: None if there is none; else the name of the known mistake, of what the answer does that none may do (see
    Misbehaves), of the kind of probe that it fails on (see Exercise.remarks), or of what differs: "value", "shape", "axes",
    "columns", "type", "exception", "nothing", "order" or "no function".
    text: a sentence for the learner. evidence: (label, value), such as ("got", "3").
    """

    def __init__(self, passed: bool | None, text: str, mistake: str | None = None, evidence: Sequence = ()):
        super().__init__(BEGINNINGS[passed] + "\n".join(filter(None, (text, _sentence(evidence)))))
        self.passed, self.mistake, self.message, self.evidence = passed, mistake, text, evidence

    def _repr_html_(self) -> str:
        sign, colour = SIGNS[self.passed]
        grey = "color: var(--jp-content-font-color2, inherit)"
        rows = "".join(
            f'<span style="{grey}">{html.escape(label)}</span><span>{html.escape(value)}</span>'
            for label, value in self.evidence
        )
        code = "font-family: var(--jp-code-font-family, monospace); font-size: 0.92em; overflow-wrap: anywhere"
        grid = f"display: grid; grid-template-columns: max-content auto; gap: 0 1em; margin-top: 0.4em; {code}"
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 0.2em 0 0.2em 0.8em; max-width: 55em; line-height: 1.5">'
            f'<span aria-hidden="true" style="color: {colour}; font-weight: bold">{sign}</span> '
            f"<b>{BEGINNINGS[self.passed].strip()}</b> {html.escape(self.message)}"
            + (f'<div style="{grid}">{rows}</div>' if rows else "")
            + "</div>"
        )


@dataclass(unsafe_hash=True)
class Misbehaves(Exception):
    """Raised by a probe whose answer does something that no answer may do: its name, and what to say of it."""

    name: str
    text: str


@dataclass(frozen=True)
class Raised:
    """What came out of a probe that raised an exception. The order of the words of its text does not count: PyTorch names
    the same sizes in another order for a * b and b * a. Nor does an axis: that of an index is 1 in w[i, j] and 0 in w[i][j].

    function, line: where it was raised, and the number and text of the learner's line; they do not count either.
    """

    type: str
    text: str
    function: str = field(default="", compare=False)
    line: tuple[str, str] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Probe:
    """One thing to try: `run(answer)` returns what comes out, and `shown` tells a reader what went in.

    looks_at: what kind of thing comes out. The probes of a kind stand together.
    """

    shown: str
    run: Callable[[Callable], object]
    looks_at: str = "result"


@dataclass(repr=False)
class Exercise:
    """A task with its solution, probes, hints and known mistakes.

    name: as in check.name. solution: a function or class, as a learner would write it.
    success: the sentence for a right answer; it says what was verified. hints: from a question to almost the answer.
    mistakes: name -> (what a learner is told who answers the same, a wrong answer).
    remarks: what a kind of probe looks at -> a fact about such inputs, for answers that fail there in no known way.
    """

    name: str
    solution: Callable
    probes: Sequence[Probe]
    success: str
    hints: Sequence[str]
    mistakes: dict[str, tuple[str, Callable]] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"check.{self.name}(…)"

    def check(self, answer: Callable) -> Result:
        """Say whether `answer` is right, and if not, which mistake was made. Raises nothing for a wrong answer."""
        if answer is None or answer is ...:
            return Result(None, f"{self.name} is {answer}. Write it, then run the check again.")
        wants_class = isinstance(self.solution, type)
        if not callable(answer) or (wants_class and isinstance(answer, torch.nn.Module)):
            got = f"an object of the class {type(answer).__name__}" if callable(answer) else show(answer)
            kind = "class" if wants_class else "function"
            text = f"check.{self.name} takes the {kind} itself, its name without parentheses; got {got}."
            return Result(False, text, "no function")
        expected = self.expected  # before the answer runs, which may change what a function of torch does
        came = [_outcome(answer, probe, aloud=i == 0) for i, probe in enumerate(self.probes)]
        return self._gap(answer, came) or self._result(answer, came, expected)

    @cached_property
    def expected(self) -> list:
        """What comes out of each probe from the solution."""
        return self.outcomes(self.solution)

    def outcomes(self, answer: Callable) -> list:
        """Return what comes out of each probe: a value, Raised or Misbehaves."""
        return [_outcome(answer, probe) for probe in self.probes]

    def _gap(self, answer: Callable, came: list) -> Result | None:
        """Return what to say of an answer that has a gap: a stub, or a missing return."""
        for outcome in came:
            if isinstance(outcome, Raised) and outcome.type == "NotImplementedError" and not outcome.text:
                text = f"{outcome.function} still raises NotImplementedError. Put your code in its place."
                return Result(None, text)
            if outcome is ... or (isinstance(outcome, Raised) and "ellipsis" in outcome.text.lower()):
                return Result(None, f"there is still a ... in {self.name}. Put your code in its place.")
        empty = [i for i, outcome in enumerate(came) if outcome is None]
        if not empty:
            return None
        name = "forward" if isinstance(answer, type) else self.name
        if _does_nothing(answer):
            return Result(None, f"{name} is still empty. Write it, then run the check again.")
        first = self.probes[empty[0]]
        if all(came[i] is None for i, probe in enumerate(self.probes) if probe.looks_at == first.looks_at):
            text = f"{name} returns nothing. Does it end with a return? print shows a value, but hands nothing on."
        else:
            text = f"{name} returns nothing for some inputs: there is a way through it that ends without a return."
        return Result(False, text, "nothing", self._evidence(empty[0], ("got", "nothing (None)")))

    def _result(self, answer: Callable, came: list, expected: list) -> Result:
        different = [i for i in range(len(came)) if not same(came[i], expected[i])]
        if not different:
            return self._passed(came, expected)
        first = different[0]
        if swapped := _other_order(answer, self.solution):
            return Result(False, swapped, "order", self._evidence(first, *_difference(came[first], expected[first])[2]))
        kind, text, rows = _difference(came[first], expected[first])
        if kind in ("axes", "columns") and any(_difference(came[i], expected[i])[0] != kind for i in different):
            kind, text = "value" if came[first].shape == expected[first].shape else "shape", ""
        name, looks_at = self._known_mistake(came, first), self.probes[first].looks_at
        if name is not None:
            kind, text = name, self.mistakes[name][0]
        elif kind in DIFFERS and looks_at in self.remarks:
            kind, text = looks_at, self.remarks[looks_at]
        return Result(False, text or DIFFERS[kind], kind, self._evidence(first, *rows))

    def _passed(self, came: list, expected: list) -> Result:
        try:
            save_answer("exercises", self.name, True)
        except (OSError, ValueError) as error:  # the answer is right all the same
            warnings.warn(f"that {self.name} is solved is not kept: {error}", stacklevel=4)
        return Result(True, " ".join(filter(None, (self.success, _of_another_type(came, expected)))))

    def _evidence(self, probe: int, *rows: tuple[str, str]) -> list[tuple[str, str]]:
        return [("With", self.probes[probe].shown), *rows]

    def _known_mistake(self, came: list, first: int) -> str | None:
        """Return the mistake that agrees everywhere or, if it is the only one, on all up to the kind that differs first."""
        last = max(i for i, probe in enumerate(self.probes) if probe.looks_at == self.probes[first].looks_at)
        candidates = [name for name in self.mistakes if self._agrees(name, came, range(last + 1))]
        agreeing = [name for name in candidates if self._agrees(name, came, range(last + 1, len(came)))]
        if agreeing:
            return agreeing[0]
        return candidates[0] if len(candidates) == 1 else None

    def _agrees(self, mistake: str, came: list, probes: range) -> bool:
        return all(same(came[i], _outcome(self.mistakes[mistake][1], self.probes[i])) for i in probes)


def _outcome(answer: Callable, probe: Probe, aloud: bool = False) -> object:
    """Return what comes out of a probe. aloud: whether what the answer prints is shown."""
    with _without_traces(), contextlib.nullcontext() if aloud else contextlib.redirect_stdout(io.StringIO()):
        try:
            value = probe.run(answer)
            return value.detach().cpu().to_dense() if isinstance(value, torch.Tensor) else value
        except Misbehaves as error:
            return error
        except (Exception, SystemExit) as error:
            return _raised(error)


@contextlib.contextmanager
def _without_traces() -> Iterator[None]:
    """Compute on the CPU in float32, with gradients and from the same random numbers; set all of it back, and warn of nothing."""
    default, deterministic = torch.get_default_dtype(), torch.get_deterministic_debug_mode()
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.set_default_dtype(torch.float32)
            torch.default_generator.manual_seed(0)
            yield
    finally:
        torch.set_default_dtype(default)
        torch.set_deterministic_debug_mode(deterministic)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def call(answer: Callable, *arguments) -> object:
    """Return answer(*arguments), called with copies. Raises Misbehaves if the answer changes what it was given."""
    copies = copy.deepcopy(arguments)
    value = answer(*copies)
    for given, left in zip(arguments, copies, strict=True):
        if not (torch.equal(given, left) if isinstance(given, torch.Tensor) else given == left):
            text = (
                "It changes what it was given, which others may still need. Compute something new, or work on a copy."
            )
            raise Misbehaves("in place", text)
        if isinstance(left, torch.Tensor) and left.requires_grad:
            text = "It makes its input itself ask for gradients. Take a copy of it first, such as x.clone()."
            raise Misbehaves("input asks for gradients", text)
    return value


def calls(solution: Callable, inputs: Iterable[tuple], looks_at: str = "result") -> list[Probe]:
    """Return a probe for each tuple of arguments, shown with the names that the solution gives to them."""
    names = list(inspect.signature(solution).parameters)
    return [
        Probe(", ".join(map(argument, names, arguments)), partial(_run, arguments=arguments), looks_at)
        for arguments in inputs
    ]


def numbers(*shape: int) -> torch.Tensor:
    """Return normal random numbers, always the same ones for a shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def same(came: Any, expected: Any) -> bool:
    """Return whether two outcomes are equal: ints and texts exactly, all other numbers up to rounding in float32.

    A tensor without axes is a number, and a whole number may be a float; a bool is none.
    """
    if _is_number(expected):
        return _is_number(came) and _close_numbers(came, expected)
    if isinstance(expected, torch.Tensor):
        return isinstance(came, torch.Tensor) and came.shape == expected.shape and bool(_close(came, expected).all())
    if isinstance(expected, str):
        return isinstance(came, str) and str.__eq__(came, expected)
    if type(came) is not type(expected):
        return False
    if isinstance(expected, (list, tuple)):
        return len(came) == len(expected) and all(map(same, came, expected))
    if isinstance(came, Raised):
        return came.type == expected.type and _words(came.text) == _words(expected.text)
    return came is expected or (isinstance(came, Misbehaves) and came == expected)


def show(value: object, digits: int = 4) -> str:
    """Return a short text for an input or a result, numbers with at least so many digits."""
    if isinstance(value, torch.Tensor):
        if value.numel() > LARGEST_SHOWN:
            return f"a tensor of shape {tuple(value.shape)}"
        return _list(value.tolist(), digits)
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return show(torch.tensor(value), digits)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return f"{int(value):,}" if abs(int(value)) < 10**15 else reprlib.repr(int(value))
    if isinstance(value, Real) and not isinstance(value, bool):
        if float(value).is_integer():
            return f"{float(value):,.1f}" if abs(float(value)) < 1e15 else f"{float(value):.3e}"
        text = f"{float(value):.{digits}g}"
        return text if set(text) & set(".en") else f"{text}.0"  # a float looks like one
    if isinstance(value, str):
        return repr(_cut(str.__str__(value)))
    if isinstance(value, (list, tuple)) and any(isinstance(part, (torch.Tensor, float)) for part in value):
        return f"a {type(value).__name__} of {', '.join(show(part, digits) for part in value[:3])}{', …' * (len(value) > 3)}"
    return reprlib.repr(value)


def _sentence(evidence: Sequence[tuple[str, str]]) -> str:
    """Return evidence as a sentence, such as "With x = 1: got 2; expected 3."."""
    parts = [" ".join(row).strip() for row in evidence]
    return ": ".join(filter(None, (*parts[:1], "; ".join(parts[1:])))) + "." * bool(parts)


def _run(answer: Callable, arguments: tuple) -> object:
    return call(answer, *arguments)


def argument(name: str, value: object) -> str:
    """Return a short text for an input with its name."""
    if isinstance(value, torch.Tensor) and value.numel() > LARGEST_SHOWN:
        return f"{name} of shape {tuple(value.shape)}"
    return f"{name} = {value if isinstance(value, (int, float)) else show(value)}"


def _list(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_list(part, digits) for part in value)}]"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _is_number(value: object) -> bool:
    if isinstance(value, torch.Tensor):
        return value.ndim == 0 and value.dtype != torch.bool and not value.is_complex()
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _close_numbers(came: Any, expected: Any) -> bool:
    """Return whether a number equals one of the solution, ints so closely that float32 does not hide an error."""
    try:
        a, b = float(came), float(expected)
    except OverflowError:
        return False
    tolerance = 1e-9 if isinstance(expected, Integral) else 1e-4
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance / 10) or (math.isnan(a) and math.isnan(b))


def _close(came: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    return torch.isclose(came.double(), expected.double(), rtol=1e-4, atol=1e-5, equal_nan=True)


def _does_nothing(answer: Callable) -> bool:
    """Return whether a function, or the forward of a class, is a stub that only returns None."""
    function = getattr(answer, "forward", None) if isinstance(answer, type) else answer
    code = getattr(function, "__code__", None)
    empty = code is not None and {step.opname for step in dis.get_instructions(code)} <= NOTHING
    return empty or function is torch.nn.Module.forward


def _other_order(answer: Callable, solution: Callable) -> str:
    """Return a sentence if the parameters of an answer have the names of the solution's in another order, else ""."""
    try:
        names, wanted = (list(inspect.signature(function).parameters) for function in (answer, solution))
    except (TypeError, ValueError):  # no signature is known
        return ""
    if names == wanted or sorted(names) != sorted(wanted):
        return ""
    return f"The parameters stand in another order, ({', '.join(names)}). They come as ({', '.join(wanted)})."


def _raised(error: BaseException) -> Raised:
    """Return an exception with the function that raised it and the last line of the learner's that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(LIBRARIES)]
    line = (f"in line {own[-1].lineno}", _cut(own[-1].line or "")) if own else None
    return Raised(type(error).__name__, str(error), frames[-1].name, line)


def _words(text: str) -> list[str]:
    """Return what counts in the text of an exception: its words without their order, and without the axis of an index."""
    return sorted(re.sub(r"for (dimension|axis) \d+ ", "", text).split())


def _of_another_type(came: list, expected: list) -> str:
    """Return a sentence about right values whose type is not the one that was asked for, "" if there are none."""
    counts = all(isinstance(value, Integral) for value in expected)
    if counts and (kinds := [_type(value) for value in came if not isinstance(value, Integral)]):
        return f"Your result is {kinds[0]}. A count should be an int, which // (instead of /) or int(…) gives."
    for value, wanted in zip(came, expected, strict=True):
        if isinstance(value, torch.Tensor) and not isinstance(wanted, torch.Tensor):
            return "Your result is a tensor. With .item() at the end it becomes a plain number."
        if isinstance(value, torch.Tensor) and wanted.dtype == torch.bool != value.dtype:
            return "Your result is made of numbers. With .bool() at the end they become True and False."
    return ""


def _type(value: object) -> str:
    """Return what kind of thing a value is, such as "a list"."""
    if isinstance(value, np.ndarray):
        return "an array of NumPy"
    name = "tensor" if isinstance(value, torch.Tensor) else type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _difference(came: Any, expected: Any) -> tuple[str, str, list[tuple[str, str]]]:
    """Return in what kind of thing two outcomes differ, a sentence about it if there is more to say, and what shows it."""
    wanted = ("expected", show(expected))
    if isinstance(came, Misbehaves):
        return came.name, came.text, []
    if isinstance(came, Raised):
        raises = ("it raises", f"{came.type}: {_cut(came.text.rstrip('.'))}")
        return "exception", "", [raises, *filter(None, [came.line])]
    if isinstance(came, torch.Tensor) and isinstance(expected, torch.Tensor):
        return _difference_of_tensors(came, expected)
    alike = type(came) is type(expected) and isinstance(expected, (str, list, tuple))
    if alike or all(map(_is_number, (came, expected))):
        return "value", "", _digits(came, expected)
    kind = "a single number" if _is_number(expected) else _type(expected)
    return "type", f"Return {kind}, not {_type(came)}.", [("got", show(came)), wanted]


def _difference_of_tensors(came: torch.Tensor, expected: torch.Tensor) -> tuple[str, str, list[tuple[str, str]]]:
    shapes = [("got", f"shape {tuple(came.shape)}"), ("expected", f"shape {tuple(expected.shape)}")]
    if came.ndim == 2 and same(came.T, expected):
        text = "The numbers are right, but rows and columns have changed places. A .T at the end turns them."
        return "columns", text, shapes if came.shape != expected.shape else _digits(came, expected)
    if came.shape != expected.shape:
        if came.squeeze().shape == expected.squeeze().shape and same(came.squeeze(), expected.squeeze()):
            axis = "is left that does not belong there" if came.ndim > expected.ndim else "is missing"
            return "axes", f"The numbers are right, but an axis of length 1 {axis}.", shapes
        return "shape", "", shapes
    if expected.numel() <= LARGEST_SHOWN:
        return "value", "", _digits(came, expected)
    place = tuple((~_close(came, expected)).nonzero()[0].tolist())
    (_, got), wanted = _digits(came[place], expected[place])
    return "value", "", [("got", f"{got} at index {list(place)}"), wanted]


def _digits(came: Any, expected: Any) -> list[tuple[str, str]]:
    """Return two values with as many digits as it takes to see the difference."""
    shown = [(show(came, digits), show(expected, digits)) for digits in range(4, 18)]
    got, wanted = next((pair for pair in shown if pair[0] != pair[1]), shown[-1])
    return [("got", got), ("expected", wanted)]
