"""Why does this gate not help? Findings, each with its evidence and what to do.

What goes into an attention and what comes out of it tell its channel weights, whoever wrote it. `examine` looks at them for
images of the reader, tries what a gate must stand (one image, shuffled pixels, a step of the optimizer, its mean weights),
and asks autograd where in the network it stands.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves, tree_map

from eca_edu.attention import ChannelAttention, TwiceSigmoid, beside
from eca_edu.channel_weights import OF_OTHERS
from eca_edu.datasets.image_data import ImageData
from eca_edu.kernel_size import adaptive_kernel_size
from eca_edu.training.checkpoints import read_tensors

#: What may be wrong and what to do about it, causes before what follows from them.
FAULTS = {
    "NaN": "The training diverged: start again with a smaller learning rate, or find the overflow or the division by 0.",
    "wrong shape": "Return x * weights, which has the shape of x, or multiply x by what it returns.",
    "fails for one image": "squeeze() without an axis removes the batch axis, too: name the axes, as in flatten(1).",
    "wrong axis": "Mix no images (no softmax over axis 0); average over all axes but N and C; x * weights[:, :, None, None].",
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
    "constant": "This is a fixed scale, not attention: multiply it into the layer before, or leave it out.",
    "no effect": "What comes after undoes it or does not need it. Put it elsewhere, or leave it out.",
    "kernel size": "Take k = ψ(C), unless you chose this k yourself.",
}

IMAGES = 32  # to look at
FEW = 8  # of them, for what a gate does by itself
TRAINED = 20  # batches that the batch norms of a trained network have seen at least

#: In the names of autograd's operations: layers with weights, activations, and what makes a map larger.
LAYERS = ("conv", "mm")
ACTIVATIONS = ("elu", "silu", "glu", "mish", "wish", "tanh", "sigmoid", "soft", "threshold", "clamp", "dotproduct")
ENLARGED = ("upsample", "pixelshuffle", "unpool")

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

    model: images (N, 3, H, W), in the type of its weights -> class scores (N, classes). All is tried on a copy; the model
    stays as it is.
    data: at least 8 images of the kind that it was made for; 32 are looked at.
    where: called with the name and the module of each layer; true for the attention modules. Without it these are
    ChannelAttention, timm's ECA and SE, and torchvision's SqueezeExcitation. A module may be any that multiplies each channel
    of x by one weight per image, or that returns these weights for the network to multiply. Axis 0 of x is the images. Its
    channels are axis 1, as in (N, C, H, W), unless the weights belong to the last axis, as in (N, L, C).
    optimizer: of the training, to see whether it moves the gates. checkpoint: what was loaded into the model, a state dict or
    its file (.safetensors, or what torch.save wrote), to see whether the gates were in it.
    Raises ValueError for a model without attention or class scores, too few images, and a checkpoint that cannot be read.
    """
    if len(data) < FEW:
        raise ValueError(f"data must hold at least {FEW} images; got {len(data)}")
    saved = None if checkpoint is None else _state_dict(checkpoint)
    model = getattr(model, "_orig_mod", model)  # a compiled network runs no hooks
    kept = [value for module in model.modules() for value in vars(module).values() if isinstance(value, torch.Tensor)]
    results = {id(value): value.detach() for value in kept if not value.is_leaf}  # which deepcopy would refuse
    model, optimizer = copy.deepcopy((model, optimizer), results)  # in one call, so that one copy steps the other
    patient = _Patient(model, where, data.spread(IMAGES), learning=optimizer is not None and bool(optimizer.state))
    if not patient.scores.isfinite().all():  # then nothing else can be measured
        broken = [layer for layer, out in patient.outputs.items() if not out.isfinite().all()]
        for layer in broken or patient.attentions:
            before = patient.inputs.get(layer, torch.empty(0)).isfinite().all()
            came = "do not come in here" if before else "come in here"
            patient.note("NaN", layer, f"The class scores hold NaN or infinity. They {came}.")
    else:
        _place(patient)
        for layer in patient.weights:
            _by_itself(patient, layer)
            _kernel_size(patient, layer)
            _weights(patient, layer)
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

    attentions: those modules by name. Of each that was called, inputs and outputs: for a few images; axes: where the channels
    are, 1 or -1; weights: (N, C), those of all images, NaN where a channel is 0 all over and so tells no weight; calls: gives
    the weights for another input; gradients: of its output, by name, and of its parameters, by name and theirs; None for what
    the loss does not depend on. signs: fault -> layer -> evidence.
    """

    def __init__(self, model: nn.Module, where: Where | None, data: ImageData, *, learning: bool):
        self.model, self.attentions = model, _attentions(model, where)
        like = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), torch.empty(0))
        self.x = data.normalize(data.images.to(like.device)).to(like.dtype).contiguous()
        self.signs: dict[str, dict[str, str]] = {}
        self.learns = any(parameter.requires_grad for parameter in model.parameters())
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        scales = [getattr(module, "weight", None) for module in model.modules() if "Norm" in type(module).__name__]
        learning |= any(
            scale is not None and bool((scale != scale.flatten()[0]).any()) for scale in scales
        )  # equal at first
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
        self.axes: dict[str, int] = {}
        self.weights: dict[str, torch.Tensor] = {}
        self.calls: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
        with torch.no_grad():
            self.scores = self.run(self._look)
        if not isinstance(self.scores, torch.Tensor) or self.scores.ndim != 2:
            came = getattr(self.scores, "shape", type(self.scores).__name__)
            raise ValueError(f"model must give class scores (N, classes); got {came}")
        self.gradients = self._backward(data.labels.to(like.device))

    def note(self, fault: str, layer: str, evidence: str) -> None:
        self.signs.setdefault(fault, {}).setdefault(layer, evidence)

    def run(self, look: Callable, x: torch.Tensor | None = None, only: str = "") -> Any:
        """Run the network; `look` gets name, input and output of each attention, and may return weights (N, C) to use instead.

        input: a copy, since a gate may multiply in place. output: of several, the first that has the shape of the input.
        """
        came: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

        def enter(layer: str, module: nn.Module, args: tuple, named: dict) -> None:
            given, *more = [part for part in tree_leaves((args, named)) if isinstance(part, torch.Tensor)]
            came[layer] = given, given.clone()

            @torch.no_grad()
            def call(x: torch.Tensor) -> torch.Tensor:
                if more:  # which belong to the images of `given`
                    return self.weights[layer][: len(x)]
                new = x.clone()
                args_now, named_now = tree_map(lambda part: new if part is given else part, (args, named))
                return _factors(x, _output(x, module(*args_now, **named_now), new), self.axes[layer])

            self.calls.setdefault(layer, call)

        def leave(layer: str, module: nn.Module, args: tuple, out: Any) -> Any:
            given, x = came[layer]
            first = _output(x, out, given)
            if (w := look(layer, x, first)) is None:
                return None
            new = _rescaled(x, w, self.axes[layer]) if first.shape == x.shape else w.to(x.dtype).reshape(first.shape)
            if first is given:  # changed in place, and perhaps not returned
                given.copy_(new)
            return tree_map(lambda part: new if part is first else part, out)

        with ExitStack() as hooks:
            for layer, module in {only: self.attentions[only]}.items() if only else self.attentions.items():
                hooks.enter_context(module.register_forward_pre_hook(partial(enter, layer), with_kwargs=True))
                hooks.enter_context(module.register_forward_hook(partial(leave, layer)))
            return self.model(self.x if x is None else x)

    def _look(self, layer: str, x: torch.Tensor, out: torch.Tensor) -> None:
        if layer in self.weights:
            return
        few = x[:FEW], out[:FEW]
        # The last axis needs ten times the evidence, since here the channels are axis 1 nearly always.
        axis = min((1, -1), key=lambda axis: max(_unexplained(*few, axis) * (1 if axis == 1 else 10), 1e-5))
        try:
            self.weights[layer] = _factors(x, out, axis)
        except ValueError as error:
            self.note("wrong shape", layer, f"{error}.")
        else:
            self.axes[layer], self.inputs[layer], self.outputs[layer] = axis, x[:FEW], out[:FEW].clone()

    def _backward(self, labels: torch.Tensor) -> dict[Any, torch.Tensor | None]:
        wanted: dict[Any, torch.Tensor] = {}
        scores = self.run(lambda layer, x, out: wanted.update({layer: out}), self.x.clone().requires_grad_())
        for layer, module in self.attentions.items():
            wanted |= {(layer, name): weight for name, weight in module.named_parameters()}
        wanted = {name: tensor for name, tensor in wanted.items() if tensor.requires_grad}
        loss = F.cross_entropy(scores, labels % scores.shape[1])  # the network may be one for other classes
        try:
            return dict(zip(wanted, torch.autograd.grad(loss, [*wanted.values()], allow_unused=True), strict=True))
        except RuntimeError as error:  # as where a change in place lost what the way back needs
            for layer in self.weights:
                self.note("no gradient", layer, f"The backward pass of the network raises: {error}")
            return {}

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


def _factors(x: torch.Tensor, out: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the weights (N, C) behind an output, which may be x times weights, or the weights alone."""
    if out.shape == x.shape:
        return channel_factors(x.movedim(axis, 1), out.movedim(axis, 1))
    if len(out) != len(x) or out.numel() not in (len(x) * x.shape[1], len(x) * x.shape[-1]):
        raise ValueError(f"It returns {tuple(out.shape)} for an input of {tuple(x.shape)}")
    return out.reshape(len(x), -1).float()


