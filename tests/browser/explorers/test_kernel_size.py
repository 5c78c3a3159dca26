"""The explorer of γ, b and C, touched in Chromium."""

import math

import pytest

from eca_edu.explorers.kernel_size import BS, CHOICES, GAMMAS, LARGEST, KernelSizeExplorer, steps
from eca_edu.kernel_size import adaptive_kernel_size


@pytest.mark.parametrize("gamma", [GAMMAS[0], 1.75, 2, GAMMAS[-1]])
@pytest.mark.parametrize("b", [BS[0], 0.5, 1, BS[-1]])
def test_the_steps_are_those_of_psi(gamma, b):
    found = steps(gamma, b)
    for channels in {*CHOICES, *range(1, 300), LARGEST, *(2**n + d for n in range(1, 13) for d in (-1, 0, 1))}:
        assert [k for start, k in found if start <= channels][-1] == adaptive_kernel_size(channels, gamma, b)


def test_every_control_moves_it(show):
    shown = show(KernelSizeExplorer())
    shown.says("t = (log₂ 128 + 1) / 2 = 4, and k = 5: each channel meets up to 4 neighbours. A tie")
    shown.slider("γ").press("ArrowRight")
    shown.says("(log₂ 128 + 1) / 2.25 = 3.56, and k = 3")
    shown.slider("b").press("Home")
    shown.says("(log₂ 128 + −2) / 2.25 = 2.22, and k = 3")
    shown.slider("C").press("End")
    shown.says("(log₂ 4096 + −2) / 2.25")
    shown.root.get_by_label("C, typed").fill("70")
    shown.root.get_by_label("C, typed").press("Enter")
    shown.says("log₂ 64")
    shown.root.get_by_role("button", name="Reset").click()
    shown.says("t = (log₂ 128 + 1) / 2 = 4")


def test_points_are_dragged_and_moved_by_keys(show):
    shown = show(KernelSizeExplorer())
    for label, dx, dy, words in [
        ("C, your channels", 123, 0, "log₂ 1024"),
        ("b, ", 0, -22, "+ 4) / 2"),
        ("γ, ", 0, 60, "/ 4"),
    ]:
        grip = shown.root.get_by_role("slider", name=label)
        shown.drag(grip.locator("circle").last, dx, dy)
        shown.says(words)
    shown.root.get_by_role("slider", name="C, your channels").press("Home")
    shown.says("log₂ 1 ")


def test_a_step_and_a_stage_say_what_they_are(show):
    shown = show(KernelSizeExplorer())
    shown.part("[data-hover='step 8']").hover()
    shown.part("text=k = 3 from C = 8 to 127").wait_for()
    shown.root.get_by_label("ResNet-50, 2048 channels: k = 7").hover()
    assert shown.part("line[stroke='var(--text)']").count() == 1


def test_python_and_the_page_have_one_state():
    explorer = KernelSizeExplorer(channels=512)
    heard = []
    explorer.observe(lambda change: heard.append(change.new), "gamma")
    explorer.gamma = 3
    assert (explorer.channels, heard, explorer.start["channels"]) == (512, [3], 512)
    with pytest.raises(Exception, match="gamma"):
        explorer.gamma = math.pi
