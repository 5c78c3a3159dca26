"""Exercises of chapter 07: integrated gradients by a loop, their completeness, and the pointing game."""

from collections.abc import Callable

import torch

from eca_edu.exercises.exercise import Exercise, Probe, call, calls

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


def _cubes(x):
    return (x**3).sum(1)


def _products(x):
    return x[:, 0] * x[:, 1] ** 2 + x[:, 2]


def _on_a_way(shown: str, score: Callable, x: list, baseline: list, steps: int) -> Probe:
    arguments = (score, torch.tensor(x), torch.tensor(baseline), steps)
    text = f"score(x) = {shown}, x = {x}, baseline = {baseline}, steps = {steps}"
    return Probe(text, lambda answer: call(answer, *arguments))


INTEGRATE_GRADIENTS = Exercise(
    "integrate_gradients",
    integrate_gradients,
    probes=[
        _on_a_way("x0³ + x1³ + x2³", _cubes, [[2.0, 1.0, -1.0]], [[1.0, 0.0, 1.0]], 2),
        _on_a_way("x0 x1² + x2", _products, [[2.0, 3.0, 1.0], [1.0, -1.0, 4.0]], [[0.0, 0.0, 0.0], [2.0, 0.5, 1.0]], 3),
        _on_a_way("x0³ + x1³ + x2³", _cubes, [[3.0, 2.0, 1.0]], [[0.0, 1.0, 4.0]], 1),
    ],
    success="the mean gradient at the midpoints of the way, times the way itself.",
    hints=[
        "Where on the way are the midpoints of `steps` equal pieces? The first is at half a piece.",
        "point = baseline + alpha * (x - baseline), with alpha = (step + 0.5) / steps. point.requires_grad_() makes it a leaf.",
        "torch.autograd.grad(score(point).sum(), point) returns a tuple with the gradient. Each image's score depends on that "
        "image alone, so the sum does not mix them.",
        "Add up the gradients, divide by steps, and multiply by x - baseline at the end.",
    ],
)


def _along(score, x, baseline, alphas):
    """The mean gradient at some places of the way, from which the wrong answers below are made."""
    gradients = []
    for alpha in alphas:
        point = (baseline + alpha * (x - baseline)).requires_grad_()
        gradients.append(torch.autograd.grad(score(point).sum(), point)[0])
    return sum(gradients) / len(gradients)


def _midpoints(steps):
    return [(step + 0.5) / steps for step in range(steps)]


@INTEGRATE_GRADIENTS.mistake
def mean_gradient_alone(score, x, baseline, steps):
    """That is the mean gradient. It is multiplied by x - baseline: how fast the score rises, times how far the way goes."""
    return _along(score, x, baseline, _midpoints(steps))


@INTEGRATE_GRADIENTS.mistake
def sum_instead_of_mean(score, x, baseline, steps):
    """The gradients are added up, but not divided by their number: with more steps the result would grow."""
    return _along(score, x, baseline, _midpoints(steps)) * steps * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def sum_alone(score, x, baseline, steps):
    """That is the sum of the gradients. Divide by steps, and multiply by x - baseline."""
    return _along(score, x, baseline, _midpoints(steps)) * steps


@INTEGRATE_GRADIENTS.mistake
def gradient_at_the_end(score, x, baseline, steps):
    """The gradient is taken at x only, the end of the way, and multiplied by x - baseline. Take it at every midpoint."""
    return _along(score, x, baseline, [1.0]) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def gradient_times_input(score, x, baseline, steps):
    """That is the gradient at x times x, an older method without a baseline. Go the way from the baseline to x."""
    return _along(score, x, baseline, [1.0]) * x


@INTEGRATE_GRADIENTS.mistake
def gradient_alone(score, x, baseline, steps):
    """That is the gradient at x, the method of the section before. Average it along the way, and multiply by x - baseline."""
    return _along(score, x, baseline, [1.0])


@INTEGRATE_GRADIENTS.mistake
def times_x(score, x, baseline, steps):
    """The mean gradient is multiplied by x. It should be x - baseline; the two are the same only for a baseline of 0."""
    return _along(score, x, baseline, _midpoints(steps)) * x


@INTEGRATE_GRADIENTS.mistake
def wrong_sign(score, x, baseline, steps):
    """The sign is turned: the way goes from the baseline to x, so multiply by x - baseline."""
    return _along(score, x, baseline, _midpoints(steps)) * (baseline - x)


@INTEGRATE_GRADIENTS.mistake
def from_zero(score, x, baseline, steps):
    """The points lie between 0 and x, alpha * x. They should lie between the baseline and x."""
    return _along(score, x, torch.zeros_like(x), _midpoints(steps)) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def baseline_forgotten(score, x, baseline, steps):
    """The baseline is not used anywhere: the way begins at 0. Let it begin at the baseline, and multiply by x - baseline."""
    return _along(score, x, torch.zeros_like(x), _midpoints(steps)) * x


