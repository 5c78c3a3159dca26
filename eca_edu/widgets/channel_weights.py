"""One slider over images: the network's answer and its channel weights follow."""

from html import escape

import ipywidgets as W
import torch
from torch import nn

from eca_edu.datasets.image_data import ImageData
from eca_edu.inspection import record_channel_weights
from eca_edu.plots.channel_weights import draw_channel_weights, update_channel_weights
from eca_edu.training import normalize
from eca_edu.widgets.panel import Explorer

__all__ = ["ChannelWeightsExplorer"]


class ChannelWeightsExplorer(Explorer):
    """The channel weights of one image in every attention module: control `image`, an index into the data.

    model: holds at least one ChannelAttention. data: at least one image; the first 500 are used.
    Raises ValueError if the model holds no attention or the data no image.
    """

    def __init__(self, model: nn.Module, data: ImageData):
        if not len(data):
            raise ValueError("data must hold at least one image; got none")
        self.data = data.take(slice(500))
        device = next(model.parameters()).device
        model.eval()
        with torch.no_grad(), record_channel_weights(model) as self.weights:
            scores = model(normalize(self.data.images.to(device), data.mean, data.std))  # (N, classes)
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
