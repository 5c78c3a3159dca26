"""What figures show is what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from eca_edu import make_cue_switch
from eca_edu.figures.attributions import draw_attributions, draw_scores, outline
from eca_edu.figures.bottleneck import draw_bottleneck
from eca_edu.figures.channel_weights import draw_class_means
from eca_edu.figures.feature_maps import draw_feature_maps

DATA = make_cue_switch(6, seed=0)


def test_feature_maps_share_one_scale():
    figure = Figure()
    draw_feature_maps(figure, np.zeros((2, 4, 4, 3)), np.arange(2 * 9 * 4.0).reshape(2, 9, 2, 2) - 80)
    maps = [ax.images[0] for ax in figure.axes if ax.get_title()]
    assert len(maps) == 18
    assert {image.get_clim() for image in maps} == {(-80, 80)}


def test_a_bottleneck_has_a_line_for_each_parameter_of_se():
    ax = Figure().subplots()
    draw_bottleneck(ax, channels=12, reduction=6)
    assert [len(lines.get_segments()) for lines in ax.collections] == [24, 24]  # 2C²/r in all
    assert [len(circles.get_ydata()) for circles in ax.lines] == [12, 2, 12]
    assert {"$r$ = 6\n2 numbers", "$y$\n12 averages"} <= {text.get_text() for text in ax.texts}
    for channels, reduction in [(0, 1), (12, 5), (12, 0)]:
        with pytest.raises(ValueError, match="must"):
            draw_bottleneck(ax, channels, reduction)


def test_class_means_are_drawn_as_they_are_in_the_order_of_all_images():
    ax = Figure().subplots()
    means = {"cat": np.array([0.25, 0.5]), "dog": np.array([1, 0.0])}
    image = draw_class_means(ax, means, np.array([0.75, 0.5]))
    assert image.get_array().tolist() == [[0.5, 0.25], [0, 1]]
    assert image.get_clim() == (0, 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]


def test_maps_share_a_symmetric_scale_and_a_map_of_zeros_is_drawn():
    images = DATA.images[:2].permute(0, 2, 3, 1).numpy()
    maps = {"zeros": np.zeros((2, 32, 32)), "ramp": np.linspace(-1, 3, 2 * 32 * 32).reshape(2, 32, 32)}
    for common, zeros in [(True, (-3, 3)), (False, (-1, 1))]:
        figure = Figure(figsize=(5, 4))
        draw_attributions(figure, images, maps, masks=DATA.masks[:2].numpy(), common_scale=common)
        figure.canvas.draw()
        axes = np.array(figure.axes).reshape(2, 3)
        assert np.array_equal(axes[1, 0].images[0].get_array(), images[1])
        assert [axes[1, 1].images[0].get_clim(), axes[1, 2].images[0].get_clim()] == [zeros, (-3, 3)]
        assert axes[0, 2].get_title() == "ramp\n± 3"
    everywhere_zero = Figure()
    draw_attributions(everywhere_zero, images, {"zeros": maps["zeros"]})
    everywhere_zero.canvas.draw()
    assert everywhere_zero.axes[1].get_title() == "zeros\n± 0"


def test_the_outline_runs_along_the_edges_of_the_pixels():
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    lines = outline(mask)
    assert len(lines) == 4
    assert {point for line in lines for point in line} == {(0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (1.5, 1.5)}
    assert outline(np.ones((2, 5), bool)) != []
    assert outline(np.zeros((2, 2), bool)) == []


def test_scores_are_drawn_where_they_are():
    scores = {"pointing": [0.5, 0.9], "pointing low": [0.4, 0.85], "pointing high": [0.6, 0.95]}
    table = pd.DataFrame(scores, index=["saliency", "other"])
    ax = Figure().subplots()
    draw_scores([ax], {"one": table, "two": table + 0.01}, {"pointing": "pointing game"}, [0.1])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["saliency", "other"]
    assert ax.containers[0].lines[0].get_xdata().tolist() == [0.5, 0.9]
    low, high = ax.containers[0].lines[2][0].get_segments()[1][:, 0]
    assert (low, high) == pytest.approx((0.85, 0.95))
    assert ax.get_lines()[0].get_xdata()[0] == 0.1
