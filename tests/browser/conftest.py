"""Fixtures: a JupyterLab for each kind of data, and pages of a Chromium that can reach nothing else."""

import os

import pytest

from tests.browser.jupyterlab import JupyterLab, chromium, launch


@pytest.fixture(scope="session")
def lab(tmp_path_factory, cifar10_folder):
    """Serve copies of the notebooks; yields a function from a data set's name to the address of its JupyterLab."""
    servers = {}

    def serve(data):
        if data not in servers:
            servers[data] = JupyterLab(
                tmp_path_factory.mktemp(f"lab-{data}"), cifar10_folder if data == "cifar10" else None
            )
        return servers[data]

    yield serve
    for server in servers.values():
        server.close()


@pytest.fixture(scope="session")
def browser():
    if chromium() is None:
        reason = "no Chromium is installed; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chrome = launch(playwright)
        yield chrome
        chrome.close()


@pytest.fixture
def page(browser):
    """A page whose requests stay on this machine; afterwards it fails the test for errors and for strange addresses."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    strangers, errors = [], []

    def only_local(route):
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context.route("**/*", only_local)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    context.close()
    assert strangers == []
    assert errors == []
