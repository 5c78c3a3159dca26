"""Exercises of chapter 06: mean weights by class, how much a gate attends, an intervention, and what single runs allow to say."""

import torch

from eca_edu.practice.exercises.exercise import Exercise, Probe, call, calls, show


def _weights(n: int, channels: int) -> torch.Tensor:
    return torch.rand(n, channels, generator=torch.Generator().manual_seed(n))


FEW = torch.tensor([[0.2, 0.6], [0.4, 0.6], [0.9, 0.1]])


# class_means


def class_means(weights, labels, classes):
    """Mean channel weights of each class: weights (N, C), labels (N,) -> (classes, C)."""
    return torch.stack([weights[labels == label].mean(0) for label in range(classes)])


def _empty_classes() -> Probe:
    """Return a probe in which classes 1 and 3 have no images. What stands in their rows does not matter, 0 or NaN."""
    labels = torch.tensor([0, 2, 2, 0])

    def run(answer):
        means = call(answer, _weights(4, 3), labels, 4)
        if isinstance(means, torch.Tensor) and means.shape == (4, 3):
            means[[1, 3]] = torch.nan
        return means

    return Probe(
        f"weights of shape (4, 3), labels = {show(labels)}, classes = 4, two of them empty", run, "empty classes"
    )


CLASS_MEANS = Exercise(
    "class_means",
    class_means,
    probes=[
        *calls(
            class_means,
            [
                (FEW, torch.tensor([1, 1, 0]), 2),
                (_weights(6, 4), torch.tensor([2, 0, 1, 0, 2, 1]), 3),
                (_weights(9, 5), torch.tensor([1, 0, 1, 2, 1, 0, 3, 1, 2]), 4),
            ],
        ),
        _empty_classes(),
    ],
    success="one row for each class, each the mean over the images of that class alone.",
    hints=[
        "Which rows of weights belong to class 0? labels == 0 is a mask of shape (N,); what is weights[labels == 0]?",
        "weights[labels == label] holds the images of one class, (n, C). Average over its images, and do so for every class.",
        "torch.stack makes one tensor of a list of rows: torch.stack([… for label in range(classes)]).",
    ],
    mistakes={
        "over_channels": (
            "The mean runs over the channels of each image, axis 1. Average over the images, axis 0, and keep the "
            "channels apart.",
            lambda weights, labels, classes: torch.stack(
                [weights[labels == label].mean(1) for label in range(classes)]
            ),
        ),
        "one_number_each": (
            "There is one number for each class: the mean runs over images and channels. Average over the images, axis 0, "
            "alone.",
            lambda weights, labels, classes: torch.stack([weights[labels == label].mean() for label in range(classes)]),
        ),
        "all_images": (
            "Every class gets the mean of all images. Take only those of the class, weights[labels == label].",
            lambda weights, labels, classes: weights.mean(0).repeat(classes, 1),
        ),
        "label_as_index": (
            "That is the row of a single image: weights[label] is image number `label`. Take the images of the class by a "
            "mask, weights[labels == label].",
            lambda weights, labels, classes: torch.stack([weights[label] for label in range(classes)]),
        ),
        "summed": (
            "Those are sums. Divide each by the number of images of its class.",
            lambda weights, labels, classes: torch.stack([weights[labels == label].sum(0) for label in range(classes)]),
        ),
        "divided_by_all": (
            "The sums are divided by the number of all images. Each class has a number of its own.",
            lambda weights, labels, classes: (
                torch.stack([weights[labels == label].sum(0) for label in range(classes)]) / len(weights)
            ),
        ),
        "divided_by_equal_shares": (
            "The sums are divided by N / classes, but each class has its own number of images.",
            lambda weights, labels, classes: (
                torch.stack([weights[labels == label].sum(0) for label in range(classes)]) / (len(weights) / classes)
            ),
        ),
        "from_one": (
            "The classes are counted from 1, so that class 0 is left out. range(classes) counts from 0.",
            lambda weights, labels, classes: torch.stack(
                [weights[labels == label].mean(0) for label in range(1, classes + 1)]
            ),
        ),
    },
    remarks={"empty classes": "There is one row for each of the `classes` classes, even for a class without images."},
)