def _rescaled(x: torch.Tensor, w: torch.Tensor, axis: int) -> torch.Tensor:
    x = x.movedim(axis, 1)
    return (x * beside(x, w.to(x.dtype))).movedim(1, axis)


def _unexplained(x: torch.Tensor, out: torch.Tensor, axis: int) -> float:
    """Return the share of an output that no weights for the entries of this axis explain."""
    if out.shape != x.shape:
        return 0.0
    explained = _rescaled(x.float(), _factors(x, out, axis).nan_to_num(), axis)
    return float((out - explained).norm() / out.float().norm().clamp(min=1e-30))


def _output(x: torch.Tensor, out: Any, given: torch.Tensor) -> torch.Tensor:
    tensors = [part for part in tree_leaves(out) if isinstance(part, torch.Tensor)] or [given]
    return next((tensor for tensor in tensors if tensor.shape == x.shape), tensors[0])


def _attentions(model: nn.Module, where: Where | None) -> dict[str, nn.Module]:
    def known(name: str, module: nn.Module) -> bool:
        return isinstance(module, ChannelAttention) or type(module).__name__ in OF_OTHERS

    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        if name and (where or known)(name, module) and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = module
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
    axis, x = patient.axes[layer], patient.inputs[layer]
    left = _unexplained(x, patient.outputs[layer], axis)
    if left > 0.01:
        patient.note("wrong axis", layer, f"{left:.0%} of what comes out is no weight of a channel times what went in.")
    maps = x.movedim(axis, 1)
    order = torch.randperm(maps[0, 0].numel(), generator=torch.Generator().manual_seed(0)).to(x.device)
    mixed = maps.reshape(*maps.shape[:2], -1)[:, :, order].reshape(maps.shape).movedim(1, axis).contiguous()
    for images, difference in [
        (x[:2], "The weights of an image depend on which images are beside it."),
        (mixed, "Its weights change with the order of the pixels: no average over space."),
        (x[:1], "An image alone gets other weights than in a batch."),
    ]:
        try:
            same = _same(patient.calls[layer](images), patient.weights[layer][: len(images)])
        except Exception as error:  # whatever it raises is the finding
            raised = f"For a batch of {len(images)} it raises {type(error).__name__}: {error}"
            patient.note("fails for one image", layer, raised)
        else:
            if not same and len(images) > 1:
                patient.note("wrong axis", layer, difference)
            elif not same and layer not in patient.signs.get("wrong axis", {}):
                patient.note("fails for one image", layer, difference)


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    apart = (a - b).abs()
    return bool(apart.isnan().all() or apart.nanmean() < 2e-3)  # half precision is that exact


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
    slopes = [patient.gradients.get((layer, name)) for name, _ in patient.attentions[layer].named_parameters()]
    learns = any(slope is not None and slope.any() for slope in slopes)  # which a sigmoid does not at exactly 1
    twice = isinstance(getattr(patient.attentions[layer], "gate", None), TwiceSigmoid)
    twice = twice or bool(known.max() > 1.001) or (learns and bool((known == 1).all()))
    start, top, near = (1.0, 2, 1e-4) if twice else (0.5, 1, 0.02)
    low, high = float((known < 0.02).float().mean()), float((known > 0.98 * top).float().mean())
    x = patient.inputs[layer]
    size = float(x.float().square().mean().sqrt())
    own = patient.calls[layer](x / min(max(size, 1e-6), 1))  # a small x, as from a fresh batch norm, tells little
    away, moves, varies = float((own - start).abs().nan_to_num().max()), _variation(own), _variation(w)
    constant = moves < (1e-4 if trained else 1e-6)
    if low + high > 0.95 and (w.nansum(1) - 1).abs().max() > 1e-3:  # it is 1 for a softmax over the channels
        patient.note("saturated", layer, f"{low:.0%} of its weights are below 0.02, {high:.0%} above {0.98 * top:g}.")
    elif away < near and trained and not (constant and away > 1e-3):
        evidence = f"All weights are within {away:.1g} of {start:g}; others did learn."
        patient.note("never left its start", layer, evidence)
    elif constant and not (away < near and twice):
        patient.note("constant", layer, f"From image to image its weights vary by {moves:.1g} of their size.")
    elif not constant:
        mean = w.nanmean(0).nan_to_num(1.0)
        if (change := _change(patient, layer, mean)) < varies / 100:
            whole = _change(patient, layer, torch.zeros_like(mean))
            # While the whole layer hardly counts, as behind a batch norm that began at 0, its weights cannot either.
            if 1e-6 < varies * min(whole, 1) / 100 > change or (trained and whole < 1e-5):
                effect = f"Its mean weights for all change the scores by {change:.1g}"
                patient.note("no effect", layer, f"{effect}, where the weights vary by {varies:.1g}.")


