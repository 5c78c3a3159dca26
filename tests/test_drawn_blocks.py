"""The drawing of a residual block: its layers in their order, with the gate and without it."""

import pytest
from matplotlib.figure import Figure

from eca_edu.figures.blocks import draw_block


def drawn(**options):
    """(the texts from left to right along the branch, the axes)."""
    ax = Figure().subplots()
    draw_block(ax, **options)
    ax.figure.canvas.draw()
    line = sorted(
        (text for text in ax.texts if text.get_position()[1] == 0 and text.get_text()), key=lambda t: t.get_position()
    )
    return [text.get_text().replace("\n", " ") for text in line], ax


def test_the_gate_multiplies_between_the_last_batch_norm_and_the_addition():
    words, ax = drawn()
    assert words == ["$x$", "conv 3 × 3", "batch norm", "ReLU", "conv 3 × 3", "batch norm", "×", "+", "ReLU"]
    assert "ECA" in [text.get_text() for text in ax.texts]
    assert "SE" in [text.get_text() for text in drawn(attention="SE")[1].texts]


def test_without_a_gate_all_else_keeps_its_place():
    (words, without), (_, gated) = drawn(attention=None), drawn()
    assert words == ["$x$", "conv 3 × 3", "batch norm", "ReLU", "conv 3 × 3", "batch norm", "+", "ReLU"]
    places = [
        {(text.get_text(), text.get_position()) for text in ax.texts if text.get_text()} for ax in (without, gated)
    ]
    assert places[0] < places[1]
    assert {text for text, _ in places[1] - places[0]} == {"×", "ECA", r"$\omega$: one weight for each channel"}
    assert [without.get_xlim(), without.get_ylim()] == [gated.get_xlim(), gated.get_ylim()]


def test_a_bottleneck_has_three_convolutions():
    words, _ = drawn(convolutions=("1 × 1", "3 × 3", "1 × 1"))
    assert [word for word in words if word.startswith("conv")] == ["conv 1 × 1", "conv 3 × 3", "conv 1 × 1"]
    assert words[-4:] == ["batch norm", "×", "+", "ReLU"]


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(TypeError, match="attention must be a text"):
        draw_block(Figure().subplots(), object())
    for wrong in ((), "3 × 3"):
        with pytest.raises(ValueError, match="convolutions must be one or more texts"):
            draw_block(Figure().subplots(), convolutions=wrong)
