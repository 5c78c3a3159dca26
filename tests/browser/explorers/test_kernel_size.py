"""The explorer of γ, b and C, touched in Chromium."""

import math

import pytest
from playwright.sync_api import expect

from eca_edu import load_checkpoint
from eca_edu.explorers.kernel_size import (
    BS,
    CHOICES,
    GAMMAS,
    LARGEST,
    MODULES,
    STAGES,
    KernelSizeExplorer,
    sizes,
    steps,
)
from eca_edu.kernel_size import adaptive_kernel_size


@pytest.mark.parametrize("gamma", [GAMMAS[0], 1.75, 2, GAMMAS[-1]])
@pytest.mark.parametrize("b", [BS[0], 0.5, 1, BS[-1]])
def test_the_steps_are_those_of_psi(gamma, b):
    found = steps(gamma, b)
    for channels in {*CHOICES, *range(1, 300), LARGEST, *(2**n + d for n in range(1, 13) for d in (-1, 0, 1))}:
        assert [k for start, k in found if start <= channels][-1] == adaptive_kernel_size(channels, gamma, b)


def test_our_cnn_is_that_of_chapter_05():
    model, _ = load_checkpoint("data/checkpoints/cifar10-eca.safetensors")
    assert tuple(block.branch[1][1].num_features for block in (model.block1, model.block2)) == STAGES["our CNN"]


def test_every_control_moves_it(show):
    shown = show(KernelSizeExplorer())
    shown.says("t = (log₂ 128 + 1) / 2 = 4, and k = 5: each channel meets up to 4 neighbours. A tie")
    shown.slider("γ").press("ArrowRight")
    shown.says("(log₂ 128 + 1) / 2.25 = 3.56, and k = 3")
    shown.slider("b").press("Home")
    shown.says("(log₂ 128 − 2) / 2.25 = 2.22, and k = 3")
    shown.slider("C").press("End")
    shown.says("(log₂ 4096 − 2) / 2.25")
    note = shown.part(".eca-edu-note")
    for text, words in [
        ("70", "70 is not possible here, so the nearest number, 64, is used."),
        ("abc", "Type a number from 1 to 4096."),
        ("32", ""),
    ]:
        shown.type("C, typed", text)
        shown.says("log₂ 32" if text == "32" else "log₂ 64")
        expect(note).to_have_text([words] if words else [])
    shown.type("γ, typed", "")
    expect(note).to_have_text("Type a number from 1 to 4.")
    shown.root.get_by_role("button", name="Reset").click()
    shown.says("t = (log₂ 128 + 1) / 2 = 4")
    expect(note).to_have_count(0)


def test_points_are_dragged_and_moved_by_keys(show):
    shown = show(KernelSizeExplorer())
    for label, dx, dy, words in [
        ("C, your channels", 123, 0, "log₂ 1024"),
        ("b, ", 0, -22, "+ 4) / 2"),
        ("γ, ", 0, 60, "/ 4"),
    ]:
        grip = shown.root.get_by_role("slider", name=label)
        shown.drag(grip.locator("circle").last, dx, dy)
        shown.says(words)
    assert shown.part(":focus-visible").count() == 0  # a mouse sees what it holds
    shown.root.get_by_role("slider", name="C, your channels").press("Home")
    shown.says("log₂ 1 ")


def test_a_step_and_a_stage_say_what_they_are(show):
    shown = show(KernelSizeExplorer())
    shown.part("[data-hover='step 8']").hover()
    shown.part("text=k = 3 from C = 8 to 127").wait_for()
    shown.root.get_by_label("ResNet-50, 2048 channels: k = 7").hover()
    assert shown.part("line[stroke='var(--text)']").count() == 1


def test_python_and_the_page_have_one_state():
    explorer = KernelSizeExplorer(channels=512)
    heard = []
    explorer.observe(lambda change: heard.append(change.new), "gamma")
    explorer.gamma = 3
    assert (explorer.channels, heard, explorer.start["channels"]) == (512, [3], 512)
    with pytest.raises(Exception, match="gamma"):
        explorer.gamma = math.pi


def widening(channels):
    return 3 if channels < 300 else 7


def test_a_rule_of_ones_own_is_drawn_beside_the_papers_with_what_it_spends(show):
    shown = show(KernelSizeExplorer(rule=widening, budget=90))
    shown.says("For C = 128 your rule gives k = 3: each channel meets up to 2 neighbours. The paper's gives 5.")
    shown.says("100 parameters in ResNet-50, 55 parameters in MobileNetV2; above the budget of 90: ResNet-50.")
    for words in ("thick: your rule", "32 of 90", "100 of 90", "55 of 90"):
        assert shown.part(f"text='{words}'").count() == 1
    assert shown.part("text=our CNN").count() == 0
    shown.root.get_by_label("ResNet-18, 512 channels: k = 7, the paper's 5").hover()
    assert shown.slider("γ").count() == 0
    shown.drag(shown.root.get_by_role("slider", name="C, your channels").locator("circle").last, 123, 0)
    shown.says("For C = 1024 your rule gives k = 7")
    shown.part("[data-hover='step 8']").hover()
    shown.part("text=the paper's k = 3 from C = 8 to 127").wait_for()


def test_a_rule_far_above_the_picture_ends_at_its_edge(show):
    shown = show(KernelSizeExplorer(rule=lambda channels: channels | 1, channels=2048))
    shown.says("For C = 2048 your rule gives k = 2049")
    paths = shown.part("path[stroke-width='5']").bounding_box()
    assert paths["y"] >= shown.part("svg").first.bounding_box()["y"] - 3


def test_a_rule_is_told_by_its_steps_its_sizes_and_what_it_spends():
    rule = KernelSizeExplorer(rule=lambda channels: 3.0).numbers["rule"]
    assert rule["steps"] == [(1, 3)]
    assert set(rule["sizes"]) >= {*CHOICES, 320, 512}
    assert rule["spent"] == {"ResNet-18": 24, "ResNet-50": 48, "MobileNetV2": 51}
    assert [len(STAGES[name]) for name in MODULES] == [len(modules) for modules in MODULES.values()]
    assert sizes(adaptive_kernel_size) == {c: adaptive_kernel_size(c) for c in range(1, LARGEST + 1)}
    assert KernelSizeExplorer(rule=adaptive_kernel_size).numbers["rule"]["steps"] == steps(2, 1)


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        (lambda channels: 4, ValueError, "an odd whole number of at least 1; for channels = 16 it returned 4"),
        (lambda channels: -1 if channels == 512 else 3, ValueError, "for channels = 512 it returned -1"),
        (lambda channels: channels / 64 or 1, ValueError, "for channels = 16 it returned 0.25"),
        (lambda channels: float("nan"), ValueError, "for channels = 16 it returned nan"),
        (lambda channels: None, TypeError, "a number; for channels = 16 it returned None"),
        (lambda channels: True, TypeError, "for channels = 16 it returned True"),
        ({64: 3}.__getitem__, ValueError, "from 1 to 8192; for channels = 16 it raised KeyError: 16"),
        (lambda channels: 3 if channels > 7 else 0, ValueError, "for channels = 1 it returned 0"),
        (3, TypeError, "rule must be a function from a channel count to a kernel size; got 3"),
    ],
)
def test_a_rule_that_is_none_is_refused_in_a_sentence(rule, error, words):
    with pytest.raises(error, match=words):
        KernelSizeExplorer(rule=rule)


def test_a_budget_is_a_positive_whole_number():
    with pytest.raises(ValueError, match="budget must be at least 1"):
        KernelSizeExplorer(rule=widening, budget=0)
