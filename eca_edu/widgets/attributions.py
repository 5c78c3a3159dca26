"""Ask a network why: choose an image, a method and a target, and see how far the answer can be trusted."""

import copy
from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape

import ipywidgets as W
import numpy as np
import torch
from matplotlib.collections import LineCollection
from torch import nn

from eca_edu.attribution import (
    Attribution,
    deep_lift,
    gate_attribution,
    grad_cam,
    integrated_gradients,
    occlusion,
    pointing_game,
    randomized,
    rank_correlation,
    saliency,
    share_inside,
)
from eca_edu.channel_weights import gates
from eca_edu.datasets.image_data import ImageData
from eca_edu.figures.attributions import outline
from eca_edu.figures.colours import GREEN, GREY, ORANGE, PURPLE, SIGNED, VERMILION
from eca_edu.models import ResidualBlock
from eca_edu.widgets.explorer import Explorer, ImpossibleSetting, images_to_show, show_image

#: name -> (the method, the options among the controls that it takes)
METHODS: dict[str, tuple[Callable[..., Attribution], tuple[str, ...]]] = {
    "saliency": (saliency, ()),
    "integrated gradients": (integrated_gradients, ("steps",)),
    "DeepLift": (deep_lift, ()),
    "Grad-CAM": (grad_cam, ("layer",)),
    "occlusion": (occlusion, ()),
    "gate": (gate_attribution, ("layer", "steps")),
}
COMPLETE = 0.05  # a sum is called complete up to this share of the difference of the scores
ALIKE = 0.5  # a rank correlation from which a map is said to look like that of an untrained network
KEPT = 300  # explanations that are remembered
#: What a light may say, and its colour.
LIGHTS = {"good": GREEN, "bad": VERMILION, "none": GREY}
#: The two networks whose maps are compared.
NETWORKS = {"map": "this network", "untrained": "an untrained network"}
ANSWER, RIGHT = "its answer", "the right class"


class AttributionExplorer(Explorer):
    """One explanation with its two lights: controls `image`, `method`, `target`, `layer` and `steps`.

    data: at least one image; 500 of them are used at most. layers: names of modules with feature maps, for Grad-CAM and for
    the gate inside of them; by default the residual blocks of our networks.
    The first light tells whether the map is complete, the second how much it is like that of the same network with random
    weights. Layer and steps can be chosen for the methods that have them.
    Raises ValueError if there is no image, no layer, or a layer that the model lacks.
    """

    def __init__(self, model: nn.Module, data: ImageData, layers: Sequence[str] | None = None):
        self.data = images_to_show(data)
        # Callbacks put hooks on the network, while other cells may use or train the original.
        model = copy.deepcopy(model).eval()
        modules = dict(model.named_modules())
        if layers is None:
            layers = [name for name, module in modules.items() if isinstance(module, ResidualBlock)]
        if not layers or not set(layers) <= set(modules):
            raise ValueError(f"layers must be names of modules of the model, at least one; got {list(layers)}")
        self.models = {"map": model, "untrained": randomized(model)}
        self.device = next(model.parameters()).device
        with torch.no_grad():
            scores = model(data.normalize(self.data.images.to(self.device)))  # (N, classes)
        self.probabilities = scores.softmax(1).cpu()
        self.explain = lru_cache(KEPT)(self._explain)
        controls = {
            "image": W.IntSlider(0, min=0, max=len(self.data) - 1, description="image", continuous_update=False),
            "method": W.Dropdown(options=list(METHODS), value="integrated gradients", description="method"),
            "target": W.Dropdown(options=[ANSWER, RIGHT, *data.class_names], description="target"),
            "layer": W.Dropdown(options=list(layers), value=layers[-1], description="layer"),
            "steps": W.SelectionSlider(
                options=[2, 4, 8, 16, 32, 64, 128], value=32, description="steps", continuous_update=False
            ),
        }
        super().__init__(760, 370, controls)

    def prepare(self) -> None:
        """Draw the axes of an image, of its map and of that of an untrained network, and two lights."""
        image_ax = self.figure.add_axes((0.02, 0.02, 0.3, 0.68))
        image_ax.set_title("the image", fontsize=10)
        self.picture_of = image_ax.imshow(np.zeros((2, 2, 3), np.uint8))
        image_ax.axis("off")
        self.maps, self.bars = {}, {}
        for name, left in {"map": 0.35, "untrained": 0.68}.items():
            self.maps[name] = self.figure.add_axes((left, 0.02, 0.3, 0.68))
            self.bars[name] = self.figure.add_axes((left + 0.06, 0.13, 0.24, 0.54))
        self.lights = {}
        for name, height in {"completeness": 0.94, "sanity": 0.86}.items():
            dot = self.figure.text(0.02, height, "●", fontsize=16, va="center", family="DejaVu Sans")
            self.lights[name] = (dot, self.figure.text(0.055, height, "", fontsize=10, va="center"))

    def update(self, image: int, method: str, target: str, layer: str, steps: int) -> str:
        for name in ("layer", "steps"):
            self.controls[name].disabled = name not in METHODS[method][1]
        names, answer = self.data.class_names, int(self.probabilities[image].argmax())
        right = int(self.data.labels[image])
        wanted = {**{name: i for i, name in enumerate(names)}, ANSWER: answer, RIGHT: right}[target]
        options = {name: value for name, value in [("layer", layer), ("steps", steps)] if name in METHODS[method][1]}
        if method == "gate":
            options["layer"] = self._gate(layer)
        found = {name: self.explain(name, image, method, wanted, **options) for name in self.models}
        mask = None if self.data.masks is None else self.data.masks[image]
        show_image(self.picture_of, self.data.images[image])
        for name, attribution in found.items():
            self._show(name, as_shown(attribution).numpy(), mask)
        lights = {"completeness": completeness(found["map"]), "sanity": sanity(found["map"], found["untrained"])}
        for name, (state, text) in lights.items():
            dot, words = self.lights[name]
            dot.set_color(LIGHTS[state])
            words.set_text(text)
        return (
            f"Image {image}: the right class is {escape(names[right])}, the network says {escape(names[answer])} "
            f"({self.probabilities[image, answer]:.0%}). Why {escape(names[wanted])}? By {escape(method)}: "
            + (channels_said(found["map"].values[0]) if method == "gate" else inside_said(found["map"], mask))
            + " ".join(escape(text) for _, text in lights.values())
        )

    def _show(self, name: str, numbers: np.ndarray, mask: torch.Tensor | None) -> None:
        """Draw a map (H, W) in colours, with the outline of the mask, or channels (C,) as bars; 0 is in the middle."""
        ax, bars, reach = self.maps[name], self.bars[name], float(np.abs(numbers).max())
        limit = reach or 1.0
        ax.clear()
        bars.clear()
        ax.axis("off")
        ax.set_aspect("equal")  # as an image has it, also above bars
        ax.set_title(f"{NETWORKS[name]}, ± {reach:.2g}", fontsize=10)
        bars.set_visible(numbers.ndim == 1)
        if numbers.ndim == 2:
            ax.imshow(numbers, cmap=SIGNED, vmin=-limit, vmax=limit)
            border = [] if mask is None else outline(mask.numpy())
            ax.add_collection(LineCollection(border, colors="black", linewidths=0.8))
            return
        bars.bar(range(len(numbers)), numbers, color=np.where(numbers < 0, PURPLE, ORANGE))
        bars.axhline(0, color="black", linewidth=0.6)
        bars.set_ylim(-1.1 * limit, 1.1 * limit)
        bars.set_xlabel("channel", fontsize=9, labelpad=1)
        bars.set_yticks([-reach, 0, reach], [f"{-reach:.2g}", "0", f"{reach:.2g}"])
        bars.tick_params(labelsize=8)
        bars.spines[["top", "right"]].set_visible(False)

    def _gate(self, layer: str) -> str:
        """Return the name of the channel attention in a layer."""
        try:
            names = [name for name in gates(self.models["map"]) if name == layer or name.startswith(f"{layer}.")]
        except ValueError:
            names = []
        if not names:
            raise ImpossibleSetting(f"{layer} has no channel attention, so there is no gate to ask")
        return names[-1]

    def _explain(self, name: str, image: int, method: str, target: int, **options) -> Attribution:
        one = self.data.images[image : image + 1].to(self.device)
        x = self.data.normalize(one)
        return METHODS[method][0](self.models[name], x, target, **options)


