"""Exercises of chapter 03: ECA step by step, as a module, and in a residual block."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from math import log2

import torch
from torch import nn

from eca_edu.exercises.exercise import Exercise, Misbehaves, Probe, call, calls, gradient, same
from eca_edu.kernel_size import adaptive_kernel_size

KERNEL_1 = torch.tensor([0.5])
KERNEL_3 = torch.tensor([0.2, 0.5, 0.3])
KERNEL_5 = torch.tensor([0.2, 0.5, 0.3, -0.4, 0.1])


def _numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _conv1d(y: torch.Tensor, kernel: torch.Tensor, padding: int = 0) -> torch.Tensor:
    """Slide a kernel (k,) over each row of y: (N, L) -> (N, L + 2 padding - k + 1)."""
    return nn.functional.conv1d(y.unsqueeze(1), kernel.view(1, 1, -1), padding=padding).squeeze(1)


# interact


def interact(y, kernel):
    """Each channel meets its neighbours: y (N, C), kernel (k,) with an odd k -> logits (N, C)."""
    signal = y.unsqueeze(1)  # (N, C) -> (N, 1, C)
    weight = kernel.view(1, 1, -1)  # (k,) -> (out, in, k)
    logits = nn.functional.conv1d(signal, weight, padding=len(kernel) // 2)  # (N, 1, C)
    return logits.squeeze(1)


INTERACT = Exercise(
    "interact",
    interact,
    probes=[
        *calls(
            interact,
            [
                (torch.tensor([[1.0, 2.0, 3.0, 4.0]]), KERNEL_3),
                (_numbers(3, 8), KERNEL_3),
                (_numbers(2, 8), KERNEL_5),
                (_numbers(1, 10), KERNEL_5),
            ],
        ),
        *calls(interact, [(_numbers(2, 4), KERNEL_1)], looks_at="a kernel of 1"),
        gradient(interact, _numbers(2, 8), KERNEL_3),
    ],
    success="each channel meets its neighbours, zeros lie beyond the ends, and every image keeps its own logits.",
    hints=[
        "The channels of one image are one signal of length C. What shape does a 1-D convolution want for N such signals?",
        "y.unsqueeze(1) is (N, 1, C), and kernel.view(1, 1, -1) is (out, in, k). How many zeros are needed at either end, so "
        "that C logits come out?",
        "(k − 1) / 2 zeros, which is len(kernel) // 2 for an odd k.",
        "nn.functional.conv1d(signal, weight, padding=len(kernel) // 2), and .squeeze(1) removes the axis that was added.",
    ],
)


@INTERACT.mistake
def no_padding(y, kernel):
    """The padding is missing: C channels go in, only C − k + 1 logits come out. Zeros beyond both ends keep all C."""
    return _conv1d(y, kernel)


@INTERACT.mistake
def padding_of_1(y, kernel):
    """padding=1 fits a kernel of 3 only. A kernel of k needs (k − 1) / 2 zeros at either end."""
    return _conv1d(y, kernel, padding=1)


@INTERACT.mistake
def padding_of_k(y, kernel):
    """There is too much padding. A kernel of k needs (k − 1) / 2 zeros at either end, not k."""
    return _conv1d(y, kernel, padding=len(kernel))


@INTERACT.mistake
def padding_on_the_left(y, kernel):
    """All zeros are on the left, so that a channel meets only channels before it. Put half of them at either end."""
    return _conv1d(nn.functional.pad(y, (len(kernel) - 1, 0)), kernel)


@INTERACT.mistake
def padding_on_the_right(y, kernel):
    """All zeros are on the right, so that a channel meets only channels after it. Put half of them at either end."""
    return _conv1d(nn.functional.pad(y, (0, len(kernel) - 1)), kernel)


@INTERACT.mistake
def circular(y, kernel):
    """The first channel meets the last: that is circular padding, a variant of ECA. Here zeros lie beyond the ends."""
    half = len(kernel) // 2
    return sum(weight * y.roll(half - j, dims=1) for j, weight in enumerate(kernel))


@INTERACT.mistake
def negative_index(y, kernel):
    """The first channels meet the last: an index below 0 counts from the end, y[:, -1] is the last channel. Zeros lie beyond
    both ends; ask for 0 <= index as well."""
    half, channels = len(kernel) // 2, y.shape[1]
    padded = torch.cat([y[:, channels - half :], y, torch.zeros(len(y), half)], dim=1)
    return _conv1d(padded, kernel)


@INTERACT.mistake
def empty_ends(y, kernel):
    """The channels at the ends stay 0. They have neighbours, too, if fewer; the missing ones count as 0."""
    half = len(kernel) // 2
    return nn.functional.pad(_conv1d(y, kernel), (half, half))


@INTERACT.mistake
def flipped(y, kernel):
    """The kernel runs backwards, as in the convolution of mathematics. In deep learning kernel[0] belongs to the left
    neighbour."""
    return _conv1d(y, kernel.flip(0), padding=len(kernel) // 2)


@INTERACT.mistake
def wrong_axis(y, kernel):
    """The new axis is in the wrong place: (N, C, 1) means C signals of length 1. One signal of length C is (N, 1, C):
    y.unsqueeze(1)."""
    return nn.functional.conv1d(y.unsqueeze(2), kernel.view(1, 1, -1), padding=len(kernel) // 2).squeeze(2)


@INTERACT.mistake
def no_axis(y, kernel):
    """conv1d takes y, of shape (N, C), for one signal with N channels, which works by accident for a single image. Add an
    axis: y.unsqueeze(1) is (N, 1, C)."""
    return nn.functional.conv1d(y, kernel.view(1, 1, -1), padding=len(kernel) // 2)


@INTERACT.mistake
def kernel_without_axes(y, kernel):
    """conv1d wants its weight as (out, in, k) and gets (k,). kernel.view(1, 1, -1) adds the two axes."""
    return nn.functional.conv1d(y.unsqueeze(1), kernel, padding=len(kernel) // 2).squeeze(1)


@INTERACT.mistake
def keeps_the_axis(y, kernel):
    """The numbers are right, but the added axis is still there: (N, 1, C) instead of (N, C). .squeeze(1) removes it."""
    return _conv1d(y, kernel, padding=len(kernel) // 2).unsqueeze(1)


@INTERACT.mistake
def drops_the_batch(y, kernel):
    """squeeze() without an axis removes every axis of length 1, the batch of a single image, too. Say which one:
    .squeeze(1)."""
    return _conv1d(y, kernel, padding=len(kernel) // 2).squeeze()


@INTERACT.mistake
def already_weights(y, kernel):
    """Those are the channel weights, after the sigmoid. Return the logits; the sigmoid is the next step."""
    return torch.sigmoid(_conv1d(y, kernel, padding=len(kernel) // 2))


@INTERACT.mistake
def unweighted(y, kernel):
    """The neighbours are added up without the kernel. Each is multiplied by its own weight."""
    return _conv1d(y, torch.ones_like(kernel), padding=len(kernel) // 2)


@INTERACT.mistake
def averaged(y, kernel):
    """The neighbours are averaged without the kernel. Each is multiplied by its own weight, and all are added up."""
    return _conv1d(y, torch.ones_like(kernel) / len(kernel), padding=len(kernel) // 2)


@INTERACT.mistake
def three_neighbours(y, kernel):
    """Only kernel[0], kernel[1] and kernel[2] are used. A kernel may have any odd number of weights: use len(kernel)."""
    return _conv1d(y, torch.stack([kernel[0], kernel[1], kernel[2]]), padding=1)


@INTERACT.mistake
def three_names(y, kernel):
    """The kernel is split into three weights. It may have any odd number of them: use len(kernel)."""
    left, middle, right = kernel
    return _conv1d(y, torch.stack([left, middle, right]), padding=1)


@INTERACT.mistake
def bias_of_the_layer(y, kernel):
    """A random number is added to every logit: that is the bias of nn.Conv1d. Say bias=False, or use nn.functional.conv1d."""
    conv = nn.Conv1d(1, 1, len(kernel), padding=len(kernel) // 2)
    conv.weight.data = kernel.view(1, 1, -1)
    return conv(y.unsqueeze(1)).squeeze(1)


@INTERACT.mistake
def detached(y, kernel):
    """The logits are right, but no gradient reaches y, so that no layer before could learn. Is there a detach(), a no_grad,
    an item() or NumPy on the way?"""
    return _conv1d(y, kernel, padding=len(kernel) // 2).detach()


# band_matrix


def band_matrix(kernel, channels):
    """The matrix W with W @ y = logits: kernel (k,) with an odd k -> (C, C)."""
    half = len(kernel) // 2
    matrix = torch.zeros(channels, channels)
    for row in range(channels):
        for j in range(len(kernel)):
            column = row + j - half  # the channel that kernel[j] meets
            if 0 <= column < channels:
                matrix[row, column] = kernel[j]
    return matrix


BAND_MATRIX = Exercise(
    "band_matrix",
    band_matrix,
    probes=[
        *calls(band_matrix, [(KERNEL_3, 3), (KERNEL_3, 5), (KERNEL_5, 8)]),
        *calls(band_matrix, [(KERNEL_3, 2), (KERNEL_1, 3)], looks_at="a small kernel or matrix"),
    ],
    success="a band of k diagonals, equal along each: the same logits as the convolution, written as a matrix.",
    hints=[
        "Row i says how much each channel counts for the logit of channel i. Which columns of row i are not zero?",
        "kernel[j] meets channel i + j − (k − 1) / 2. What if there is no such channel?",
        "Two loops, over the rows and over j, and matrix[row, column] = kernel[j] if 0 <= column < channels.",
    ],
)


def _diagonals(kernel: torch.Tensor, channels: int, first: int) -> torch.Tensor:
    """Return the (C, C) matrix with kernel[j] on diagonal first + j; 0 is the main one, above it they are positive."""
    matrix = torch.zeros(channels, channels)
    for j, weight in enumerate(kernel):
        if abs(first + j) < channels:
            matrix += weight * torch.diag(torch.ones(channels - abs(first + j)), first + j)
    return matrix


def _shifted_rows(kernel: torch.Tensor, rows: int) -> torch.Tensor:
    """Return the (rows, rows + k - 1) matrix in which each row is the kernel, one place further than in the last."""
    matrix = torch.zeros(rows, rows + len(kernel) - 1)
    for row in range(rows):
        matrix[row, row : row + len(kernel)] = kernel
    return matrix


@BAND_MATRIX.mistake
def transposed(kernel, channels):
    """The matrix is transposed: the kernel runs backwards in each row. In row i kernel[0] belongs to the left neighbour."""
    return band_matrix(kernel, channels).T


@BAND_MATRIX.mistake
def circular_corners(kernel, channels):
    """There are numbers in the corners: that is circular padding, in which the first channel meets the last. With zeros
    beyond the ends the corners stay 0."""
    matrix = torch.zeros(channels, channels)
    for row in range(channels):
        for j, weight in enumerate(kernel):
            matrix[row, (row + j - len(kernel) // 2) % channels] = weight
    return matrix


@BAND_MATRIX.mistake
def negative_column(kernel, channels):
    """There are numbers in the upper right corner: an index below 0 counts from the end, column -1 is the last one. Ask for
    0 <= column as well."""
    matrix = torch.zeros(channels, channels)
    for row in range(channels):
        for j, weight in enumerate(kernel):
            column = row + j - len(kernel) // 2
            if column < channels:
                matrix[row, column] = weight
    return matrix


@BAND_MATRIX.mistake
def rolled_from_the_diagonal(kernel, channels):
    """The band starts at the main diagonal, where its middle belongs, and what is pushed out at the right comes back at the
    left, as roll does. Shift it by (k − 1) / 2 to the left, and let zeros lie beyond the ends."""
    row = nn.functional.pad(kernel, (0, channels - len(kernel)))
    return torch.stack([row.roll(shift) for shift in range(channels)])


@BAND_MATRIX.mistake
def three_diagonals(kernel, channels):
    """Only kernel[0], kernel[1] and kernel[2] are used. A kernel may have any odd number of weights: use len(kernel)."""
    return _diagonals(torch.stack([kernel[0], kernel[1], kernel[2]]), channels, -1)


@BAND_MATRIX.mistake
def three_names_for_diagonals(kernel, channels):
    """The kernel is split into three weights. It may have any odd number of them: use len(kernel)."""
    left, middle, right = kernel
    return _diagonals(torch.stack([left, middle, right]), channels, -1)


@BAND_MATRIX.mistake
def one_too_far_right(kernel, channels):
    """The band lies one place too far to the right. The middle of the kernel belongs on the main diagonal."""
    return _diagonals(kernel, channels, 1 - len(kernel) // 2)


@BAND_MATRIX.mistake
def one_too_far_left(kernel, channels):
    """The band lies one place too far to the left. The middle of the kernel belongs on the main diagonal."""
    return _diagonals(kernel, channels, -1 - len(kernel) // 2)


@BAND_MATRIX.mistake
def main_diagonal_only(kernel, channels):
    """Only the main diagonal is filled: each channel meets itself and no neighbour. There are k diagonals."""
    return kernel[len(kernel) // 2] * torch.eye(channels)


@BAND_MATRIX.mistake
def starts_at_the_diagonal(kernel, channels):
    """The band starts at the main diagonal, so that a channel meets only channels after it. Its middle belongs there: shift
    it by (k − 1) / 2 to the left."""
    return _diagonals(kernel, channels, 0)


@BAND_MATRIX.mistake
def ends_at_the_diagonal(kernel, channels):
    """The band ends at the main diagonal, so that a channel meets only channels before it. Its middle belongs there: shift
    it by (k − 1) / 2 to the right."""
    return _diagonals(kernel, channels, 1 - len(kernel))


@BAND_MATRIX.mistake
def rows_without_padding(kernel, channels):
    """There are only C − k + 1 rows, those in which the whole kernel fits. Every channel has a row; beyond the ends the
    kernel is cut off."""
    return _shifted_rows(kernel, max(0, channels - len(kernel) + 1))


@BAND_MATRIX.mistake
def columns_of_the_padding(kernel, channels):
    """There are too many columns: those for the zeros beyond the ends. Cut off (k − 1) / 2 of them at either side."""
    return _shifted_rows(kernel, channels)


@BAND_MATRIX.mistake
def empty_first_and_last_rows(kernel, channels):
    """The rows of the first and last channels are empty. They have neighbours, too, if fewer: cut the kernel off there."""
    matrix = band_matrix(kernel, channels)
    rows = torch.arange(channels)
    matrix[(rows < len(kernel) // 2) | (rows >= channels - len(kernel) // 2)] = 0
    return matrix


@BAND_MATRIX.mistake
def ones(kernel, channels):
    """The band is in the right place but filled with ones. Fill it with the kernel."""
    return _diagonals(torch.ones_like(kernel), channels, -(len(kernel) // 2))


@BAND_MATRIX.mistake
def each_row_the_whole_kernel(kernel, channels):
    """Every row is the same. Each row holds the kernel one place further to the right than the row above."""
    row = nn.functional.pad(kernel, (0, max(0, channels - len(kernel))))[:channels]
    return row.expand(channels, channels)


# eca


class ECAExercise(nn.Module):
    """Efficient channel attention: x (N, C, H, W) -> the same shape, each channel rescaled by its weight."""

    def __init__(self, channels):
        super().__init__()
        k = adaptive_kernel_size(channels)
        self.conv = nn.Conv1d(1, 1, kernel_size=k, padding=k // 2, bias=False)

    def forward(self, x):  # x: (N, C, H, W)
        y = x.mean((2, 3))  # (N, C)
        logits = self.conv(y.unsqueeze(1)).squeeze(1)  # (N, C) -> (N, 1, C) -> (N, C)
        omega = torch.sigmoid(logits)  # (N, C)
        return x * omega[:, :, None, None]  # (N, C, H, W)


def _made(answer: Callable, channels: int) -> nn.Module | None:
    """Return the learner's module, or None from a stub."""
    if getattr(answer, "forward", None) is nn.Module.forward:  # a class without a forward of its own
        if answer.__init__ is not nn.Module.__init__:
            _check_arguments(answer)
            answer(channels)  # what it has may be wrong already
        return None
    _check_arguments(answer)
    module = answer(channels)
    if module is not None and not isinstance(module, nn.Module):
        raise Misbehaves(f"the result is no nn.Module but of type {type(module).__name__}")
    return module


