"""Exercises of chapter 07: integrated gradients by a loop, their completeness, and the pointing game."""

from collections.abc import Callable
from itertools import starmap

import torch

from eca_edu.practice.exercises.exercise import Exercise, Misbehaves, Probe, argument, call, calls, numbers

# integrate_gradients


def integrate_gradients(score, x, baseline, steps):
    """Integrated gradients by midpoints: x and baseline (N, …), score: (N, …) -> (N,); the result is shaped as x."""
    total = torch.zeros_like(x)
    for step in range(steps):
        alpha = (step + 0.5) / steps
        point = (baseline + alpha * (x - baseline)).requires_grad_()
        (gradient,) = torch.autograd.grad(score(point).sum(), point)
        total = total + gradient
    return total / steps * (x - baseline)


def _along(score, x, baseline, alphas):
    """The mean gradient at some places of the way, from which the wrong answers below are made."""
    gradients = []
    for alpha in alphas:
        point = (baseline + alpha * (x - baseline)).requires_grad_()
        gradients.append(torch.autograd.grad(score(point).sum(), point)[0])
    return sum(gradients) / len(gradients)


def _midpoints(steps):
    return [(step + 0.5) / steps for step in range(steps)]


def _cubes(x):
    return (x**3).flatten(1).sum(1)


def _products(x):
    return x[:, 0] * x[:, 1] ** 2 + x[:, 2]


def _on_a_way(shown: str, score: Callable, x: torch.Tensor, baseline: torch.Tensor, steps: int) -> Probe:
    def run(answer):
        values = call(answer, score, x, baseline, steps)
        if isinstance(values, torch.Tensor) and values.requires_grad:
            text = "The result still asks for gradients, so that everything it was computed from stays in memory."
            raise Misbehaves("keeps its graph", f"{text} Return it with .detach().")
        return values

    text = ", ".join(starmap(argument, [("x", x), ("baseline", baseline), ("steps", steps)]))
    return Probe(f"score(x) = {shown}, {text}", run)


_X, _BASELINE = torch.tensor([[2.0, 3.0, 1.0], [1.0, -1.0, 4.0]]), torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.5, 1.0]])

INTEGRATE_GRADIENTS = Exercise(
    "integrate_gradients",
    integrate_gradients,
    probes=[
        _on_a_way("x0³ + x1³ + x2³", _cubes, torch.tensor([[2.0, 1.0, -1.0]]), torch.tensor([[1.0, 0.0, 1.0]]), 2),
        _on_a_way("x0 x1² + x2", _products, _X, _BASELINE, 3),
        _on_a_way("x0³ + x1³ + x2³", _cubes, torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[0.0, 1.0, 4.0]]), 1),
        _on_a_way("the sum of x³", _cubes, numbers(2, 3, 2, 2), torch.ones(2, 3, 2, 2), 4),
    ],
    success="the mean gradient at the midpoints of the way, times the way itself.",
    hints=[
        "Where on the way are the midpoints of `steps` equal pieces? The first is at half a piece.",
        "point = baseline + alpha * (x - baseline), with alpha = (step + 0.5) / steps. point.requires_grad_() makes it a leaf.",
        "torch.autograd.grad(score(point).sum(), point) returns a tuple with the gradient. Each image's score depends on that "
        "image alone, so the sum does not mix them.",
        "Add up the gradients, divide by steps, and multiply by x - baseline at the end.",
    ],
    mistakes={
        "mean_gradient_alone": (
            "That is the mean gradient. Multiply it by x - baseline, which is how far each number has moved.",
            lambda score, x, base, steps: _along(score, x, base, _midpoints(steps)),
        ),
        "sum_instead_of_mean": (
            "The gradients are added up, but not divided by their number: with more steps the result would grow.",
            lambda score, x, base, steps: _along(score, x, base, _midpoints(steps)) * steps * (x - base),
        ),
        "gradient_at_the_end": (
            "The gradient is taken only at x, the end of the path. Take the mean over all midpoints.",
            lambda score, x, base, steps: _along(score, x, base, [1.0]) * (x - base),
        ),
        "times_x": (
            "The mean gradient is multiplied by x instead of x - baseline. They are equal only for a baseline of 0.",
            lambda score, x, base, steps: _along(score, x, base, _midpoints(steps)) * x,
        ),
        "from_zero": (
            "The points lie between 0 and x, alpha * x. They should lie between the baseline and x.",
            lambda score, x, base, steps: _along(score, x, torch.zeros_like(x), _midpoints(steps)) * (x - base),
        ),
        "left_ends": (
            "The gradient is taken where each piece begins, at step / steps. Take it in the middle: (step + 0.5) / steps.",
            lambda score, x, base, steps: _along(score, x, base, [i / steps for i in range(steps)]) * (x - base),
        ),
        "right_ends": (
            "The gradient is taken where each piece ends, at (step + 1) / steps. Take it in the middle: (step + 0.5) / steps.",
            lambda score, x, base, steps: _along(score, x, base, [(i + 1) / steps for i in range(steps)]) * (x - base),
        ),
        "both_ends": (
            "The points run from 0 to 1 with both ends, as linspace gives them. The midpoints are (step + 0.5) / steps.",
            lambda score, x, base, steps: _along(score, x, base, torch.linspace(0, 1, steps).tolist()) * (x - base),
        ),
    },
)


