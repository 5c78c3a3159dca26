"""Exercises of chapter 06: mean weights by class, how much a gate attends, and an intervention."""

import torch

from eca_edu.exercises.exercise import Exercise, calls


def _weights(n: int, channels: int) -> torch.Tensor:
    # Doubles, so that no order of the sums matters to a number that is compared digit by digit.
    return torch.rand(n, channels, generator=torch.Generator().manual_seed(n), dtype=torch.double)


FEW = torch.tensor([[0.2, 0.6], [0.4, 0.6], [0.9, 0.1]], dtype=torch.double)


# class_means


def class_means(weights, labels, classes):
    """Mean channel weights of each class: weights (N, C), labels (N,) -> (classes, C)."""
    return torch.stack([weights[labels == label].mean(0) for label in range(classes)])


CLASS_MEANS = Exercise(
    "class_means",
    class_means,
    probes=calls(
        class_means,
        [
            (FEW, torch.tensor([1, 1, 0]), 2),
            (_weights(6, 4), torch.tensor([2, 0, 1, 0, 2, 1]), 3),
            (_weights(9, 5), torch.tensor([1, 0, 1, 2, 1, 0, 3, 1, 2]), 4),
        ],
    ),
    success="one row for each class, each the mean over the images of that class alone.",
    hints=[
        "Which rows of weights belong to class 0? labels == 0 is a mask of shape (N,); what is weights[labels == 0]?",
        "weights[labels == label] holds the images of one class, (n, C). Average over its images, and do so for every class.",
        "torch.stack makes one tensor of a list of rows: torch.stack([… for label in range(classes)]).",
    ],
)


@CLASS_MEANS.mistake
def over_channels(weights, labels, classes):
    """The mean runs over the channels of each image, axis 1. Average over the images, axis 0, and keep the channels apart."""
    return torch.stack([weights[labels == label].mean(1) for label in range(classes)])


@CLASS_MEANS.mistake
def one_number_each(weights, labels, classes):
    """There is one number for each class: the mean runs over images and channels. Average over the images, axis 0, alone."""
    return torch.stack([weights[labels == label].mean() for label in range(classes)])


@CLASS_MEANS.mistake
def all_images(weights, labels, classes):
    """Every class gets the mean of all images. Take only those of the class, weights[labels == label]."""
    return weights.mean(0).repeat(classes, 1)


@CLASS_MEANS.mistake
def label_as_index(weights, labels, classes):
    """That is the row of a single image: weights[label] is image number `label`. Take the images of the class by a mask,
    weights[labels == label]."""
    return torch.stack([weights[label] for label in range(classes)])


@CLASS_MEANS.mistake
def summed(weights, labels, classes):
    """Those are sums. Divide each by the number of images of its class."""
    return torch.stack([weights[labels == label].sum(0) for label in range(classes)])


@CLASS_MEANS.mistake
def divided_by_all(weights, labels, classes):
    """The sums are divided by the number of all images. Each class has a number of its own."""
    return torch.stack([weights[labels == label].sum(0) for label in range(classes)]) / len(weights)


@CLASS_MEANS.mistake
def divided_by_equal_shares(weights, labels, classes):
    """The sums are divided by N / classes, as if all classes had equally many images. Each has a number of its own."""
    return torch.stack([weights[labels == label].sum(0) for label in range(classes)]) / (len(weights) / classes)


@CLASS_MEANS.mistake
def median(weights, labels, classes):
    """Those are medians. Here the mean is asked for."""
    return torch.stack([weights[labels == label].median(0).values for label in range(classes)])


@CLASS_MEANS.mistake
def others(weights, labels, classes):
    """Each row is the mean of the images that are not of its class. Take those with labels == label."""
    return torch.stack([weights[labels != label].mean(0) for label in range(classes)])


@CLASS_MEANS.mistake
def from_one(weights, labels, classes):
    """The classes are counted from 1, so that class 0 is left out. range(classes) counts from 0."""
    return torch.stack([weights[labels == label].mean(0) for label in range(1, classes + 1)])


@CLASS_MEANS.mistake
def classes_in_columns(weights, labels, classes):
    """The numbers are right, but each class is a column: (C, classes) instead of (classes, C)."""
    return torch.stack([weights[labels == label].mean(0) for label in range(classes)], dim=1)


@CLASS_MEANS.mistake
def keeps_the_axis(weights, labels, classes):
    """The numbers are right, but an axis of length 1 is left: (classes, 1, C). Leave keepdim away, or use torch.cat."""
    return torch.stack([weights[labels == label].mean(0, keepdim=True) for label in range(classes)])


# attending


def attending(weights):
    """Variance between images over variance between channels: weights (N, C) -> a number."""
    between_images = weights.var(0).mean()  # (C,) -> one number
    between_channels = weights.mean(0).var()  # of the mean weights (C,)
    return (between_images / between_channels).item()


ATTENDING = Exercise(
    "attending",
    attending,
    probes=calls(attending, [(FEW,), (_weights(4, 6),), (_weights(7, 3),), (_weights(5, 5),)]),
    success="0 for a gate that treats all images alike, and larger the more a channel's weight follows the image.",
    hints=[
        "Take one channel, a column of weights. How much does it vary over the images? That is one number for each channel.",
        "weights.var(0) has shape (C,), one variance over the images for each channel; their mean is the upper number. For "
        "the lower one, average first: weights.mean(0) are the mean weights of the channels.",
        "The lower number is the variance of those C mean weights. Divide, and make a number of it with .item().",
    ],
)


