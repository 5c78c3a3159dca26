"""One image and the channel weights that it gets in each block."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from eca_edu.plots.colours import BLUE, GREY, ORANGE

__all__ = ["draw_channel_weights", "update_channel_weights"]


def draw_channel_weights(image_ax: Axes, axes: Sequence[Axes], means: Mapping[str, np.ndarray]) -> dict[str, Artist]:
    """Prepare an image and one axes for each layer, and return the artists that `update_channel_weights` fills.

    means: {layer: (C,)}, the mean weights over many images, drawn in grey for comparison.
    """
    artists = {"image": image_ax.imshow(np.zeros((2, 2, 3), np.uint8))}
    image_ax.axis("off")
    for ax, (layer, mean) in zip(axes, means.items(), strict=True):
        channels = np.arange(len(mean))
        ax.plot(channels, mean, color=GREY, linewidth=1, label="mean of all images")
        artists[layer] = ax.plot(channels, mean, ".", color=BLUE, markersize=4, label="this image")[0]
        ax.axhline(0.5, color=ORANGE, linewidth=0.8)
        ax.set(ylim=(-0.05, 1.05), xlim=(-1, len(mean)), ylabel="weight ω")
        ax.set_title(f"{layer}: {len(mean)} channels", fontsize=10, loc="left")
    axes[-1].set_xlabel("channel")
    handles, labels = axes[0].get_legend_handles_labels()
    image_ax.legend(handles, labels, frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.02))
    return artists


def update_channel_weights(
    artists: dict[str, Artist], image: np.ndarray, title: str, weights: Mapping[str, np.ndarray]
) -> None:
    """Show an image (H, W, 3) with its title and its weights {layer: (C,)}."""
    artists["image"].set_data(image)
    artists["image"].set_extent((-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    artists["image"].axes.set_title(title, fontsize=11, parse_math=False)
    for layer, values in weights.items():
        artists[layer].set_ydata(values)
