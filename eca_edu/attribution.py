"""Which pixels and channels carried the decision, and how far can the answer be trusted?

Captum computes the attributions. What stands here makes its methods alike: one kind of result, which says what it explains,
from which baseline, and how far it is from complete; and the tests that an attribution has to pass.
"""

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from eca_edu._arguments import one_of, positive_integer
from eca_edu.channel_weights import override_channel_weights, record_channel_weights
from eca_edu.statistics import interval, share_interval

if TYPE_CHECKING:
    import pandas as pd


BATCH = 512  # images, interpolated ones included, that go through the network at once
STEPS = 32  # points between the baseline and the input
WINDOW, STRIDE = 8, 4  # pixels: the square that is hidden, and how far it moves each time
RADIUS = 0.02  # by how much `sensitivity` moves each number of the input, which has a standard deviation of about 1
DRAWS = 10  # random perturbations of each image

#: Explains the scores of some images: (model, x, target) -> Attribution; a method, with its options chosen.
Method = Callable[..., "Attribution"]
Target = int | torch.Tensor | None  # a class, one for each image (N,), or None for the class that the network answers
Baseline = float | torch.Tensor  # what stands for "nothing there": a number, or one image or one set of weights


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method says about the score of a target class, for each of N images.

    method: its name. values: (N, 3, H, W), (N, 1, H, W) or, for channel weights, (N, C); on the CPU.
    target: (N,) int64, the classes whose scores are explained. layer: the layer that was looked at, where there is one.
    baseline: the input that stands for "nothing there", or None where the method knows none.
    delta: (N,), the sum of the values minus (score(x) - score(baseline)): 0 if the attribution is complete. NaN for
    methods that promise no completeness: saliency, Grad-CAM and occlusion.
    """

    method: str
    values: torch.Tensor
    target: torch.Tensor
    baseline: float | torch.Tensor | None
    delta: torch.Tensor
    layer: str | None = None

    @property
    def pixels(self) -> torch.Tensor:
        """Return one number for each pixel, the sum over its colours: (N, H, W).

        Raises ValueError for an attribution to channels.
        """
        if self.values.ndim != 4:
            raise ValueError(f"pixels must be asked of a map; {self.method} has values {tuple(self.values.shape)}")
        return self.values.sum(1)

    @property
    def promises_completeness(self) -> bool:
        """Return whether the values ought to sum to score(x) - score(baseline)."""
        return self.baseline is not None and not bool(self.delta.isnan().any())


class Mean(NamedTuple):
    """A mean over images with its 95 % interval, after Student's t. images: how many it is taken over."""

    mean: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


def saliency(model: nn.Module, x: torch.Tensor, target: Target = None) -> Attribution:
    """How strongly does the score react to each number of the input? The absolute value of the gradient.

    x: (N, 3, H, W), normalised -> values (N, 3, H, W) ≥ 0. target: a class, one for each image (N,), or None for the class
    that the network answers. It promises no completeness.
    Raises ValueError for arguments that do not fit, as all methods here do, and for a model that is not in evaluation mode.
    Source: Simonyan et al., 2014; they take the largest of the three colours, `pixels` their sum.
    """
    from captum.attr import Saliency

    return _explain("saliency", model, x, target, Saliency(model).attribute)


