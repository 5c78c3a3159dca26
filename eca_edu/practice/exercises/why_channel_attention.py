"""Exercises of chapter 01: from a feature map to a weight for each channel, by squeeze-and-excitation."""

import torch

from eca_edu.practice.exercises.exercise import Exercise, calls, numbers

# squeeze


def squeeze(x):
    """Average each channel over space: (N, C, H, W) -> (N, C)."""
    return x.mean((2, 3))


SQUEEZE = Exercise(
    "squeeze",
    squeeze,
    probes=calls(
        squeeze,
        [
            (torch.tensor([[[[4.0, 4.0], [4.0, 0.0]], [[1.0, 3.0], [-3.0, 1.0]]]]),),  # one image, two channels
            (numbers(2, 3, 4, 5),),
            (numbers(3, 1, 2, 4),),  # a single channel
            (numbers(1, 1, 3, 2),),
        ],
    ),
    success="that is global average pooling, one number for each channel of each image, even of a single one.",
    hints=[
        "Which axes of (N, C, H, W) say where something is? They have to go; the other two stay.",
        "x.mean takes a tuple of axes and averages over all of them at once. Axes are counted from 0.",
        "Height is axis 2 and width is axis 3: x.mean((…, …)).",
    ],
    mistakes={
        "over_channels": (
            "The mean runs over the channels, axis 1. Pooling averages over space and keeps the channels apart.",
            lambda x: x.mean(1),
        ),
        "over_width_only": (
            "The mean runs over the width, axis 3, and the height is still there. Average over both.",
            lambda x: x.mean(3),
        ),
        "over_height_only": (
            "The mean runs over the height, axis 2, and the width is still there. Average over both.",
            lambda x: x.mean(2),
        ),
        "one_number": (
            "The mean runs over all axes, so one number is left for the whole batch. Average over height and width only.",
            lambda x: x.mean(),
        ),
        "over_the_batch_too": (
            "The mean runs over the images as well, axis 0. Each image keeps numbers of its own.",
            lambda x: x.mean((0, 2, 3)),
        ),
        "over_channels_too": (
            "The mean runs over the channels as well, so that one number is left for each image instead of one for each "
            "channel.",
            lambda x: x.mean((1, 2, 3)),
        ),
        "channels_last": (
            "The mean runs over axes 1 and 2, as if the channels were the last axis. In PyTorch they are axis 1: (N, C, "
            "H, W).",
            lambda x: x.mean((1, 2)),
        ),
        "over_batch_and_channels": (
            "The mean runs over axes 0 and 1, the images and the channels, and the space is still there: (H, W). Average "
            "over the other two axes.",
            lambda x: x.mean((0, 1)),
        ),
        "drops_axes": (
            "squeeze() without an axis removes every axis of length 1: the batch of a single image, too, and a single "
            "channel. Say which axes have to go, or use flatten(1).",
            lambda x: x.mean((2, 3), keepdim=True).squeeze(),
        ),
        "summed": (
            "That is the sum over the pixels. The mean divides it by their number, so large images do not count more.",
            lambda x: x.sum((2, 3)),
        ),
        "maximum": (
            "That is the largest value of each channel. Here the average is asked for.",
            lambda x: x.amax((2, 3)),
        ),
    },
)


# excite


def excite(y, w1, w2):
    """Channel weights of squeeze-and-excitation: y (N, C), w1 (C/r, C), w2 (C, C/r) -> (N, C)."""
    hidden = torch.relu(y @ w1.T)  # (N, C) @ (C, C/r) -> (N, C/r)
    return torch.sigmoid(hidden @ w2.T)  # (N, C/r) @ (C/r, C) -> (N, C)