def _check_arguments(answer: Callable) -> None:
    """Raise Misbehaves if `answer` cannot be called with one argument."""
    try:
        inspect.signature(answer).bind(8)
        takes_one = getattr(answer, "__init__", None) is not nn.Module.__init__
    except TypeError:
        takes_one = False
    except ValueError:  # no signature is known
        return
    if not takes_one:
        raise Misbehaves("the class is called with the number of channels and nothing else; __init__ has to take it")


def _fill(module: nn.Module) -> None:
    """Set all parameters, whatever their names and shapes: to KERNEL_5 and two more numbers, again and again."""
    numbers: Iterator[float] = cycle([*KERNEL_5.tolist(), 0.6, -0.2])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(list(islice(numbers, parameter.numel()))).view_as(parameter))


def _parameters(channels: int) -> Probe:
    def run(answer):
        try:
            with torch.device("meta"):  # without memory: a wrong answer may have millions
                module = _made(answer, channels)
        except Exception:  # it computes with a tensor's value
            module = _made(answer, channels)
        return None if module is None else sum(parameter.numel() for parameter in module.parameters())

    return Probe(f"C = {channels}, the number of parameters", run, "parameters")


def _use(x: torch.Tensor) -> Probe:
    """Return a probe that raises Misbehaves if some parameters have a part in the output and others have none."""

    def unused(answer):
        module = _made(answer, x.shape[1])
        if module is None:
            return []
        learned = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        with torch.enable_grad():
            gradients = torch.autograd.grad(module(x.clone()).sum(), list(learned.values()), allow_unused=True)
        names = [name for name, gradient in zip(learned, gradients, strict=True) if gradient is None]
        return names if len(names) < len(learned) else []

    def run(answer):
        try:
            names = unused(answer)
        except Exception:  # that is for the other probes
            names = []
        if names:
            raise Misbehaves(f"forward does not use {', '.join(names)}; ECA has no parameters but those of its kernel")
        return "all"

    return Probe(f"C = {x.shape[1]}, the parameters that are used", run, "use")


