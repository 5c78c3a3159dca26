"""The explorer of attributions: what is computed beforehand, and how it is touched in Chromium."""

import pytest
import torch
from playwright.sync_api import expect

from eca_edu import ECACNN, integrated_gradients, load_checkpoint, make_cue_switch
from eca_edu.attribution import Attribution
from eca_edu.explorers.attributions import AttributionExplorer, completeness, sanity
from eca_edu.explorers.explorer import pick_images

DATA = make_cue_switch(40, seed=2)


@pytest.fixture(scope="module")
def explorer():
    model, _ = load_checkpoint("data/checkpoints/cue-switch-eca.safetensors")
    return AttributionExplorer(model, DATA, images=2)


def test_the_page_shows_what_the_methods_say(show, explorer):
    model, _ = load_checkpoint("data/checkpoints/cue-switch-eca.safetensors")
    image = DATA.take(pick_images(DATA, 2)[:1])
    found = integrated_gradients(model, image.normalize(image.images), steps=32)
    shown = show(explorer)
    expect(shown.part(".eca-edu-lights")).to_contain_text(completeness(found)[1])
    pixels, stack = found.pixels[0], shown.part(".eca-edu-stack").nth(1)
    side, reach = stack.bounding_box()["width"], float(pixels.abs().max())
    row, column = divmod(int(pixels.abs().argmax()), 32)
    stack.hover(position={"x": (column + 0.5) / 32 * side, "y": (row + 0.5) / 32 * side})
    expect(shown.part("figcaption").last).to_contain_text(f"Pixel ({column}, {row})")
    told = shown.part("svg[aria-label='the pixel in every method'] text").nth(3).text_content()
    assert abs(float(told.replace("−", "-"))) == pytest.approx(reach, rel=0.06)  # two digits are shown
    stack.press("ArrowLeft" if column else "ArrowRight")
    expect(shown.part("figcaption").last).not_to_contain_text(f"Pixel ({column}, {row})")


def test_every_control_moves_it(show, explorer):
    shown = show(explorer, width=390, has_touch=True)
    shown.root.get_by_role("button", name="2", exact=True).click()
    lights = shown.part(".eca-edu-lights")
    expect(lights).to_contain_text("NOT complete")
    shown.root.get_by_role("button", name="128", exact=True).click()
    expect(lights).to_contain_text(": complete")
    shown.part(".eca-edu-thumbnails button").last.tap()
    shown.says(f"Image {pick_images(DATA, 2)[1]}: the right class is")
    shown.slider("map over image").press("End")
    expect(shown.part(".eca-edu-stack eca-edu-map").nth(1)).to_have_css("opacity", "1")
    line = shown.part(".eca-edu-stack path").first
    expect(line).not_to_have_attribute("d", "")
    shown.root.get_by_role("button", name="Hide the outline").click()
    expect(line).to_have_attribute("d", "")
    method = shown.root.get_by_label("method", exact=True)
    settings = {"saliency": (0, 0), "Grad-CAM": (1, 0), "gate": (1, 1), "DeepLift": (0, 0), "occlusion": (0, 0)}
    for name, (layers, steps) in settings.items():
        method.select_option(name)
        shown.says(f"By {name}: ")
        expect(shown.part("select[aria-label=layer]")).to_have_count(layers)
        expect(shown.part("[aria-label=steps]")).to_have_count(steps)
    method.select_option("gate")
    shown.part("[data-hover='channel 5']").first.hover()
    expect(shown.part("svg[aria-label='this network'] text")).to_contain_text("channel 5: ")
    shown.root.get_by_label("layer", exact=True).select_option("block1")
    shown.root.get_by_role("button", name="the right class").click()
    shown.says("By gate: channel")


def test_each_light_has_its_words():
    def attribution(values, delta):
        return Attribution("by hand", torch.tensor([[values]]), torch.tensor([0]), 0.0, torch.tensor([delta]))

    ramp = [[1.0, 2.0], [3.0, 4.0]]
    words = "Completeness: it sums to 10.00, the score rises by 9.60: complete."
    assert completeness(attribution(ramp, 0.4)) == ("good", words)
    assert completeness(attribution(ramp, 1.0))[0] == "bad"
    assert completeness(attribution(ramp, float("nan"))) == ("none", "Completeness: by hand promises none.")
    back, zeros = [[4.0, 3.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]
    assert sanity(attribution(ramp, 0.0), attribution(ramp, 0.0))[0] == "bad"
    assert sanity(attribution(ramp, 0.0), attribution(back, 0.0))[0] == "good"
    words = "Sanity: the map is 0 everywhere; there is nothing to compare."
    assert sanity(attribution(zeros, 0.0), attribution(ramp, 0.0)) == ("none", words)
    assert sanity(attribution(ramp, 0.0), attribution(zeros, 0.0))[0] == "none"


def test_a_network_without_gates_has_no_gate_to_ask(show):
    model = ECACNN(width=8, attention=torch.nn.Identity).train()
    shown = show(AttributionExplorer(model, DATA, images=1, method="gate"))
    shown.refuses("block3 has no channel attention, so there is no gate to ask")
    assert model.training  # it is left alone
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(ValueError, match="layers must be names of modules of the model, at least one; got"):
        AttributionExplorer(model, DATA, layers=["block7"])
    with pytest.raises(ValueError, match="data must hold at least one image"):
        AttributionExplorer(model, DATA.take(slice(0)))
