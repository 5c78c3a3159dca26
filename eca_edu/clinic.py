"""Why does this gate not help? Findings, each with its evidence and what to do.

What goes into an attention and what comes out of it tell its channel weights, whoever wrote it. `examine` looks at them for
images of the reader, tries what a gate must stand (one image, shuffled pixels, a step of the optimizer, its mean weights),
and asks autograd where in the network it stands.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from eca_edu.attention import ChannelAttention, TwiceSigmoid, beside
from eca_edu.channel_weights import OF_OTHERS
from eca_edu.checkpoints import read_tensors
from eca_edu.datasets.image_data import ImageData
from eca_edu.kernel_size import adaptive_kernel_size

#: What may be wrong and what to do about it, causes before what follows from them.
FAULTS = {
    "fails for one image": "squeeze() without an axis removes the batch axis, too: name the axes, as in flatten(1).",
    "wrong axis": "Mix no images (no softmax over axis 0); average over all axes after C; x * weights[:, :, None, None].",
    "unused": "Use what it returns, x = attention(x), on the way to the answer.",
    "not as in the checkpoint": "Build the attention as it was when it was saved, and load with strict=True.",
    "no gradient": "Let gradients through: requires_grad, and no detach(), no_grad() or .data on the way.",
    "not in the optimizer": "Make the optimizer after the attention is in the network, or add its weights by add_param_group.",
    "after the addition": "Put it into the branch, before the shortcut is added; here it rescales the shortcut as well.",
    "before the batch norm": "Put it behind the batch norm, which takes out again much of what the weights put in.",
    "twice in a branch": "Leave one of the two out.",
    "learning rate": "Give the gate the learning rate of the other weights.",
    "saturated": "A sigmoid learns nothing there. Begin anew, with a smaller learning rate or a normalised input.",
    "never left its start": "Train it, for longer or with a larger learning rate. As it is, it tells nothing about attention.",
    "constant": "This is a learned scale, no attention: multiply it into the layer before, or leave it out.",
    "no effect": "What comes after undoes it or does not need it. Put it elsewhere, or leave it out.",
    "kernel size": "Take k = ψ(C), unless you chose this k yourself.",
}

IMAGES = 32  # to look at
FEW = 8  # of them, for what a gate does by itself
TRAINED = 20  # batches that the batch norms of a trained network have seen at least

Where = Callable[[str, nn.Module], bool]


@dataclass(frozen=True)
class Finding:
    """Something that keeps gates from helping.

    fault: a key of FAULTS. layers: the attention modules that have it. evidence: what was measured at the first of them.
    """

    fault: str
    layers: tuple[str, ...]
    evidence: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        return FAULTS[self.fault]

    def __str__(self) -> str:
        more = f" and {len(self.layers) - 1} more" * (len(self.layers) > 1)
        return f"{self.fault}: {self.layers[0]}{more}\n    {self.evidence}\n    {self.advice}"


def examine(
    model: nn.Module,
    data: ImageData,
    *,
    where: Where | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    checkpoint: Mapping[str, torch.Tensor] | str | Path | None = None,
) -> list[Finding]:
    """Return what is wrong with the channel attention of a network, causes first; an empty list if it looks healthy.

    model: images (N, 3, H, W) -> class scores (N, classes). All is tried on a copy; the model stays as it is.
    data: at least 8 images of the kind that it was made for; 32 are looked at.
    where: called with the name and the module of each layer; true for the attention modules, which may be any that rescale
    the channels of their input. Without it these are ChannelAttention, timm's ECA and SE, torchvision's SqueezeExcitation.
    optimizer: of the training, to see whether it moves the gates. checkpoint: what was loaded into the model, a state dict or
    its file (.safetensors, or what torch.save wrote), to see whether the gates were in it.
    Raises ValueError for a model without attention or class scores, too few images, and a checkpoint that cannot be read.
    """
    if len(data) < FEW:
        raise ValueError(f"data must hold at least {FEW} images; got {len(data)}")
    saved = None if checkpoint is None else _state_dict(checkpoint)
    model, optimizer = copy.deepcopy((model, optimizer))  # in one call, so that one copy steps the other
    patient = _Patient(model, where, data.spread(IMAGES), learning=optimizer is not None and bool(optimizer.state))
    for layer in patient.weights:
        _by_itself(patient, layer)
        _kernel_size(patient, layer)
        _weights(patient, layer)
    _place(patient)
    for layer in patient.attentions:
        _gradient(patient, layer)
        if saved is not None:
            _loaded(patient, layer, saved)
    if optimizer is not None:
        _step(patient, optimizer)  # last, since it moves the copy
    signs = {fault: patient.signs[fault] for fault in FAULTS if fault in patient.signs}
    return [Finding(fault, tuple(of), next(iter(of.values()))) for fault, of in signs.items()]


class _Patient:
    """A copy of the network in evaluation mode, what each attention did with the images, and the signs found so far.

    attentions: those modules by name. Of each that was called, inputs and outputs: for a few images; weights: (N, C), those of
    all images, NaN where a channel is 0 all over and so tells no weight; gradients: of its output, by name, and of its
    parameters, by name and theirs; None for what the loss does not depend on. signs: fault -> layer -> evidence.
    """

    def __init__(self, model: nn.Module, where: Where | None, data: ImageData, *, learning: bool):
        self.model, self.attentions = model, _attentions(model, where)
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        self.x = data.normalize(data.images.to(device)).contiguous()
        self.signs: dict[str, dict[str, str]] = {}
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        self.trained = any(map(_has_learned, norms)) if norms else learning
        if not self.trained:  # fresh batch norms rescale nothing yet, and the maps grow from block to block
            for norm in norms:
                norm.momentum = None  # the statistics of all that they see
                norm.reset_running_stats()
            with torch.no_grad():
                model.train()(self.x)
        model.eval()
        self.inputs: dict[str, torch.Tensor] = {}
        self.outputs: dict[str, torch.Tensor] = {}
        self.weights: dict[str, torch.Tensor] = {}
        with torch.no_grad():
            self.scores = self.run(self._look)
        if not isinstance(self.scores, torch.Tensor) or self.scores.ndim != 2:
            came = getattr(self.scores, "shape", type(self.scores).__name__)
            raise ValueError(f"model must give class scores (N, classes); got {came}")
        self.gradients = self._backward(data.labels.to(device))

    def note(self, fault: str, layer: str, evidence: str) -> None:
        self.signs.setdefault(fault, {})[layer] = evidence

    def run(self, look: Callable, x: torch.Tensor | None = None) -> Any:
        """Run the network; `look` gets name, input and output of each attention, and may return what replaces the output."""
        with ExitStack() as hooks:
            for layer, module in self.attentions.items():
                hook = module.register_forward_hook(lambda _, x, out, layer=layer: look(layer, x[0], out))
                hooks.enter_context(hook)
            return self.model(self.x if x is None else x)

    def _look(self, layer: str, x: torch.Tensor, out: torch.Tensor) -> None:
        if layer not in self.weights and x.shape == out.shape:
            self.inputs[layer], self.outputs[layer] = x[:FEW].clone(), out[:FEW].clone()
            self.weights[layer] = channel_factors(x, out)

    def _backward(self, labels: torch.Tensor) -> dict[Any, torch.Tensor | None]:
        wanted: dict[Any, torch.Tensor] = {}
        scores = self.run(lambda layer, x, out: wanted.update({layer: out}), self.x.clone().requires_grad_())
        for layer, module in self.attentions.items():
            wanted |= {(layer, name): weight for name, weight in module.named_parameters()}
        wanted = {name: tensor for name, tensor in wanted.items() if tensor.requires_grad}
        loss = F.cross_entropy(scores, labels % scores.shape[1])  # the network may be one for other classes
        return dict(zip(wanted, torch.autograd.grad(loss, [*wanted.values()], allow_unused=True), strict=True))

    def closed(self, layer: str) -> bool:
        """Whether nothing but 0 comes in, or goes back from behind it, as where a batch norm begins at 0."""
        behind = self.gradients.get(layer)
        return bool(self.weights[layer].isnan().all()) or (behind is not None and not behind.any())


def channel_factors(x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Return the weights w: (N, C) for which w x comes closest to `out`; NaN where a channel is 0 all over.

    x, out: (N, C, …).
    """
    x, out = (tensor.float().reshape(*tensor.shape[:2], -1) for tensor in (x, out))
    return (x * out).sum(2) / (x * x).sum(2)  # least squares


