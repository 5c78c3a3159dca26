"""What is asked at the head of a chapter about those before it, and before and after the course about all of it."""

from typing import Any

import traitlets

from eca_edu.explorers.explorer import Explorer
from eca_edu.practice.answers import Answers, load_answers, save_answer
from eca_edu.practice.exercises import EXERCISES
from eca_edu.practice.questions import Asked, instrument, predictions, returning

TITLES = {"before": "Twelve questions before the course", "after": "The twelve questions again"}

UNKNOWN = "I do not know"  # better than a guess, which is right in one of four


def is_right(question: Asked, answer: Any) -> bool:
    """Tell whether an answer, an option or {label: number}, is the right one, or close enough."""
    if question["kind"] == "choice":
        return answer == question["truth"]
    return all(abs(answer[label] - number) <= question["within"] for label, number in question["truth"].items())


def progress_sentence(answers: Answers) -> str:
    """Return a sentence on what a reader has solved and predicted."""
    number = sum(map(len, predictions().values()))
    return (
        f"So far: {len(answers['exercises'])} of {len(EXERCISES)} exercises solved, "
        f"{len(answers['predictions'])} of {number} predictions committed."
    )


def _drawn(question: Asked) -> Asked:
    """Return a question as the explorer of predictions draws it."""
    if isinstance(question["truth"], str):
        return {"kind": "choice", "title": "", **question}
    return {
        "kind": "numbers",
        "title": "",
        "unit": "",
        "within": 0,
        **question,
        "truth": {"your answer": question["truth"]},
    }


class _Questions(Explorer):
    """Questions out of a pool. `asked`: the names of those that are shown; `answers`: {name: answer and revealed}."""

    script, needs = "questions", ("prediction",)
    asked: traitlets.List = traitlets.List().tag(sync=True, state=True)
    answers = traitlets.Dict().tag(sync=True, state=True)

    def __init__(self, key: str, pool: dict[str, Asked], numbers: dict[str, Any], **state: Any):
        names = {name: number for number, texts in predictions().items() for name in texts}
        drawn = {name: _drawn(question) for name, question in pool.items()}
        super().__init__({"pool": drawn, "names": names, "lasts": True, **numbers}, **state)
        self.key = key
        self.when(["answers"], self._keep)

    def _keep(self, change: Any) -> None:
        raise NotImplementedError


class WarmUp(_Questions):
    """Three questions on the chapters before `chapter`, such as "03", and a line on what is solved and predicted so far.

    Two of them are about what was missed before, if anything was. Raises ValueError if the course has no such chapter.
    """

    def __init__(self, chapter: str):
        if chapter not in predictions():
            raise ValueError(f"chapter must be one of {', '.join(predictions())}; got {chapter!r}")
        asks = int(chapter) > 1  # before that there is hardly anything to ask about
        pool = {
            name: texts
            for number, all_of in returning().items()
            if asks and number < chapter
            for name, texts in all_of.items()
        }
        history = {name: answer["right"] for name, answer in load_answers()["returning"].items()}
        numbers = {"title": "Warm up", "ask": 3, "history": history, "so_far": progress_sentence(load_answers())}
        super().__init__(f"warm-up {chapter}", pool, numbers)

    def _keep(self, change: Any) -> None:
        for name, said in self.answers.items():
            if said["revealed"]:
                question = self.numbers["pool"][name]
                save_answer("returning", name, {"answer": said["answer"], "right": is_right(question, said["answer"])})


class Quiz(_Questions):
    """The twelve questions about what a reader knows, asked `when`: "before" and "after" the course.

    Nothing is said of an answer until all of "after" are given. Raises ValueError if `when` is neither.
    """

    def __init__(self, when: str):
        if when not in ("before", "after"):
            raise ValueError(f"when must be 'before' or 'after'; got {when!r}")
        self.when_asked = when
        numbers = {"title": TITLES[when], "silent": when, "before": load_answers()["before"]}
        said = {name: {"answer": answer, "revealed": False} for name, answer in load_answers()[when].items()}
        pool = {name: {**texts, "options": [*texts["options"], UNKNOWN]} for name, texts in instrument().items()}
        super().__init__(f"quiz {when}", pool, numbers, asked=list(pool), answers=said)

    def _keep(self, change: Any) -> None:
        for name, said in self.answers.items():
            save_answer(self.when_asked, name, said["answer"])
