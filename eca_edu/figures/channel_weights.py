"""The mean channel weights of whole classes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREEN, ORANGE, PURPLE, VERMILION


def draw_class_means(ax: Axes, means: Mapping[str, np.ndarray], overall: np.ndarray) -> None:
    """Draw the mean weights of some classes, {name: (C,)}, on those of all images: (C,); after a figure of the paper's v1."""
    channels = np.arange(len(overall))
    ax.plot(channels, overall, color="black", linewidth=1, label="all images")
    for (name, mean), colour, marker in zip(means.items(), (BLUE, GREEN, VERMILION, PURPLE), "osD^", strict=False):
        ax.plot(channels, mean, color=colour, marker=marker, markersize=3, linewidth=0.8, alpha=0.8, label=name)
    ax.axhline(0.5, color=ORANGE, linewidth=0.8)
    ax.set(ylim=(-0.05, 1.05), xlim=(-1, len(overall)))