def _output(x: torch.Tensor) -> Probe:
    channels = x.shape[1]
    kernel = (KERNEL_3 if adaptive_kernel_size(channels) == 3 else KERNEL_5).tolist()

    def run(answer):
        module = _made(answer, channels)
        if module is None:
            return None
        _fill(module)
        first, second = call(module, x), call(module, x)
        if not same(first, second):
            raise Misbehaves("the same input gives another output each time")
        return first

    text = ", ".join(f"{weight:.1g}" for weight in kernel)
    return Probe(f"C = {channels}, the kernel [{text}] and x of shape {tuple(x.shape)}", run, "output")


def _gradient(x: torch.Tensor) -> Probe:
    def run(answer):
        module = _made(answer, x.shape[1])
        if module is None:
            return None
        with torch.enable_grad():
            out = module(x.clone())
            parameters = list(module.parameters())
            learns = parameters and all(parameter.requires_grad for parameter in parameters)
            if out is None or not learns or not out.requires_grad:
                return "none"
            gradients = torch.autograd.grad(out.sum(), parameters, allow_unused=True)
        return "one" if all(gradient is not None and gradient.any() for gradient in gradients) else "none"

    return Probe(f"C = {x.shape[1]}, a gradient for the parameters", run, "gradient")


_EIGHT_CHANNELS = torch.tensor(
    [
        [[4.0, 4.0], [4.0, 4.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 3.0], [3.0, 1.0]],
        [[2.0, 0.0], [0.0, 2.0]],
        [[0.0, 0.0], [0.0, 4.0]],
        [[3.0, 3.0], [1.0, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[-2.0, 0.0], [0.0, -2.0]],
    ]
)

ECA = Exercise(
    "eca",
    ECAExercise,
    probes=[
        _use(_numbers(2, 8, 3, 2)),
        *[_parameters(channels) for channels in (8, 64, 128, 256, 4, 2048)],
        _output(_numbers(2, 8, 3, 5)),
        _output(_EIGHT_CHANNELS[None]),
        _output(_numbers(3, 64, 2, 4)),
        _output(_numbers(2, 128, 4, 3)),
        _gradient(_numbers(2, 64, 3, 2)),
    ],
    success="that is ECA, with k parameters for every number of channels, and the right output for one image and for several.",
    hints=[
        "Four steps: pool, interact, squash, rescale. Which of them has parameters, and so belongs into __init__?",
        "One nn.Conv1d(1, 1, k, padding=k // 2, bias=False) holds all parameters, with k = adaptive_kernel_size(channels).",
        "The convolution wants (N, 1, C): self.conv(y.unsqueeze(1)).squeeze(1) gives the logits (N, C).",
        "torch.sigmoid makes weights of the logits, and x * omega[:, :, None, None] multiplies each channel by its own.",
    ],
)


class Steps(nn.Module):
    """The solution cut into steps. Each mistake below takes one of them differently."""

    def __init__(self, channels):
        super().__init__()
        self.conv = self.make_conv(channels)

    def make_conv(self, channels):
        k = self.kernel_size(channels)
        return nn.Conv1d(1, 1, k, padding=k // 2, bias=False)

    def kernel_size(self, channels):
        return adaptive_kernel_size(channels)

    def pool(self, x):
        return x.mean((2, 3))

    def interact(self, y):
        return self.conv(y.unsqueeze(1)).squeeze(1)

    def squash(self, logits):
        return torch.sigmoid(logits)

    def rescale(self, x, omega):
        return x * omega[:, :, None, None]

    def forward(self, x):
        return self.rescale(x, self.squash(self.interact(self.pool(x))))


@ECA.mistake
class NoSuperInit(nn.Module):
    """super().__init__() is missing. It comes first in __init__, before the module can hold others."""

    def __init__(self, channels):
        self.conv = nn.Conv1d(1, 1, adaptive_kernel_size(channels), bias=False)


@ECA.mistake
class WithBias(Steps):
    """The convolution has a bias, one parameter too many: nn.Conv1d adds one unless you say bias=False."""

    def make_conv(self, channels):
        k = self.kernel_size(channels)
        return nn.Conv1d(1, 1, k, padding=k // 2)


@ECA.mistake
class AlwaysThreeWithBias(Steps):
    """The kernel size is 3 whatever the number of channels, and the convolution has a bias. Set kernel_size to
    adaptive_kernel_size(channels), and bias to False."""

    def make_conv(self, channels):
        return nn.Conv1d(1, 1, 3, padding=1)


@ECA.mistake
class MadeInForward(Steps):
    """The convolution is made anew, with random weights, each time forward is called, so that nothing can be learned. Make it
    in __init__ and keep it as self.conv. The code in the paper's Fig. 3 does this, too."""

    def make_conv(self, channels):
        return None

    def interact(self, y):
        conv = Steps.make_conv(self, y.shape[1])
        return conv(y.unsqueeze(1)).squeeze(1)


@ECA.mistake
class WithoutConvolution(Steps):
    """There is no convolution: each channel is judged by its own average alone. The paper calls this SE-Var1."""

    def make_conv(self, channels):
        return None

    def interact(self, y):
        return y


@ECA.mistake
class AlwaysThree(Steps):
    """The kernel size is 3 whatever the number of channels. It follows from it: adaptive_kernel_size(channels)."""

    def kernel_size(self, channels):
        return 3


@ECA.mistake
class AlwaysFive(Steps):
    """The kernel size is 5 whatever the number of channels. It follows from it: adaptive_kernel_size(channels)."""

    def kernel_size(self, channels):
        return 5


@ECA.mistake
class AtLeastThree(Steps):
    """No kernel is smaller than 3. timm has this rule, the formula has not: for few channels adaptive_kernel_size gives 1."""

    def kernel_size(self, channels):
        return max(3, adaptive_kernel_size(channels))


@ECA.mistake
class ThreeOrFive(Steps):
    """The kernel size is 3 or 5 and nothing else. It is 1 for very few channels and 7 for very many:
    adaptive_kernel_size(channels)."""

    def kernel_size(self, channels):
        return 3 if channels < 128 else 5


@ECA.mistake
class EvenKernel(Steps):
    """The kernel size is even for some numbers of channels, and a channel cannot have as many neighbours left as right. It
    must be odd: adaptive_kernel_size(channels)."""

    def kernel_size(self, channels):
        return int((log2(channels) + 1) / 2)


@ECA.mistake
class BNotDivided(Steps):
    """The kernel size is that of log2(C) / γ + b. b is divided by γ as well: adaptive_kernel_size(channels)."""

    def kernel_size(self, channels):
        return adaptive_kernel_size(2 * channels)  # the same for γ = 2 and b = 1


@ECA.mistake
class NotShared(Steps):
    """The convolution takes the channels for its input channels, nn.Conv1d(C, C, k), and has C² k parameters. ECA slides one
    kernel over one signal of length C: nn.Conv1d(1, 1, k)."""

    def make_conv(self, channels):
        k = self.kernel_size(channels)
        return nn.Conv1d(channels, channels, k, padding=k // 2, bias=False)

    def interact(self, y):
        return self.conv(y.unsqueeze(2)).squeeze(2)


@ECA.mistake
class FullMatrix(Steps):
    """Every channel meets every other, with C² parameters. The paper calls this SE-Var3. In ECA a channel meets its k − 1
    neighbours, and all channels share the k parameters."""

    def make_conv(self, channels):
        return nn.Linear(channels, channels, bias=False)

    def interact(self, y):
        return self.conv(y)


@ECA.mistake
class OneWeightPerChannel(Steps):
    """Each channel has one weight of its own and meets no neighbour; the paper calls this SE-Var2. In ECA a kernel of k
    weights, the same for all channels, slides over them."""

    def make_conv(self, channels):
        return nn.Conv1d(channels, channels, 1, groups=channels, bias=False)

    def interact(self, y):
        return self.conv(y.unsqueeze(2)).squeeze(2)


@ECA.mistake
class Depthwise(Steps):
    """With groups=channels each channel has a kernel of its own, which meets nothing but padding: no channel meets a
    neighbour. Use one nn.Conv1d(1, 1, k) along the channels."""

    def make_conv(self, channels):
        k = self.kernel_size(channels)
        return nn.Conv1d(channels, channels, k, padding=k // 2, groups=channels, bias=False)

    def interact(self, y):
        return self.conv(y.unsqueeze(2)).squeeze(2)


@ECA.mistake
class Bottleneck(Steps):
    """That is squeeze-and-excitation, two layers with a bottleneck between them. ECA has one small convolution and no
    bottleneck."""

    bias = False

    def make_conv(self, channels):
        hidden = max(1, channels // 16)
        layers = nn.Linear(channels, hidden, bias=self.bias), nn.Linear(hidden, channels, bias=self.bias)
        return nn.Sequential(layers[0], nn.ReLU(), layers[1])

    def interact(self, y):
        return self.conv(y)


@ECA.mistake
class BottleneckWithBias(Bottleneck):
    """That is squeeze-and-excitation, two layers with biases and a bottleneck between them. ECA has one small convolution and
    no bottleneck."""

    bias = True


@ECA.mistake
class WrongAxis(Steps):
    """The new axis is in the wrong place: (N, C, 1) means C signals of length 1. One signal of length C is (N, 1, C):
    y.unsqueeze(1)."""

    def interact(self, y):
        return self.conv(y.unsqueeze(2)).squeeze(2)


@ECA.mistake
class NoAxis(Steps):
    """The convolution takes y, of shape (N, C), for one signal with N channels, which works by accident for a single image.
    Add an axis: y.unsqueeze(1) is (N, 1, C)."""

    def interact(self, y):
        return self.conv(y)


@ECA.mistake
class KeepsPooledAxes(Steps):
    """After pooling two axes of length 1 are left, (N, C, 1, 1), and a 1-D convolution does not take them. flatten(1) gives
    (N, C), and then unsqueeze(1)."""

    def pool(self, x):
        return x.mean((2, 3), keepdim=True)

    def interact(self, y):
        return self.conv(y)


@ECA.mistake
class DropsTheBatch(Steps):
    """squeeze() without an axis removes every axis of length 1, the batch of a single image, too. Say which one:
    .squeeze(1)."""

    def interact(self, y):
        return self.conv(y.unsqueeze(1)).squeeze()


@ECA.mistake
class DropsTheBatchWhenPooling(Steps):
    """squeeze() without an axis, after pooling, removes every axis of length 1, the batch of a single image, too. flatten(1)
    leaves (N, C)."""

    def pool(self, x):
        return x.mean((2, 3), keepdim=True).squeeze()


@ECA.mistake
class NoPadding(Steps):
    """The padding is missing: C channels go in, only C − k + 1 weights come out, and they do not fit x. padding=k // 2 keeps
    all C."""

    def make_conv(self, channels):
        return nn.Conv1d(1, 1, self.kernel_size(channels), bias=False)


@ECA.mistake
class NoPaddingAndView(NoPadding):
    """The padding is missing: C channels go in, only C − k + 1 weights come out, too few for view. padding=k // 2 keeps all
    C."""

    def rescale(self, x, omega):
        return x * omega.view(*x.shape[:2], 1, 1)


@ECA.mistake
class PaddingOfOne(Steps):
    """padding=1 fits a kernel of 3 only, and larger ones lose weights at the ends. padding=k // 2 fits all."""

    def make_conv(self, channels):
        return nn.Conv1d(1, 1, self.kernel_size(channels), padding=1, bias=False)


@ECA.mistake
class Circular(Steps):
    """The first channel meets the last: that is circular padding. It is a variant of ECA; the paper's has zeros beyond the
    ends."""

    def make_conv(self, channels):
        k = self.kernel_size(channels)
        return nn.Conv1d(1, 1, k, padding=k // 2, padding_mode="circular", bias=False)


@ECA.mistake
class Flipped(Steps):
    """The kernel runs backwards. Training does not mind, but weights cannot be exchanged with other ECA modules: the first
    parameter belongs to the left neighbour."""

    def interact(self, y):
        return super().interact(y.flip(1)).flip(1)


@ECA.mistake
class Detached(Steps):
    """The output is right, but no gradient reaches the parameters, so that nothing can be learned. Is there a detach(), a
    .data, a no_grad or a requires_grad=False?"""

    def interact(self, y):
        return super().interact(y).detach()


@ECA.mistake
class MaximumPooling(Steps):
    """Pooling takes the largest value of each channel. ECA takes the average over height and width."""

    def pool(self, x):
        return x.amax((2, 3))


@ECA.mistake
class SumPooling(Steps):
    """Pooling adds up the pixels of each channel. ECA takes their average, so that large images do not count more."""

    def pool(self, x):
        return x.sum((2, 3))


@ECA.mistake
class PoolsOverChannels(Steps):
    """Pooling runs over axes 1 and 2, as if the channels were the last axis. In PyTorch they are axis 1: average over axes 2
    and 3."""

    def pool(self, x):
        return x.mean((1, 2))


@ECA.mistake
class PoolsOverBatch(Steps):
    """Pooling runs over the images, too, so that an image's weights depend on its batch. Average over axes 2 and 3 only."""

    def pool(self, x):
        return x.mean((0, 2, 3)).unsqueeze(0)


@ECA.mistake
class Softmax(Steps):
    """The weights of each image sum to 1: that is a softmax. A sigmoid judges each channel for itself."""

    def squash(self, logits):
        return torch.softmax(logits, dim=1)


@ECA.mistake
class NoSigmoid(Steps):
    """x is multiplied by the logits. The sigmoid is missing that makes weights between 0 and 1 of them."""

    def squash(self, logits):
        return logits


@ECA.mistake
class SigmoidBeforeConvolution(Steps):
    """The sigmoid comes before the convolution, so that the weights need not lie between 0 and 1. It comes after it."""

    def interact(self, y):
        return super().interact(torch.sigmoid(y))

    def squash(self, logits):
        return logits


@ECA.mistake
class SigmoidOfProduct(Steps):
    """The sigmoid is taken of x times the logits. It makes the weights, before x is multiplied by them."""

    def squash(self, logits):
        return logits

    def rescale(self, x, omega):
        return torch.sigmoid(super().rescale(x, omega))


@ECA.mistake
class ReturnsWeights(Steps):
    """Those are the channel weights, (N, C). The module returns the feature map, x times its weights."""

    def rescale(self, x, omega):
        return omega


@ECA.mistake
class ReturnsWeightsWithAxes(Steps):
    """Those are the channel weights, (N, C, 1, 1). The module returns the feature map, x times its weights."""

    def rescale(self, x, omega):
        return omega[:, :, None, None]


@ECA.mistake
class NoAxesForRescaling(Steps):
    """x is (N, C, H, W) and the weights are (N, C): PyTorch aligns the last axes, so that they do not fit. Add two axes:
    omega[:, :, None, None]."""

    def rescale(self, x, omega):
        return x * omega


@ECA.mistake
class Adds(Steps):
    """The weights are added to x. Attention rescales: multiply x by them."""

    def rescale(self, x, omega):
        return x + omega[:, :, None, None]


@ECA.mistake
class AddsTheInput(Steps):
    """x is added to the rescaled x. The shortcut belongs to the block around the module; ECA returns x times its weights."""

    def rescale(self, x, omega):
        return x + x * omega[:, :, None, None]


@ECA.mistake
class ReluOnTheOutput(Steps):
    """A ReLU follows at the end, and all negative numbers are gone. ECA returns x times its weights; a ReLU is up to the
    block around it."""

    def rescale(self, x, omega):
        return torch.relu(super().rescale(x, omega))


@ECA.mistake
class ChangesItsInput(Steps):
    """The output is right, but x is changed in place, and the shortcut of a block may still need it. Write x * … instead of
    x *= … or mul_."""

    def rescale(self, x, omega):
        return x.mul_(omega[:, :, None, None])


# residual


def residual(x, branch, attention, shortcut):
    """A residual block: attention weighs what the branch adds to the shortcut."""
    return torch.relu(attention(branch(x)) + shortcut(x))


def _block(text: str, x: torch.Tensor, branch: Callable, attention: Callable, shortcut: Callable) -> Probe:
    def run(answer):
        return call(answer, x, branch, attention, shortcut)

    return Probe(text, run)


def _counted(x: torch.Tensor) -> Probe:
    """Return a probe that raises Misbehaves unless branch, attention and shortcut are each called once."""
    factors = {"branch": -1.0, "attention": 0.5, "shortcut": 2.0}

    def run(answer):
        count = Counter()

        def part(name):
            def scaled(x):
                count[name] += 1
                return factors[name] * x

            return scaled

        if call(answer, x, *map(part, factors)) is None:
            return None
        for name in factors:
            if count[name] != 1:
                raise Misbehaves(
                    f"it calls {name} {count[name]} times; call it once, since a batch norm in it is updated by each call"
                )
        return "each once"

    return Probe("branch, attention and shortcut that count their calls", run, "calls")


_TWO_PIXELS = torch.tensor([[[[4.0, -4.0]]]])

RESIDUAL = Exercise(
    "residual",
    residual,
    probes=[
        _block(
            "x = 4 and -4, branch(x) = x - 3, attention(x) = x / 2 and shortcut(x) = x",
            _TWO_PIXELS,
            lambda x: x - 3,
            lambda x: x / 2,
            lambda x: x,
        ),
        _block(
            "x = 4 and -4, branch(x) = 1 - 2 x, attention(x) = x / 4 and shortcut(x) = 3 x",
            _TWO_PIXELS,
            lambda x: 1 - 2 * x,
            lambda x: x / 4,
            lambda x: 3 * x,
        ),
        _block(
            "x of shape (2, 8, 3, 5), branch(x) = x² - 1, attention(x) = x * sigmoid(x.mean((2, 3))) and shortcut(x) = -2 x",
            _numbers(2, 8, 3, 5),
            lambda x: x**2 - 1,
            lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
            lambda x: -2 * x,
        ),
        _counted(_TWO_PIXELS),
    ],
    success="attention weighs what the branch adds, the shortcut is not weighed, and the ReLU comes last.",
    hints=[
        "There are two ways through the block. On which of them does attention stand?",
        "Attention is the last step of the branch, and the shortcut is not weighed.",
        "Add attention(branch(x)) and shortcut(x). Where does the ReLU go?",
    ],
)


@RESIDUAL.mistake
def attention_on_the_sum(x, branch, attention, shortcut):
    """Attention weighs the sum, and so the shortcut, too. It belongs at the end of the branch, before the addition."""
    return torch.relu(attention(branch(x) + shortcut(x)))


@RESIDUAL.mistake
def attention_after_the_relu(x, branch, attention, shortcut):
    """Attention comes last of all, after the ReLU, and weighs the shortcut, too. It belongs at the end of the branch."""
    return attention(torch.relu(branch(x) + shortcut(x)))


@RESIDUAL.mistake
def attention_on_the_shortcut(x, branch, attention, shortcut):
    """Attention weighs the shortcut. It belongs on the other way, at the end of the branch."""
    return torch.relu(branch(x) + attention(shortcut(x)))


@RESIDUAL.mistake
def attention_on_both(x, branch, attention, shortcut):
    """Attention weighs the branch and the shortcut. The shortcut stays as it is."""
    return torch.relu(attention(branch(x)) + attention(shortcut(x)))


@RESIDUAL.mistake
def attention_before_the_branch(x, branch, attention, shortcut):
    """Attention weighs what goes into the branch. It belongs at the branch's end and weighs what comes out."""
    return torch.relu(branch(attention(x)) + shortcut(x))


@RESIDUAL.mistake
def attention_of_x(x, branch, attention, shortcut):
    """Attention gets x, and its output is multiplied with the branch's. It takes the branch's output, and rescales it
    itself."""
    return torch.relu(branch(x) * attention(x) + shortcut(x))


@RESIDUAL.mistake
def attention_as_weights(x, branch, attention, shortcut):
    """The branch is multiplied by what attention returns. That is already the rescaled branch; use it as it is."""
    return torch.relu(branch(x) * attention(branch(x)) + shortcut(x))


@RESIDUAL.mistake
def no_attention(x, branch, attention, shortcut):
    """Attention is not used. It belongs at the end of the branch."""
    return torch.relu(branch(x) + shortcut(x))


@RESIDUAL.mistake
def no_final_relu(x, branch, attention, shortcut):
    """The ReLU after the addition is missing."""
    return attention(branch(x)) + shortcut(x)


@RESIDUAL.mistake
def relu_on_the_branch(x, branch, attention, shortcut):
    """The ReLU is taken of the branch alone. It comes after the addition."""
    return torch.relu(attention(branch(x))) + shortcut(x)


@RESIDUAL.mistake
def relu_before_attention(x, branch, attention, shortcut):
    """The ReLU comes before attention. It comes last, after the addition."""
    return attention(torch.relu(branch(x))) + shortcut(x)


@RESIDUAL.mistake
def no_shortcut(x, branch, attention, shortcut):
    """The shortcut is forgotten. It is added before the ReLU."""
    return torch.relu(attention(branch(x)))


@RESIDUAL.mistake
def adds_x(x, branch, attention, shortcut):
    """x itself is added instead of shortcut(x). Where a block changes the shape, its shortcut has to change it as well."""
    return torch.relu(attention(branch(x)) + x)


@RESIDUAL.mistake
def shortcut_of_the_branch(x, branch, attention, shortcut):
    """The shortcut gets the branch's output. It starts from x and goes around the branch."""
    return torch.relu(attention(branch(x)) + shortcut(branch(x)))


@RESIDUAL.mistake
def multiplied(x, branch, attention, shortcut):
    """Branch and shortcut are multiplied. They are added."""
    return torch.relu(attention(branch(x)) * shortcut(x))


@RESIDUAL.mistake
def act_unknown(x, branch, attention, shortcut):
    """Python knows no act: it stands for the activation of whatever block it is. act is torch.relu here."""
    return act(attention(branch(x)) + shortcut(x))  # noqa: F821


def _other_last_step(name: str, function: Callable, text: str) -> None:
    def mistake(x, branch, attention, shortcut):
        return function(attention(branch(x)) + shortcut(x))

    mistake.__name__ = name
    mistake.__doc__ = f"After the addition comes {text}. The last step is a ReLU, torch.relu."
    RESIDUAL.mistake(mistake)


_other_last_step("leaky_relu", nn.functional.leaky_relu, "a leaky ReLU, which lets a little of the negative through")
_other_last_step("absolute_value", torch.abs, "an absolute value, which turns the negative into positive")
_other_last_step("last_sigmoid", torch.sigmoid, "a sigmoid")
_other_last_step("last_tanh", torch.tanh, "a tanh")
_other_last_step("last_gelu", nn.functional.gelu, "a GELU")
_other_last_step("last_silu", nn.functional.silu, "a SiLU")


EXERCISES = [INTERACT, BAND_MATRIX, ECA, RESIDUAL]
