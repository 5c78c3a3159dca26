"""The four steps of ECA in a real block, touched in Chromium."""

import math
import re

import pytest
import torch
from playwright.sync_api import expect

from eca_edu import ECACNN, load_checkpoint, make_attention, make_cue_switch
from eca_edu.explorers.explorer import pick_images
from eca_edu.explorers.pipeline import PipelineExplorer

DATA = make_cue_switch(40, seed=2)


@pytest.fixture(scope="module")
def networks():
    return [load_checkpoint(f"data/checkpoints/cue-switch-{name}.safetensors")[0] for name in ("eca", "se")]


def weights_in(shown):
    """The channel weights that the page shows, one for each row."""
    texts = shown.part("g[data-hover] > g:nth-of-type(3) text").all_text_contents()
    return [float(text) for text in texts]


@torch.no_grad()
def test_the_page_computes_what_torch_computes(show, networks):
    eca, se = networks
    shown = show(PipelineExplorer(eca, DATA, other=se))
    third = pick_images(DATA, 6)[2:3]
    image = DATA.take(third)
    x = eca.block1.branch(eca.stem(image.normalize(image.images)))
    shown.part(".eca-edu-thumbnails button").nth(2).click()
    shown.says(f"Image {third.item()} ({DATA.class_names[image.labels[0]]})")
    for name, network in [("ECA", eca), ("SE", se)]:
        shown.root.get_by_role("button", name=name, exact=True).click()
        shown.says("all 16 averages meet" if name == "SE" else " · ")
        gate = network.block1.attention
        expected = gate.gate(gate.interact(x.mean((2, 3))))[0]
        assert weights_in(shown) == pytest.approx(expected.tolist(), abs=0.0051)


@pytest.mark.parametrize("touch", ["keyboard", "mouse"])
def test_what_follows_an_average_or_a_weight_moves(show, touch):
    x = torch.arange(8.0).reshape(1, 8, 1, 1).expand(1, 8, 2, 3)
    shown = show(PipelineExplorer.of_tensor(x, [0.25, 0.5, 0.125]), width=390 if touch == "mouse" else 1100)
    shown.says("channel 4: 0.25 · 3.00 + 0.50 · 4.00 + 0.125 · 5.00 = 3.38, and ω = σ(3.38) = 0.97")
    before = weights_in(shown)
    average = shown.root.get_by_label("average of channel 1")
    if touch == "mouse":
        shown.drag(average.locator("rect"), -120, 0)
    else:
        for _ in range(6):
            average.press("ArrowDown")
    shown.says("channel 1: 0.25 · 0.00 + 0.50 · " + ("(−2.00)" if touch == "mouse" else "0.40"))
    moved = [i for i, (old, new) in enumerate(zip(before, weights_in(shown), strict=True)) if old != new]
    assert moved == [0, 1, 2]
    shown.root.get_by_label("weight 1 of the kernel").press("ArrowUp")
    shown.says("+ 0.60 · ")
    shown.root.get_by_role("button", name="Reset").click()
    expect(average).to_have_attribute("aria-valuenow", "1")


def test_the_sum_that_is_written_is_right_as_it_is_written(show, networks):
    shown = show(PipelineExplorer(networks[0], DATA))
    for channel in range(16):
        shown.part("svg g[data-hover]").nth(channel).click(position={"x": 2, "y": 12})
        shown.says(f"channel {channel}: ")
        words = shown.part(".eca-edu-sentence").inner_text().replace("−", "-")
        terms, logit, omega = re.search(r": (.*) = (\S+), and ω = .* = (\S+)\.", words).groups()
        assert " -" not in terms  # a negative factor has brackets
        added = sum(
            float(a.strip("()")) * float(b.strip("()")) for a, b in (term.split(" · ") for term in terms.split(" + "))
        )
        assert added == pytest.approx(float(logit), abs=0.51 * 10.0 ** -len(logit.partition(".")[2]))
        assert 1 / (1 + math.exp(-float(logit))) == pytest.approx(float(omega), abs=0.0051)


def test_a_drag_recolours_only_what_it_changes_and_one_of_no_length_changes_nothing(show, networks):
    shown = show(PipelineExplorer(networks[0], DATA), height=1000)
    fills = """root => [...root.querySelectorAll('.eca-edu-pipeline svg rect')]
        .map(e => e.getAttribute('fill') + e.getAttribute('stroke'))"""
    shown.part("svg g[data-hover]").first.click(position={"x": 2, "y": 12})
    shown.says("channel 0: ")
    before = shown.root.evaluate(fills)
    shown.drag(shown.root.get_by_label("weight 1 of the kernel"), 0, 60)
    shown.drag(shown.root.get_by_label("average of channel 0"), 0, 60)
    assert shown.root.evaluate(fills) == before
    first = shown.part(".eca-edu-sentence").inner_text()
    shown.drag(shown.root.get_by_label("average of channel 0"), 400, 0)
    expect(shown.part(".eca-edu-sentence")).not_to_have_text(first)
    changed = [i for i, (old, new) in enumerate(zip(before, shown.root.evaluate(fills), strict=True)) if old != new]
    assert 0 < len(changed) < 15  # its own row, and the logits and weights of two neighbours


def test_what_is_no_pipeline_is_refused(networks):
    eca, se = networks
    with pytest.raises(ValueError, match="data must hold at least one image"):
        PipelineExplorer(eca, DATA.take(slice(0)))
    words = "block1 must have ECA padded with zeros in attention, and SE in the other network; got "
    ring = ECACNN(16, attention=lambda channels: make_attention("eca-circular", channels))
    for model, other, got in [(se, None, "SqueezeExcitation"), (eca, eca, "ECA and ECA"), (ring, None, "ECA")]:
        with pytest.raises(TypeError, match=words + got):
            PipelineExplorer(model, DATA, other=other)
