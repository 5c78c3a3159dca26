"""Channel weights: of one image, of one image when one of them is changed, and the means of whole classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from eca_edu.figures.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION


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
    _show_image(artists["image"], image, title)
    for layer, values in weights.items():
        artists[layer].set_ydata(values)


def draw_class_means(ax: Axes, means: Mapping[str, np.ndarray], overall: np.ndarray) -> None:
    """Draw the mean weights of some classes, {name: (C,)}, on those of all images: (C,); after a figure of the paper's v1."""
    channels = np.arange(len(overall))
    ax.plot(channels, overall, color="black", linewidth=1, label="all images")
    for (name, mean), colour, marker in zip(means.items(), (BLUE, GREEN, VERMILION, PURPLE), "osD^", strict=False):
        ax.plot(channels, mean, color=colour, marker=marker, markersize=3, linewidth=0.8, alpha=0.8, label=name)
    ax.axhline(0.5, color=ORANGE, linewidth=0.8)
    ax.set(ylim=(-0.05, 1.05), xlim=(-1, len(overall)))


def draw_intervention(image_ax: Axes, weights_ax: Axes, classes_ax: Axes, class_names: Sequence[str]) -> dict:
    """Prepare an image, the weights of a layer and a bar for each class; return what `update_intervention` changes."""
    image = image_ax.imshow(np.zeros((2, 2, 3), np.uint8))
    image_ax.axis("off")
    mean = weights_ax.plot([], [], color=GREY, linewidth=1, label="mean of its class")[0]
    changed = weights_ax.plot([], [], color=VERMILION, marker="D", markersize=9, label="chosen")[0]
    own = weights_ax.plot([], [], ".", color=BLUE, markersize=6, label="its own")[0]
    weights_ax.set(ylim=(-0.05, 1.05), xlabel="channel", ylabel="weight ω")
    weights_ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, frameon=False, fontsize=8)
    places = np.arange(len(class_names))
    now = classes_ax.barh(places, 0 * places, height=0.7, color=BLUE, label="now")
    before = classes_ax.plot(0 * places, places, "|", color="black", markersize=14, label="before")[0]
    classes_ax.set_yticks(places, class_names, fontsize=9, parse_math=False)
    classes_ax.set(xlim=(0, 1.02), ylim=(len(class_names) - 0.5, -0.5), xlabel="probability")
    classes_ax.spines[["top", "right"]].set_visible(False)
    classes_ax.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, frameon=False, fontsize=8, markerscale=0.6)
    return {"image": image, "mean": mean, "own": own, "changed": changed, "now": list(now), "before": before}


def update_intervention(
    artists: dict,
    image: np.ndarray,
    title: str,
    weights: tuple[np.ndarray, np.ndarray, np.ndarray],
    chosen: np.ndarray,
    probabilities: tuple[np.ndarray, np.ndarray],
) -> None:
    """Show an image (H, W, 3) with its title, and what changes if one of its weights does.

    weights: the mean of its class, its own, and those used now: (C,) each. chosen: the channels that may be changed.
    probabilities: of the classes, with its own weights and now: (classes,) each.
    """
    _show_image(artists["image"], image, title)
    mean, own, now = weights
    channels = np.arange(len(own))
    artists["mean"].set_data(channels, mean)
    artists["own"].set_data(channels, own)
    gap = np.full(len(chosen), np.nan)  # between the lines of two channels
    lines = [(chosen, chosen, gap), (own[chosen], now[chosen], gap)]
    artists["changed"].set_data(*(np.column_stack(parts).ravel() for parts in lines))
    artists["own"].axes.set_xlim(-1, len(own))
    for bar, probability in zip(artists["now"], probabilities[1], strict=True):
        bar.set_width(probability)
    artists["before"].set_xdata(probabilities[0])


def _show_image(artist: Artist, image: np.ndarray, title: str) -> None:
    artist.set_data(image)
    artist.set_extent((-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    artist.axes.set_title(title, fontsize=11, parse_math=False)