# attending


def attending(weights):
    """Variance between images over variance between channels: weights (N, C) -> a number."""
    between_images = weights.var(0).mean()  # (C,) -> one number
    between_channels = weights.mean(0).var()  # of the mean weights (C,)
    return (between_images / between_channels).item()


ATTENDING = Exercise(
    "attending",
    attending,
    probes=[
        *calls(attending, [(FEW,), (_weights(4, 6),), (_weights(7, 3),), (_weights(5, 5),)]),
        *calls(attending, [(FEW / 1000,), (FEW[:1].repeat(3, 1),)], looks_at="very small or equal weights"),
    ],
    success="0 for a gate that treats all images alike, and larger the more a channel's weight follows the image.",
    hints=[
        "Take one channel, a column of weights. How much does it vary over the images? That is one number for each channel.",
        "weights.var(0) has shape (C,), one variance over the images for each channel; their mean is the upper number. For "
        "the lower one, average first: weights.mean(0) are the mean weights of the channels.",
        "The lower number is the variance of those C mean weights. Divide, and make a number of it with .item().",
    ],
    mistakes={
        "upside_down": (
            "The fraction is upside down: the variance between images comes above.",
            lambda weights: (weights.mean(0).var() / weights.var(0).mean()).item(),
        ),
        "deviations": (
            "Those are standard deviations. A variance is their square: use var instead of std, above and below.",
            lambda weights: (weights.std(0).mean() / weights.mean(0).std()).item(),
        ),
        "mean_deviation_squared": (
            "Above, the standard deviations are averaged and squared only then. Average the variances of the channels, "
            "var(0).",
            lambda weights: (weights.std(0).mean() ** 2 / weights.mean(0).var()).item(),
        ),
        "axes_swapped": (
            "Images and channels have changed places. Rows, axis 0, are images: the upper number is weights.var(0), "
            "averaged.",
            lambda weights: (weights.var(1).mean() / weights.mean(1).var()).item(),
        ),
        "not_averaged_first": (
            "Below, the variance is taken within each image and then averaged, so that what the images do is in it, too. "
            "First average over the images, then take the variance.",
            lambda weights: (weights.var(0).mean() / weights.var(1).mean()).item(),
        ),
        "over_all": (
            "Below is the variance of all numbers, in which that between images is contained. Take the variance of the "
            "mean weights of the channels, weights.mean(0).",
            lambda weights: (weights.var(0).mean() / weights.var()).item(),
        ),
        "divided_by_n": (
            "Almost: these variances divide by n, those of torch by n - 1, as long as nobody says otherwise. Leave "
            "correction and unbiased away, and NumPy too.",
            lambda weights: (weights.var(0, correction=0).mean() / weights.mean(0).var(correction=0)).item(),
        ),
        "summed_above": (
            "The numerator is a sum over the channels. Average, so that the number of channels does not count.",
            lambda weights: (weights.var(0).sum() / weights.mean(0).var()).item(),
        ),
        "one_for_each_channel": (
            "That is one ratio for each channel. Average the variances over the channels before you divide.",
            lambda weights: weights.var(0) / weights.mean(0).var(),
        ),
    },
)


# same_for_all


def same_for_all(weights):
    """Every image gets the mean weights of all images: weights (N, C) -> (N, C)."""
    return weights.mean(0, keepdim=True).expand_as(weights)  # (1, C) -> (N, C)