# completeness_delta


def completeness_delta(values, score_x, score_baseline):
    """How far the attributions (N, C, H, W) are from complete, for scores (N,) of x and of the baseline: (N,)."""
    return values.sum((1, 2, 3)) - (score_x - score_baseline)


_VALUES = torch.tensor(
    [[[[1.0, 2.0], [0.5, -1.0]], [[3.0, 0.0], [0.25, 1.0]]], [[[-2.0, 1.0], [1.0, 4.0]], [[0.5, 0.5], [2.0, -3.0]]]]
)

COMPLETENESS_DELTA = Exercise(
    "completeness_delta",
    completeness_delta,
    probes=calls(
        completeness_delta,
        [
            (_VALUES[:1], torch.tensor([3.0]), torch.tensor([1.0])),
            (_VALUES, torch.tensor([7.0, 2.5]), torch.tensor([1.5, -1.0])),
            (numbers(3, 3, 4, 5), torch.ones(3), torch.tensor([0.0, 2.0, 3.0])),
        ],
    ),
    success="0 would mean that every bit of the difference has been handed out, and nothing else.",
    hints=[
        "Complete means: the attributions of an image sum to the difference of its two scores.",
        "Sum over all axes but the first, which counts the images.",
        "The difference is score_x - score_baseline; the delta is the sum minus it.",
    ],
    mistakes={
        "mean_instead_of_sum": (
            "That takes the mean of the attributions. The parts have to be added up to give the whole.",
            lambda values, of_x, of_baseline: values.mean((1, 2, 3)) - (of_x - of_baseline),
        ),
        "whole_batch": (
            "The attributions of all images are summed. Each image has a delta of its own: sum over all axes but the first.",
            lambda values, of_x, of_baseline: values.sum() - (of_x - of_baseline),
        ),
        "one_delta": (
            "That is one delta for the whole batch. Each image has a delta of its own: sum over all axes but the first.",
            lambda values, of_x, of_baseline: values.sum() - (of_x - of_baseline).sum(),
        ),
        "other_sign": (
            "The sign is turned. The delta is the sum minus the difference, so that too large a sum is positive.",
            lambda values, of_x, of_baseline: (of_x - of_baseline) - values.sum((1, 2, 3)),
        ),
        "without_the_baseline": (
            "The score of the baseline is missing: the attributions explain only what x has more than the baseline.",
            lambda values, of_x, of_baseline: values.sum((1, 2, 3)) - of_x,
        ),
        "baseline_subtracted_twice": (
            "sum - score_x - score_baseline subtracts both scores. Parentheses make it subtract their difference.",
            lambda values, of_x, of_baseline: values.sum((1, 2, 3)) - of_x - of_baseline,
        ),
        "size_of_the_delta": (
            "The sign is lost. Whether too much or too little was handed out is worth knowing.",
            lambda values, of_x, of_baseline: (values.sum((1, 2, 3)) - (of_x - of_baseline)).abs(),
        ),
        "absolute_sum": (
            "The attributions are added up without their signs. What speaks against the class counts negative.",
            lambda values, of_x, of_baseline: values.abs().sum((1, 2, 3)) - (of_x - of_baseline),
        ),
        "sum_of_the_values": (
            "That is the sum of the attributions. Compare it with the difference of the two scores.",
            lambda values, of_x, of_baseline: values.sum((1, 2, 3)),
        ),
    },
)


