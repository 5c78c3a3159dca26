"""Exercises of chapter 09: weights from outside, what a loose load passes over, and a gate that begins at 1."""

import torch

from eca_edu.practice.exercises.exercise import Exercise, calls, numbers


def _gated(n: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a feature map, and the same rescaled; in the last channel not by a factor alone, and one below 0."""
    x = numbers(n, *shape)
    out = x * torch.rand(n, shape[0], 1, 1, generator=torch.Generator().manual_seed(n + 1))
    out[:, -1] = -1.5 * out[:, -1] + 0.1 * x[:, 0]
    return x, out


# weights_from_outside


def weights_from_outside(x, out):
    """Channel weights for which weights * x comes closest to out: (N, C, H, W) each -> (N, C)."""
    return (x * out).sum((2, 3)) / (x * x).sum((2, 3))


WEIGHTS_FROM_OUTSIDE = Exercise(
    "weights_from_outside",
    weights_from_outside,
    probes=calls(weights_from_outside, [_gated(1, 2, 2, 2), _gated(3, 4, 5, 5), _gated(2, 6, 3, 4)]),
    success="one weight for each channel of each image, the least squares fit over its pixels.",
    hints=[
        "The formula sums over the pixels p of one channel of one image. Which axes of (N, C, H, W) are that?",
        "x * out multiplies pixel by pixel; .sum((2, 3)) adds the pixels up and leaves (N, C).",
        "Do the same for x * x, and divide the one by the other.",
    ],
    mistakes={
        "ratio_of_means": (
            "That is a ratio of sums of x' and x. Where positive and negative pixels cancel it divides by nearly 0; multiply "
            "both by x before you add up.",
            lambda x, out: out.sum((2, 3)) / x.sum((2, 3)),
        ),
        "mean_of_ratios": (
            "That is the mean of the ratios of the pixels, to which a pixel near 0 can give any value. Add up products, and "
            "divide once.",
            lambda x, out: (out / x).mean((2, 3)),
        ),
        "over_channels": (
            "The sums run over the channels as well, so that each image has one weight. Sum over the pixels, axes 2 and 3.",
            lambda x, out: (x * out).sum((1, 2, 3)) / (x * x).sum((1, 2, 3)),
        ),
        "for_each_place": (
            "There is a weight for each place: the sums run over the channels, axis 1. Sum over the pixels, axes 2 and 3.",
            lambda x, out: (x * out).sum(1) / (x * x).sum(1),
        ),
        "over_the_batch": (
            "The sums run over the images as well, so that all images get the same weights. Sum over the pixels alone.",
            lambda x, out: ((x * out).sum((0, 2, 3)) / (x * x).sum((0, 2, 3))).expand(x.shape[:2]),
        ),
        "divided_by_out": (
            "It is divided by the squares of what came out. Divide by those of what went in, x.",
            lambda x, out: (x * out).sum((2, 3)) / (out * out).sum((2, 3)),
        ),
        "upside_down": (
            "It is upside down: that is by what x' must be multiplied to give x.",
            lambda x, out: (x * x).sum((2, 3)) / (x * out).sum((2, 3)),
        ),
        "ratio_of_sizes": (
            "That is how large x' is against x, whatever its sign and shape. Least squares multiplies the two with each other.",
            lambda x, out: out.square().sum((2, 3)).sqrt() / x.square().sum((2, 3)).sqrt(),
        ),
    },
)


# passed_over


def passed_over(model_names, saved_names):
    """What a load with strict=False passes over: (names missing in the checkpoint, names unknown to the model), sorted."""
    missing = sorted(set(model_names) - set(saved_names))
    unexpected = sorted(set(saved_names) - set(model_names))
    return missing, unexpected


PASSED_OVER = Exercise(
    "passed_over",
    passed_over,
    probes=calls(
        passed_over,
        [
            (["stem.weight", "eca.weight"], ["stem.weight", "attention.weight"]),
            (["b", "c", "a", "d"], ["d", "y", "z", "x"]),
            (["conv.weight", "eca.conv.weight"], ["eca.conv.weight"]),
            (["a", "b"], ["b", "a"]),
        ],
    ),
    success="both directions, each sorted: fresh weights in the model, and trained ones left behind.",
    hints=[
        "Which names of the model are not among the saved ones? And the other way round?",
        "Sets can be subtracted: set(model_names) - set(saved_names).",
        "sorted(…) makes a sorted list of a set. Return missing, unexpected.",
    ],
    mistakes={
        "only_missing": (
            "Only what the checkpoint lacks is returned. Return what the model lacks as well, as a second list.",
            lambda model_names, saved_names: sorted(set(model_names) - set(saved_names)),
        ),
        "other_way_round": (
            "The two are the other way round: first what the model has and the checkpoint lacks.",
            lambda model_names, saved_names: passed_over(saved_names, model_names),
        ),
        "one_list": (
            "Both are in one list, so that nobody can tell fresh weights from those left behind. Return two.",
            lambda model_names, saved_names: sorted(set(model_names) ^ set(saved_names)),
        ),
        "in_common": (
            "Those are the names that both have. They are loaded; asked for are the others.",
            lambda model_names, saved_names: sorted(set(model_names) & set(saved_names)),
        ),
        "not_sorted": (
            "The names are right but not sorted. sorted(…) does it.",
            lambda model_names, saved_names: (
                [name for name in model_names if name not in saved_names],
                [name for name in saved_names if name not in model_names],
            ),
        ),
    },
)


# identity_gate


def identity_gate(logits):
    """Channel weights in (0, 2), and 1 where the logit is 0: (N, C) -> (N, C)."""
    return 2 * torch.sigmoid(logits)


LOGITS = torch.tensor([[0.0, 1.0, -2.0], [0.5, -8.0, 8.0]])

IDENTITY_GATE = Exercise(
    "identity_gate",
    identity_gate,
    probes=calls(identity_gate, [(LOGITS,), (numbers(4, 6),), (20 * numbers(3, 5),)]),
    success="1 at a logit of 0, with a slope of 1/2 there, and between 0 and 2 everywhere.",
    hints=[
        "What is σ(0)? By what must it be multiplied to become 1?",
        "torch.sigmoid gives values in (0, 1). Which factor stretches that to (0, 2)?",
    ],
    mistakes={
        "plain_sigmoid": (
            "That is σ itself, 1/2 at 0: it would halve the branch.",
            lambda logits: torch.sigmoid(logits),
        ),
        "one_plus_sigmoid": (
            "1 + σ lies in (1, 2) and is 1.5 at 0.",
            lambda logits: 1 + torch.sigmoid(logits),
        ),
        "shifted": (
            "σ + 1/2 is 1 at 0, but lies in (0.5, 1.5): it can shut no channel. Stretch σ instead of shifting it.",
            lambda logits: torch.sigmoid(logits) + 0.5,
        ),
        "exponential": (
            "The exponential is 1 at 0, but has no upper end: large logits explode. The weights must stay below 2.",
            lambda logits: torch.exp(logits),
        ),
        "steeper": (
            "The logits are doubled, not the weights: σ(2 z) is still 1/2 at 0.",
            lambda logits: torch.sigmoid(2 * logits),
        ),
        "one_plus_tanh": (
            "1 + tanh z is 1 at 0 and lies in (0, 2), but equals 2 σ(2 z): it is twice as steep. Take 2 σ(z).",
            lambda logits: 1 + torch.tanh(logits),
        ),
        "softmax": (
            "A softmax makes the channels share a sum. Each weight should depend on its own logit alone.",
            lambda logits: torch.softmax(logits, 1),
        ),
        "clamped": (
            "1 + z, cut off at 0 and 2, is 1 at 0, but beyond the ends it has no slope and learns nothing. Use the sigmoid.",
            lambda logits: (1 + logits).clamp(0, 2),
        ),
    },
)


EXERCISES = [WEIGHTS_FROM_OUTSIDE, PASSED_OVER, IDENTITY_GATE]
