"""The explorer of the rules in use, touched in Chromium."""

import itertools
import re

import pytest

from eca_edu.explorers.conventions import BS, CHANNELS, GAMMAS, ConventionsExplorer
from eca_edu.kernel_size import CONVENTIONS

#: Types γ and b for a grid; returns of each cell its label, text and class.
ALL_CELLS = """async (grid) => {
  const cells = [];
  for (const values of grid) {
    for (const [i, field] of [...document.querySelectorAll(".eca-edu-number")].slice(0, 2).entries()) {
      field.value = values[i];
      field.dispatchEvent(new Event("change"));
    }
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    for (const cell of document.querySelectorAll("td")) cells.push([cell.ariaLabel, cell.textContent, cell.className]);
  }
  return cells;
}"""


def test_every_way_ends_at_the_k_of_the_package_and_what_differs_has_a_sign(show):
    grid = list(itertools.product(GAMMAS[::2], BS))
    cells = iter(show(ConventionsExplorer()).page.evaluate(ALL_CELLS, grid))
    for (gamma, b), (name, rule), c in itertools.product(grid, CONVENTIONS.items(), CHANNELS):
        (label, text, classes), k, paper = next(cells), rule(c, gamma, b), CONVENTIONS["paper"](c, gamma, b)
        assert label.startswith(f"{name}, C = {c}: ")
        assert int(re.findall(r"\d+", label)[-1]) == k, (label, gamma, b)
        assert text == f"{k}{'▲' if k > paper else '▼' if k < paper else ''}"
        assert ("eca-edu-more" in classes, "eca-edu-less" in classes) == (k > paper, k < paper)


def test_every_control_moves_it(show):
    shown = show(ConventionsExplorer())
    shown.says("C = 64: t = 3.5, and the paper's rule gives k = 3; other rules give another: b-not-divided 5")
    shown.slider("γ").press("ArrowRight")
    shown.says("t = 3.11")
    shown.slider("b").press("ArrowRight")
    shown.says("t = 3.33")
    shown.slider("C").press("ArrowLeft")
    shown.says("C = 32")
    shown.root.get_by_role("button", name="Reset").click()
    shown.says("C = 64: t = 3.5")


def test_a_cell_shows_its_way_to_mouse_and_keys(show):
    shown = show(ConventionsExplorer())
    shown.part("td[aria-label^='timm, C = 96:']").hover()
    shown.root.locator(
        ".eca-edu-ways", has_text="timm (log₂ 96 + 1) / 2 = 3.79 → cut: 3 → odd: 3 → at least 3: 3"
    ).wait_for()
    shown.says("C = 64")
    shown.root.locator("th", has_text="1280").click()
    shown.says("C = 1280")
    shown.part("td[tabindex='0']").press("ArrowLeft")
    shown.part("td:focus").press("ArrowDown")
    shown.says("C = 1024: t = 5.5")
    shown.root.locator(".eca-edu-ways", has_text="official-mobilenetv2 1024 channels, 96 or more: 3").wait_for()


@pytest.mark.parametrize("touch", [True, False])
def test_a_narrow_page_has_rules_as_columns(show, touch):
    shown = show(ConventionsExplorer(), width=390, has_touch=touch)
    cell = shown.part("td[aria-label^='ties-down, C = 128:']")
    cell.tap() if touch else cell.click()
    shown.says(
        "C = 128: t = 4, and the paper's rule gives k = 5; other rules give another: official-mobilenetv2 3, ties-down 3"
    )
    shown.root.locator(".eca-edu-ways", has_text="half: 2 → rounded up: 2 → doubled, − 1: 3 → at least 1: 3").wait_for()
    cell.press("ArrowDown")
    shown.says("C = 192")
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_python_sets_and_refuses():
    assert ConventionsExplorer(channels=2048).start == {"gamma": 2, "b": 1, "channels": 2048}
    with pytest.raises(Exception, match="channels"):
        ConventionsExplorer(channels=5)