def _attentions(model: nn.Module, where: Where | None) -> dict[str, nn.Module]:
    def known(name: str, module: nn.Module) -> bool:
        return isinstance(module, ChannelAttention) or type(module).__name__ in OF_OTHERS

    found = {name: module for name, module in model.named_modules() if name and (where or known)(name, module)}
    if not found:
        raise ValueError(
            f"model must hold channel attention of this package, of timm or torchvision, or `where` choose some; "
            f"{type(model).__name__} holds none"
        )
    return found


def _has_learned(norm: _BatchNorm) -> bool:
    seen = 0 if norm.num_batches_tracked is None else int(norm.num_batches_tracked)
    return norm.running_mean is not None and bool(norm.running_mean.any()) and not 0 < seen < TRAINED


def _by_itself(patient: _Patient, layer: str) -> None:
    """One weight for each channel; the same whatever is beside an image, in any order of the pixels, and for one image."""
    module, x, w = patient.attentions[layer], patient.inputs[layer], patient.weights[layer][:FEW]
    out = patient.outputs[layer]
    left = (out - _rescaled(x, w.nan_to_num())).norm() / out.norm().clamp(min=1e-30)
    order = torch.randperm(x[0, 0].numel(), generator=torch.Generator().manual_seed(0)).to(x.device)
    pairs = _same(_factors_of(module, x[:2]), w[:2])
    if left > 0.03:
        patient.note("wrong axis", layer, f"{left:.0%} of what comes out is no weight of a channel times what went in.")
    elif not pairs:
        patient.note("wrong axis", layer, "The weights of an image depend on which images are beside it.")
    elif not _same(_factors_of(module, x.flatten(2)[:, :, order].view_as(x) if x.ndim > 2 else x), w):
        patient.note("wrong axis", layer, "Its weights change with the order of the pixels: no average over space.")
    try:
        alone = _factors_of(module, x[:1])
    except Exception as error:  # whatever it raises is the finding
        patient.note("fails for one image", layer, f"For a batch of one it raises {type(error).__name__}: {error}")
    else:
        if pairs and not _same(alone, w[:1]):
            patient.note("fails for one image", layer, "An image alone gets other weights than in a batch.")


