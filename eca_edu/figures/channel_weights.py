"""The mean channel weights of whole classes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from eca_edu.figures.colours import WEIGHT


def draw_class_means(ax: Axes, means: Mapping[str, np.ndarray], overall: np.ndarray) -> AxesImage:
    """Draw the mean weights of classes, {name: (C,)}, as rows of colours, and return the image for a key of the colours.

    The channels stand in the order of their means over all images, `overall` (C,), lowest first; a figure of the paper's v1
    draws such means as lines.
    """
    sorted_means = np.stack([*means.values()])[:, np.argsort(overall)]
    image = ax.imshow(sorted_means, cmap=WEIGHT, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(means)), means)
    ax.set_xticks([])
    return image
