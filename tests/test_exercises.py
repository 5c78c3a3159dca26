"""Checks pass right answers in any style, name the mistakes of wrong ones, never raise, and leave nothing behind.

The answers are in learner_answers.txt.
"""

import inspect
import json
import linecache
import math
import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import sem, ttest_ind, ttest_rel
from torch import nn

from eca_edu import ECA, SqueezeExcitation, adaptive_kernel_size, channel_weights, complexity
from eca_edu.channel_weights import class_statistics
from eca_edu.practice import exercises as package
from eca_edu.practice.exercises import EXERCISES, check, hint, solution
from eca_edu.practice.exercises.exercise import BEGINNINGS, SIGNS, same

HERE = Path(__file__).resolve().parent
MISTAKES = [(exercise, name) for exercise in EXERCISES.values() for name in exercise.mistakes]


def by_name(value):
    return value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)


def plain(result):
    """Return the text of a result in one line."""
    return " ".join(str(result).split())


# Answers of learners


class Learner(nn.Module):
    """Right but for what a subclass changes; a learner would write all of it."""

    def __init__(self, channels):
        super().__init__()
        self.k = self.width(channels)
        self.sliding = self.layer(channels)

    def width(self, channels):
        return adaptive_kernel_size(channels)

    def layer(self, channels):
        return nn.Conv1d(1, 1, self.k, padding=self.k // 2, bias=False)

    def forward(self, x):
        n, c, _, _ = x.shape
        omega = self.sliding(x.mean(dim=(2, 3)).view(n, 1, c)).sigmoid()
        return x * omega.view(n, c, 1, 1)


#: What the answers find in their notebook.
NOTEBOOK = {
    **{"np": np, "torch": torch, "F": F, "nn": nn, "math": math, "log2": math.log2, "floor": math.floor},
    **{"sem": sem, "ttest_ind": ttest_ind, "ttest_rel": ttest_rel, "ECA": ECA, "SqueezeExcitation": SqueezeExcitation},
    **{"adaptive_kernel_size": adaptive_kernel_size, "channel_weights": channel_weights},
    **{"class_statistics": class_statistics, "Learner": Learner},
    **{"count_macs_of_a_layer": complexity.count_macs},
}


def answers():
    """Yield exercise, R or W, name, diagnosis and code of each answer in the file."""
    _, *blocks = re.split(r"^### ", (HERE / "learner_answers.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for block in blocks:
        head, code = block.split("\n", 1)
        yield *re.fullmatch(r"(\w+) ([RW]) (\S+)(?: \| .*?)?(?: => (.*))?", head).groups(), code


ANSWERS = list(answers())


def run(code, name="a cell"):
    notebook = dict(NOTEBOOK)
    exec(compile(code, name, "exec"), notebook)
    return notebook


@pytest.mark.parametrize(
    ("exercise", "kind", "diagnosis", "code"),
    [pytest.param(e, kind, diagnosis, code, id=f"{e}-{kind}-{name}") for e, kind, name, diagnosis, code in ANSWERS],
)
def test_right_answers_pass_and_wrong_ones_get_the_diagnosis_that_was_read(exercise, kind, diagnosis, code):
    result = getattr(check, exercise)(run(code)["answer"])
    assert result.passed is {"R": True, "W": None if diagnosis == "not attempted" else False}[kind], result
    assert result.mistake == (None if diagnosis == "not attempted" else diagnosis), result
    assert result.message.endswith((".", "?")), result  # never evidence alone
    assert max(map(len, str(result).splitlines())) <= 95


def test_each_exercise_has_right_and_wrong_answers_and_no_name_stands_twice():
    for exercise in EXERCISES:
        kinds = [kind for e, kind, *_ in ANSWERS if e == exercise]
        assert kinds.count("R") >= 3
        assert kinds.count("W") >= 10
    names = [(exercise, name) for exercise, _, name, *_ in ANSWERS]
    assert len(set(names)) == len(names)
    assert sum(kind == "W" for _, kind, *_ in ANSWERS) > 500  # as README says


def test_each_known_mistake_was_made_by_somebody():
    made = {(exercise, diagnosis) for exercise, _, _, diagnosis, _ in ANSWERS}
    assert [(exercise.name, name) for exercise, name in MISTAKES if (exercise.name, name) not in made] == []


# What every exercise has


def test_the_course_has_these_exercises():
    assert list(EXERCISES) == [
        *["squeeze", "excite", "se_parameters"],
        *["channels_for", "kernel_size", "eca_parameters"],
        *["interact", "band_matrix", "eca", "residual"],
        *["conv_macs", "gate_bytes", "paired_interval", "verdict"],
        *["class_means", "attending", "same_for_all", "one_run_each"],
        *["integrate_gradients", "completeness_delta", "points_inside"],
        *["weights_from_outside", "passed_over", "identity_gate"],
    ]
    assert set(dir(check)) == set(EXERCISES)


@pytest.mark.parametrize(("exercise", "name"), MISTAKES, ids=by_name)
def test_each_known_mistake_gets_its_own_message_and_one_input_as_evidence(exercise, name):
    text, wrong = exercise.mistakes[name]
    result = exercise.check(wrong)
    assert result.passed is False
    assert result.mistake == name
    assert result.text.startswith(f"Not yet: {text}\nWith ")


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_no_two_mistakes_come_out_equal(exercise):
    outcomes = {name: exercise.outcomes(wrong) for name, (_, wrong) in exercise.mistakes.items()}
    equal = [(a, b) for a, b in combinations(outcomes, 2) if all(map(same, outcomes[a], outcomes[b]))]
    assert equal == []
    messages = [text for text, _ in exercise.mistakes.values()]
    assert len(set(messages)) == len(messages)


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_texts_are_plain(exercise):
    texts = [exercise.success, *exercise.hints, *(text for text, _ in exercise.mistakes.values())]
    texts += exercise.remarks.values()
    assert set(exercise.remarks) <= {probe.looks_at for probe in exercise.probes}
    assert all(text.endswith((".", "?")) for text in texts)
    assert not any("!" in text or "  " in text for text in texts)
    assert 2 <= len(exercise.hints) <= 4


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_the_solution_can_be_pasted_into_a_notebook_and_passes(exercise):
    source = solution(exercise.name)
    answer = run(str(source))[re.match(r"(?:def|class) (\w+)", str(source)).group(1)]
    result = exercise.check(answer)
    assert (result.passed, result.mistake) == (True, None)
    assert str(result).startswith("OK: ")
    assert source._repr_markdown_() == f"```python\n{source}\n```"


def stubs():
    """Yield exercise, name of the answer and source of each cell of a notebook that ends with a check."""
    for file in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            found = re.search(r"^check\.(\w+)\((\w+)\)$", source, re.MULTILINE)
            if found and cell["cell_type"] == "code":
                yield found.group(1), found.group(2), source


def test_the_notebooks_have_all_exercises_in_the_order_of_the_package():
    assert [name for name, _, _ in stubs()] == list(EXERCISES)


@pytest.mark.parametrize(("name", "answer", "source"), [pytest.param(*stub, id=stub[0]) for stub in stubs()])
def test_in_a_notebook_the_stub_is_not_attempted_and_the_solution_has_its_name(name, answer, source):
    notebook = {"torch": torch, "nn": nn, "check": check}
    exec(compile(source, "a cell", "exec"), notebook)
    assert getattr(check, name)(notebook[answer]).passed is None
    assert EXERCISES[name].solution.__name__ == answer
    stub, right = inspect.signature(notebook[answer]), inspect.signature(EXERCISES[name].solution)
    assert str(stub) == str(right)


# Not attempted, and what is no longer a stub


def stub(body):
    return run(f"def stub(*args):\n    {body}")["stub"]


STUBS = ["...", "pass", '"""Only a text."""\n    ...\n    pass', "return ...", "raise NotImplementedError"]


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
@pytest.mark.parametrize("answer", [None, ..., *map(stub, STUBS)], ids=["None", "Ellipsis", *STUBS])
def test_a_stub_is_not_attempted(exercise, answer):
    result = exercise.check(answer)
    assert result.passed is None
    assert result.mistake is None
    assert str(result).startswith("Not attempted yet: ")


class Skeleton(Learner):
    def forward(self, x):
        raise NotImplementedError


class EmptyInit(nn.Module):
    def __init__(self, channels):
        raise NotImplementedError

    def forward(self, x):
        return x


@pytest.mark.parametrize(("module", "place"), [(Skeleton, "forward"), (EmptyInit, "__init__")])
def test_not_implemented_is_named_with_its_place(module, place):
    result = check.eca(module)
    assert result.passed is None
    assert f"{place} still raises NotImplementedError" in str(result)
    assert "stub still raises NotImplementedError" in str(check.squeeze(stub(STUBS[-1])))


def test_pytorch_raising_not_implemented_is_a_mistake_and_no_stub():
    result = check.interact(lambda y, kernel: F.pad(y, (1, 1, 1, 1), mode="circular"))
    assert result.mistake == "exception"
    assert "NotImplementedError" in str(result)


def test_a_forgotten_return_is_told_from_one_that_is_missing_in_one_branch():
    def nowhere(low, high):
        verdict = "better"  # noqa: F841

    def sometimes(low, high):
        if low > 0:
            return "better"

    assert "verdict returns nothing. Does it end with a return?" in plain(check.verdict(nowhere))
    words = "a way through it that ends without a return. With low = -0.9, high = -0.2:"
    assert words in plain(check.verdict(sometimes))

    class NoReturn(Learner):
        def forward(self, x):
            super().forward(x)

    assert "forward returns nothing. Does it end with a return?" in plain(check.eca(NoReturn))


def test_a_module_for_its_class_and_a_result_for_its_function_are_told():
    assert check.kernel_size(3).mistake == "no function"
    assert "takes the function itself, its name without parentheses; got 3." in plain(check.kernel_size(3))
    assert "takes the class itself" in plain(check.eca(ECA(8)))
    assert plain(check.eca(ECA(8))).endswith("got an object of the class ECA.")


# What the messages show


def text_of(exercise, answer):
    return plain(getattr(check, exercise)(answer))


def test_evidence_shows_input_result_and_expectation():
    assert "With channels = 64, gamma = 2, b = 1: got 5; expected 3." in text_of("kernel_size", lambda c, gamma, b: 5)
    assert text_of("interact", lambda y, kernel: y) == (
        "Not yet: The result is not right for this input. With y = [[1, 2, 3, 4]], kernel = [0.2, 0.5, 0.3]: "
        "got [[1, 2, 3, 4]]; expected [[1.1, 2.1, 3.1, 2.6]]."
    )
    assert text_of("verdict", lambda low, high: "good").endswith("high = 0.9: got 'good'; expected 'better'.")
    assert text_of("kernel_size", lambda c, gamma, b: "3").endswith("got '3'; expected 3.")
    assert "Return a single number, not a str." in text_of("kernel_size", lambda c, gamma, b: "3")
    bias = type("Bias", (Learner,), {"layer": lambda self, channels: nn.Conv1d(1, 1, self.k, padding=self.k // 2)})
    assert "With C = 8, the number of parameters: got 4; expected 3." in text_of("eca", bias)


def test_as_many_digits_are_shown_as_it_takes_to_see_a_difference():
    assert "got [-1.7862, 4.7862]; expected [-1.7865, 4.7865]." in text_of(
        "paired_interval", lambda a, b, t: package.train_on_cifar10.paired_interval(a, b, 4.3026)
    )
    assert "got 4,812,986,880.0; expected 4,812,986,871." in text_of(
        "conv_macs", lambda c, d, k, h, w, g: float(np.float32(package.plug_into_backbones.conv_macs(c, d, k, h, w, g)))
    )


@pytest.mark.parametrize(
    "name", ["se_parameters", "kernel_size", "eca_parameters", "conv_macs", "gate_bytes"]
)  # all that count
@pytest.mark.parametrize(
    ("convert", "kind"), [(float, "a float"), (torch.tensor, "a tensor"), (np.float64, "a float64"), (np.int64, "")]
)
def test_a_count_may_be_a_float_or_a_tensor_and_the_learner_is_told_how_to_get_an_int(name, convert, kind):
    result = getattr(check, name)(lambda *given: convert(EXERCISES[name].solution(*given)))
    assert (result.passed, result.mistake) == (True, None)
    told = result.message.removeprefix(EXERCISES[name].success)
    assert told.startswith(f" Your result is {kind}. A count should be an int") if kind else told == ""


def test_other_right_values_of_another_type_pass_and_the_type_is_told():
    right = EXERCISES["attending"].solution
    assert check.attending(right).message == EXERCISES["attending"].success
    assert ".item()" in check.attending(lambda weights: torch.tensor(right(weights))).message
    assert ".bool()" in check.points_inside(lambda *given: EXERCISES["points_inside"].solution(*given).float()).message
    assert check.channels_for(lambda k, gamma, b: 2.0 ** (gamma * k - b)).message == EXERCISES["channels_for"].success
    assert check.channels_for(lambda k, gamma, b: torch.tensor(2.0 ** (gamma * k - b))).passed
    assert not check.kernel_size(lambda *given: adaptive_kernel_size(*given) + 0.5).passed


@pytest.mark.parametrize(
    ("convert", "kind"),
    [(torch.Tensor.tolist, "a list"), (torch.Tensor.numpy, "an array of NumPy"), (tuple, "a tuple")],
)
@pytest.mark.parametrize("name", ["excite", "band_matrix"])
def test_a_list_or_array_for_a_tensor_is_told_to_become_one(name, convert, kind):
    text = text_of(name, lambda *given: convert(EXERCISES[name].solution(*given)))
    assert f"Return a tensor, not {kind}." in text


def test_a_large_tensor_is_shown_at_the_first_place_that_differs():
    def wrong_at_one_place(x, branch, attention, shortcut):
        out = F.relu(attention(branch(x)) + shortcut(x))
        if out.numel() > 9:
            out[1, 0, 2, 3] = 77
        return out

    assert "got 77 at index [1, 0, 2, 3]; expected " in text_of("residual", wrong_at_one_place)


def test_right_numbers_in_another_shape_are_told_so_unless_others_are_wrong():
    assert "but an axis of length 1 is left" in text_of("squeeze", lambda x: x.mean((2, 3), keepdim=True))
    turned = text_of("excite", lambda *y: EXERCISES["excite"].solution(*y).T)
    assert "but rows and columns have changed places" in turned
    some = text_of("completeness_delta", lambda v, of_x, of_base: (v.sum((1, 2, 3)) - of_x + of_base)[None, :1])
    assert "The numbers are right" not in some


def test_parameters_in_another_order_are_named():
    def residual(x, shortcut, branch, attention):
        return F.relu(attention(branch(x)) + shortcut(x))

    text = "in another order, (x, shortcut, branch, attention). They come as (x, branch, attention, shortcut)."
    assert text in text_of("residual", residual)


def test_an_exception_has_the_line_of_the_learner_and_a_text_that_is_not_too_long():
    code = "def helper(t):\n    return t / 0\n\ndef answer(channels, gamma, b):\n    return helper(channels)\n"
    linecache.cache["a cell"] = (len(code), None, code.splitlines(keepends=True), "a cell")
    text = text_of("kernel_size", run(code)["answer"])
    assert "b = 1: it raises ZeroDivisionError: division by zero; in line 2 return t / 0." in text

    def answer(x):
        raise ValueError(1000 * "long ")

    assert len(str(check.squeeze(answer))) < 500


def test_what_an_answer_prints_is_shown_once(capsys):
    def answer(x):
        print("my shape is", tuple(x.shape))
        return x.mean((2, 3))

    assert check.squeeze(answer).passed
    assert capsys.readouterr().out == "my shape is (1, 2, 2, 2)\n"


@pytest.mark.parametrize(
    "result",
    [
        *[float("nan"), 10**400, 1j, torch.empty(2, 3, device="meta"), torch.ones(2).to_sparse(), torch.tensor(True)],
        *[np.ones(3), np.bool_(True), object(), [torch.ones(2)], [None], (1.5, None), {}, (), "3", 5 * "a long text "],
    ],
    ids=lambda result: str(result).partition(" at 0x")[0],
)
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_no_result_is_so_odd_that_a_check_raises(exercise, result):
    found = exercise.check(lambda *args: result)
    assert found.passed is False
    assert len(repr(found)) < 1000
    assert found._repr_html_()


class Words(HTMLParser):
    """Collects the text of a page, and what it loads or runs."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags = [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words += data.split()


ANSWERED = [(True, EXERCISES["verdict"].solution), (False, lambda low, high: "<b>&</b>"), (None, None)]


@pytest.mark.parametrize(("passed", "answer"), ANSWERED)
def test_a_notebook_shows_the_same_words_with_a_sign_and_a_colour_and_escaped(passed, answer):
    result = check.verdict(answer)
    shown = Words(result._repr_html_())
    sign, colour = SIGNS[passed]
    assert shown.words[0] == sign
    assert " ".join(shown.words[1:]).startswith(BEGINNINGS[passed])
    words = [word.strip(":;.") for word in str(result).split()]
    assert [word.strip(":;.") for word in shown.words[1:]] == words
    assert colour in result._repr_html_()
    assert shown.tags == {"div", "span", "b"}
    assert len({sign for sign, _ in SIGNS.values()}) == len({colour for _, colour in SIGNS.values()}) == 3


# No traces


def settings():
    chosen = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()
    return *chosen, torch.get_deterministic_debug_mode()


def numbers():
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def seed(number):
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002
    torch.manual_seed(number)


def leaves_traces(x):
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    seed(1)
    return x.mean((2, 3))


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_a_check_leaves_no_traces(exercise):
    before = settings()
    seed(7)
    expected = numbers()
    seed(7)
    for answer in [exercise.solution, leaves_traces, *(wrong for _, wrong in exercise.mistakes.values())]:
        exercise.check(answer)
    assert numbers() == expected
    assert settings() == before
    assert check.squeeze(leaves_traces).passed  # each probe begins anew


def test_a_check_holds_under_other_settings():
    with torch.no_grad(), torch.device("meta"):
        for exercise in EXERCISES.values():
            assert exercise.check(exercise.solution).passed


def test_what_an_answer_does_to_torch_does_not_spoil_the_solution(monkeypatch):
    def answer(y, w1, w2):
        monkeypatch.setattr(torch, "sigmoid", torch.tanh)
        return torch.sigmoid(torch.relu(y @ w1.T) @ w2.T)

    fresh = replace(EXERCISES["excite"])  # whose solution did not run before
    assert fresh.check(answer).passed is False
    assert fresh.check(EXERCISES["excite"].solution).passed is False  # until torch is mended


def test_exit_is_an_exception_and_a_stop_goes_through():
    assert "it raises SystemExit" in text_of("squeeze", lambda x: exit())

    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.squeeze(interrupted)


def test_a_check_leaves_no_gradients():
    made = []

    class Remembered(Learner):
        def __init__(self, channels):
            super().__init__(channels)
            made.append(self)

    assert check.eca(Remembered).passed
    assert all(parameter.grad is None for module in made for parameter in module.parameters())


def test_an_answer_cannot_spoil_the_probes():
    def spoils(x):
        x.zero_()
        return x.mean((2, 3))

    assert check.squeeze(spoils).mistake == "in place"
    assert check.squeeze(EXERCISES["squeeze"].solution).passed


# Names, hints, solutions


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match=r"kernal_size.*squeeze.*kernel_size.*eca"):
        check.kernal_size  # noqa: B018
    for function in [hint, solution]:
        with pytest.raises(ValueError, match=r"squeeze.*kernel_size.*eca.*got 'kernal_size'"):
            function("kernal_size")


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_hints_come_one_by_one_and_run_out(exercise, monkeypatch):
    monkeypatch.setattr(package, "_hints_given", package.Counter())
    count = len(exercise.hints)
    texts = [hint(exercise.name).text for _ in range(count + 2)]
    assert texts[:count] == [f"Hint {i} of {count}: {text}" for i, text in enumerate(exercise.hints, 1)]
    assert all("no more hints" in text and f'solution("{exercise.name}")' in text for text in texts[count:])


def test_a_check_without_a_call_is_short_and_its_help_says_what_it_does():
    assert len(repr(check.squeeze)) < 100
    assert "mistake" in check.kernel_size.__doc__
