"""Fixtures: a JupyterLab on images in CIFAR-10's layout, and a Chromium whose pages can reach nothing but this machine."""

import contextlib
import os

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect, sync_playwright

from tests.browser.jupyterlab import JupyterLab, chromium, launch

SHAPES = ("disc", "frame & $x", "三角")
SIZES = [(60, 44), (40, 72), (96, 96)]
PATIENCE = 40_000  # ms; no measure of speed, only so that what never comes is told
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser():
    if chromium() is None:
        reason = "no Chromium is installed; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chrome = launch(playwright)
        yield chrome
        chrome.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory, cifar10_folder):
    """A JupyterLab on copies of the notebooks, and in `lab.page` the one page that shows it."""
    with contextlib.closing(JupyterLab(tmp_path_factory.mktemp("lab"), cifar10_folder)) as server:
        server.strangers, server.errors = [], []

        def only_local(route):
            if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
                route.continue_()
            else:
                server.strangers.append(route.request.url)
                route.abort()

        context = browser.new_context(viewport={"width": 1100, "height": 700})
        context.route("**/*", only_local)
        context.set_default_timeout(PATIENCE)
        server.page = context.new_page()
        server.page.on("pageerror", lambda error: server.errors.append(error))
        server.page.goto(f"{server.address}/lab?token={server.token}&reset")
        server.page.wait_for_function("window.jupyterapp")
        server.page.evaluate("jupyterapp.restored")
        # Two splashes that end at a time would meet an error of JupyterLab's own.
        expect(server.page.locator("#jupyterlab-splash")).to_have_count(0)
        yield server
        context.close()


@pytest.fixture
def page(lab):
    """The page of JupyterLab; afterwards it fails the test for errors and for strange addresses."""
    lab.strangers.clear()
    lab.errors.clear()
    yield lab.page
    assert lab.strangers == []
    assert lab.errors == []


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


@pytest.fixture(scope="session")
def shapes(tmp_path_factory):
    """An image folder: three classes of 30 and 9 images, with names that a web page and a picture could stumble over."""
    root = tmp_path_factory.mktemp("images") / "my shapes"
    for part, images in [("train", 30), ("test", 9)]:
        for kind, name in enumerate(SHAPES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(images):
                draw_shape(kind, i + 100 * (part == "test")).save(folder / f"{i}.png")
    return root
