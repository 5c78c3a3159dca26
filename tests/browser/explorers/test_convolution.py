"""The 1-D convolution, dragged and stepped through in Chromium."""

import pytest
import torch
from playwright.sync_api import expect
from torch.nn import functional as F

from eca_edu.explorers.convolution import ConvolutionStepper

Y, KERNEL = [4, 0, 2, 1, 1, 2, 1, -1.0], [0.25, 0.5, 0.125]


@pytest.mark.parametrize(("padding", "mode"), [("zeros", "constant"), ("circular", "circular")])
def test_logits_are_those_of_torch(show, padding, mode):
    shown = show(ConvolutionStepper(Y, KERNEL, padding=padding))
    padded = F.pad(torch.tensor([[Y]]), (1, 1), mode=mode)
    logits = F.conv1d(padded, torch.tensor([[KERNEL]]))[0, 0]
    for i, logit in enumerate(logits.tolist()):
        texts = shown.part(f"[data-hover='channel {i}'] text").all_text_contents()
        said = [float(text.replace("−", "-")) for text in texts]
        assert said == pytest.approx([logit, float(torch.tensor(logit).sigmoid())], abs=0.0051)


def test_it_steps_and_plays(show):
    explorer = ConvolutionStepper(Y, KERNEL)
    explorer.numbers = {**explorer.numbers, "pace": 1}
    shown = show(explorer)
    shown.says("Channel 0: 0.25 · 0 + 0.5 · 4 + 0.125 · 0 = 2, and its weight is ω = σ(2) = 0.88")
    click = {name: shown.root.get_by_role("button", name=name, exact=True) for name in ("Forward", "Back", "Play")}
    expect(click["Back"]).to_be_disabled()
    click["Forward"].click()
    shown.says("Channel 1: 0.25 · 4 + 0.5 · 0 + 0.125 · 2 = 1.25")
    click["Play"].click()
    shown.says("Channel 7: 0.25 · 1 + 0.5 · (−1) + 0.125 · 0 = −0.25")  # the last one, where it ends
    expect(click["Play"]).to_be_visible()
    shown.root.get_by_role("button", name="circular").click()
    shown.says("0.125 · 4 = 0.25")
    shown.slider("channel").press("Home")
    shown.says("Channel 0: 0.25 · (−1) + 0.5 · 4")
    shown.root.get_by_role("button", name="again").click()
    click["Play"].click()
    shown.root.get_by_role("button", name="Stop").click()
    expect(click["Play"]).to_be_visible()


def test_averages_weights_and_kernel_are_dragged(show):
    shown = show(ConvolutionStepper(Y, KERNEL), width=700)
    grips = shown.root.get_by_role("slider")
    average = grips.and_(shown.root.get_by_label("average of channel 0"))
    shown.drag(average, 0, -100)  # beyond the end of its scale
    shown.says("0.5 · 4 ")
    average.press("ArrowDown")
    shown.says("0.5 · 3.75 ")
    shown.root.get_by_label("weight 1 of the kernel").press("ArrowUp")
    shown.says("0.625 · 3.75 ")
    shown.root.get_by_label("kernel, along the channels").press("ArrowRight")
    shown.says("Channel 1: ")
    shown.root.get_by_label("kernel, along the channels").press("End")
    shown.says("Channel 7: ")
    shown.part("[data-hover='channel 3']").click()
    shown.says("Channel 3: ")


def test_the_whole_box_of_the_kernel_is_dragged(show):
    shown = show(ConvolutionStepper(Y, KERNEL, channel=2), width=700)
    box = shown.root.get_by_label("kernel, along the channels").locator("rect")
    wide = box.bounding_box()["width"] / 3
    shown.drag(box, 2 * wide, 0)
    shown.says("Channel 4: 0.25 · 1 ")
    for held in ("average of channel 4", "weight 2 of the kernel"):  # what stands in the box
        shown.drag(shown.root.get_by_label(held), -wide, 0)
    shown.says("Channel 2: 0.25 · 0 + 0.5 · 2 + 0.125 · 1 = 1.125")  # and nothing else has changed
    expect(shown.part(":focus-visible")).to_have_count(0)


def test_rows_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"y must be a row of 1 to 10 averages; got shape \(11,\)"):
        ConvolutionStepper(torch.zeros(11), KERNEL)
    with pytest.raises(ValueError, match="an odd number of weights, at most 3"):
        ConvolutionStepper([1, 2, 3], [1, 2])