def _variation(w: torch.Tensor) -> float:
    return float((w - w.nanmean(0)).square().nanmean(0).sqrt().nanmean() / w.abs().nanmean())


@torch.no_grad()
def _change(patient: _Patient, layer: str, w: torch.Tensor) -> float:
    """Return how far the scores of a few images move, relative to their spread, if each has the weights w: (C,)."""
    like, before = patient.inputs[layer].shape[1:], patient.scores[:FEW]

    def look(_: str, x: torch.Tensor, out: torch.Tensor) -> torch.Tensor | None:
        return w.expand(len(x), -1) if x.shape[1:] == like else None  # a shared gate may get other channels, too

    after = patient.run(look, patient.x[:FEW], only=layer)
    return float((after - before).norm() / (before - before.mean(0)).norm())


def _place(patient: _Patient) -> None:
    """Where it stands, as autograd remembers: what its input was made of, and what takes its output."""
    entered: dict[str, Any] = {}
    left: dict[str, Any] = {}
    normed: list[Any] = []

    def look(layer: str, x: torch.Tensor, out: torch.Tensor) -> None:
        entered.setdefault(layer, next(iter(_parts(x.grad_fn)), None))  # x is a copy
        left.setdefault(layer, out.grad_fn)

    trainable = [weight for weight in patient.model.parameters() if weight.requires_grad]
    with ExitStack() as hooks:
        for module in patient.model.modules():
            if isinstance(module, _BatchNorm):
                hook = module.register_forward_pre_hook(lambda _, x: normed.extend(part.grad_fn for part in x))
                hooks.enter_context(hook)
        for weight in trainable:
            weight.requires_grad_(False)  # autograd is to remember nothing but what became of the images
        scores = patient.run(look, patient.x[:2].clone().requires_grad_())
        for weight in trainable:
            weight.requires_grad_(True)
    takers = _takers(scores.grad_fn)
    branches = {operation: branch for operation in takers if (branch := _branch(operation))}
    for layer, came_from in entered.items():
        last = left[layer]
        way: list[Any] = []
        inside = set(_takers(last)) - set(_takers(came_from))
        crossed = forked = False
        for operation in _way_back(came_from):
            forked |= any(taker not in inside and taker not in way for taker in takers.get(operation, ()))
            way.append(operation)
            first = next((other for other in left if left[other] is operation and other != layer), None)
            if first and (not (crossed or forked) or any({operation, last} <= branch for branch in branches.values())):
                evidence = f"What comes in was rescaled by {first}, with no shortcut since."
                patient.note("twice in a branch", layer, evidence)
            if operation in branches and not (crossed or forked):
                patient.note("after the addition", layer, "What comes in is the sum of a branch and its shortcut.")
            if not crossed and patient.axes.get(layer) == -1 and _count({operation}, ("conv", "batchnorm")):
                evidence = "Its weights are along the last axis; the convolution before it has its channels on axis 1."
                patient.note("wrong axis", layer, evidence)
            crossed |= bool(_count({operation}, (*LAYERS, "norm", "permute", "transpose")))
        if len(takers.get(last, ())) == 1 and any(operation is last for operation in normed):
            patient.note("before the batch norm", layer, "A batch norm takes what it returns.")
        factors = [part for other in takers if type(other).__name__.startswith("Mul") for part in _parts(other)]
        x, out = (tuple(of[layer].shape) if layer in of else () for of in (patient.inputs, patient.outputs))
        if x != out and last in takers and not any(last in _way_back(part) for part in factors):
            evidence = f"It returns {out} for an input of {x}, and nothing is multiplied by it."
            patient.note("wrong shape", layer, evidence)