def as_shown(attribution: Attribution) -> torch.Tensor:
    """Return the numbers of the first image: a map (H, W) or channels (C,)."""
    return attribution.values[0] if attribution.values.ndim == 2 else attribution.pixels[0]


def completeness(attribution: Attribution) -> tuple[str, str]:
    """Return the state and the words of the first light."""
    if not attribution.promises_completeness:
        return "none", f"Completeness: {attribution.method} promises none."
    total, delta = float(attribution.values[0].sum()), float(attribution.delta[0])
    difference = total - delta
    state = "good" if abs(delta) <= COMPLETE * abs(difference) else "bad"
    words = "complete" if state == "good" else "NOT complete"
    return state, f"Completeness: it sums to {total:.2f}, the score rises by {difference:.2f}: {words}."


def sanity(attribution: Attribution, untrained: Attribution) -> tuple[str, str]:
    """Return the state and the words of the second light: by absolute values, do two maps have the same order?"""
    shown, other = (as_shown(a).abs()[None] for a in (attribution, untrained))
    if not shown.any():
        return "none", "Sanity: the map is 0 everywhere; there is nothing to compare."
    rho = float(rank_correlation(shown, other))
    if np.isnan(rho):
        return "none", "Sanity: one of the maps is the same everywhere; there is nothing to compare."
    state = "bad" if rho >= ALIKE else "good"
    words = "much the same" if state == "bad" else "another picture"
    return state, f"Sanity: rank correlation {rho:.2f} with the untrained network: {words}."


def inside_said(attribution: Attribution, mask: torch.Tensor | None) -> str:
    """Return in a sentence how much of a map lies inside the mask, where there is one."""
    if mask is None:
        return ""
    share, hit = (float(score(attribution.pixels, mask[None])) for score in (share_inside, pointing_game))
    where = "inside" if hit == 1 else "outside" if hit == 0 else "partly inside"
    return (
        f"<b>{share:.0%} of the map lies inside the shape</b>, whose area is {mask.float().mean():.0%}, and its strongest "
        f"pixel {where}. "
    )


def channels_said(values: torch.Tensor) -> str:
    """Return in a sentence which channel counts most."""
    most = int(values.abs().argmax())
    return f"<b>channel {most} counts most, {values[most]:+.2f}</b>. "
