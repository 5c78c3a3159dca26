"""An exercise is a solution, probes to try an answer on, and the mistakes that are worth a sentence of their own.

Checking is comparing. An answer and the solution are run on the same probes. If all that comes out is equal, the answer
is right. If not, the known mistakes, each a real wrong answer, are run as well: the one with which the answer agrees on
every probe is the mistake that was made. Probes may look at different things, say at parameters first and then at the
output; an answer with two faults is known by the first of them, if a single mistake explains it. Otherwise the first
probe that differs is shown as it is.
"""

import contextlib
import copy
import inspect
import io
import math
import reprlib
import textwrap
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral, Real
from typing import Any

import torch

#: A tensor with more elements is described by its shape instead of written out.
LARGEST_SHOWN = 9


class Text:
    """A message that a notebook shows as it is, in lines of at most 95 characters; a line break in it stays."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        fill = partial(textwrap.fill, width=95, break_long_words=False, break_on_hyphens=False)
        return "\n".join(map(fill, self.text.splitlines()))


class Result(Text):
    """What a check found: shown as its text.

    passed: True, False, or None for an answer that was not attempted.
    mistake: None if there is none; else the name of the known mistake, or what differs for any other: "value", "shape",
    "type", "exception", "misbehaves" (see Misbehaves) or "no function".
    """

    def __init__(self, passed: bool | None, text: str, mistake: str | None = None):
        super().__init__({True: "OK: ", False: "Not yet: ", None: "Not attempted yet: "}[passed] + text)
        self.passed = passed
        self.mistake = mistake


class Misbehaves(Exception):
    """Raised by a probe whose answer does something that no answer may do; the text says what."""


@dataclass(frozen=True)
class Raised:
    """What came out of a probe that raised an exception. The order of the words of its text does not count: PyTorch names
    the same sizes in another order for a * b and b * a.

    where: the name of the function that raised it, which does not count either.
    """

    type: str
    text: str
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Probe:
    """One thing to try: `run(answer)` returns what comes out, and `shown` tells a reader what went in.

    looks_at: what kind of thing comes out. The probes of a kind stand together.
    """

    shown: str
    run: Callable[[Callable], object]
    looks_at: str = "result"


@dataclass
class Exercise:
    """A task with its solution, probes, hints and known mistakes.

    name: as in check.name. solution: a function or class, as a learner would write it.
    success: the sentence for a right answer; it says what was verified. hints: from a question to almost the answer.
    whole_numbers: whether an int and a float of equal value count as different.
    mistakes: name -> wrong answer, filled by the decorator `mistake`.
    """

    name: str
    solution: Callable
    probes: Sequence[Probe]
    success: str
    hints: Sequence[str]
    whole_numbers: bool = True
    mistakes: dict[str, Callable] = field(default_factory=dict)

    def mistake(self, answer: Callable) -> Callable:
        """Register a wrong answer, as a decorator. Its docstring is the message for whoever answers the same."""
        self.mistakes[answer.__name__] = answer
        return answer

    def check(self, answer: Callable) -> Result:
        """Say whether `answer` is right, and if not, which mistake was made. Raises nothing for a wrong answer."""
        if answer is None or answer is ...:
            return Result(None, f"{self.name} is {answer}. Write it, then run the check again.")
        wants_class = isinstance(self.solution, type)
        if not callable(answer) or (wants_class and isinstance(answer, torch.nn.Module)):
            kind = "class" if wants_class else "function"
            text = f"check.{self.name} takes the {kind} itself, its name without parentheses; got {show(answer)}."
            return Result(False, text, "no function")

        came = self.outcomes(answer)
        for outcome in came:
            if _is_not_implemented(outcome):
                text = f"{outcome.where} still raises NotImplementedError. Put your code in its place."
                return Result(None, text)
        if any(outcome is None or outcome is ... for outcome in came):
            text = f"{self.name} returns nothing. If you have written it, does it end with a return?"
            return Result(None, text)
        if any(isinstance(outcome, Raised) and "ellipsis" in outcome.text.lower() for outcome in came):
            return Result(None, f"there is still a ... in {self.name}. Put your code in its place.")

        expected = self.outcomes(self.solution)
        if same(came, expected):
            return Result(True, self.success)
        first = next(i for i in range(len(came)) if not same(came[i], expected[i]))
        kind, evidence = _difference(came[first], expected[first])
        evidence = f"With {self.probes[first].shown}: {evidence}"
        name = self._known_mistake(came, first)
        if name is None:
            return Result(False, evidence, kind)
        return Result(False, f"{message(self.mistakes[name])}\n{evidence}", name)

    def outcomes(self, answer: Callable) -> list:
        """Return what comes out of each probe: a value, or Raised."""
        with _without_traces():
            return [self._outcome(answer, probe) for probe in self.probes]

    def _known_mistake(self, came: list, first: int) -> str | None:
        """Return the mistake that agrees everywhere or, if it is the only one, on all up to the kind that differs first."""
        last = max(i for i, probe in enumerate(self.probes) if probe.looks_at == self.probes[first].looks_at)
        candidates = [name for name, wrong in self.mistakes.items() if self._agree(wrong, came, range(last + 1))]
        rest = range(last + 1, len(came))
        agreeing = [name for name in candidates if self._agree(self.mistakes[name], came, rest)]
        if agreeing:
            return agreeing[0]
        return candidates[0] if len(candidates) == 1 else None

    def _agree(self, wrong: Callable, came: list, numbers: range) -> bool:
        with _without_traces():
            return all(same(came[i], self._outcome(wrong, self.probes[i])) for i in numbers)

    def _outcome(self, answer: Callable, probe: Probe) -> object:
        torch.default_generator.manual_seed(0)
        try:
            value = probe.run(answer)
            if isinstance(value, torch.Tensor):
                return value.detach().cpu().double()  # whatever its type and device
            if isinstance(value, Real) and not isinstance(value, bool):  # numpy's numbers, too
                return int(value) if self.whole_numbers and isinstance(value, Integral) else float(value)
            return value
        except Exception as error:
            return Raised(type(error).__name__, str(error), _place(error))


@contextlib.contextmanager
def _without_traces() -> Iterator[None]:
    """Print nothing, compute on the CPU, and let the global random numbers go on as if nothing had been run."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), contextlib.redirect_stdout(io.StringIO()):
        yield


