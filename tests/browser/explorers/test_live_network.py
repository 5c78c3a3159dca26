"""A trained network in the page: touched in Chromium, and written as a page of its own."""

import pytest
import torch
from playwright.sync_api import expect
from torchvision.models import resnet18

from eca_edu import ECACNN, ImageData, build_model, load_checkpoint, make_cue_switch, save_checkpoint
from eca_edu.app.cli import main
from eca_edu.channel_weights import constant, override_channel_weights
from eca_edu.explorers.live_network import LiveNetwork, write_page
from eca_edu.models import ModelConfig
from tests.browser.conftest import SHAPES

CHECKPOINTS = "data/checkpoints/cue-switch-{}.safetensors"
IMAGES, TURNED = make_cue_switch(60, seed=2), make_cue_switch(60, seed=2, turned=True)


@pytest.fixture(scope="module")
def models():
    return {name: load_checkpoint(CHECKPOINTS.format(name))[0] for name in ("none", "se", "eca")}


def answer(model, images, changes=None):
    """What torch's network says of the first picture that is shown: its name and the percent of its probability."""
    first = int(IMAGES.context.argsort(stable=True)[0])
    with torch.no_grad(), override_channel_weights(model, changes or {}):
        probabilities = model(IMAGES.normalize(images.images[first : first + 1])).softmax(1)[0]
    return f"{IMAGES.class_names[int(probabilities.argmax())]} ({100 * probabilities.max():.0f} %)"


def test_turned_images_differ_in_their_stripes_alone():
    assert torch.equal(IMAGES.masks, TURNED.masks)
    assert torch.equal(IMAGES.context + TURNED.context, torch.ones(60, dtype=torch.int64))
    inside = IMAGES.masks[:, None].expand_as(IMAGES.images)
    assert torch.equal(IMAGES.images[inside], TURNED.images[inside])


def test_the_page_says_what_torch_says(show, models):
    shown = show(LiveNetwork(models, IMAGES, turned=TURNED))
    shown.says(f"it says {answer(models['eca'], IMAGES)}")
    shown.root.get_by_role("button", name="Turn the stripes").click()
    shown.says(f"it says {answer(models['eca'], TURNED)}")
    shown.root.get_by_role("button", name="Nothing beside").click()
    for kind, value in [("all 0", 0), ("all 1", 1)]:
        shown.root.get_by_label("weights of block1").select_option(label=f"ω: {kind}")
        changes = {"block1.attention": constant(value)}
        shown.says(f"in block1 it says {answer(models['eca'], TURNED, changes)}; with its own")
    shown.root.get_by_role("button", name="se", exact=True).click()
    shown.says("se, image")
    shown.root.get_by_role("button", name="none", exact=True).click()
    expect(shown.part("select")).to_have_count(0)  # no gate, nothing to change
    shown.root.get_by_role("button", name="Reset").click()
    shown.says(f"it says {answer(models['eca'], IMAGES)}")


@pytest.mark.parametrize("touch", ["mouse", "keyboard", "tap"])
def test_a_weight_is_set_by_hand(show, models, touch):
    shown = show(LiveNetwork(models["eca"], IMAGES), width=390, has_touch=touch == "tap")
    bars = shown.part(".eca-edu-bars").first
    if touch == "keyboard":
        bars.press("ArrowRight")
        bars.press("ArrowDown")
    else:
        place = {"x": bars.bounding_box()["width"] * 1.5 / 16, "y": 3}
        (bars.tap if touch == "tap" else bars.click)(position=place)
    expect(bars).to_have_attribute("aria-label", "block1: channel 1, its weight")
    shown.says("With other weights in block1")
    expect(shown.part("figcaption").last).to_contain_text("set to ")


