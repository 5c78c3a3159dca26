"""Chapter 08 on a folder of images that is not CIFAR-10, and its report in a browser without a network.

With ECA_EDU_SCREENSHOTS=<folder> pictures of the page are left there.
"""

import os
import re
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.notebooks.test_execution import NOTEBOOKS, course, execute, quick, swallowed_errors

(CHAPTER,) = (path for path in NOTEBOOKS if path.stem.startswith("08"))
CLASSES = ("disc", "frame & $x", "三角")
SIZES = [(60, 44), (40, 72), (96, 96)]
MISSING = "[...document.images].filter(image => !(image.complete && image.naturalWidth > 0)).length"
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > innerWidth"


def draw_shape(kind, i):
    """A drawn shape that is nowhere twice at the same place, on paper of one of three sizes."""
    width, height = SIZES[i % len(SIZES)]
    image = Image.new("RGB", (width, height), (230, 225 - i % 7 * 5, 210))
    x, y = width / 2 + i % 5 - 2, height / 2 + i % 3 - 1
    box, ink = (x - 14, y - 14, x + 14, y + 14), (30 + i * 7 % 90, 40, 120)
    pen = ImageDraw.Draw(image)
    if kind == 0:
        pen.ellipse(box, fill=ink)
    elif kind == 1:
        pen.rectangle(box, outline=ink, width=6)
    else:
        pen.polygon([(x, y - 14), (x + 14, y + 14), (x - 14, y + 14)], fill=ink)
    return image


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """An image folder: three classes of 30 and 9 images, with names that a web page and a picture could stumble over."""
    root = tmp_path_factory.mktemp("images") / "my shapes"
    for part, images in [("train", 30), ("test", 9)]:
        for kind, name in enumerate(CLASSES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(images):
                draw_shape(kind, i + 100 * (part == "test")).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def folder(shapes, tmp_path_factory):
    """Where chapter 08 has left its results on these images, run twice."""
    home = course(tmp_path_factory.mktemp("course"))
    seen = []
    for _ in range(2):
        notebook = execute(quick(CHAPTER, IMAGES=str(shapes)), home)
        assert swallowed_errors(notebook) == []
        (found,) = (home.parent / "data" / "runs").iterdir()
        seen.append(
            {name: (found / name).read_bytes() for name in ("results.csv", "network.safetensors", "report.html")}
        )
        assert f"{0 if len(seen) > 1 else 4} runs are left to do" in str(notebook)
    assert seen[0] == seen[1]  # nothing was trained anew
    return found


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
    assert report.locator("img").count() == 3 + 3 + 2 * 3  # pictures, one of each class, and again with its attribution
    text = report.locator("body").inner_text()
    assert "eca on my shapes" in text
    assert "image folder, .png" in text
    assert "90 for training, 27 for the test" in text
    for name in CLASSES:
        assert report.get_by_role("cell", name=name, exact=True).count() == 1
    assert re.search(r"eca - none: .* 2 seeds: ", text)
    assert f"IMAGES = '{folder.parents[2]}" not in text  # it is the reader's folder, not that of the course
    assert "my shapes'" in text


def test_the_report_can_be_read_in_light_and_dark_and_on_a_phone(report):
    shots = os.environ.get("ECA_EDU_SCREENSHOTS")
    colours = {}
    for scheme in ("light", "dark"):
        report.emulate_media(color_scheme=scheme)
        colours[scheme] = [
            report.evaluate(f"getComputedStyle(document.body).{what}") for what in ("color", "backgroundColor")
        ]
        if shots:
            report.screenshot(path=Path(shots, f"report-{scheme}.png"), full_page=True)
    assert colours["light"][0] == "rgb(0, 0, 0)"
    assert colours["dark"][0] == "rgb(255, 255, 255)"
    report.set_viewport_size({"width": 380, "height": 800})
    assert not report.evaluate(WIDER_THAN_THE_WINDOW)


def test_the_report_prints_on_two_pages(report):
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", report.pdf(prefer_css_page_size=True))) <= 2


def test_the_tables_behind_the_report_can_be_saved(report, folder):
    with report.expect_download() as saving:
        report.get_by_text("every epoch of every run compared").click()
    assert saving.value.suggested_filename == "results.csv"
    saved = Path(saving.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(saved) == len((folder / "results.csv").read_text(encoding="utf-8").splitlines())