def _parts(operation) -> list:
    return [part for part, _ in operation.next_functions if part] if operation else []


def _takers(operation) -> dict[Any, list]:
    """Return {each operation that led to this one, and itself: those that took its result}."""
    takers: dict[Any, list] = {operation: []}
    to_do = [operation]
    for taker in to_do:
        for part in _parts(taker):
            if part not in takers:
                takers[part] = []
                to_do.append(part)
            takers[part].append(taker)
    return takers


def _way_back(operation) -> Iterator:
    """Yield the operations that a feature map went through, back to where two were joined."""
    while operation is not None:
        yield operation
        before = _parts(operation)
        operation = before[0] if len(before) == 1 else None


def _branch(join) -> set:
    """Return the operations of the branch that is added to a shortcut; none if this is no such addition.

    The branch has an activation and more layers than its shortcut, which has none. So a sum of parallel convolutions, which
    are one layer in truth, is no such addition, nor is one in a decoder, of a map that was enlarged.
    """
    if type(join).__name__ != "AddBackward0" or len(_parts(join)) < 2:
        return set()
    parts = [set(_takers(part)) for part in _parts(join)]
    common = set.intersection(*parts)
    shortcut, branch = sorted((part - common for part in parts), key=lambda part: _count(part, LAYERS))
    more = _count(branch, LAYERS) > _count(shortcut, LAYERS)
    activated = _count(branch, ACTIVATIONS) and not _count(shortcut, ACTIVATIONS)
    enlarged = _count(branch, ENLARGED) or any(getattr(operation, "_saved_transposed", False) for operation in branch)
    return branch if common and more and activated and not enlarged else set()