def test_what_is_no_number_of_an_image_is_told_beside_the_field_and_asked_of_nobody(show, models):
    live = LiveNetwork(models["eca"], IMAGES, turned=TURNED)
    shown = show(live)
    expect(shown.root.get_by_label("number of an image")).to_have_count(0)  # without a kernel
    shown.connect(live)
    note, asked = shown.part(".eca-edu-note"), "state.asked"
    for text in ("abc", "3.7", "60", " "):
        shown.type("number of an image", text)
        expect(note).to_have_text("Type a whole number from 0 to 59.")
    assert shown.page.evaluate(asked) == -1
    shown.root.get_by_role("button", name="Turn the stripes").click()
    expect(note).to_have_count(0)
    shown.type("number of an image", "x")
    shown.root.get_by_role("button", name="Reset").click()
    expect(note).to_have_count(0)
    shown.type("number of an image", "59")
    assert shown.page.evaluate(asked) == 59
    shown.page.evaluate("lose()")
    expect(shown.root).to_contain_text("To see any of the 60 images, run this cell again.")


def test_a_finger_that_scrolls_changes_no_weight(show, models):
    shown = show(LiveNetwork(models["eca"], IMAGES), width=390, height=500, has_touch=True)
    bars = shown.part(".eca-edu-bars").first
    bars.scroll_into_view_if_needed()
    before = shown.page.evaluate("scrollY")
    shown.swipe(bars, 0, -150)
    shown.page.wait_for_function("before => scrollY > before", arg=before)
    expect(shown.part(".eca-edu-sentence")).not_to_contain_text("With other weights")
    shown.swipe(bars, 100, 10)
    shown.says("With other weights in block1")


def test_an_image_of_the_data_can_be_asked_for(models):
    live = LiveNetwork(models["eca"], IMAGES)
    live.asked = 7
    assert (live.image, live.pictures[-1]["index"]) == (24, 7)
    live.asked = 60
    assert "image must lie in 0…59; got 60" in live.error


def test_what_the_page_cannot_show_is_refused(models):
    with pytest.raises(ValueError, match="data must hold at least one image"):
        LiveNetwork(models["eca"], IMAGES.take(slice(0, 0)))
    with pytest.raises(ValueError, match="turned must hold the images of data, turned; got 59 for 60"):
        LiveNetwork(models["eca"], IMAGES, turned=TURNED.take(slice(59)))
    with pytest.raises(ValueError, match="data must have the 7 classes of the network; got 10"):
        LiveNetwork(ECACNN(8, 7), IMAGES)
    with pytest.raises(ValueError, match=r"path must end in \.html; got 'x.txt'"):
        write_page("x.txt", models["eca"], IMAGES, title="")


def test_the_page_of_ones_own_network_shows_hostile_names(tmp_path, shapes, browser, capsys):
    names = ["<b>bold</b>", "$x^2$ & co", "Ängström"]
    for part in ("train", "test"):
        for old, new in zip(SHAPES, names, strict=True):
            target = tmp_path / "images" / part / new.replace("/", "∕")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(shapes / part / old)
    data, checkpoint = str(tmp_path / "images"), tmp_path / "own.safetensors"
    train = ["train", "--data", data, "--width", "8", "--epochs", "1", "--device", "cpu", "--out", str(checkpoint)]
    assert main(train) == 0
    assert main(["page", str(checkpoint)]) == 1
    assert "--data must be cifar10, cue-switch or a folder of images" in capsys.readouterr().err
    for _ in range(2):  # the same page again is no other file
        assert main(["page", str(checkpoint), "--data", data]) == 0
    context = browser.new_context(offline=True)
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(checkpoint.with_suffix(".html").as_uri())
    texts = page.locator("svg[aria-label='probability of each class'] title").all_text_contents()
    assert texts == sorted(name.replace("/", "∕") for name in names)
    expect(page.locator(".eca-edu-sentence")).to_contain_text("the right answer is")
    context.close()
    assert errors == []


def test_a_checkpoint_that_cannot_live_in_a_page_is_refused(tmp_path, capsys):
    config = ModelConfig(attention="eca-circular", width=8)
    save_checkpoint(tmp_path / "ring.safetensors", build_model(config), config, {"data": "cue-switch"})
    (tmp_path / "torn.safetensors").write_bytes(b"\x00" * 100)
    for name, words in [("ring", "around a ring"), ("torn", "is damaged or no checkpoint")]:
        assert main(["page", str(tmp_path / f"{name}.safetensors"), "--data", "cue-switch"]) == 1
        assert words in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"ECAResNet8 up to width 32.*; got ResNet"):
        write_page(tmp_path / "x.html", resnet18(), ImageData("x", ("a",), IMAGES.images, IMAGES.labels * 0), title="")
