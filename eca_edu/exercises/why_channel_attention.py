"""Exercises of chapter 01: from a feature map to a weight for each channel, by squeeze-and-excitation."""

import torch

from eca_edu.exercises.exercise import Exercise, calls, gradient


def _numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


# squeeze


def squeeze(x):
    """Average each channel over space: (N, C, H, W) -> (N, C)."""
    return x.mean((2, 3))


SQUEEZE = Exercise(
    "squeeze",
    squeeze,
    probes=[
        *calls(
            squeeze,
            [
                (torch.tensor([[[[4.0, 4.0], [4.0, 0.0]], [[1.0, 3.0], [-3.0, 1.0]]]]),),  # one image, two channels
                (_numbers(2, 3, 4, 5),),
                (_numbers(3, 1, 2, 4),),  # a single channel
                (_numbers(1, 1, 3, 2),),
            ],
        ),
        gradient(squeeze, _numbers(2, 3, 4, 5)),
    ],
    success="that is global average pooling, one number for each channel of each image, even of a single one.",
    hints=[
        "Which axes of (N, C, H, W) say where something is? They have to go; the other two stay.",
        "x.mean takes a tuple of axes and averages over all of them at once. Axes are counted from 0.",
        "Height is axis 2 and width is axis 3: x.mean((…, …)).",
    ],
)


@SQUEEZE.mistake
def over_channels(x):
    """The mean runs over the channels, axis 1. Pooling averages over space and keeps the channels apart."""
    return x.mean(1)


@SQUEEZE.mistake
def over_height_only(x):
    """The mean runs over the height, axis 2, and the width is still there. Average over both."""
    return x.mean(2)


@SQUEEZE.mistake
def over_width_only(x):
    """The mean runs over the width, axis 3, and the height is still there. Average over both."""
    return x.mean(3)


@SQUEEZE.mistake
def over_the_batch_too(x):
    """The mean runs over the images as well, axis 0. Each image keeps numbers of its own."""
    return x.mean((0, 2, 3))


@SQUEEZE.mistake
def over_channels_too(x):
    """The mean runs over the channels as well, so that one number is left for each image instead of one for each channel."""
    return x.mean((1, 2, 3))


@SQUEEZE.mistake
def over_everything(x):
    """Without axes, mean averages over everything, images and channels included. Say which axes have to go."""
    return x.mean()


@SQUEEZE.mistake
def channels_last(x):
    """The mean runs over axes 1 and 2, as if the channels were the last axis. In PyTorch they are axis 1: (N, C, H, W)."""
    return x.mean((1, 2))


@SQUEEZE.mistake
def over_batch_and_channels(x):
    """The mean runs over axes 0 and 1, the images and the channels, and the space is still there: (H, W). Average over the
    other two axes."""
    return x.mean((0, 1))


@SQUEEZE.mistake
def keeps_axes(x):
    """The numbers are right, but two axes of length 1 are left: (N, C, 1, 1) instead of (N, C)."""
    return x.mean((2, 3), keepdim=True)


@SQUEEZE.mistake
def drops_axes(x):
    """squeeze() without an axis removes every axis of length 1: the batch of a single image, too, and a single channel.
    Say which axes have to go, or use flatten(1)."""
    return x.mean((2, 3), keepdim=True).squeeze()


@SQUEEZE.mistake
def summed(x):
    """That is the sum over the pixels. The average divides it by their number, so that large images do not count more."""
    return x.sum((2, 3))


@SQUEEZE.mistake
def maximum(x):
    """That is the largest value of each channel. Here the average is asked for."""
    return x.amax((2, 3))


@SQUEEZE.mistake
def detached(x):
    """The numbers are right, but no gradient reaches x, so that no layer before the pooling could learn. Is there a detach(),
    a .data, a no_grad or NumPy on the way?"""
    return x.mean((2, 3)).detach()


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
            (_numbers(3, 8), _numbers(2, 8), _numbers(8, 2)),
            (_numbers(5, 12), _numbers(3, 12), _numbers(12, 3)),
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
)


@EXCITE.mistake
def softmax(y, w1, w2):
    """The weights of each image sum to 1: that is a softmax. A sigmoid judges each channel for itself."""
    return torch.softmax(torch.relu(y @ w1.T) @ w2.T, dim=1)


@EXCITE.mistake
def no_sigmoid(y, w1, w2):
    """Those are the logits, which can be any numbers. The sigmoid is missing that makes weights between 0 and 1 of them."""
    return torch.relu(y @ w1.T) @ w2.T


@EXCITE.mistake
def no_relu(y, w1, w2):
    """The ReLU between the two matrices is missing. Without it they are no more than one matrix, W2 W1."""
    return torch.sigmoid(y @ w1.T @ w2.T)


@EXCITE.mistake
def relu_at_the_end(y, w1, w2):
    """The ReLU comes after W2 instead of between the two matrices, so that no weight of yours can be below 0.5."""
    return torch.sigmoid(torch.relu(y @ w1.T @ w2.T))


@EXCITE.mistake
def relu_twice(y, w1, w2):
    """There is a second ReLU after W2. It cuts off the negative logits, so that no weight of yours can be below 0.5."""
    return torch.sigmoid(torch.relu(torch.relu(y @ w1.T) @ w2.T))


