"""The channel weights of an image, and what the network answers when one of them is changed."""

import copy
from collections.abc import Mapping
from html import escape

import ipywidgets as W
import numpy as np
import torch
from torch import nn

from eca_edu.channel_weights import override_channel_weights, record_channel_weights
from eca_edu.datasets.image_data import ImageData
from eca_edu.figures.colours import BLUE, GREY, ORANGE, VERMILION
from eca_edu.widgets.explorer import Explorer, ImpossibleSetting, images_to_show, show_image


class ChannelWeightsExplorer(Explorer):
    """The channel weights of one image in every attention module: control `image`, an index into the data.

    model: holds at least one ChannelAttention. data: at least one image; 500 of them are used at most.
    Raises ValueError if the model holds no attention or the data no image.
    """

    def __init__(self, model: nn.Module, data: ImageData):
        self.data = images_to_show(data)
        device = next(model.parameters()).device
        model.eval()
        with torch.no_grad(), record_channel_weights(model) as self.weights:
            scores = model(data.normalize(self.data.images.to(device)))  # (N, classes)
        self.probabilities = scores.softmax(1).cpu()
        image = W.IntSlider(0, min=0, max=len(self.data) - 1, description="image")
        super().__init__(760, 150 * len(self.weights) + 60, {"image": image})

    def prepare(self) -> None:
        """Draw the axes of the image and of each layer, with the mean weights over the images in grey."""
        edges = {"left": 0.02, "right": 0.98, "top": 0.93, "bottom": 0.1}
        grid = self.figure.add_gridspec(len(self.weights), 2, width_ratios=(1, 2.2), wspace=0.2, hspace=0.6, **edges)
        self.lines = {}
        for row, (layer, weights) in enumerate(self.weights.items()):
            ax, count = self.figure.add_subplot(grid[row, 1]), weights.shape[1]
            ax.plot(weights.mean(0), color=GREY, linewidth=1, label="mean of all images")
            (self.lines[layer],) = ax.plot(weights[0], ".", color=BLUE, markersize=4, label="this image")
            ax.axhline(0.5, color=ORANGE, linewidth=0.8)
            ax.set(ylim=(-0.05, 1.05), xlim=(-1, count), ylabel="weight ω")
            ax.set_title(f"{layer}: {count} channels", fontsize=10, loc="left")
        ax.set_xlabel("channel")
        image_ax = self.figure.add_subplot(grid[:, 0])
        self.picture_of = image_ax.imshow(np.zeros((2, 2, 3), np.uint8))
        image_ax.axis("off")
        below = {"frameon": False, "fontsize": 9, "loc": "upper center", "bbox_to_anchor": (0.5, -0.02)}
        image_ax.legend(*ax.get_legend_handles_labels(), **below)

    def update(self, image: int) -> str:
        probability, best = self.probabilities[image].max(0)
        label, answer = (self.data.class_names[i] for i in (self.data.labels[image], best))
        show_image(self.picture_of, self.data.images[image], f"true class: {label}")
        for layer, weights in self.weights.items():
            self.lines[layer].set_ydata(weights[image])
        lowest, highest = weights[image].aminmax()
        return (
            f"Image {image}: the right answer is {escape(label)}, the network says {escape(answer)} ({probability:.0%}). "
            f"In {layer} its channel weights reach from {lowest:.2f} to {highest:.2f}."
        )


