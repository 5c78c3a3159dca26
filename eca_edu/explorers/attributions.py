"""Ask a network why: an image, a method and a target, and how far the answer can be trusted."""

import copy
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
import traitlets
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
from eca_edu.explorers.explorer import Explorer, pick_images, to_base64
from eca_edu.models import ResidualBlock

STEPS = (2, 8, 32, 128)
#: name -> (the method, whether it takes a layer, the steps among which one chooses)
METHODS: dict[str, tuple[Callable[..., Attribution], bool, tuple[int, ...]]] = {
    "saliency": (saliency, False, ()),
    "integrated gradients": (integrated_gradients, False, STEPS),
    "DeepLift": (deep_lift, False, ()),
    "Grad-CAM": (grad_cam, True, ()),
    "occlusion": (occlusion, False, ()),
    "gate": (gate_attribution, True, STEPS[:3]),  # more of them for each layer would take too long
}
COMPLETE = 0.05  # a sum is called complete up to this share of the difference of the scores
ALIKE = 0.5  # a rank correlation from which a map is said to look like that of an untrained network
TARGETS = ("its answer", "the right class")


class AttributionExplorer(Explorer):
    """Explanations with two lights: `image`, `method`, `target`, `layer`, `steps`, `blend` and `outline`.

    data: at least one image; `images` of them are explained beforehand, in every way that can be asked for. layers: names of
    modules with feature maps, for Grad-CAM and for the gate inside of them; by default the residual blocks of our networks.
    The first light tells whether the map is complete, the second how much it is like that of the same network with random
    weights.
    Raises ValueError if there is no image, no layer, or a layer that the model lacks.
    """

    script = "attributions"
    image = traitlets.Int(0).tag(sync=True, state=True)
    method = traitlets.Enum(list(METHODS), "integrated gradients").tag(sync=True, state=True)
    target = traitlets.Enum(TARGETS, TARGETS[0]).tag(sync=True, state=True)
    layer = traitlets.Unicode().tag(sync=True, state=True)
    steps = traitlets.Enum(STEPS, 32).tag(sync=True, state=True)
    blend = traitlets.Float(0.0, min=0, max=1).tag(sync=True, state=True)
    outline = traitlets.Bool(True).tag(sync=True, state=True)

    def __init__(
        self, model: nn.Module, data: ImageData, layers: Sequence[str] | None = None, *, images: int = 8, **state
    ):
        indices = pick_images(data, images)
        shown = data.take(indices)
        model = copy.deepcopy(model).eval()  # the methods put hooks on it, while other cells may use the original
        modules = dict(model.named_modules())
        if layers is None:
            layers = [name for name, module in modules.items() if isinstance(module, ResidualBlock)]
        if not layers or not set(layers) <= set(modules):
            raise ValueError(f"layers must be names of modules of the model, at least one; got {list(layers)}")
        numbers = {
            "layers": list(layers),
            "methods": {name: {"layer": layer, "steps": steps} for name, (_, layer, steps) in METHODS.items()},
            "targets": list(TARGETS),
            "classes": list(data.class_names),
            "labels": shown.labels.tolist(),
            "indices": indices.tolist(),
            "size": list(data.images.shape[2:]),
            "pixels": [to_base64(image.permute(1, 2, 0)) for image in shown.images],
            "masks": None
            if shown.masks is None
            else [to_base64(mask.numpy().astype(np.uint8)) for mask in shown.masks],
            **explanations(model, shown, list(layers)),
        }
        super().__init__(numbers, **{"layer": layers[-1], **state})


def explanations(model: nn.Module, data: ImageData, layers: list[str]) -> dict[str, Any]:
    """Explain all images in every way: {"answers", "probabilities", "found": {"method|target|layer|steps": …}}.

    Each way holds, for every image, the map of this network and of an untrained one, both lights and a sentence; or, for a
    layer without a gate, the sentence that says so.
    """
    x = data.normalize(data.images).to(next(model.parameters()).device)
    networks = model, randomized(model)
    with torch.no_grad():
        probabilities = model(x).softmax(1).cpu()
    answers = probabilities.argmax(1)
    found: dict[str, Any] = {}
    classes = {TARGETS[0]: answers, TARGETS[1]: data.labels}
    for (name, (explain, takes_layer, takes_steps)), target in product(METHODS.items(), TARGETS):
        for layer, steps in product(layers if takes_layer else [""], takes_steps or [0]):
            way = f"{name}|{{}}|{layer}|{steps}"
            if target == TARGETS[1] and torch.equal(answers, data.labels):  # the same question
                found[way.format(target)] = found[way.format(TARGETS[0])]
                continue
            given = {"layer": layer} if layer else {}
            if name == "gate" and (gate := gate_of(model, layer)):
                given["layer"] = gate
            elif name == "gate":
                found[way.format(target)] = f"{layer} has no channel attention, so there is no gate to ask"
                continue
            if steps:
                given["steps"] = steps
            asked = classes[target].to(x.device)
            maps = [explain(network, x, asked, **given) for network in networks]
            found[way.format(target)] = described(maps[0], maps[1], data)
    return {"answers": answers.tolist(), "probabilities": probabilities.tolist(), "found": found}


def gate_of(model: nn.Module, layer: str) -> str | None:
    """Return the name of the last channel attention in a layer, or None if there is none."""
    try:
        names = [name for name in gates(model) if name == layer or name.startswith(f"{layer}.")]
    except ValueError:
        return None
    return names[-1] if names else None


def described(found: Attribution, untrained: Attribution, data: ImageData) -> list[dict[str, Any]]:
    """Return for each image what the page shows: two maps or rows of channels, two lights, and words."""
    images = []
    for i in range(len(data)):
        one, other = (
            Attribution(a.method, a.values[i : i + 1], a.target[i : i + 1], a.baseline, a.delta[i : i + 1])
            for a in (found, untrained)
        )
        mask = None if data.masks is None else data.masks[i]
        lights = [completeness(one), sanity(one, other)]
        words = channels_said(one.values[0]) if one.values.ndim == 2 else inside_said(one, mask)
        maps = [quantised(as_shown(attribution).numpy()) for attribution in (one, other)]
        images.append({"maps": maps, "lights": lights, "words": words, "target": int(one.target)})
    return images


def quantised(values: np.ndarray) -> dict[str, Any]:
    """Return numbers as whole ones from -127 to 127, in base64, and what 127 stands for."""
    reach = float(np.abs(values).max())
    return {"reach": reach, "values": to_base64(np.round(values * (127 / (reach or 1))).astype(np.int8))}


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
    area = mask.float().mean()
    return f"{share:.0%} of the map lies inside the shape, whose area is {area:.0%}, and its strongest pixel {where}."


def channels_said(values: torch.Tensor) -> str:
    """Return in a sentence which channel counts most."""
    most = int(values.abs().argmax())
    return f"channel {most} counts most, {values[most]:+.2f}."