def _count(operations: set, words: tuple[str, ...]) -> int:
    return sum(any(word in type(operation).__name__.lower() for word in words) for operation in operations)


def _gradient(patient: _Patient, layer: str) -> None:
    """Whether the loss depends on what it returns, and on its weights."""
    gradients = patient.gradients
    names = [name for name, _ in patient.attentions[layer].named_parameters()]
    if layer not in patient.calls:
        patient.note("unused", layer, "The network never calls it.")
    elif layer in gradients and gradients[layer] is None:
        patient.note("unused", layer, "The answer does not depend on what it returns.")
    elif names and layer in patient.weights and patient.learns and not patient.closed(layer):
        fixed = [name for name in names if (layer, name) not in gradients]
        got = {name: gradients[layer, name] for name in names if name not in fixed}
        cut = [name for name, gradient in got.items() if gradient is None]
        if fixed:
            if _learns_around(patient, layer):
                evidence = f"requires_grad is False for {', '.join(fixed)}, and not for the layers around it."
                patient.note("no gradient", layer, evidence)
        elif cut:
            patient.note("no gradient", layer, f"The loss does not depend on its {', '.join(cut)}.")
        # As in a bottleneck whose ReLU lets nothing through; a saturated gate has been named already.
        elif not (layer in patient.signs.get("saturated", {}) or any(g.any() for g in got.values() if g is not None)):
            patient.note("constant", layer, "The gradient of all its weights is exactly 0, so it cannot learn.")


