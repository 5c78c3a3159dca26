"""Bars for each channel are as high as the numbers that they stand for."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from eca_edu.figures.channel_bars import draw_channel_bars


def test_each_channel_has_a_bar_of_each_series_around_its_place():
    ax = Figure().subplots()
    learned = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    draw_channel_bars(ax, {"averages": [4, 0, 1], "your results": learned, "as an array": np.array([1.0, 2, 3])})
    assert [[bar.get_height() for bar in bars] for bars in ax.containers] == [[4, 0, 1], [0.5, -1, 2], [1, 2, 3]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["averages", "your results", "as an array"]
    middles = np.array([[bar.get_x() + bar.get_width() / 2 for bar in bars] for bars in ax.containers])
    assert np.allclose(middles.mean(0), [0, 1, 2])


@pytest.mark.parametrize(
    ("values", "error", "got"),
    [
        (None, ValueError, "got None"),
        (2.5, ValueError, "got one number"),
        (torch.zeros(2), ValueError, r"got the shape \(2,\)"),
        (torch.zeros(1, 3), ValueError, r"got the shape \(1, 3\)"),
        ([1, 2, "many"], TypeError, "many"),
        ([[1], [1, 2], [3]], TypeError, "got"),
        ([0.0, 1.0, float("inf")], ValueError, "finite; got"),
    ],
)
def test_what_is_not_one_number_for_each_channel_is_refused(values, error, got):
    with pytest.raises(error, match=f"your results must be 3 numbers, one for each channel.*{got}"):
        draw_channel_bars(Figure().subplots(), {"averages": [1, 2, 3], "your results": values})


def test_series_are_one_to_three():
    for series in ({}, {key: [1.0] for key in "abcd"}):
        with pytest.raises(ValueError, match="one to 3 rows"):
            draw_channel_bars(Figure().subplots(), series)