def integrated_gradients(
    model: nn.Module, x: torch.Tensor, target: Target = None, *, baseline: Baseline = 0.0, steps: int = STEPS
) -> Attribution:
    """How much did each number of the input add to the score, on the straight way from the baseline to x?

    x, target: as in `saliency` -> values (N, 3, H, W). baseline: a number, or an image (3, H, W); 0 is the mean colour.
    steps: points on the way at which the gradient is taken (Gauss-Legendre); the more, the smaller `delta`.
    Raises what `saliency` raises, ValueError for a baseline of another shape, TypeError or ValueError for impossible steps.
    Source: Sundararajan et al., 2017.
    """
    from captum.attr import IntegratedGradients

    batch = max(1, BATCH // positive_integer("steps", steps))
    given = {"baselines": _baseline(baseline, x), "n_steps": steps, "return_convergence_delta": True}
    attribute = partial(IntegratedGradients(model).attribute, **given)
    return _explain("integrated gradients", model, x, target, attribute, baseline=baseline, batch=batch)


def deep_lift(model: nn.Module, x: torch.Tensor, target: Target = None, *, baseline: Baseline = 0.0) -> Attribution:
    """How much did each number of the input add to the score, by rules that compare every layer at x and at the baseline?

    x, target, baseline: as in `integrated_gradients` -> values (N, 3, H, W). It promises completeness, but Captum's has no rule
    for a product of two activations, such as feature map times channel weight: then `delta` is not 0.
    Raises what `saliency` raises, and ValueError for a baseline of another shape.
    Source: Shrikumar et al., 2017; Captum's issue 1085 is about the product.
    """
    from captum.attr import DeepLift

    attribute = partial(DeepLift(model).attribute, baselines=_baseline(baseline, x), return_convergence_delta=True)
    return _explain("DeepLift", model, x, target, attribute, baseline=baseline)


def grad_cam(model: nn.Module, x: torch.Tensor, target: Target = None, *, layer: str) -> Attribution:
    """Where in a layer's feature map is what speaks for the target? Its channels, weighted by their mean gradients.

    x, target: as in `saliency` -> values (N, 1, H, W) ≥ 0, enlarged from the layer's own resolution by interpolation; all 0
    where nothing speaks for the target. layer: the name of a module whose output is a feature map (N, C, h, w).
    It promises no completeness.
    Raises what `saliency` raises, and ValueError for a layer that the model lacks or that gives no feature map.
    Source: Selvaraju et al., 2017.
    """
    from captum.attr import LayerGradCam

    modules = dict(model.named_modules())
    if not layer or layer not in modules:
        names = ", ".join(name for name, _ in model.named_children())
        raise ValueError(f"layer must be the name of a module, such as {names}; got {layer!r}")
    method = LayerGradCam(model, modules[layer])

    def enlarged(part: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        coarse = method.attribute(part, target=target, relu_attributions=True)
        if coarse.ndim != 4:
            raise ValueError(f"layer must give a feature map (N, C, h, w); {layer!r} gives {coarse.ndim} axes")
        return F.interpolate(coarse, size=x.shape[2:], mode="bilinear")

    return _explain("Grad-CAM", model, x, target, enlarged, layer=layer)


def occlusion(
    model: nn.Module,
    x: torch.Tensor,
    target: Target = None,
    *,
    baseline: Baseline = 0.0,
    window: int = WINDOW,
    stride: int = STRIDE,
) -> Attribution:
    """How much does the score drop when a square of the image is hidden?

    x, target: as in `saliency` -> values (N, 1, H, W): for each pixel the mean drop over the squares that cover it.
    baseline: what the square is filled with, a number or an image (3, H, W). window: its side, in pixels. stride: how far it
    moves each time. It promises no completeness.
    Raises what `saliency` raises, ValueError for a baseline of another shape, and ValueError for a window that does not fit
    into the image or a stride that leaves pixels out.
    Source: Zeiler and Fergus, 2014.
    """
    from captum.attr import Occlusion

    if not 1 <= stride <= window <= min(x.shape[2:]):
        raise ValueError(f"1 ≤ stride ≤ window ≤ side of the image must hold; got stride {stride} and window {window}")
    given = {"baselines": _baseline(baseline, x), "perturbations_per_eval": max(1, BATCH // max(1, len(x)))}
    shapes = {"sliding_window_shapes": (3, window, window), "strides": (3, stride, stride)}
    attribute = partial(Occlusion(model).attribute, **given, **shapes)

    def one_colour(part: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return attribute(part, target=target)[:, :1]  # the three are hidden together and get the same number

    return _explain("occlusion", model, x, target, one_colour, baseline=baseline)


def gate_attribution(
    model: nn.Module,
    x: torch.Tensor,
    target: Target = None,
    *,
    layer: str,
    baseline: Baseline = 0.0,
    steps: int = STEPS,
) -> Attribution:
    """How much did each channel weight of a layer add to the score? Integrated gradients at the output of its gate.

    x, target: as in `saliency` -> values (N, C). layer: the name of a channel attention. baseline: the channel weights where
    the way begins, a number or (C,); 0 lets no channel pass. The feature map that is weighed stays that of x, so that the
    values sum to score(x) - score(x, with the weights of the baseline in this layer).
    Raises what `saliency` raises, ValueError for a layer without channel attention or a baseline of another shape, and
    TypeError or ValueError for impossible steps.
    """
    from captum.attr import IntegratedGradients

    def score(omega: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        with override_channel_weights(model, {layer: lambda _: omega}):
            return model(part)

    batch = max(1, BATCH // positive_integer("steps", steps))
    method = IntegratedGradients(score)

    def attribute(part: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad(), record_channel_weights(model) as recorded:
            model(part)
        one_of("layer", layer, recorded)
        omega = recorded[layer].to(part.device)  # (N, C)
        given = {"baselines": _baseline(baseline, omega), "n_steps": steps, "return_convergence_delta": True}
        return method.attribute(omega, target=target, additional_forward_args=part, **given)

    return _explain("gate", model, x, target, attribute, baseline=baseline, layer=layer, batch=batch)


def pointing_game(pixels: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Does the strongest pixel of a map, by absolute value, lie inside the mask? 1 or 0 for each image: (N,).

    pixels: (N, H, W); masks: (N, H, W) bool. Where several pixels are strongest, the share of them inside: a map that is 0
    everywhere prefers no pixel and scores the area of the mask, which is what chance gives.
    Raises ValueError for shapes that do not fit.
    Source: Zhang et al., 2016.
    """
    strength = _strength(pixels, masks)
    strongest = strength == strength.amax((1, 2), keepdim=True)
    return (strongest & masks).sum((1, 2)) / strongest.sum((1, 2))


def share_inside(pixels: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """How much of a map, by absolute value, lies inside the mask? A share from 0 to 1 for each image: (N,).

    pixels: (N, H, W); masks: (N, H, W) bool. A map that is 0 everywhere scores the area of the mask, as chance does.
    Raises ValueError for shapes that do not fit.
    """
    strength = _strength(pixels, masks)
    strength = torch.where(strength.sum((1, 2), keepdim=True) == 0, 1, strength)
    return (strength * masks).sum((1, 2)) / strength.sum((1, 2))


def mask_scores(
    attributions: Mapping[str, torch.Tensor], masks: torch.Tensor, minus: Mapping[str, torch.Tensor] | None = None
) -> "pd.DataFrame":
    """Return a table of both scores, one row for each method: means over the images with 95 % intervals.

    attributions: {name: pixels (N, H, W)}. masks: (N, H, W) bool.
    minus: other maps of the same names, images and shape; the scores are then the paired differences to theirs.
    -> the columns "pointing" and "share", each with "… low" and "… high". The interval of the pointing game is Wilson's, as it
    is a share of the images; the others are Student's.
    Raises ValueError for shapes that do not fit.
    """
    import pandas as pd

    rows: dict[str, dict[str, float]] = {}
    for name, pixels in attributions.items():
        row = rows[name] = {}
        for score, measure in [("pointing", pointing_game), ("share", share_inside)]:
            values = measure(pixels, masks) - (measure(minus[name], masks) if minus else 0)
            row[score], _, low, high = interval(values.tolist())
            if score == "pointing" and not minus:
                low, high = share_interval(float(values.sum()), len(values))
            row |= {f"{score} low": low, f"{score} high": high}
    return pd.DataFrame.from_dict(rows, orient="index")


def rank_correlation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Do two attributions put pixels or channels in the same order? Spearman's ρ for each image: (N,).

    a, b: (N, …) of the same shape. NaN for an image of which one is the same everywhere, and has no order.
    Raises ValueError for shapes that do not fit.
    """
    from scipy.stats import rankdata

    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(f"a and b must have the same shape (N, …); got {tuple(a.shape)} and {tuple(b.shape)}")
    ranks = [torch.as_tensor(rankdata(values.detach().cpu().flatten(1).double().numpy(), axis=1)) for values in (a, b)]
    first, second = (F.normalize(rank - rank.mean(1, keepdim=True), eps=0) for rank in ranks)  # 0 / 0 is NaN
    return (first * second).sum(1)


def mean_with_interval(values: torch.Tensor) -> Mean:
    """Return the mean of numbers (N,), one for each image, with its interval; NaN, which has no answer, is left out.

    Raises ValueError if no number is left.
    """
    known = values[~values.isnan()].tolist()
    if not known:
        raise ValueError(f"values must hold at least one number that is not NaN; got {tuple(values.shape)} of NaN")
    mean, _, low, high = interval(known)
    return Mean(mean, low, high, len(known))


def randomized(model: nn.Module, seed: int = 2018) -> nn.Module:
    """Return a copy of the network with fresh random weights, in evaluation mode: it has learned nothing.

    An attribution that looks the same for it says nothing about what was learned.
    seed: not that from which the network was trained, or the copy would be its own beginning.
    Raises ValueError if a module with parameters of its own has no `reset_parameters`.
    Source: Adebayo et al., 2018.
    """
    device = next(model.parameters()).device
    fresh = copy.deepcopy(model).cpu()  # the same random weights on every machine
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for name, module in fresh.named_modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            elif next(module.parameters(recurse=False), None) is not None:
                raise ValueError(f"model must have only layers with reset_parameters(); {name} has none")
    return fresh.to(device).eval()


def infidelity(
    model: nn.Module, x: torch.Tensor, attribution: Attribution, *, draws: int = DRAWS, seed: int = 0
) -> torch.Tensor:
    """How badly does the map predict by how much the score drops when something is hidden? (N,), in squared scores.

    Random squares of `WINDOW` pixels get the mean colour, `draws` times. The map is first multiplied by the one number that
    makes its forecasts best (Captum's `normalize`), so that maps of different units can be compared.
    0: it predicts every drop; a map of zeros gets the mean square of the drops.
    Raises what `saliency` raises, ValueError for an attribution that is no map or images smaller than a square, and TypeError or
    ValueError for impossible draws.
    Source: Yeh et al., 2019.
    """
    from captum.metrics import infidelity as captum_infidelity

    if attribution.values.ndim != 4 or min(x.shape[2:]) < WINDOW:
        came = f"got values {tuple(attribution.values.shape)} for images {tuple(x.shape)}"
        raise ValueError(f"attribution must be a map of images of at least {WINDOW} pixels; {came}")

    def hide(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        def window(size: int) -> torch.Tensor:  # (N, size), true in a row of WINDOW places
            place = torch.arange(size, device=images.device)
            first = torch.randint(size - WINDOW + 1, (len(images), 1), device=images.device)
            return (place >= first) & (place < first + WINDOW)

        rows, columns = map(window, images.shape[2:])
        square = (rows[:, :, None] & columns[:, None])[:, None].to(images.dtype).expand_as(images).contiguous()
        return square, images * (1 - square)  # what the map has in the square is its forecast of the drop

    values = attribution.values.to(x.device).expand_as(x)
    given = _draws(x, draws)
    with _seeded(seed), torch.no_grad():
        target = _targets(model, x, attribution.target)
        return captum_infidelity(model, hide, x, values, target=target, normalize=True, **given).cpu()


def sensitivity(
    method: Method, model: nn.Module, x: torch.Tensor, target: Target = None, *, draws: int = DRAWS, seed: int = 0
) -> torch.Tensor:
    """How much can the map change when the image hardly does? (N,): the largest relative change over `draws` trials.

    method: called as method(model, x, target). Each number of x moves by at most `RADIUS`; the change of the map is the norm of
    the difference, in units of the norm of the map.
    Raises what `saliency` raises, and TypeError or ValueError for impossible draws.
    Source: Yeh et al., 2019.
    """
    from captum.metrics import sensitivity_max

    def explain(images: torch.Tensor | tuple, target: torch.Tensor) -> tuple[torch.Tensor]:
        images = images[0] if isinstance(images, tuple) else images
        return (method(model, images, target).values.to(x.device),)

    given = _draws(x, draws)
    with _seeded(seed):
        target = _targets(model, x, target)
        return sensitivity_max(explain, x.contiguous(), perturb_radius=RADIUS, target=target, **given).cpu()


def _explain(
    method: str,
    model: nn.Module,
    x: torch.Tensor,
    target: Target,
    attribute: Callable[..., torch.Tensor | tuple[torch.Tensor, torch.Tensor]],
    *,
    baseline: Baseline | None = None,
    layer: str | None = None,
    batch: int = BATCH,
) -> Attribution:
    """Let Captum `attribute` one batch after another, whether or not gradients are on outside, and join what it returns.

    attribute: called with a batch and `target=`, (B,); returns values, or values and their delta.
    """
    labels = _targets(model, x, target)
    values, deltas = [], []
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum tells of hooks and gradients, which it sets and removes itself
        for part, wanted in zip(x.detach().split(batch), labels.split(batch), strict=True):
            found = attribute(part, target=wanted)
            value, delta = found if isinstance(found, tuple) else (found, torch.full((len(part),), math.nan))
            values.append(value.detach().cpu().contiguous())
            deltas.append(delta.detach().cpu())
    return Attribution(method, torch.cat(values), labels.cpu(), baseline, torch.cat(deltas), layer)


@torch.no_grad()
def _targets(model: nn.Module, x: torch.Tensor, target: Target) -> torch.Tensor:
    """Return a class for each image: (N,), on the device of x; raise ValueError for what does not fit."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x must be a tensor (N, 3, H, W); got {type(x).__name__}")
    if not x.is_floating_point() or x.ndim != 4 or x.shape[1] != 3 or not len(x):
        raise ValueError(
            f"x must be of a floating type and shape (N, 3, H, W) with N ≥ 1, as `ImageData.normalize` gives it; "
            f"got {x.dtype} {tuple(x.shape)}"
        )
    if model.training:
        raise ValueError("model must be in evaluation mode, as after model.eval(); batch norm would mix the images")
    if target is None:
        return torch.cat([model(part).argmax(1) for part in x.split(BATCH)])
    classes, labels = model(x[:1]).shape[1], torch.as_tensor(target, device=x.device)
    whole = not labels.is_floating_point() and labels.dtype != torch.bool
    if not whole or labels.shape not in ((), (len(x),)) or not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        allowed = f"a class from 0 to {classes - 1}, or one for each of {len(x)} images"
        raise ValueError(f"target must be {allowed}; got {target}")
    return labels.expand(len(x)).long().contiguous()


def _baseline(baseline: Baseline, x: torch.Tensor) -> torch.Tensor:
    """Return the baseline with the shape of one entry of x: (1, …)."""
    start = torch.as_tensor(baseline, dtype=x.dtype, device=x.device)
    if start.ndim and start.shape != x.shape[1:]:
        raise ValueError(f"baseline must be a number or have shape {tuple(x.shape[1:])}; got {tuple(start.shape)}")
    return start.expand(1, *x.shape[1:]).contiguous()


def _strength(pixels: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    if masks.dtype != torch.bool or masks.ndim != 3 or pixels.shape != masks.shape:
        raise ValueError(
            f"pixels and masks must have the same shape (N, H, W), masks of type bool; "
            f"got {tuple(pixels.shape)} and {tuple(masks.shape)} {masks.dtype}"
        )
    return pixels.abs()


def _draws(x: torch.Tensor, draws: int) -> dict[str, int]:
    """Return how often Captum perturbs each image, and how many it may take at once: no fewer than there are images."""
    samples = positive_integer("draws", draws)
    return {"n_perturb_samples": samples, "max_examples_per_batch": min(max(BATCH, len(x)), len(x) * samples)}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Fix what is random in the block, and leave the generators of the caller alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
