"""The channel weights of an image, and what the network answers when one of them is changed."""

import copy
from collections.abc import Mapping
from html import escape

import ipywidgets as W
import torch
from torch import nn

from eca_edu.channel_weights import override_channel_weights, record_channel_weights
from eca_edu.datasets.image_data import ImageData
from eca_edu.figures.channel_weights import (
    draw_channel_weights,
    draw_intervention,
    update_channel_weights,
    update_intervention,
)
from eca_edu.widgets.panel import Explorer, ImpossibleSetting


class ChannelWeightsExplorer(Explorer):
    """The channel weights of one image in every attention module: control `image`, an index into the data.

    model: holds at least one ChannelAttention. data: at least one image; 500 of them are used at most.
    Raises ValueError if the model holds no attention or the data no image.
    """

    def __init__(self, model: nn.Module, data: ImageData):
        if not len(data):
            raise ValueError("data must hold at least one image; got none")
        self.data = data.spread(500)
        device = next(model.parameters()).device
        model.eval()
        with torch.no_grad(), record_channel_weights(model) as self.weights:
            scores = model(data.normalize(self.data.images.to(device)))  # (N, classes)
        self.probabilities = scores.softmax(1).cpu()
        super().__init__(
            760,
            150 * len(self.weights) + 60,
            {"image": W.IntSlider(0, min=0, max=len(self.data) - 1, description="image")},
        )

    def prepare(self) -> None:
        grid = self.figure.add_gridspec(
            len(self.weights),
            2,
            width_ratios=(1, 2.2),
            left=0.02,
            right=0.98,
            top=0.93,
            bottom=0.1,
            wspace=0.2,
            hspace=0.6,
        )
        axes = [self.figure.add_subplot(grid[row, 1]) for row in range(len(self.weights))]
        means = {layer: weights.mean(0).numpy() for layer, weights in self.weights.items()}
        self.artists = draw_channel_weights(self.figure.add_subplot(grid[:, 0]), axes, means)

    def update(self, image: int) -> str:
        probability, best = self.probabilities[image].max(0)
        label, answer = (self.data.class_names[i] for i in (self.data.labels[image], best))
        weights = {layer: values[image].numpy() for layer, values in self.weights.items()}
        update_channel_weights(
            self.artists, self.data.images[image].permute(1, 2, 0).numpy(), f"true class: {label}", weights
        )
        layer, values = list(weights.items())[-1]
        return (
            f"Image {image}: the right answer is {escape(label)}, the network says {escape(answer)} ({probability:.0%}). "
            f"In {layer} its channel weights reach from {values.min():.2f} to {values.max():.2f}."
        )


class InterventionExplorer(Explorer):
    """Change channel weights of one image, and watch the probabilities of the classes.

    Controls `model`, `layer`, `label` (the class), `image` (among those of the class), `channel` (one of them, or all), and
    `weight`: the image's own, or a number from 0 to 1.
    models: by name; all hold the same layers of channel attention. data: at least one image; 500 of them are used at most.
    The explorer works on copies on the CPU, so that other cells never meet its interventions.
    Raises ValueError for models that differ in their layers or hold no attention, and for data without images.
    """

    def __init__(self, models: Mapping[str, nn.Module], data: ImageData):
        if not models or not len(data):
            raise ValueError(f"there must be at least one model and one image; got {len(models)} and {len(data)}")
        self.data = data.spread(500)
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
        places = [(0.01, 0.08, 0.2, 0.8), (0.27, 0.15, 0.4, 0.74), (0.77, 0.15, 0.21, 0.74)]
        image_ax, weights_ax, classes_ax = map(self.figure.add_axes, places)
        self.artists = draw_intervention(image_ax, weights_ax, classes_ax, self.data.class_names)

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
        update_intervention(
            self.artists,
            self.data.images[index].permute(1, 2, 0).numpy(),
            f"class: {name}",
            (mean.numpy(), own.numpy(), now.numpy()),
            chosen.numpy(),
            (before.numpy(), probabilities.numpy()),
        )
        which = f"{own[channel]:.2f} of channel {channel}" if isinstance(channel, int) else "of all channels"
        change = f"set to {weight:.2f}" if isinstance(weight, float) else "left as it is"
        best = self.data.class_names[int(probabilities.argmax())]
        return (
            f"{escape(model)}, {layer}, image {image} of {escape(name)}: the weight {which} is {change}. "
            f"The probability of {escape(name)} goes from {before[label]:.1%} to <b>{probabilities[label]:.1%}</b>; "
            f"the network says {escape(best)}."
        )
