"""Exercises of chapter 06: mean weights by class, how much a gate attends, and an intervention."""

import torch

from eca_edu.exercises.exercise import Exercise, Probe, call, calls, show


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
            "The sums are divided by N / classes, as if all classes had equally many images. Each has a number of its "
            "own.",
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
            "Above, the variances of the channels are added up. Average them, so that the number of channels does not "
            "count.",
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
            "Every weight is the mean of all. Each channel keeps a mean of its own: average over the images, axis 0, "
            "alone.",
            lambda weights: torch.full_like(weights, weights.mean()),
        ),
        "first_image": (
            "Every image gets the weights of the first image. Take the mean of all images.",
            lambda weights: weights[:1].expand_as(weights),
        ),
    },
)


EXERCISES = [CLASS_MEANS, ATTENDING, SAME_FOR_ALL]