@torch.no_grad()
def _factors_of(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    out = module(x.clone())
    if out.shape != x.shape:
        raise ValueError(f"it makes {tuple(out.shape)} of {tuple(x.shape)}")
    return channel_factors(x, out)


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    apart = (a - b).abs()
    return bool(apart.isnan().all() or apart.nanmean() < 2e-3)  # half precision is that exact


def _rescaled(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x * beside(x, w.to(x.dtype))


def _kernel_size(patient: _Patient, layer: str) -> None:
    channels = patient.weights[layer].shape[1]
    psi = adaptive_kernel_size(channels)
    for conv in patient.attentions[layer].modules():
        # timm has no kernel below 3.
        if isinstance(conv, nn.Conv1d) and conv.in_channels == 1 and conv.kernel_size[0] not in (psi, max(psi, 3)):
            patient.note("kernel size", layer, f"k is {conv.kernel_size[0]}; ψ({channels}) is {psi}.")


def _weights(patient: _Patient, layer: str) -> None:
    """Whether the weights differ from their start, from each other, from image to image, and to the answers."""
    w, trained = patient.weights[layer], patient.trained
    if patient.closed(layer):
        if trained:
            patient.note("no effect", layer, "Nothing but 0 comes in, or goes back from behind it.")
        return
    known = w[~w.isnan()]
    twice = isinstance(getattr(patient.attentions[layer], "gate", None), TwiceSigmoid) or bool(known.max() > 1.001)
    start, top, near = (1.0, 2, 1e-3) if twice else (0.5, 1, 0.02)
    low, high = float((known < 0.02).float().mean()), float((known > 0.98 * top).float().mean())
    away = float((known - start).abs().max())
    varies = float((w - w.nanmean(0)).square().nanmean(0).sqrt().nanmean() / known.abs().mean())
    constant = varies < (1e-3 if trained else 1e-6)
    if low + high > 0.95:
        patient.note("saturated", layer, f"{low:.0%} of its weights are below 0.02, {high:.0%} above {0.98 * top:g}.")
    elif away < near and trained:
        patient.note(
            "never left its start", layer, f"All weights are within {away:.1g} of {start:g}; others did learn."
        )
    elif constant and not (away < near and twice):
        patient.note("constant", layer, f"From image to image its weights vary by {varies:.1g} of their size.")
    elif not constant:
        mean = w.nanmean(0).nan_to_num(1.0)
        with torch.no_grad():
            scores = patient.run(lambda name, x, out: _rescaled(x, mean.expand(len(x), -1)) if name == layer else None)
        change = float((scores - patient.scores).norm() / (patient.scores - patient.scores.mean(0)).norm())
        if change < varies / 100:
            evidence = (
                f"Its mean weights for all change the scores by {change:.1g}, where the weights vary by {varies:.1g}."
            )
            patient.note("no effect", layer, evidence)


def _place(patient: _Patient) -> None:
    """Where it stands, as autograd remembers: what its input was made of, and what takes its output."""
    entered: dict[str, Any] = {}
    left: dict[str, Any] = {}
    normed: list[Any] = []

    def look(layer: str, x: torch.Tensor, out: torch.Tensor) -> None:
        entered.setdefault(layer, x.grad_fn)
        left.setdefault(layer, out.grad_fn)

    with ExitStack() as hooks:
        for module in patient.model.modules():
            if isinstance(module, _BatchNorm):
                hook = module.register_forward_pre_hook(lambda _, x: normed.append(x[0].grad_fn))
                hooks.enter_context(hook)
        patient.run(look, patient.x[:2].clone().requires_grad_())
    for layer in entered:
        crossed = False
        for operation in _way_back(entered[layer]):
            name = type(operation).__name__
            first = next((other for other in left if left[other] is operation and other != layer), None)
            if first and (not crossed or _block(patient.model, first, layer)):
                patient.note(
                    "twice in a branch", layer, f"What comes in was rescaled by {first}, with no shortcut since."
                )
            if not crossed and name.startswith("Add") and len(_feature_maps(operation)) > 1:
                patient.note("after the addition", layer, "What comes in is the sum of two feature maps.")
            crossed |= any(word in name for word in ("Conv", "Norm", "mm"))
        if left[layer] is not None and any(operation is left[layer] for operation in normed):
            patient.note("before the batch norm", layer, "A batch norm takes what it returns.")


def _feature_maps(operation) -> list:
    before = [operation for operation, _ in operation.next_functions if operation]
    return [operation for operation in before if type(operation).__name__ != "AccumulateGrad"]


def _way_back(operation) -> Iterator:
    """Yield the operations that a feature map went through, back to where two were joined."""
    while operation is not None:
        yield operation
        before = _feature_maps(operation)
        operation = before[0] if len(before) == 1 else None


def _block(model: nn.Module, one: str, other: str) -> str:
    """Return the smallest block that holds both, which is no mere list of layers; "" if only the whole network does."""
    pairs = zip(one.split("."), other.split("."), strict=False)
    shared = [a for a, b in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    while shared and isinstance(model.get_submodule(".".join(shared)), (nn.Sequential, nn.ModuleList)):
        shared.pop()
    return ".".join(shared)


def _gradient(patient: _Patient, layer: str) -> None:
    """Whether the loss depends on what it returns, and on its weights."""
    gradients = patient.gradients
    names = [name for name, _ in patient.attentions[layer].named_parameters()]
    if layer not in patient.weights and layer not in gradients:
        patient.note("unused", layer, "The network never calls it.")
    elif layer in gradients and gradients[layer] is None:
        patient.note("unused", layer, "The answer does not depend on what it returns.")
    elif names and any(weight.requires_grad for weight in patient.model.parameters()) and not patient.closed(layer):
        fixed = [name for name in names if (layer, name) not in gradients]
        got = {name: gradients[layer, name] for name in names if name not in fixed}
        cut = [name for name, gradient in got.items() if gradient is None]
        if fixed:
            patient.note(
                "no gradient", layer, f"requires_grad is False for {', '.join(fixed)}, and not for all others."
            )
        elif cut:
            patient.note("no gradient", layer, f"The loss does not depend on its {', '.join(cut)}.")
        elif not (
            any(gradient.any() for gradient in got.values() if gradient is not None)
            or layer in patient.signs.get("saturated", {})
        ):
            patient.note("no gradient", layer, "The gradient of all its weights is exactly 0.")


def _loaded(patient: _Patient, layer: str, saved: Mapping[str, torch.Tensor]) -> None:
    """Whether the weights of the gate were in what was loaded."""
    own = patient.attentions[layer].state_dict(prefix=f"{layer}.")
    missing = [name for name in own if name not in saved]
    other = [name for name in own if name in saved and saved[name].shape != own[name].shape]
    if missing:
        more = [name for name in saved if name not in patient.model.state_dict()]
        instead = f" It has {len(more)} that the model has not, such as {more[0]}." if more else ""
        patient.note("not as in the checkpoint", layer, f"The checkpoint lacks {', '.join(missing)}.{instead}")
    elif other:
        shapes = f"{tuple(saved[other[0]].shape)} there and {tuple(own[other[0]].shape)} in the model"
        patient.note("not as in the checkpoint", layer, f"{other[0]} has the shape {shapes}.")


def _step(patient: _Patient, optimizer: torch.optim.Optimizer) -> None:
    """Whether the optimizer holds the weights of the gates, and what one step does to the channel weights."""
    rates = {weight: group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    gates = {weight for module in patient.attentions.values() for weight in module.parameters()}
    usual = max((rate for weight, rate in rates.items() if weight not in gates), default=0)
    for weight in patient.model.parameters():
        weight.grad = None  # so that nothing but the gates moves
    held = {}
    for layer, module in patient.attentions.items():
        trainable = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        missing = [name for name, weight in trainable.items() if weight not in rates]
        if missing:
            patient.note("not in the optimizer", layer, f"It does not hold {', '.join(missing)}.")
        elif trainable and layer in patient.weights and not patient.closed(layer):
            held[layer] = max(rates[weight] for weight in trainable.values())
            for name, weight in trainable.items():
                weight.grad = patient.gradients[layer, name]
    optimizer.step()
    after: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        patient.run(lambda layer, x, out: after.update({layer: channel_factors(x, out)}))
    for layer, rate in held.items():
        moved = float((after[layer] - patient.weights[layer]).abs().nanmean())
        if rate <= usual / 1000:
            patient.note("learning rate", layer, f"It is {rate:g}, {usual:g} for others: the gate stays where it is.")
        elif moved > 0.25:
            patient.note("learning rate", layer, f"It is {rate:g}: one step moves the channel weights by {moved:.2f}.")


def _state_dict(checkpoint: Mapping[str, Any] | str | Path) -> Mapping[str, torch.Tensor]:
    saved: Any = checkpoint
    if not isinstance(checkpoint, Mapping):
        saved = read_tensors(Path(checkpoint))
    if not isinstance(saved, Mapping):
        raise ValueError(f"checkpoint must hold tensors by name; {checkpoint} holds a {type(saved).__name__}")
    return saved.get("state_dict", saved)  # as training scripts keep it, beside their epoch
