"""The explorer of the family of gates, touched in Chromium."""

import json

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from eca_edu.attention import interaction_matrix
from eca_edu.explorers.interaction import (
    GATES,
    OPTIONS,
    InteractionExplorer,
    draw,
    empty_gate,
    settings_of,
)

SYMBOLS = {"reduction": "r", "groups": "G", "kernel_size": "k", None: ""}
SETTINGS = [
    (32, 1),
    (128, 0),
    (8, -1),
]  # C and the place of the option in its list; a kernel of 11 wraps round 8 channels
SHOWN = "map => JSON.stringify([[...map.was.values], map.was.low, map.was.high])"
#: What the sentence says of gates on 32 channels.
SAID = {
    "se": "31 others, through a bottleneck of 8. 1,024 of 1,024 entries can differ from zero, made of 512 ",
    "se-var1": "only itself. 32 of 1,024 entries can differ from zero, made of 0 ",
    "se-gc": "7 others. 256 of 1,024 entries can differ from zero, made of 256 ",
    "eca-ns": "2 others. 94 of 1,024 entries can differ from zero, made of 96 ",
    "eca-circular": "2 others. 96 of 1,024 entries can differ from zero, made of 3 ",
    "eca": "2 others. 94 of 1,024 entries can differ from zero, made of 3 ",
}


def with_drawn_weights(gate):
    """Give an empty gate the weights that the page draws, and leave torch's own random numbers alone."""
    parameters = list(gate.to_empty(device="cpu").parameters())
    drawn = draw(torch.empty(sum(parameter.numel() for parameter in parameters)))
    torch.nn.utils.vector_to_parameters(drawn, parameters)
    return gate


def of_the_package(gate, channels, **options):
    before = torch.get_rng_state()
    matrix = interaction_matrix(with_drawn_weights(empty_gate(gate, channels, **options))).numpy()
    assert torch.equal(torch.get_rng_state(), before)
    return matrix


@pytest.mark.parametrize(("channels", "place"), SETTINGS)
def test_every_matrix_is_that_of_the_package(show, channels, place):
    chosen = {option: values[place] for option, values in OPTIONS.items()}
    shown = show(InteractionExplorer(channels=channels, **chosen))
    for gate in GATES:
        shown.root.get_by_role("button", name=gate, exact=True).click()
        option = settings_of(gate)["option"]
        if channels == 8 and option in ("reduction", "groups"):
            shown.refuses(
                "r must be at most C" if gate == "se" else "groups must divide channels; got 32 for 8 channels"
            )
            continue
        shown.says(f"{gate} on {channels} channels")
        values, low, high = json.loads(shown.part("eca-edu-map").last.evaluate(SHOWN))
        matrix = of_the_package(gate, channels, **({option: chosen[option]} if option else {}))
        found = np.array(values, dtype=float).reshape(matrix.shape)  # NaN where channels never meet
        assert np.array_equal(np.isnan(found), matrix == 0)  # drawn weights are never exactly 0
        assert np.nan_to_num(found) == pytest.approx(matrix, abs=1e-4)
        assert (-low, high) == pytest.approx((np.abs(matrix).max(),) * 2)


def test_the_sentence_counts_and_only_the_settings_of_the_gate_are_shown(show):
    shown = show(InteractionExplorer(channels=32))
    for gate, words in SAID.items():
        shown.root.get_by_role("button", name=gate, exact=True).click()
        shown.says(f"{gate} on 32 channels: a channel meets {words}")
        names = shown.part("input[type=range]").evaluate_all("all => all.map((one) => one.ariaLabel).join('')")
        assert names == f"C{SYMBOLS[settings_of(gate)['option']]}"
    shown.slider("k").press("End")
    shown.says("meets 10 others")
    shown.slider("C").press("End")
    shown.part(".eca-edu-gate").filter(has_text="se-var3").click()
    shown.says("se-var3 on 128 channels")


def test_a_row_is_pointed_at_tapped_and_moved_by_keys(show):
    shown = show(InteractionExplorer(gate="se"), has_touch=True)
    rows, reading = shown.root.get_by_role("slider", name="row of the matrix"), shown.part(".eca-edu-reading")
    matrix = of_the_package("se", 16, reduction=4)
    rows.press("ArrowDown")
    expect(rows).to_have_attribute("aria-valuenow", "9")
    expect(reading).to_contain_text(f"{np.abs(matrix[9]).max():.2f} · ")
    shown.part("[data-hover='logit 3']").tap()
    expect(reading).to_contain_text("logit 3 = ")
    shown.part("[data-hover='average 5']").hover()
    expect(reading).to_contain_text(f"entry (3, 5): {matrix[3, 5]:.2f}".replace("-", "−"))
    shown.part("[data-hover='waist 2']").hover()
    expect(reading).to_contain_text("row 2 of W₁ makes it, column 2 of W₂ uses it")


def test_impossible_settings_turn_red_and_say_why(show):
    shown = show(InteractionExplorer(gate="se-gc", channels=8, groups=16, reduction=16), width=390)
    shown.refuses("groups must divide channels; got 16 for 8 channels")
    expect(shown.part(".eca-edu-picture.eca-edu-wrong")).to_have_count(1)
    expect(shown.part(".eca-edu-gate").filter(has_text="impossible")).to_have_count(2)
    shown.slider("G").press("ArrowLeft")
    shown.says("meets only itself")
    shown.root.get_by_label("gate", exact=True).select_option("se")
    shown.refuses("r must be at most C, so that a channel is left; got r = 16 for C = 8")


def test_what_is_pointed_at_stands_beside_the_matrix_also_where_its_words_are_long(show):
    shown = show(InteractionExplorer(gate="se-var3"), width=690)
    matrix, beside = (part.bounding_box() for part in shown.part(".eca-edu-picture > div").all())
    assert beside["x"] > matrix["x"] + matrix["width"]
