"""The explorer of the family of gates, touched in Chromium."""

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from eca_edu.attention import interaction_matrix
from eca_edu.explorers.interaction import (
    GATES,
    OPTIONS,
    InteractionExplorer,
    empty_gate,
    settings_of,
    with_drawn_weights,
)

SYMBOLS = {"reduction": "r", "groups": "G", "kernel_size": "k"}
#: What the sentence says of gates on 32 channels.
SAID = {
    "se": "meets 31 others, through a bottleneck of 8. 1,024 of 1,024 entries can differ from zero, made of 512 ",
    "se-var1": "meets only itself. 32 of 1,024 entries can differ from zero, made of 0 ",
    "se-gc": "meets 7 others. 256 of 1,024 entries can differ from zero, made of 256 ",
    "eca-ns": "meets 2 others. 94 of 1,024 entries can differ from zero, made of 96 ",
    "eca": "meets 2 others. 94 of 1,024 entries can differ from zero, made of 3 ",
    "eca-circular": "meets 2 others. 96 of 1,024 entries can differ from zero, made of 3 ",
}


def typed(shown, label, value):
    shown.root.get_by_label(f"{label}, typed").fill(str(value))
    shown.root.get_by_label(f"{label}, typed").press("Enter")


def of_the_package(gate, channels, **options):
    before = torch.get_rng_state()
    matrix = interaction_matrix(with_drawn_weights(empty_gate(gate, channels, **options))).numpy()
    assert torch.equal(torch.get_rng_state(), before)
    return matrix


@pytest.mark.parametrize("gate", GATES)
def test_the_matrix_of_each_setting_is_that_of_the_package(show, gate):
    shown, option = show(InteractionExplorer(gate=gate)), settings_of(gate)["option"]
    for channels, place in [(32, 1), (128, 0), (8, -1)]:  # a kernel of 11 comes round a ring of 8
        options = {option: OPTIONS[option][place]} if option else {}
        for label, value in [(SYMBOLS[name], value) for name, value in options.items()] + [("C", channels)]:
            typed(shown, label, value)
        if gate in ("se", "se-gc") and channels == 8:
            shown.refuses(f"got {'r = 32 for C = 8' if gate == 'se' else '32 for 8 channels'}")
            continue
        shown.says(f"{gate} on {channels} channels")
        values, low, high = shown.part("eca-edu-map").last.evaluate(
            "map => [[...map.was.values], map.was.low, map.was.high]"
        )
        matrix = of_the_package(gate, channels, **options)
        found = np.array(values).reshape(matrix.shape)
        assert np.array_equal(np.isnan(found), matrix == 0)  # drawn weights are never exactly 0
        assert np.nan_to_num(found) == pytest.approx(matrix, abs=1e-4)
        assert (-low, high) == pytest.approx((np.abs(matrix).max(),) * 2)


def test_the_sentence_counts_and_only_the_settings_of_the_gate_are_shown(show):
    shown = show(InteractionExplorer(channels=32))
    for gate, words in SAID.items():
        shown.root.get_by_role("button", name=gate, exact=True).click()
        shown.says(f"{gate} on 32 channels: a channel {words}")
        names = shown.part("input[type=range]").evaluate_all("all => all.map((one) => one.ariaLabel)")
        assert names == ["C", *[SYMBOLS[name] for name in [settings_of(gate)["option"]] if name]]
    shown.slider("k").press("End")
    shown.says("meets 10 others")
    shown.part(".eca-edu-gate", has_text="se-var3").click()
    shown.says("se-var3 on 32 channels")


def test_a_row_is_pointed_at_tapped_and_moved_by_keys(show):
    shown = show(InteractionExplorer(gate="se"), has_touch=True)
    rows, reading = shown.root.get_by_role("slider", name="row of the matrix"), shown.part(".eca-edu-reading")
    rows.press("ArrowDown")
    expect(rows).to_have_attribute("aria-valuenow", "9")
    matrix = of_the_package("se", 16, reduction=4)
    expect(reading).to_contain_text(f"{np.abs(matrix[9]).max():.2f} · ")
    shown.part("[data-hover='logit 3']").tap()
    expect(reading).to_contain_text("logit 3 = ")
    shown.part("[data-hover='average 5']").hover()
    expect(reading).to_contain_text(f"entry (3, 5) is {matrix[3, 5]:.2f}".replace("-", "−"))
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