SAME_FOR_ALL = Exercise(
    "same_for_all",
    same_for_all,
    probes=calls(same_for_all, [(FEW,), (_weights(4, 6),), (_weights(1, 3),), (_weights(5, 5),)]),
    success="every image gets the same weights, and every channel keeps its mean: a learned scale in the place of attention.",
    hints=[
        "Each channel keeps a weight of its own; what goes is the difference between images. Over which axis is the mean?",
        "weights.mean(0) is one row, (C,). The gate gives one row for each image, and so must you: (N, C).",
        "weights.mean(0, keepdim=True) is (1, C); expand_as(weights) repeats it.",
    ],
    mistakes={
        "one_row": (
            "The numbers are right, but there is one row without an axis for the images, (C,). Every image needs one: (N, "
            "C).",
            lambda weights: weights.mean(0),
        ),
        "one_row_with_axis": (
            "The numbers are right, but there is a single row, (1, C). Every image needs one: (N, C), as by "
            "expand_as(weights).",
            lambda weights: weights.mean(0, keepdim=True),
        ),
        "same_for_all_channels": (
            "The mean runs over the channels, so that in each image all channels get the same weight. Here all images get "
            "the same weights: average over axis 0.",
            lambda weights: weights.mean(1, keepdim=True).expand_as(weights),
        ),
        "one_column": (
            "That is one number for each image, the mean over its channels. Average over the images, axis 0, and keep the "
            "channels.",
            lambda weights: weights.mean(1),
        ),
        "one_number": (
            "Every weight is the mean of all. Each channel keeps its own mean: average only over the images, axis 0.",
            lambda weights: torch.full_like(weights, weights.mean()),
        ),
        "first_image": (
            "Every image gets the weights of the first image. Take the mean of all images.",
            lambda weights: weights[:1].expand_as(weights),
        ),
    },
)


# one_run_each


def one_run_each(a, b, same_recipe, spread):
    """What one run each allows to say: "better" (a than b), "worse", "not shown" or "not comparable".

    a, b: top-1. spread: the standard deviation of the runs of one network, None where nobody has measured it.
    """
    if not same_recipe:
        return "not comparable"
    if spread is None:
        return "not shown"
    luck = 1.96 * 2**0.5 * spread  # 95 of 100 pairs of runs of one network lie closer together
    if a - b > luck:
        return "better"
    if b - a > luck:
        return "worse"
    return "not shown"


def _by_rule(luck, no_spread="not shown", other_recipe="not comparable", spread_first=False):
    """Return an answer that is right but for what is given here. luck: spread -> the difference that luck may make."""

    def answer(a, b, same_recipe, spread):
        if not same_recipe and not (spread_first and spread is None):
            return other_recipe
        if spread is None:
            return no_spread
        return "better" if a - b > luck(spread) else "worse" if b - a > luck(spread) else "not shown"

    return answer


def _luck(spread):
    return 1.96 * 2**0.5 * spread


def _larger_wins(a, b, same_recipe, spread):
    return "better" if a > b else "worse" if b > a else "not shown"