def call(answer: Callable, *arguments) -> object:
    """Return answer(*arguments), called with copies. Raises Misbehaves if the answer changes what it was given."""
    copies = copy.deepcopy(arguments)
    value = answer(*copies)
    if not same(copies, arguments):
        raise Misbehaves("it changes its input in place")
    return value


def calls(solution: Callable, inputs: Iterable[tuple], looks_at: str = "result") -> list[Probe]:
    """Return a probe for each tuple of arguments, shown with the names that the solution gives to them."""
    names = list(inspect.signature(solution).parameters)
    return [
        Probe(", ".join(map(_argument, names, arguments)), partial(_run, arguments=arguments), looks_at)
        for arguments in inputs
    ]


def gradient(solution: Callable, *arguments: torch.Tensor) -> Probe:
    """Return a probe for whether a gradient reaches the first of the arguments: "one" comes out, or "none"."""

    def run(answer):
        first, *others = (argument.clone() for argument in arguments)
        first.requires_grad_()
        with torch.enable_grad():
            try:
                out = answer(first, *others)
            except RuntimeError as error:
                if "numpy" in str(error):  # its advice would be detach()
                    return "none"
                raise
            if out is None or not out.requires_grad:
                return "none"
            (reached,) = torch.autograd.grad(out.sum(), [first], allow_unused=True)
        return "one" if reached is not None and reached.any() else "none"

    return Probe(f"a gradient for {next(iter(inspect.signature(solution).parameters))}", run, "gradient")