EXCITE = Exercise(
    "excite",
    excite,
    probes=calls(
        excite,
        [
            (
                torch.tensor([[1.0, -2.0, 3.0, 0.5]]),
                torch.tensor([[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5]]),
                torch.tensor([[1.0, 0.5], [-1.0, 1.0], [0.5, 0.0], [0.0, -1.0]]),
            ),
            (numbers(3, 8), numbers(2, 8), numbers(8, 2)),
            (numbers(5, 12), numbers(3, 12), numbers(12, 3)),
        ],
    ),
    success="those are the weights of squeeze-and-excitation, each between 0 and 1, for every channel of every image.",
    hints=[
        "Two matrices, two nonlinear functions. Which of the functions stands between the matrices, and which one at the "
        "end makes weights between 0 and 1?",
        "The formula is σ(W2 ReLU(W1 y)). Its y is one column; yours holds one image in each row, so that W1 y becomes "
        "y @ w1.T, of shape (N, C/r).",
        "hidden = torch.relu(y @ w1.T), and then the same once more with w2 and torch.sigmoid.",
    ],
    mistakes={
        "softmax": (
            "The weights of each image sum to 1: that is a softmax. A sigmoid judges each channel for itself.",
            lambda y, w1, w2: torch.softmax(torch.relu(y @ w1.T) @ w2.T, dim=1),
        ),
        "no_sigmoid": (
            "Those are the logits, which can be any numbers. The sigmoid is missing that makes weights between 0 and 1 of "
            "them.",
            lambda y, w1, w2: torch.relu(y @ w1.T) @ w2.T,
        ),
        "no_relu": (
            "The ReLU between the two matrices is missing. Without it they are no more than one matrix, W2 W1.",
            lambda y, w1, w2: torch.sigmoid(y @ w1.T @ w2.T),
        ),
        "relu_at_the_end": (
            "The ReLU comes after W2 instead of between the two matrices, so that no weight of yours can be below 0.5.",
            lambda y, w1, w2: torch.sigmoid(torch.relu(y @ w1.T @ w2.T)),
        ),
        "sigmoid_twice": (
            "Between the two matrices stands a sigmoid. There it is a ReLU; the sigmoid comes at the end.",
            lambda y, w1, w2: torch.sigmoid(torch.sigmoid(y @ w1.T) @ w2.T),
        ),
        "swapped": (
            "The two functions are swapped. The ReLU belongs between the two matrices, and the sigmoid at the end.",
            lambda y, w1, w2: torch.relu(torch.sigmoid(y @ w1.T) @ w2.T),
        ),
        "relu_twice": (
            "The last function is a ReLU, so a weight can be any number from 0 up. A sigmoid at the end keeps every weight "
            "between 0 and 1.",
            lambda y, w1, w2: torch.relu(torch.relu(y @ w1.T) @ w2.T),
        ),
        "relu_on_y": (
            "The ReLU is taken of y, before W1. It stands between the two matrices and takes what comes out of W1.",
            lambda y, w1, w2: torch.sigmoid(torch.relu(y) @ w1.T @ w2.T),
        ),
        "rescaled": (
            "That is y times its weights. Return the weights alone; the feature map is what they will be multiplied with.",
            lambda y, w1, w2: y * torch.sigmoid(torch.relu(y @ w1.T) @ w2.T),
        ),
        "not_transposed": (
            "The shapes do not fit. y is (N, C) and w1 is (C/r, C), as nn.Linear keeps its weight; the product needs C "
            "against C: y @ w1.T, and w2.T after it.",
            lambda y, w1, w2: torch.sigmoid(torch.relu(y @ w1) @ w2),
        ),
        "w2_not_transposed": (
            "The shapes do not fit at w2. It is (C, C/r) and has to be transposed as well: hidden @ w2.T.",
            lambda y, w1, w2: torch.sigmoid(torch.relu(y @ w1.T) @ w2),
        ),
        "matrix_on_the_left": (
            "The formula W1 y is for one column y. Here each image is a row of y, so that the matrix comes from the "
            "right, transposed: y @ w1.T.",
            lambda y, w1, w2: torch.sigmoid(w2 @ torch.relu(w1 @ y)),
        ),
    },
)


# se_parameters


def se_parameters(channels, reduction):
    """Parameters of squeeze-and-excitation without biases; reduction divides channels."""
    hidden = channels // reduction
    return channels * hidden + hidden * channels


SE_PARAMETERS = Exercise(
    "se_parameters",
    se_parameters,
    probes=calls(se_parameters, [(64, 16), (256, 16), (2048, 16), (64, 8), (96, 4), (32, 2), (16, 1), (5, 5)]),
    success="2 C² / r, two matrices without biases.",
    hints=[
        "What is the shape of W1? And of W2? How many numbers does each hold?",
        "W1 has C/r rows and C columns, W2 has C rows and C/r columns.",
        "That is twice C times C/r. To get a whole number in Python, divide with //.",
    ],
    mistakes={
        "with_biases": (
            "The biases are counted, too, C/r + C of them. Here both layers are without, as in the paper's table.",
            lambda channels, reduction: 2 * channels * (channels // reduction) + channels // reduction + channels,
        ),
        "one_layer": (
            "That is one matrix. There are two: into the bottleneck and out of it.",
            lambda channels, reduction: channels * (channels // reduction),
        ),
        "no_reduction": (
            "That is two full matrices of C times C. The bottleneck has only C/r channels.",
            lambda channels, reduction: 2 * channels * channels,
        ),
        "width_of_the_bottleneck": (
            "That is the width of the bottleneck, C/r. Each of the two matrices has C times as many parameters.",
            lambda channels, reduction: channels // reduction,
        ),
        "twice_the_width": (
            "That is twice the width of the bottleneck, 2 C/r. Each of the two matrices has C times C/r parameters.",
            lambda channels, reduction: 2 * (channels // reduction),
        ),
        "width_r": (
            "The bottleneck is counted with r channels. Its width is C/r, because the reduction divides.",
            lambda channels, reduction: 2 * channels * reduction,
        ),
    },
)


EXERCISES = [SQUEEZE, EXCITE, SE_PARAMETERS]