# points_inside


def points_inside(maps, masks):
    """Whether the pixel with the largest absolute value lies inside the mask: maps, masks (N, H, W) -> (N,)."""
    strongest = maps.abs().flatten(1).argmax(1)
    return masks.flatten(1)[torch.arange(len(maps)), strongest]


def _masks(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(7)) < 0.4


_FOUR = torch.tensor([[[0.0, 3.0], [1.0, 2.0]]])

POINTS_INSIDE = Exercise(
    "points_inside",
    points_inside,
    probes=calls(
        points_inside,
        [
            (torch.tensor([[[1.0, 2.0], [0.0, -3.0]]]), torch.tensor([[[False, True], [False, False]]])),
            (
                torch.tensor([[[4.0, 2.0, 1.0]], [[0.5, 1.0, -2.0]]]),
                torch.tensor([[[True, False, False]], [[False, True, True]]]),
            ),
            *[
                (_FOUR, torch.tensor([[[a, b], [False, False]]]))
                for a, b in [(False, True), (True, False), (False, False)]
            ],
            *[(numbers(*shape), _masks(*shape)) for shape in [(12, 5, 5), (8, 4, 6)]],
        ],
    ),
    success="one strongest pixel for each image, looked up in the mask of that image.",
    hints=[
        "Evidence against a class is evidence, too: which function takes the sign away?",
        "argmax finds one place along one axis. flatten(1) makes one row of pixels of each image.",
        "The mask, flattened in the same way, tells whether a place is inside: masks.flatten(1)[torch.arange(N), place].",
    ],
    mistakes={
        "largest_value": (
            "That finds the largest value. The strongest pixel may be negative: take absolute values first.",
            lambda maps, masks: masks.flatten(1)[torch.arange(len(maps)), maps.flatten(1).argmax(1)],
        ),
        "smallest_value": (
            "That finds the smallest value. Take absolute values, and then the largest.",
            lambda maps, masks: masks.flatten(1)[torch.arange(len(maps)), maps.flatten(1).argmin(1)],
        ),
        "share_of_the_map": (
            "That is the share of the map inside the mask, the other score. The pointing game asks for one pixel only.",
            lambda maps, masks: (maps.abs() * masks).sum((1, 2)) / maps.abs().sum((1, 2)),
        ),
        "masked_first": (
            "The map is cut to the mask first, so its strongest pixel is always inside. Search the whole map.",
            lambda maps, masks: masks.flatten(1)[torch.arange(len(maps)), (maps.abs() * masks).flatten(1).argmax(1)],
        ),
        "in_each_column": (
            "That finds the strongest pixel of each column. An image has only one: use flatten(1) first.",
            lambda maps, masks: masks.gather(1, maps.abs().argmax(1, keepdim=True))[:, 0],
        ),
    },
)


EXERCISES = [INTEGRATE_GRADIENTS, COMPLETENESS_DELTA, POINTS_INSIDE]
