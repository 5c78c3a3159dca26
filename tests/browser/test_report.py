"""The report of an experiment on a folder of images that is not CIFAR-10, in a browser without a network.

With ECA_EDU_SCREENSHOTS=<folder> pictures of the page are left there.
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eca_edu import load_image_folder, write_report
from tests.browser.conftest import SHAPES
from tests.test_report import experiment

MISSING = "[...document.images].filter(image => !(image.complete && image.naturalWidth > 0)).length"
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def folder(shapes, tmp_path_factory):
    """Where the report and the results of a short experiment on these images are."""
    folder = tmp_path_factory.mktemp("report")
    train, test = load_image_folder(shapes)
    write_report(folder / "report.html", **experiment(folder, train=train, test=test))
    return folder


@pytest.fixture
def report(browser, folder):
    """The report in a browser that is cut off from every network; afterwards its console must be empty."""
    context = browser.new_context(viewport={"width": 1000, "height": 1000}, offline=True)
    page = context.new_page()
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    yield page
    context.close()
    assert messages == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def test_the_report_of_a_folder_of_images_opens_offline(report, folder):
    assert report.evaluate(MISSING) == 0
    assert report.locator("img").count() == 2 + 2 * 3  # pictures, and one image of each class with its attribution
    text = report.locator("body").inner_text()
    assert "eca on my shapes" in text
    assert "image folder, .png" in text
    assert "90 for training, 27 for the test" in text
    for name in SHAPES:
        assert report.locator("td:first-child").all_inner_texts().count(name) == 1
    assert re.search(r"eca - none: .* 2 seeds: ", text)


def test_the_network_lives_in_the_report(report):
    sentence = report.locator(".eca-edu-sentence")
    before = sentence.inner_text()
    report.locator(".eca-edu-bars").first.press("ArrowDown")
    expect(sentence).not_to_have_text(before)
    for name in SHAPES:
        expect(report.locator(".eca-edu-explorer title", has_text=name)).to_have_count(1)


def test_the_report_can_be_read_in_light_and_dark_and_on_a_phone(report):
    shots = os.environ.get("ECA_EDU_SCREENSHOTS")
    colours = {}
    for scheme in ("light", "dark"):
        report.emulate_media(color_scheme=scheme)
        colours[scheme] = report.evaluate("getComputedStyle(document.body).color")
        if shots:
            report.screenshot(path=Path(shots, f"report-{scheme}.png"), full_page=True)
    assert colours == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}
    report.set_viewport_size({"width": 380, "height": 800})
    report.wait_for_function(f"!({WIDER_THAN_THE_WINDOW})")  # explorers follow the width in the next frame


def test_the_report_prints_on_two_pages(report):
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", report.pdf(prefer_css_page_size=True))) <= 2


def test_the_tables_behind_the_report_can_be_saved(report, folder):
    with report.expect_download() as saving:
        report.get_by_text("every epoch of every run compared").click()
    assert saving.value.suggested_filename == "results.csv"
    saved = Path(saving.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(saved) == len((folder / "results.csv").read_text(encoding="utf-8").splitlines())