ONE_RUN_EACH = Exercise(
    "one_run_each",
    one_run_each,
    probes=[
        *calls(
            one_run_each,
            [
                *[(80.67, 79.73, True, 0.1), (79.73, 80.78, True, 0.2), (80.67, 80.78, True, 0.2)],
                *[(80.67, 79.73, True, 0.4), (80.78, 80.6, True, 0.1), (80.78, 80.67, True, 0.1)],
                *[(80.67, 79.73, True, 0.33), (79.73, 80.6, True, 0.5), (80.6, 80.6, True, 0.05)],
                # close to the limits of wrong rules: 1.96 spreads, 1.64 standard deviations of the difference, √2 spreads, …
                *[(80.78, 79.73, True, 0.5), (79.73, 80.6, True, 0.38), (80.67, 80.78, True, 0.07)],
                *[(80.67, 79.73, True, 0.345), (79.73, 80.67, True, 0.25)],
            ],
        ),
        *calls(
            one_run_each,
            [(78.0, 77.17, False, 0.1), (77.17, 78.41, False, 0.2), (78.27, 77.17, False, 0.5)],
            looks_at="another recipe",
        ),
        *calls(
            one_run_each,
            [(80.67, 79.73, True, None), (80.67, 80.78, True, None)],
            looks_at="a spread nobody has measured",
        ),
        *calls(one_run_each, [(78.0, 77.17, False, None)], looks_at="neither recipe nor spread"),
    ],
    success=(
        "two runs differ by luck with √2 times the spread of one. Without a spread nothing is shown, and what another "
        "recipe has done no number of runs takes away."
    ),
    hints=[
        "Suppose both runs were of the same network. How far apart would they lie, by luck alone, in 95 of 100 such pairs?",
        "The variances of two runs add up: the standard deviation of their difference is √2 · spread, and 95 of 100 "
        "differences lie within 1.96 of these.",
        "With another recipe nothing can be compared, whatever the spread: ask that first. Then: is there a spread at all?",
        "luck = 1.96 * 2**0.5 * spread. Better if a - b > luck, worse if b - a > luck, else not shown.",
    ],
    mistakes={
        "larger_wins": (
            "The larger number wins, whatever the luck of a run and the recipe have done. Ask first how far apart two "
            "runs of the same network lie.",
            _larger_wins,
        ),
        "luck_of_one_run": (
            "A limit of about 1.96 times the spread is right for the luck of one run. There are two runs, each with its own "
            "luck: the standard deviation of their difference is √2 times as large.",
            _by_rule(lambda spread: 1.96 * spread),
        ),
        "one_sided_quantile": (
            "The limit is about 1.64 standard deviations of the difference. Luck alone goes beyond it in 10 of 100 pairs, in 5 "
            "upward and in 5 downward. For 5 of 100 in both directions together, take 1.96.",
            _by_rule(lambda spread: 1.645 * 2**0.5 * spread),
        ),
        "one_deviation": (
            "Luck alone goes beyond one standard deviation of the difference in a third of all pairs. 95 of 100 lie within "
            "1.96 of them.",
            _by_rule(lambda spread: 2**0.5 * spread),
        ),
        "one_spread": (
            "The difference is held against the spread of a single run. Two runs differ by more, √2 times, and it takes "
            "1.96 of these standard deviations to hold 95 of 100 pairs.",
            _by_rule(lambda spread: spread),
        ),
        "intervals_apart": (
            "That asks for two intervals that do not overlap, so for both runs to have bad luck at once: too much. The "
            "variances add up, not the standard deviations: √2 times the spread, not 2 times.",
            _by_rule(lambda spread: 2 * 1.96 * spread),
        ),
        "turned_around": (
            '"better" and "worse" have changed places: it is a that is better, if a is larger.',
            lambda a, b, same_recipe, spread: one_run_each(b, a, same_recipe, spread),
        ),
        "recipe_ignored": (
            "The recipe does not count here. If it differs, it may have made all of the difference, and no gate any of it: "
            '"not comparable".',
            lambda a, b, same_recipe, spread: one_run_each(a, b, True, spread),
        ),
        "recipe_as_luck": (
            'For another recipe it says "not shown". That would be for luck, which more runs take out; what the recipe does '
            'stays, in every run: "not comparable".',
            _by_rule(_luck, other_recipe="not shown"),
        ),
        "unknown_is_zero": (
            "A spread that nobody has measured is not 0. It may be as large as the difference, so nothing is shown.",
            lambda a, b, same_recipe, spread: one_run_each(a, b, same_recipe, spread or 0.0),
        ),
        "unknown_as_recipe": (
            'Without a spread it says "not comparable". The two may well be compared, by more runs of each; so far '
            'it is "not shown".',
            _by_rule(_luck, no_spread="not comparable"),
        ),
        "spread_first": (
            "It asks for the spread before the recipe. With another recipe nothing can be compared, with a spread or "
            'without: "not comparable".',
            _by_rule(_luck, spread_first=True),
        ),
    },
    remarks={"a spread nobody has measured": "The spread is None if nobody has measured it. Then nothing is shown."},
)


EXERCISES = [CLASS_MEANS, ATTENDING, SAME_FOR_ALL, ONE_RUN_EACH]