@INTEGRATE_GRADIENTS.mistake
def shifted_by_the_baseline(score, x, baseline, steps):
    """The points are baseline + alpha * x, and the last is not x. Use baseline + alpha * (x - baseline)."""
    return _along(score, baseline + x, baseline, _midpoints(steps)) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def left_ends(score, x, baseline, steps):
    """The gradient is taken at the left ends of the pieces, alpha = step / steps. The midpoint is half a piece further."""
    return _along(score, x, baseline, [step / steps for step in range(steps)]) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def right_ends(score, x, baseline, steps):
    """The gradient is taken at the right ends of the pieces, alpha = (step + 1) / steps. The midpoint is half a piece before."""
    return _along(score, x, baseline, [(step + 1) / steps for step in range(steps)]) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def both_ends(score, x, baseline, steps):
    """The points run from 0 to 1 and hold both ends, as linspace gives them. The midpoints lie at (step + 0.5) / steps."""
    return _along(score, x, baseline, torch.linspace(0, 1, steps).tolist()) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def both_ends_and_one_more(score, x, baseline, steps):
    """There are steps + 1 points, both ends among them. Take one point in the middle of each of the `steps` pieces."""
    return _along(score, x, baseline, torch.linspace(0, 1, steps + 1).tolist()) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def middle_only(score, x, baseline, steps):
    """The gradient is taken in the middle of the whole way only. Take one in the middle of each of the `steps` pieces."""
    return _along(score, x, baseline, [0.5]) * (x - baseline)


@INTEGRATE_GRADIENTS.mistake
def absolute_values(score, x, baseline, steps):
    """The sign is lost. An attribution may be negative: that number of the input spoke against the class."""
    return (_along(score, x, baseline, _midpoints(steps)) * (x - baseline)).abs()


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
            (_VALUES[:1, :1], torch.tensor([3.0]), torch.tensor([1.0])),
            (_VALUES, torch.tensor([7.0, 2.5]), torch.tensor([1.5, -1.0])),
            (
                torch.randn(3, 3, 4, 5, generator=torch.Generator().manual_seed(0)),
                torch.ones(3),
                torch.tensor([0.0, 2.0, 3.0]),
            ),
        ],
    ),
    success="0 would mean that every bit of the difference has been handed out, and nothing else.",
    hints=[
        "Complete means: the attributions of an image sum to the difference of its two scores.",
        "Sum over all axes but the first, which counts the images.",
        "The difference is score_x - score_baseline; the delta is the sum minus it.",
    ],
)


@COMPLETENESS_DELTA.mistake
def sum_over_images_too(values, score_x, score_baseline):
    """The sum runs over the images as well. Each image has a delta of its own: keep axis 0."""
    return values.sum() - (score_x - score_baseline)


@COMPLETENESS_DELTA.mistake
def mean_instead_of_sum(values, score_x, score_baseline):
    """That takes the mean of the attributions. The parts have to be added up to give the whole."""
    return values.mean((1, 2, 3)) - (score_x - score_baseline)


@COMPLETENESS_DELTA.mistake
def other_sign(values, score_x, score_baseline):
    """The sign is turned. The delta is the sum minus the difference, so that too large a sum is positive."""
    return (score_x - score_baseline) - values.sum((1, 2, 3))


@COMPLETENESS_DELTA.mistake
def without_the_baseline(values, score_x, score_baseline):
    """The score of the baseline is missing: the attributions explain only what x has more than the baseline."""
    return values.sum((1, 2, 3)) - score_x


@COMPLETENESS_DELTA.mistake
def baseline_subtracted_twice(values, score_x, score_baseline):
    """The parentheses are missing: sum - score_x - score_baseline subtracts both scores. Subtract their difference."""
    return values.sum((1, 2, 3)) - score_x - score_baseline


@COMPLETENESS_DELTA.mistake
def scores_swapped(values, score_x, score_baseline):
    """The two scores have changed places. The score rises by score_x - score_baseline."""
    return values.sum((1, 2, 3)) - (score_baseline - score_x)


@COMPLETENESS_DELTA.mistake
def size_of_the_delta(values, score_x, score_baseline):
    """The sign is lost. Whether too much or too little was handed out is worth knowing."""
    return (values.sum((1, 2, 3)) - (score_x - score_baseline)).abs()


@COMPLETENESS_DELTA.mistake
def absolute_sum(values, score_x, score_baseline):
    """The attributions are added up without their signs. What speaks against the class counts negative."""
    return values.abs().sum((1, 2, 3)) - (score_x - score_baseline)


@COMPLETENESS_DELTA.mistake
def sum_of_the_values(values, score_x, score_baseline):
    """That is the sum of the attributions. Compare it with the difference of the two scores."""
    return values.sum((1, 2, 3))


@COMPLETENESS_DELTA.mistake
def ratio(values, score_x, score_baseline):
    """That is a ratio. The delta is a difference: the sum minus score_x - score_baseline."""
    return values.sum((1, 2, 3)) / (score_x - score_baseline)