def message(mistake: Callable) -> str:
    """Return what a learner is told who makes this mistake: its docstring, in one line."""
    return " ".join((mistake.__doc__ or "").split())


def same(came: Any, expected: Any) -> bool:
    """Return whether two outcomes are equal: tensors and floats up to rounding, all else exactly, its type included."""
    if isinstance(came, torch.Tensor) and isinstance(expected, torch.Tensor):
        return came.shape == expected.shape and bool(_close(came, expected).all())
    if type(came) is not type(expected):
        return False
    if isinstance(came, (list, tuple)):
        return len(came) == len(expected) and all(map(same, came, expected))
    if isinstance(came, Raised):
        return came.type == expected.type and sorted(came.text.split()) == sorted(expected.text.split())
    if isinstance(came, float):
        return math.isclose(came, expected, rel_tol=1e-9) or (math.isnan(came) and math.isnan(expected))
    return bool(came == expected)


def show(value: object) -> str:
    """Return a short text for an input or a result."""
    if isinstance(value, torch.Tensor):
        if value.numel() > LARGEST_SHOWN:
            return f"a tensor of shape {tuple(value.shape)}"
        value = value.tolist()
        return _list(value) if isinstance(value, list) else f"{value:.4g}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1e4 else f"{value:.6g}"
    return value if isinstance(value, str) else reprlib.repr(value)


def _run(answer: Callable, arguments: tuple) -> object:
    return call(answer, *arguments)


def _argument(name: str, value: object) -> str:
    if isinstance(value, torch.Tensor) and value.numel() > LARGEST_SHOWN:
        return f"{name} of shape {tuple(value.shape)}"
    return f"{name} = {show(value)}"


def _list(value: list | float) -> str:
    return f"[{', '.join(map(_list, value))}]" if isinstance(value, list) else f"{value:.4g}"


def _close(came: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    return torch.isclose(came, expected, rtol=1e-4, atol=1e-5, equal_nan=True)


def _is_not_implemented(outcome: object) -> bool:
    """Return whether a stub's NotImplementedError came out; PyTorch raises it for mistakes as well, with a text."""
    return isinstance(outcome, Raised) and outcome.type == "NotImplementedError" and not outcome.text


def _place(error: Exception) -> str:
    """Return the name of the function in which `error` was raised."""
    return traceback.extract_tb(error.__traceback__, limit=-1)[0].name


def _difference(came: object, expected: object) -> tuple[str, str]:
    """Return in what kind of thing two outcomes differ, and a sentence that shows it."""
    if isinstance(came, Raised):
        if came.type == Misbehaves.__name__:
            return "misbehaves", f"{came.text}."
        return "exception", f"it raises {came.type}: {came.text.rstrip('.')}. Expected: {show(expected)}."
    if not isinstance(came, torch.Tensor) or not isinstance(expected, torch.Tensor):
        if type(came) is type(expected):
            return "value", f"got {show(came)}, expected {show(expected)}."
        if isinstance(came, torch.Tensor) and came.numel() == 1:
            text = f"got a tensor, {show(came)}; return a number, e.g. with .item(). Expected: {show(expected)}."
            return "type", text
        if isinstance(expected, torch.Tensor) and (isinstance(came, (list, tuple)) or hasattr(came, "__array__")):
            return "type", f"got something of type {type(came).__name__}; return a tensor."
        types = type(came).__name__, type(expected).__name__
        return "type", f"got {show(came)} (type {types[0]}), expected {show(expected)} (type {types[1]})."
    if came.shape != expected.shape:
        return "shape", f"got shape {tuple(came.shape)}, expected shape {tuple(expected.shape)}."
    if expected.numel() <= LARGEST_SHOWN:
        return "value", f"got {show(came)}, expected {show(expected)}."
    place = tuple((~_close(came, expected)).nonzero()[0].tolist())
    return "value", f"got {came[place]:.4g} at index {list(place)}, expected {expected[place]:.4g}."