@EXCITE.mistake
def relu_instead_of_sigmoid(y, w1, w2):
    """The last function is a ReLU, whose values have no upper bound. A sigmoid keeps the weights between 0 and 1."""
    return torch.relu(torch.relu(y @ w1.T) @ w2.T)


@EXCITE.mistake
def sigmoid_twice(y, w1, w2):
    """Between the two matrices stands a sigmoid. There it is a ReLU; the sigmoid comes at the end."""
    return torch.sigmoid(torch.sigmoid(y @ w1.T) @ w2.T)


@EXCITE.mistake
def functions_swapped(y, w1, w2):
    """Sigmoid and ReLU have changed places. The ReLU stands between the matrices, the sigmoid at the end."""
    return torch.relu(torch.sigmoid(y @ w1.T) @ w2.T)


@EXCITE.mistake
def relu_on_y(y, w1, w2):
    """The ReLU is taken of y, before W1. It stands between the two matrices and takes what comes out of W1."""
    return torch.sigmoid(torch.relu(y) @ w1.T @ w2.T)


@EXCITE.mistake
def rescaled(y, w1, w2):
    """That is y times its weights. Return the weights alone; the feature map is what they will be multiplied with."""
    return y * torch.sigmoid(torch.relu(y @ w1.T) @ w2.T)


@EXCITE.mistake
def not_transposed(y, w1, w2):
    """The shapes do not fit. y is (N, C) and w1 is (C/r, C), as nn.Linear keeps its weight; the product needs C against C:
    y @ w1.T, and w2.T after it."""
    return torch.sigmoid(torch.relu(y @ w1) @ w2)


@EXCITE.mistake
def w2_not_transposed(y, w1, w2):
    """The shapes do not fit at w2. It is (C, C/r) and has to be transposed as well: hidden @ w2.T."""
    return torch.sigmoid(torch.relu(y @ w1.T) @ w2)


@EXCITE.mistake
def images_in_columns(y, w1, w2):
    """The numbers are right, but each image is a column: (C, N) instead of (N, C). A .T at the end makes rows of them."""
    return torch.sigmoid(w2 @ torch.relu(w1 @ y.T))


@EXCITE.mistake
def matrix_on_the_left(y, w1, w2):
    """The formula W1 y is for one column y. Here each image is a row of y, so that the matrix comes from the right,
    transposed: y @ w1.T."""
    return torch.sigmoid(w2 @ torch.relu(w1 @ y))


@EXCITE.mistake
def matrices_swapped(y, w1, w2):
    """The shapes fit by accident: y @ w2 uses the second matrix first. It is W1 that leads into the bottleneck, as y @ w1.T."""
    return torch.sigmoid(torch.relu(y @ w2) @ w1)


# se_parameters


def se_parameters(channels, reduction):
    """Parameters of squeeze-and-excitation without biases; reduction divides channels."""
    hidden = channels // reduction
    return channels * hidden + hidden * channels


SE_PARAMETERS = Exercise(
    "se_parameters",
    se_parameters,
    probes=calls(se_parameters, [(64, 16), (256, 16), (2048, 16), (64, 8), (96, 4), (32, 2), (16, 1)]),
    success="2 C² / r, two matrices without biases.",
    hints=[
        "What is the shape of W1? And of W2? How many numbers does each hold?",
        "W1 has C/r rows and C columns, W2 has C rows and C/r columns.",
        "That is twice C times C/r. To get a whole number in Python, divide with //.",
    ],
)


@SE_PARAMETERS.mistake
def with_biases(channels, reduction):
    """The biases are counted, too, C/r + C of them. Here both layers are without, as in the paper's table."""
    return 2 * channels * (channels // reduction) + channels // reduction + channels


@SE_PARAMETERS.mistake
def one_layer(channels, reduction):
    """That is one matrix. There are two: into the bottleneck and out of it."""
    return channels * (channels // reduction)


@SE_PARAMETERS.mistake
def no_reduction(channels, reduction):
    """That is two full matrices of C times C. The bottleneck has only C/r channels."""
    return 2 * channels * channels


@SE_PARAMETERS.mistake
def one_full_matrix(channels, reduction):
    """That is one full matrix, C times C. There are two matrices, and the bottleneck has only C/r channels."""
    return channels * channels


@SE_PARAMETERS.mistake
def width_of_the_bottleneck(channels, reduction):
    """That is the width of the bottleneck, C/r. Each of the two matrices has C times as many parameters."""
    return channels // reduction


@SE_PARAMETERS.mistake
def not_squared(channels, reduction):
    """That is 2 C/r. Each matrix leads from C channels to C/r or back, and has the product of both as parameters."""
    return 2 * channels // reduction


@SE_PARAMETERS.mistake
def reduced_twice(channels, reduction):
    """That is 2 (C/r)². Only one side of each matrix is C/r, the other is C."""
    return 2 * (channels // reduction) ** 2


@SE_PARAMETERS.mistake
def count_as_float(channels, reduction):
    """The number is right, but it is a float: / always gives one. A count is a whole number; divide with //."""
    return 2 * channels * channels / reduction


EXERCISES = [SQUEEZE, EXCITE, SE_PARAMETERS]