def _learns_around(patient: _Patient, layer: str) -> bool:
    """Whether most weights of the smallest part of the network around a gate are trained; in a linear probe none are."""
    gates = {weight for module in patient.attentions.values() for weight in module.parameters()}
    for end in range(layer.count("."), -1, -1):
        part = patient.model.get_submodule(".".join(layer.split(".")[:end]))
        if others := [weight for weight in part.parameters() if weight not in gates and weight.ndim > 1]:
            break
    return sum(weight.numel() * (1 if weight.requires_grad else -1) for weight in others) > 0


def _loaded(patient: _Patient, layer: str, saved: Mapping[str, torch.Tensor]) -> None:
    """Whether the weights of the gate were in what was loaded."""
    state = patient.attentions[layer].state_dict(prefix=f"{layer}.")
    own = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    values = [value.cpu() for value in saved.values()]  # to find what was loaded under another name
    known = [
        name for name in own if any(own[name].shape == v.shape and bool((own[name].cpu() == v).all()) for v in values)
    ]
    missing = [name for name in own if name not in saved and name not in known]
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
                weight.grad = patient.gradients.get((layer, name))
    begun = bool(optimizer.state)  # then a rate of 0 may be the end of a schedule
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if not closure or closure.default is None:  # LBFGS wants a closure, for more gradients than this one
        optimizer.step()
    after: dict[str, torch.Tensor] = {}

    def look(layer: str, x: torch.Tensor, out: torch.Tensor) -> None:
        if layer in held and layer not in after:
            after[layer] = _factors(x, out, patient.axes[layer])

    with torch.no_grad():
        patient.run(look)
    for layer, rate in held.items():
        moved = float((after[layer] - patient.weights[layer]).abs().nanmean())
        if rate < usual / 1000 or (rate == 0 and not begun):
            patient.note("learning rate", layer, f"It is {rate:g}, {usual:g} for others: the gate stays where it is.")
        elif moved > 0.25:
            patient.note("learning rate", layer, f"It is {rate:g}: one step moves the channel weights by {moved:.2f}.")


def _state_dict(checkpoint: Mapping[str, Any] | str | Path) -> Mapping[str, torch.Tensor]:
    saved = checkpoint if isinstance(checkpoint, Mapping) else read_tensors(Path(checkpoint))
    parts = [saved, *saved.values()] if isinstance(saved, Mapping) else []  # scripts keep it beside their epoch
    states = [part for part in parts if isinstance(part, Mapping)]
    tensors = [{name: value for name, value in state.items() if isinstance(value, torch.Tensor)} for state in states]
    if not any(tensors):
        source = "it" if saved is checkpoint else checkpoint
        raise ValueError(f"checkpoint must hold tensors by name; {source} holds a {type(saved).__name__} without them")
    return max(tensors, key=len)
