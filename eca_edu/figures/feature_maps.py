"""What the channels of a layer see in an image."""

import math

import numpy as np
from matplotlib.figure import Figure

from eca_edu.figures.colours import SIGNED

COLUMNS = 8  # channels side by side


def draw_feature_maps(figure: Figure, images: np.ndarray, maps: np.ndarray) -> None:
    """Draw, for each image, the image and beside it all channels of its feature map, on one scale of colours.

    images: (N, H, W, 3); maps: (N, C, h, w), shown from -m to m with m the largest absolute value of all.
    """
    reach = float(np.abs(maps).max()) or 1.0
    rows = math.ceil(maps.shape[1] / COLUMNS)
    edges = {"left": 0.01, "right": 0.99, "top": 0.97, "bottom": 0.01}
    outer = figure.add_gridspec(len(images), 2, width_ratios=(rows, COLUMNS), **edges)
    for i, (image, channels) in enumerate(zip(images, maps, strict=True)):
        ax = figure.add_subplot(outer[i, 0])
        ax.imshow(image)
        ax.axis("off")
        inner = outer[i, 1].subgridspec(rows, COLUMNS, wspace=0.08, hspace=0.3)
        for channel, values in enumerate(channels):
            ax = figure.add_subplot(inner[channel])
            ax.imshow(values, cmap=SIGNED, vmin=-reach, vmax=reach)
            ax.set_title(str(channel), fontsize=8, pad=2)
            ax.axis("off")