@ATTENDING.mistake
def upside_down(weights):
    """The fraction is upside down: the variance between images comes above."""
    return (weights.mean(0).var() / weights.var(0).mean()).item()


@ATTENDING.mistake
def deviations(weights):
    """Those are standard deviations. A variance is their square: use var instead of std, above and below."""
    return (weights.std(0).mean() / weights.mean(0).std()).item()


@ATTENDING.mistake
def mean_deviation_squared(weights):
    """Above, the standard deviations are averaged and squared only then. Average the variances of the channels, var(0)."""
    return (weights.std(0).mean() ** 2 / weights.mean(0).var()).item()


@ATTENDING.mistake
def axes_swapped(weights):
    """Images and channels have changed places. Rows, axis 0, are images: the upper number is weights.var(0), averaged."""
    return (weights.var(1).mean() / weights.mean(1).var()).item()


@ATTENDING.mistake
def wrong_axis_above(weights):
    """Above, the variance runs over the channels of each image, axis 1. Between images is axis 0."""
    return (weights.var(1).mean() / weights.mean(0).var()).item()


@ATTENDING.mistake
def wrong_axis_below(weights):
    """Below is the variance of the images' mean weights. Between channels means: average over the images, axis 0, first."""
    return (weights.var(0).mean() / weights.mean(1).var()).item()


@ATTENDING.mistake
def not_averaged_first(weights):
    """Below, the variance is taken within each image and then averaged, so that what the images do is in it, too. First
    average over the images, then take the variance."""
    return (weights.var(0).mean() / weights.var(1).mean()).item()


@ATTENDING.mistake
def over_all(weights):
    """Below is the variance of all numbers, in which that between images is contained. Take the variance of the mean
    weights of the channels, weights.mean(0)."""
    return (weights.var(0).mean() / weights.var()).item()


@ATTENDING.mistake
def divided_by_n(weights):
    """Almost: these variances divide by n, those of torch by n - 1, as long as nobody says otherwise. Leave correction and
    unbiased away, and NumPy too."""
    return (weights.var(0, correction=0).mean() / weights.mean(0).var(correction=0)).item()


@ATTENDING.mistake
def share(weights):
    """That is the share of the variance between images in the sum of both, also a useful number. Here their ratio is wanted."""
    above, below = weights.var(0).mean(), weights.mean(0).var()
    return (above / (above + below)).item()


@ATTENDING.mistake
def difference(weights):
    """That is a difference. Divide the variance between images by the one between channels."""
    return (weights.var(0).mean() - weights.mean(0).var()).item()


@ATTENDING.mistake
def only_above(weights):
    """That is the variance between images alone. Divide it by the variance between the channels' mean weights."""
    return weights.var(0).mean().item()


@ATTENDING.mistake
def summed_above(weights):
    """Above, the variances of the channels are added up. Average them, so that the number of channels does not count."""
    return (weights.var(0).sum() / weights.mean(0).var()).item()


@ATTENDING.mistake
def one_for_each_channel(weights):
    """That is one ratio for each channel. Average the variances over the channels before you divide."""
    return weights.var(0) / weights.mean(0).var()


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
)


@SAME_FOR_ALL.mistake
def one_row(weights):
    """The numbers are right, but there is one row without an axis for the images, (C,). Every image needs one: (N, C)."""
    return weights.mean(0)


@SAME_FOR_ALL.mistake
def one_row_with_axis(weights):
    """The numbers are right, but there is a single row, (1, C). Every image needs one: (N, C), as by expand_as(weights)."""
    return weights.mean(0, keepdim=True)


@SAME_FOR_ALL.mistake
def same_for_all_channels(weights):
    """The mean runs over the channels, so that in each image all channels get the same weight. Here all images get the same
    weights: average over axis 0."""
    return weights.mean(1, keepdim=True).expand_as(weights)


@SAME_FOR_ALL.mistake
def one_column(weights):
    """That is one number for each image, the mean over its channels. Average over the images, axis 0, and keep the channels."""
    return weights.mean(1)


@SAME_FOR_ALL.mistake
def one_number(weights):
    """Every weight is the mean of all. Each channel keeps a mean of its own: average over the images, axis 0, alone."""
    return torch.full_like(weights, weights.mean())


@SAME_FOR_ALL.mistake
def first_image(weights):
    """Every image gets the weights of the first image. Take the mean of all images."""
    return weights[:1].expand_as(weights)


@SAME_FOR_ALL.mistake
def summed_up(weights):
    """Those are sums over the images, which need not lie between 0 and 1. Take the mean."""
    return weights.sum(0, keepdim=True).expand_as(weights)


@SAME_FOR_ALL.mistake
def centred(weights):
    """That is what each image has beyond the mean. Return the mean itself, in every row."""
    return weights - weights.mean(0)


@SAME_FOR_ALL.mistake
def channels_in_rows(weights):
    """The numbers are right, but images are columns: (C, N) instead of (N, C)."""
    return weights.mean(0)[:, None].repeat(1, len(weights))


@SAME_FOR_ALL.mistake
def unchanged(weights):
    """Those are the weights that the gate gave, as they were. Every image should get their mean over all images."""
    return weights


EXERCISES = [CLASS_MEANS, ATTENDING, SAME_FOR_ALL]
