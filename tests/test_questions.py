"""The questions keep their form, no name is used twice, and what the package can compute is what they take for true."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from eca_edu import ECA, SqueezeExcitation, adaptive_kernel_size, count_macs, count_parameters, interaction_matrix

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "eca_edu/practice/questions").glob("*.json"))


def once(pairs):  # json.loads would keep the last of two equal names, without a word
    assert len(dict(pairs)) == len(pairs), f"twice in one place: {[name for name, _ in pairs]}"
    return dict(pairs)


READ = {file.stem: json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=once) for file in FILES}
INSTRUMENT = READ["instrument"]["questions"]
RETURNING = {name: read["questions"] for name, read in READ.items() if name.startswith("returning_")}
EACH = [pytest.param(asked, id=name) for questions in RETURNING.values() for name, asked in questions.items()]
ASKED = {name: asked for questions in RETURNING.values() for name, asked in questions.items()}


def answer(name):
    return ASKED[name]["truth"]


def test_no_name_is_used_twice_in_the_course():
    asked = [read.get(key, {}) for read in READ.values() for key in ("predictions", "questions")]
    names = Counter(name for names in asked for name in names)
    assert [name for name, times in names.items() if times > 1] == []
    assert [name for name in names if not name.isidentifier() or name != name.lower()] == []


def test_each_of_the_first_nine_chapters_has_three_to_six_questions_that_return():
    assert list(RETURNING) == [f"returning_{chapter:02}" for chapter in range(9)]
    assert all(3 <= len(questions) <= 6 for questions in RETURNING.values())
    assert 0.25 < sum("low" in asked for asked in ASKED.values()) / len(ASKED) < 0.45  # numbers


@pytest.mark.parametrize("asked", EACH)
def test_a_returning_question_holds_its_truth_and_its_reasons(asked):
    if "options" not in asked:
        assert set(asked) == {"question", "low", "high", "step", "unit", "truth", "within", "because"}
        assert asked["low"] <= asked["truth"] <= asked["high"]
        steps = (asked["truth"] - asked["low"]) / asked["step"]
        assert steps == pytest.approx(round(steps))
        assert asked["within"] >= 0
        assert asked["because"].endswith(".")
    else:
        assert set(asked) == {"question", "options", "truth", "reasons"}
        assert len(set(asked["options"])) == len(asked["options"]) == 3
        assert asked["truth"] in asked["options"]
        assert list(asked["reasons"]) == asked["options"]
        assert all(reason.endswith(".") for reason in asked["reasons"].values())


def test_the_instrument_has_twelve_questions_with_four_options_each():
    assert len(INSTRUMENT) == 12
    for asked in INSTRUMENT.values():
        assert set(asked) == {"question", "options", "truth"}  # no reasons: nothing is told between before and after
        assert len(set(asked["options"])) == len(asked["options"]) == 4
        assert asked["truth"] in asked["options"]


def test_neither_place_nor_length_gives_the_right_option_away():
    places = Counter(asked["options"].index(asked["truth"]) for asked in INSTRUMENT.values())
    assert [places[i] for i in range(4)] == [3, 3, 3, 3]
    ranks = Counter(sorted(asked["options"], key=len).index(asked["truth"]) for asked in INSTRUMENT.values())
    assert max(ranks.values()) <= 5
    there = Counter(asked["options"].index(asked["truth"]) for asked in ASKED.values() if "options" in asked)
    assert min(there[i] for i in range(3)) >= 6


def test_texts_are_plain():
    for asked in [*ASKED.values(), *INSTRUMENT.values()]:
        texts = [asked["question"], *asked.get("options", []), *asked.get("reasons", {}).values()]
        texts.append(asked.get("because", ""))
        assert [text for text in texts if set("$`\n") & set(text) or "**" in text or "\\" in text] == []


def test_kernel_sizes_are_those_of_the_package():
    assert answer("kernel_for_1000") == adaptive_kernel_size(1000)
    assert [adaptive_kernel_size(c) for c in (64, 256)] == [3, 5]
    assert answer("four_times_wider") == f"{adaptive_kernel_size(4 * 64)} and {adaptive_kernel_size(4 * 256)}"
    assert [adaptive_kernel_size(c) for c in (256, 512)] == [5, 5]
    assert INSTRUMENT["sixteen_times_wider"]["truth"] == str(adaptive_kernel_size(16 * 256))


def test_parameters_and_multiplications_are_those_of_the_package():
    assert answer("se_on_32") == count_parameters(SqueezeExcitation(32, reduction=8))
    se, eca = ([count_parameters(gate(c)) for c in (256, 512)] for gate in (SqueezeExcitation, ECA))
    assert se[1] == 4 * se[0]
    assert eca == [5, 5]
    assert answer("macs_by_hand") == count_macs(nn.Conv2d(2, 4, 3, padding=1, bias=False), (1, 2, 10, 10))
    gates = [ECA(channels) for channels in (16, 32, 64)]
    assert answer("weights_of_one_image") == sum(gate.channels for gate in gates)
    assert [count_parameters(gate) for gate in gates] == [3, 3, 3]


def test_matrices_and_ends_are_those_of_the_package():
    torch.manual_seed(0)
    assert answer("entries_of_the_band") == int((interaction_matrix(ECA(10, kernel_size=5)) != 0).sum())
    zeros, ring = ECA(64, kernel_size=7), ECA(64, kernel_size=7, padding_mode="circular")
    ring.load_state_dict(zeros.state_dict())
    differ = ~interaction_matrix(zeros).isclose(interaction_matrix(ring), atol=1e-6).all(1)
    assert answer("where_they_differ") == int(differ.sum())
    se = SqueezeExcitation(48)
    assert answer("largest_rank") == int(torch.linalg.matrix_rank(se.expand.weight @ se.reduce.weight))
    assert answer("even_kernel_ends") == nn.Conv1d(1, 1, 4, padding=2)(torch.zeros(1, 1, 64)).shape[2]
    nn.init.constant_((fives := ECA(64, kernel_size=5)).conv.weight, 0.2)
    logits = fives.interact(torch.ones(1, 64))[0]
    assert (logits < logits[32] - 1e-3).nonzero().flatten().tolist() == [0, 1, 62, 63]  # "at_both_ends"


def test_the_other_numbers_follow_from_their_questions():
    assert answer("plus_or_minus") == pytest.approx(100 * 2 * (0.9 * 0.1 / 100) ** 0.5)
    assert answer("false_alarms") == pytest.approx(40 * 0.05)
    assert answer("only_the_context") == 100 / 4
    assert answer("missing_part") == (5 - 1) - 3
    assert answer("product_credits") == (2 - 1) * 3 + (3 - 1) * 2 - (2 * 3 - 1 * 1)
    assert answer("trips_to_memory") == 3 * 2


PREDICTIONS = {name: asked for read in READ.values() for name, asked in read.get("predictions", {}).items()}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_prediction_can_be_answered(name):
    asked = PREDICTIONS[name]
    if "options" in asked:
        assert len(set(asked["options"])) == len(asked["options"]) >= 2
        assert asked.get("truth", asked["options"][0]) in asked["options"]
    elif "low" in asked or "high" in asked:  # numbers or a curve, whose steps reach from one end to the other
        assert asked["low"] < asked["high"]
        assert asked.get("step", 1) > 0
        assert len(asked.get("x", ("first", "last"))) > 1
    else:
        assert len(set(asked.get("truth", "ab"))) == len(asked.get("truth", "ab")) > 1  # an order
    if isinstance(asked.get("truth"), list) and "x" in asked:
        assert len(asked["truth"]) == len(asked["x"])
    if isinstance(asked.get("truth"), dict):
        assert {"low", "high"} <= asked.keys()
        assert asked["truth"]