class InterventionExplorer(Explorer):
    """Change channel weights of one image, and watch the probabilities of the classes.

    Controls `model`, `layer`, `label` (the class), `image` (among those of the class), `channel` (one of them, or all), and
    `weight`: the image's own, or a number from 0 to 1.
    models: by name, at least one; all hold the same layers of channel attention. data: at least one image; 500 of them are
    used at most.
    The explorer works on copies on the CPU, so that other cells never meet its interventions.
    Raises ValueError for models that differ in their layers or hold no attention, and for data without images.
    """

    def __init__(self, models: Mapping[str, nn.Module], data: ImageData):
        self.data = images_to_show(data)
        self.x = data.normalize(self.data.images.cpu())  # (N, 3, H, W)
        self.models = {name: copy.deepcopy(model).cpu().eval() for name, model in models.items()}
        self.weights: dict[str, dict[str, torch.Tensor]] = {}
        self.probabilities: dict[str, torch.Tensor] = {}
        for name, model in self.models.items():
            with torch.no_grad(), record_channel_weights(model) as self.weights[name]:
                self.probabilities[name] = model(self.x).softmax(1)  # (N, classes)
        layers = [list(weights) for weights in self.weights.values()]
        if any(names != layers[0] for names in layers):
            raise ValueError(f"models must hold the same layers of channel attention; got {layers}")
        self.of_class = {int(label): (self.data.labels == label).nonzero()[:, 0] for label in self.data.labels.unique()}
        most = max(weights.shape[1] for layers_of in self.weights.values() for weights in layers_of.values())
        weights = [("its own", "own"), *((f"{number / 20:.2f}", number / 20) for number in range(21))]
        controls = {
            "model": W.Dropdown(options=list(models), description="model"),
            "layer": W.Dropdown(options=layers[0], description="layer"),
            "label": W.Dropdown(options=[(data.class_names[i], i) for i in self.of_class], description="class"),
            "image": W.IntSlider(0, max=min(map(len, self.of_class.values())) - 1, description="image"),
            "channel": W.SelectionSlider(options=["all", *range(most)], value=0, description="channel"),
            "weight": W.SelectionSlider(options=weights, description="weight"),
        }
        super().__init__(960, 330, controls)

    def prepare(self) -> None:
        """Draw the axes of the image, of the weights of a layer, and a bar for each class."""
        places = [(0.01, 0.08, 0.2, 0.8), (0.27, 0.15, 0.4, 0.74), (0.77, 0.15, 0.21, 0.74)]
        image_ax, weights_ax, classes_ax = map(self.figure.add_axes, places)
        self.picture_of = image_ax.imshow(np.zeros((2, 2, 3), np.uint8))
        image_ax.axis("off")
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1.01), "frameon": False, "fontsize": 8}
        (self.mean,) = weights_ax.plot([], [], color=GREY, linewidth=1, label="mean of its class")
        (self.changed,) = weights_ax.plot([], [], color=VERMILION, marker="D", markersize=9, label="chosen")
        (self.own,) = weights_ax.plot([], [], ".", color=BLUE, markersize=6, label="its own")
        weights_ax.set(ylim=(-0.05, 1.05), xlabel="channel", ylabel="weight ω")
        weights_ax.legend(ncols=3, **above)
        rows = np.arange(len(self.data.class_names))
        self.now = classes_ax.barh(rows, 0 * rows, height=0.7, color=BLUE, label="now")
        (self.before,) = classes_ax.plot(0 * rows, rows, "|", color="black", markersize=14, label="before")
        classes_ax.set_yticks(rows, self.data.class_names, fontsize=9, parse_math=False)
        classes_ax.set(xlim=(0, 1.02), ylim=(len(rows) - 0.5, -0.5), xlabel="probability")
        classes_ax.spines[["top", "right"]].set_visible(False)
        classes_ax.legend(ncols=2, markerscale=0.6, **above)

    def update(self, model: str, layer: str, label: int, image: int, channel: int | str, weight: float | str) -> str:
        weights = self.weights[model][layer]  # (N, C)
        channels = torch.arange(weights.shape[1])
        chosen = channels if channel == "all" else channels[channels == channel]
        if not len(chosen):
            raise ImpossibleSetting(f"{layer} has channels 0 to {len(channels) - 1}; got channel {channel}")
        index = int(self.of_class[label][image])
        own, mean = weights[index], weights[self.of_class[label]].mean(0)
        now = own.clone()
        if isinstance(weight, float):
            now[chosen] = weight
        network, name = self.models[model], self.data.class_names[label]
        with torch.no_grad(), override_channel_weights(network, {layer: lambda _: now[None]}):
            probabilities = network(self.x[index : index + 1]).softmax(1)[0]
        before = self.probabilities[model][index]

        show_image(self.picture_of, self.data.images[index], f"class: {name}")
        self.mean.set_data(channels, mean)
        self.own.set_data(channels, own)
        gap = torch.full((len(chosen),), torch.nan)  # between the lines of two channels
        self.changed.set_data(
            torch.stack([chosen, chosen, gap], 1).flatten(), torch.stack([own[chosen], now[chosen], gap], 1).flatten()
        )
        self.own.axes.set_xlim(-1, len(own))
        for bar, probability in zip(self.now, probabilities.tolist(), strict=True):
            bar.set_width(probability)
        self.before.set_xdata(before)
        which = f"{own[channel]:.2f} of channel {channel}" if isinstance(channel, int) else "of all channels"
        change = f"set to {weight:.2f}" if isinstance(weight, float) else "left as it is"
        best = self.data.class_names[int(probabilities.argmax())]
        return (
            f"{escape(model)}, {layer}, image {image} of {escape(name)}: the weight {which} is {change}. "
            f"The probability of {escape(name)} goes from {before[label]:.1%} to <b>{probabilities[label]:.1%}</b>; "
            f"the network says {escape(best)}."
        )
