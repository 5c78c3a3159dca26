"""The explorer of backbones, touched in Chromium."""

import pytest
import torch
from playwright.sync_api import expect

from eca_edu import count_macs, count_parameters, insert_attention
from eca_edu.attention import ATTENTION, FOLLOWS_PSI, make_attention
from eca_edu.explorers.backbones import BACKBONES, BackboneExplorer, numbers
from tests.test_insertion import build

#: The parameters of Table 3: without attention, with SE, with ECA by ψ.
TABLE_3 = {
    "resnet18": (11_689_512, 11_776_552, 11_689_548),
    "resnet34": (21_797_672, 21_954_856, 21_797_746),
    "resnet50": (25_557_032, 28_071_976, 25_557_118),
    "resnet101": (44_549_160, 49_292_328, 44_549_331),
    "resnet152": (60_192_808, 66_770_984, 60_193_064),
    "mobilenet_v2": (3_504_872, 3_561_800, 3_504_931),
}


def test_the_numbers_of_table_3_with_the_reduction_of_the_paper(show):
    shown = show(BackboneExplorer(backbone="resnet18"))
    for name, (plain, with_se, with_eca) in TABLE_3.items():
        shown.root.get_by_label("backbone").select_option(name)
        shown.root.get_by_label("attention", exact=True).select_option("se")
        shown.says(f"{name} and se with r = {BACKBONES[name]}: {with_se - plain:,} parameters")
        shown.root.get_by_label("attention", exact=True).select_option("eca")
        shown.says(f": {with_eca - plain} parameters")
        shown.says(f"on top of {plain:,} parameters (+{(with_eca - plain) / plain:.4%}")
    shown.root.get_by_label("attention", exact=True).select_option("se")
    shown.says(" and se with r = ")  # from now on the slider answers
    shown.slider("r").press("Home")
    shown.root.get_by_label("backbone").select_option("resnet50")
    shown.says("resnet50 and se with r = 2")


def test_every_gate_costs_what_the_package_counts(show):
    shown = show(BackboneExplorer(kernel_sizes="1-3-9-11", reduction=8))
    stages = [(stage["channels"], stage["modules"]) for stage in numbers()["backbones"]["resnet50"]["stages"]]
    for name in ATTENTION:
        counts = [0, 0]
        for (channels, modules), k in zip(stages, (1, 3, 9, 11), strict=True):
            options = {"reduction": 8} if name == "se" else {"kernel_size": k} if name in FOLLOWS_PSI else {}
            with torch.device("meta"):
                module = make_attention(name, channels, **options)
            counts[0] += modules * count_parameters(module)
            counts[1] += modules * count_macs(module, (1, channels, 1, 1))
        numbers_shown = shown.part(f"[data-hover='gate {name}'] text:last-of-type")
        expect(numbers_shown).to_have_text([f"{count:,}" for count in counts])
        numbers_shown.first.click()
        shown.says(f"{counts[0]:,} parameters and {counts[1]:,} multiply-accumulates more")


def test_kernels_by_rule_by_list_and_by_hand(show):
    shown = show(BackboneExplorer())
    shown.says(
        "resnet50 and eca with kernel sizes 5-5-5-7: 86 parameters and 87,808 multiply-accumulates more, on top of"
    )
    shown.slider("γ").press("ArrowRight")
    shown.says("5-5-5-5")
    shown.slider("b").press("ArrowLeft")
    shown.says("3-5-5-5: 74 parameters")
    shown.root.get_by_label("larger k in stage 4").click(click_count=2)  # no double click resets here
    shown.says("3-5-5-9")
    shown.root.get_by_label("smaller k in stage 4").click()
    shown.says("3-5-5-7: 80 parameters and 86,272")
    assert shown.slider("γ").is_disabled()
    shown.root.get_by_role("button", name="clear the list").click()
    shown.says("3-5-5-5")


@pytest.mark.parametrize("text", ["3-5-5-4", "0-3-3-3", "3-3-10001-3"])
def test_an_impossible_kernel_turns_red_in_the_words_of_the_package(show, text):
    shown = show(BackboneExplorer(kernel_sizes="3-5-5"))
    shown.refuses("k list must have 4 odd numbers, one for each stage; got '3-5-5'")
    shown.root.get_by_label("k list", exact=True).fill("-1-2-3-4")
    shown.root.get_by_label("k list", exact=True).press("Enter")
    shown.refuses("got '-1-2-3-4'")
    expect(shown.part(".eca-edu-picture > p")).to_have_text("insert_attention refuses this.")
    shown.root.get_by_label("k list", exact=True).fill(text)
    shown.root.get_by_label("k list", exact=True).press("Enter")
    with pytest.raises(ValueError, match="kernel_size must be") as refusal:
        insert_attention(build("resnet50"), kernel_sizes=[int(k) for k in text.split("-")])
    shown.refuses(str(refusal.value))
    expect(shown.part(".eca-edu-stage .eca-edu-refused")).to_have_count(1)
    shown.root.get_by_role("button", name="clear the list").click()
    expect(shown.part(".eca-edu-alert")).to_have_count(0)


@pytest.mark.parametrize(
    ("attention", "options", "kernel_sizes", "channels"),
    [("se-gc1", {}, "", 24), ("eca-circular", {"kernel_size": 35}, "35-1-1-1-3-3-3", 16)],
)
def test_a_gate_that_a_backbone_cannot_have_turns_red(show, attention, options, kernel_sizes, channels):
    shown = show(BackboneExplorer(backbone="mobilenet_v2", attention=attention, kernel_sizes=kernel_sizes))
    with pytest.raises(ValueError, match="must") as refusal:
        make_attention(attention, channels, **options)
    shown.refuses(str(refusal.value))


@pytest.mark.parametrize("touch", [True, False])
def test_a_stage_opens_before_and_after(show, touch):
    shown = show(BackboneExplorer(), width=390 if touch else 1100, has_touch=touch)
    stage = shown.root.get_by_label("open stage 2: 4 blocks of 512 channels")
    stage.tap() if touch else stage.press("Enter")
    expect(shown.part(".eca-edu-picture > p")).to_contain_text("layer2.1.bn3 by Sequential(BatchNorm2d(512), ECA(512))")
    expect(shown.part("svg [data-hover='gate']")).to_contain_text("eca, k = 5")
    shown.root.get_by_role("button", name="before").click()
    expect(shown.part("svg [data-hover='gate']")).to_have_count(0)
    shown.root.get_by_role("button", name="first").click()
    expect(shown.part("svg [data-hover='shortcut']")).to_contain_text("conv 1 × 1, 256 → 512")
    expect(shown.part(".eca-edu-picture > p")).to_contain_text("looks for layer2.0.bn3")
    if touch:
        shown.root.get_by_role("button", name="MACs").click()
        expect(shown.part(".eca-edu-charts svg")).to_contain_text("added multiply-accumulates")
    shown.part("[data-hover='stage 1']").hover()
    expect(shown.part(".eca-edu-charts svg").first).to_contain_text("○ stage 2")
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
