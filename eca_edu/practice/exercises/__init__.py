"""Check it: checks that name the mistake, graded hints, and tested solutions.

A notebook imports three names, ``from eca_edu.practice.exercises import check, hint, solution``, and uses them as
``check.kernel_size(kernel_size)``, ``hint("kernel_size")`` and ``solution("kernel_size")``.
"""

import inspect
from collections import Counter
from collections.abc import Callable

from eca_edu.practice.exercises import (
    adaptive_kernel_size,
    attributions,
    build_eca,
    channel_weights,
    plug_into_backbones,
    train_on_cifar10,
    when_it_does_not_help,
    why_channel_attention,
)
from eca_edu.practice.exercises.exercise import Exercise, Result, Text

#: All exercises by name, in the order of the course.
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for chapter in (
        why_channel_attention,
        adaptive_kernel_size,
        build_eca,
        plug_into_backbones,
        train_on_cifar10,
        channel_weights,
        attributions,
        when_it_does_not_help,
    )
    for exercise in chapter.EXERCISES
}


class Checks:
    """One check for each exercise: `check.kernel_size(kernel_size)` returns a Result, which a notebook shows.

    Raises AttributeError for the name of no exercise, and nothing for a wrong answer.
    """

    def __getattr__(self, name: str) -> Callable[[Callable], Result]:
        if name not in EXERCISES:
            raise AttributeError(f"check has no {name!r}; there are {', '.join(EXERCISES)}")
        return EXERCISES[name].check

    def __dir__(self) -> list[str]:
        return list(EXERCISES)


class Source(Text):
    """Program text, shown as it is; in a notebook with coloured syntax."""

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


check = Checks()
_hints_given: Counter[str] = Counter()


def hint(name: str) -> Text:
    """Return the next hint for the exercise called `name`; each call tells more.

    Raises ValueError for the name of no exercise.
    """
    hints = _exercise(name).hints
    _hints_given[name] += 1
    number = _hints_given[name]
    if number > len(hints):
        return Text(f'There are no more hints for {name}. solution("{name}") shows one way to write it.')
    return Text(f"Hint {number} of {len(hints)}: {hints[number - 1]}")


def solution(name: str) -> Source:
    """Return the source of the solution to the exercise called `name`: the code that its check compares with.

    Raises ValueError for the name of no exercise.
    """
    return Source(inspect.getsource(_exercise(name).solution).rstrip())


def _exercise(name: str) -> Exercise:
    if name not in EXERCISES:
        raise ValueError(f"name must be one of {', '.join(EXERCISES)}; got {name!r}")
    return EXERCISES[name]