@COMPLETENESS_DELTA.mistake
def share_of_the_difference(values, score_x, score_baseline):
    """The delta is divided by the difference of the scores. Here it is wanted in units of the score."""
    return values.sum((1, 2, 3)) / (score_x - score_baseline) - 1


# points_inside


def points_inside(maps, masks):
    """Whether the pixel with the largest absolute value lies inside the mask: maps, masks (N, H, W) -> (N,)."""
    strongest = maps.abs().flatten(1).argmax(1)
    return masks.flatten(1)[torch.arange(len(maps)), strongest]


def _maps(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def _masks(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(7)) < 0.4


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
            (torch.tensor([[[0.0, 3.0], [1.0, 2.0]]]), torch.tensor([[[False, True], [False, False]]])),
            (_maps(12, 5, 5), _masks(12, 5, 5)),
            (_maps(8, 4, 6), _masks(8, 4, 6)),
        ],
    ),
    success="one strongest pixel for each image, looked up in the mask of that image.",
    hints=[
        "Evidence against a class is evidence, too: which function takes the sign away?",
        "argmax finds one place along one axis. flatten(1) makes one row of pixels of each image.",
        "The mask, flattened in the same way, tells whether a place is inside: masks.flatten(1)[torch.arange(N), place].",
    ],
)


@POINTS_INSIDE.mistake
def largest_value(maps, masks):
    """That finds the largest value. The strongest pixel may be negative: take absolute values first."""
    return masks.flatten(1)[torch.arange(len(maps)), maps.flatten(1).argmax(1)]


@POINTS_INSIDE.mistake
def weakest_pixel(maps, masks):
    """That finds the smallest absolute value, the pixel that counts least. argmax finds the largest."""
    return masks.flatten(1)[torch.arange(len(maps)), maps.abs().flatten(1).argmin(1)]


@POINTS_INSIDE.mistake
def smallest_value(maps, masks):
    """That finds the smallest value. Take absolute values, and then the largest."""
    return masks.flatten(1)[torch.arange(len(maps)), maps.flatten(1).argmin(1)]


@POINTS_INSIDE.mistake
def mask_of_the_first_image(maps, masks):
    """Every place is looked up in the mask of the first image: after flatten() without 1 all masks stand in one row."""
    return masks.flatten()[maps.abs().flatten(1).argmax(1)]


@POINTS_INSIDE.mistake
def one_place_for_all(maps, masks):
    """There is one answer for the whole batch: flatten() without 1 puts all images into one row. Each has its own place."""
    return masks.flatten()[maps.abs().flatten().argmax()]


@POINTS_INSIDE.mistake
def mean_over_images(maps, masks):
    """The answers are averaged already. Return one for each image; the mean can be taken afterwards."""
    return masks.flatten(1)[torch.arange(len(maps)), maps.abs().flatten(1).argmax(1)].float().mean()


@POINTS_INSIDE.mistake
def share_of_the_map(maps, masks):
    """That is the share of the map inside the mask, the other score. The pointing game asks for one pixel only."""
    return (maps.abs() * masks).sum((1, 2)) / maps.abs().sum((1, 2))


@POINTS_INSIDE.mistake
def masked_first(maps, masks):
    """The map is cut to the mask before its strongest pixel is sought, so that it is always inside. Seek in the whole map."""
    return masks.flatten(1)[torch.arange(len(maps)), (maps.abs() * masks).flatten(1).argmax(1)]


@POINTS_INSIDE.mistake
def axis_0(maps, masks):
    """argmax runs over axis 0, the images: for each pixel it tells which image is strongest. Seek within each image."""
    return masks.flatten(1)[maps.abs().flatten(1).argmax(0) % len(maps), torch.arange(maps[0].numel())]


@POINTS_INSIDE.mistake
def in_each_row(maps, masks):
    """That finds the strongest pixel of each row of an image. There is one for the whole image: flatten(1) first."""
    return masks.gather(2, maps.abs().argmax(2, keepdim=True))[:, :, 0]


@POINTS_INSIDE.mistake
def in_each_column(maps, masks):
    """That finds the strongest pixel of each column of an image. There is one for the whole image: flatten(1) first."""
    return masks.gather(1, maps.abs().argmax(1, keepdim=True))[:, 0]


@POINTS_INSIDE.mistake
def all_against_all(maps, masks):
    """Every place was looked up in every mask: (N, N). With masks.flatten(1)[torch.arange(N), place] each has its own."""
    return masks.flatten(1)[:, maps.abs().flatten(1).argmax(1)]


@POINTS_INSIDE.mistake
def the_place_itself(maps, masks):
    """That is the number of the strongest pixel. Look it up in the mask of its image."""
    return maps.abs().flatten(1).argmax(1)


EXERCISES = [INTEGRATE_GRADIENTS, COMPLETENESS_DELTA, POINTS_INSIDE]
