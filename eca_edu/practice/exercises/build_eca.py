"""Exercises of chapter 03: ECA step by step, as a module, and in a residual block."""

import inspect
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from math import log2

import torch
from torch import nn
from torch.nn.functional import conv1d, pad

from eca_edu.kernel_size import CONVENTIONS, adaptive_kernel_size
from eca_edu.practice.exercises.exercise import Exercise, Misbehaves, Probe, call, calls, numbers, same

KERNEL_1 = torch.tensor([0.5])
KERNEL_3 = torch.tensor([0.2, 0.5, 0.3])
KERNEL_5 = torch.tensor([0.2, 0.5, 0.3, -0.4, 0.1])


def _conv1d(y: torch.Tensor, kernel: torch.Tensor, padding: int = 0) -> torch.Tensor:
    """Slide a kernel (k,) over each row of y: (N, L) -> (N, L + 2 padding - k + 1)."""
    return conv1d(y.unsqueeze(1), kernel.view(1, 1, -1), padding=padding).squeeze(1)


def _zeros(y: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Return as many zeros as belong at either end of each row of y."""
    return torch.zeros(len(y), len(kernel) // 2)


# interact


def interact(y, kernel):
    """Each channel meets its neighbours: y (N, C), kernel (k,) with an odd k -> logits (N, C)."""
    signal = y.unsqueeze(1)  # (N, C) -> (N, 1, C)
    weight = kernel.view(1, 1, -1)  # (k,) -> (out, in, k)
    logits = nn.functional.conv1d(signal, weight, padding=len(kernel) // 2)  # (N, 1, C)
    return logits.squeeze(1)


def _with_bias(y, kernel):
    conv = nn.Conv1d(1, 1, len(kernel), padding=len(kernel) // 2)
    conv.weight.data = kernel.view(1, 1, -1)
    return conv(y.unsqueeze(1)).squeeze(1)


INTERACT = Exercise(
    "interact",
    interact,
    probes=[
        *calls(interact, [(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), KERNEL_3), (numbers(3, 8), KERNEL_3)]),
        *calls(interact, [(numbers(2, 8), KERNEL_5), (numbers(1, 10), KERNEL_5)], looks_at="a kernel of 5"),
        *calls(interact, [(numbers(2, 4), KERNEL_1)], looks_at="a kernel of 1"),
    ],
    success="each channel meets its neighbours, zeros lie beyond the ends, and every image keeps its own logits.",
    hints=[
        "The channels of one image are one signal of length C. What shape does a 1-D convolution want for N such signals?",
        "y.unsqueeze(1) is (N, 1, C), and kernel.view(1, 1, -1) is (out, in, k). How many zeros are needed at either end, so "
        "that C logits come out?",
        "(k − 1) / 2 zeros, which is len(kernel) // 2 for an odd k.",
        "nn.functional.conv1d(signal, weight, padding=len(kernel) // 2), and .squeeze(1) removes the axis that was added.",
    ],
    mistakes={
        "no_padding": (
            "The padding is missing: C channels go in, only C − k + 1 logits come out. Zeros beyond both ends keep all C.",
            lambda y, kernel: _conv1d(y, kernel),
        ),
        "padding_of_1": (
            "padding=1 fits a kernel of 3 only. A kernel of k needs (k − 1) / 2 zeros at either end.",
            lambda y, kernel: _conv1d(y, kernel, padding=1),
        ),
        "padding_of_k": (
            "There is too much padding. A kernel of k needs (k − 1) / 2 zeros at either end, not k.",
            lambda y, kernel: _conv1d(y, kernel, padding=len(kernel)),
        ),
        "padding_on_the_left": (
            "All zeros are on the left, so that a channel meets only channels before it. Put half of them at either end.",
            lambda y, kernel: _conv1d(nn.functional.pad(y, (len(kernel) - 1, 0)), kernel),
        ),
        "circular": (
            "The first channel meets the last: that is circular padding, a variant of ECA. Here zeros lie beyond the "
            "ends.",
            lambda y, kernel: sum(w * y.roll(len(kernel) // 2 - j, dims=1) for j, w in enumerate(kernel)),
        ),
        "negative_index": (
            "The first channels meet the last: an index below 0 counts from the end, y[:, -1] is the last channel. Zeros "
            "lie beyond both ends; ask for 0 <= index as well.",
            lambda y, kernel: _conv1d(
                torch.cat([y[:, y.shape[1] - len(kernel) // 2 :], y, _zeros(y, kernel)], 1), kernel
            ),
        ),
        "empty_ends": (
            "The channels at the ends stay 0. They have neighbours, too, if fewer; the missing ones count as 0.",
            lambda y, kernel: torch.cat([_zeros(y, kernel), _conv1d(y, kernel), _zeros(y, kernel)], 1),
        ),
        "flipped": (
            "The kernel runs backwards, as in the convolution of mathematics. In deep learning kernel[0] belongs to the "
            "left neighbour.",
            lambda y, kernel: _conv1d(y, kernel.flip(0), padding=len(kernel) // 2),
        ),
        "wrong_axis": (
            "The new axis is in the wrong place: (N, C, 1) means C signals of length 1. One signal of length C is (N, 1, "
            "C): y.unsqueeze(1).",
            lambda y, kernel: conv1d(y.unsqueeze(2), kernel.view(1, 1, -1), padding=len(kernel) // 2).squeeze(2),
        ),
        "no_axis": (
            "conv1d takes y, of shape (N, C), for one signal with N channels, which works by accident for a single image. "
            "Add an axis: y.unsqueeze(1) is (N, 1, C).",
            lambda y, kernel: conv1d(y, kernel.view(1, 1, -1), padding=len(kernel) // 2),
        ),
        "kernel_without_axes": (
            "conv1d wants its weight as (out, in, k) and gets (k,). kernel.view(1, 1, -1) adds the two axes.",
            lambda y, kernel: conv1d(y.unsqueeze(1), kernel, padding=len(kernel) // 2).squeeze(1),
        ),
        "drops_the_batch": (
            "squeeze() without an axis removes every axis of length 1, the batch of a single image, too. Say which one: "
            ".squeeze(1).",
            lambda y, kernel: _conv1d(y, kernel, padding=len(kernel) // 2).squeeze(),
        ),
        "already_weights": (
            "Those are the channel weights, after the sigmoid. Return the logits; the sigmoid is the next step.",
            lambda y, kernel: torch.sigmoid(_conv1d(y, kernel, padding=len(kernel) // 2)),
        ),
        "averaged": (
            "The neighbours are averaged without the kernel. Each is multiplied by its own weight, and all are added up.",
            lambda y, kernel: _conv1d(y, torch.ones_like(kernel) / len(kernel), padding=len(kernel) // 2),
        ),
        "past_the_end": (
            "An index goes past the last channel, which is number C − 1. A neighbour that does not exist counts as 0.",
            lambda y, kernel: [y[:, c + len(kernel) // 2] for c in range(y.shape[1])],
        ),
        "three_neighbours": (
            "Only kernel[0], kernel[1] and kernel[2] are used. A kernel may have any odd number of weights: use "
            "len(kernel).",
            lambda y, kernel: _conv1d(y, torch.stack([kernel[i] for i in range(3)]), padding=1),
        ),
        "bias_of_the_layer": (
            "A random number is added to every logit: that is the bias of nn.Conv1d. Say bias=False, or use "
            "nn.functional.conv1d.",
            _with_bias,
        ),
    },
)


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


def _filled(kernel, channels, column):
    """Return the (C, C) matrix with kernel[j] in row i at column(i + j - half), which is None for nowhere."""
    matrix = torch.zeros(channels, channels)
    for row in range(channels):
        for j, weight in enumerate(kernel):
            if (place := column(row + j - len(kernel) // 2)) is not None:
                matrix[row, place] = weight
    return matrix


def _whole_rows(kernel, channels):
    """Return the rows in which the whole kernel fits: (C - k + 1, C)."""
    return band_matrix(kernel, channels)[len(kernel) // 2 : channels - len(kernel) // 2]


BAND_MATRIX = Exercise(
    "band_matrix",
    band_matrix,
    probes=[
        *calls(band_matrix, [(KERNEL_3, 3), (KERNEL_3, 5), (KERNEL_5, 8)]),
        *calls(band_matrix, [(KERNEL_3, 2), (KERNEL_1, 3), (KERNEL_5, 1)], looks_at="a small kernel or matrix"),
    ],
    success="a band of k diagonals, equal along each: the same logits as the convolution, written as a matrix.",
    hints=[
        "Row i says how much each channel counts for the logit of channel i. Which columns of row i are not zero?",
        "kernel[j] meets channel i + j − (k − 1) / 2. What if there is no such channel?",
        "Two loops, over the rows and over j, and matrix[row, column] = kernel[j] if 0 <= column < channels.",
    ],
    mistakes={
        "transposed": (
            "The matrix is transposed: the kernel runs backwards in each row. In row i kernel[0] belongs to the left "
            "neighbour.",
            lambda kernel, channels: band_matrix(kernel, channels).T,
        ),
        "circular_corners": (
            "There are numbers in the corners: that is circular padding, in which the first channel meets the last. With "
            "zeros beyond the ends the corners stay 0.",
            lambda kernel, channels: _filled(kernel, channels, lambda c: c % channels),
        ),
        "negative_column": (
            "There are numbers in the upper right corner: an index below 0 counts from the end, column -1 is the last "
            "one. Ask for 0 <= column as well.",
            lambda kernel, channels: _filled(kernel, channels, lambda c: c if c < channels else None),
        ),
        "past_the_edge": (
            "An index goes past the edge of the matrix. Rows and columns are numbered from 0 to channels − 1, so skip the "
            "places where the kernel reaches beyond them.",
            lambda kernel, channels: _filled(kernel, channels, lambda c: c),
        ),
        "kernel_wider_than_the_layer": (
            "The matrix is right as long as the kernel fits. A kernel may also be wider than the layer: for a kernel of 5 and "
            "1 channel, a diagonal at offset 2 would have 1 − 2 = −1 entries. Leave out diagonals outside the matrix.",
            lambda kernel, channels: sum(
                torch.diag(weight.repeat(channels - abs(offset)), offset)
                for offset, weight in enumerate(kernel, -(len(kernel) // 2))
            ),
        ),
        "three_diagonals": (
            "Only kernel[0], kernel[1] and kernel[2] are used. A kernel may have any odd number of weights: use "
            "len(kernel).",
            lambda kernel, channels: band_matrix(torch.stack([kernel[i] for i in range(3)]), channels),
        ),
        "main_diagonal_only": (
            "Only the main diagonal is filled: each channel meets itself and no neighbour. There are k diagonals.",
            lambda kernel, channels: kernel[len(kernel) // 2] * torch.eye(channels),
        ),
        "kernel_on_the_diagonal": (
            "The weights stand one after the other on the main diagonal, k of them: (k, k). Each weight fills a whole "
            "diagonal of the (C, C) matrix, and there are k such diagonals side by side.",
            lambda kernel, channels: torch.diag(kernel),
        ),
        "starts_at_the_diagonal": (
            "The band starts at the main diagonal, so that a channel meets only channels after it. Its middle belongs "
            "there: shift it by (k − 1) / 2 to the left.",
            lambda kernel, channels: band_matrix(pad(kernel, (len(kernel) - 1, 0)), channels),
        ),
        "ends_at_the_diagonal": (
            "The band ends at the main diagonal, so that a channel meets only channels before it. Its middle belongs "
            "there: shift it by (k − 1) / 2 to the right.",
            lambda kernel, channels: band_matrix(pad(kernel, (0, len(kernel) - 1)), channels),
        ),
        "rows_without_padding": (
            "There are only C − k + 1 rows, those in which the whole kernel fits. Every channel has a row; beyond the "
            "ends the kernel is cut off.",
            _whole_rows,
        ),
        "empty_first_and_last_rows": (
            "The rows of the first and last channels are empty. They have neighbours too, so cut the kernel off there.",
            lambda kernel, channels: pad(_whole_rows(kernel, channels), (0, 0, *2 * [len(kernel) // 2])),
        ),
        "ones": (
            "The band is in the right place but filled with ones. Fill it with the kernel.",
            lambda kernel, channels: band_matrix(torch.ones_like(kernel), channels),
        ),
    },
)


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


def _made(answer: Callable, channels: int) -> object:
    """Return the learner's module, or what stands in its place in a stub: None or ..."""
    no_init, no_forward = (getattr(answer, name, None) is getattr(nn.Module, name) for name in ("__init__", "forward"))
    if no_init and no_forward:
        return None
    try:
        inspect.signature(answer).bind(channels)
    except TypeError:
        no_init = True
    if no_init:
        text = "The class is called with the number of channels and nothing else; __init__ has to take it."
        raise Misbehaves("arguments", text)
    module = answer(channels)  # what it has may be wrong already, even without a forward
    if not (module is None or module is ... or isinstance(module, nn.Module)):
        raise Misbehaves("no module", f"What comes out is no nn.Module but of type {type(module).__name__}.")
    return None if no_forward else module


def _of_module(shown: str, looks_at: str, channels: int, run: Callable[[nn.Module], object]) -> Probe:
    """Return a probe that runs on the learner's module."""

    def of_answer(answer):
        module = _made(answer, channels)
        return run(module) if isinstance(module, nn.Module) else module

    return Probe(f"C = {channels}, {shown}", of_answer, looks_at)


def _fill(module: nn.Module) -> None:
    """Set all parameters, whatever their names and shapes: to KERNEL_5 and two more numbers, again and again."""
    fill: Iterator[float] = cycle([*KERNEL_5.tolist(), 0.6, -0.2])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(list(islice(fill, parameter.numel()))).view_as(parameter))


def _parameters(channels: int) -> Probe:
    def run(module):
        return sum(parameter.numel() for parameter in module.parameters())

    return _of_module("the number of parameters", "parameters", channels, run)


def _use(x: torch.Tensor) -> Probe:
    """Return a probe that raises Misbehaves if some parameters have a part in the output and others have none."""

    def run(module):
        learned = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        try:
            gradients = torch.autograd.grad(module(x.clone()).sum(), list(learned.values()), allow_unused=True)
        except Exception as error:  # others are for the other probes
            name = getattr(error, "name", None)
            of_module = isinstance(error, NameError) or getattr(error, "obj", None) is module
            if name and of_module and (name in type(module).__init__.__code__.co_varnames or hasattr(module, name)):
                text = (
                    f"forward does not find {name}. Variables of __init__ are gone when it ends, so keep it as self.{name} "
                    f"there, and use self.{name} in forward."
                )
                raise Misbehaves("no self", text) from None
            return 0
        names = [name for name, gradient in zip(learned, gradients, strict=True) if gradient is None]
        if 0 < len(names) < len(learned):
            text = f"forward does not use {', '.join(names)}. ECA has no parameters but those of its kernel."
            raise Misbehaves("unused parameters", text)
        return 0

    return _of_module(f"x of shape {tuple(x.shape)}", "use", x.shape[1], run)


def _output(x: torch.Tensor) -> Probe:
    kernel = (KERNEL_3 if adaptive_kernel_size(x.shape[1]) == 3 else KERNEL_5).tolist()

    def run(module):
        _fill(module)
        first, second = call(module, x), call(module, x)
        if isinstance(first, torch.Tensor) and not same(second, first):
            raise Misbehaves("another output", "The same input gives another output each time.")
        return first

    text = ", ".join(f"{weight:.1g}" for weight in kernel)
    return _of_module(f"the kernel [{text}] and x of shape {tuple(x.shape)}", "output", x.shape[1], run)


def _gradient(x: torch.Tensor) -> Probe:
    def run(module):
        out, parameters = module(x.clone()).sum(), list(module.parameters())
        learned = [parameter for parameter in parameters if parameter.requires_grad and out.requires_grad]
        gradients = torch.autograd.grad(out, learned, allow_unused=True) if learned else []
        return len(parameters) - sum(gradient is not None and bool(gradient.any()) for gradient in gradients)

    return _of_module("the parameters that no gradient reaches", "gradient", x.shape[1], run)


def _a_conv(k: int) -> nn.Conv1d:
    return nn.Conv1d(1, 1, k, padding=k // 2, bias=False)


class _Steps(nn.Module):
    """The solution cut into steps, of which each mistake takes one differently."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.conv = self.make_conv(self.kernel_size(channels))

    def forward(self, x):
        return self.rescale(x, self.squash(self.interact(self.pool(x))))

    def make_conv(self, k):
        return _a_conv(k)

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


def _rescale_by_view(self: nn.Module, x: torch.Tensor, omega: torch.Tensor) -> torch.Tensor:
    return x * omega.view(*x.shape[:2], 1, 1)


def _with(**steps: Callable) -> type[nn.Module]:
    """Return the solution with some of its steps replaced."""
    return type("Mistake", (_Steps,), steps)


ECA = Exercise(
    "eca",
    ECAExercise,
    probes=[
        _use(numbers(2, 8, 3, 2)),
        *[_parameters(channels) for channels in (8, 64, 128, 256, 4, 2048)],
        _output(numbers(2, 8, 3, 5)),
        _output(numbers(1, 8, 2, 2)),
        _output(numbers(3, 64, 2, 4)),
        _output(numbers(2, 128, 4, 3)),
        _gradient(numbers(2, 64, 3, 2)),
    ],
    success="that is ECA, with k parameters for every number of channels, and the right output for one image and for several.",
    hints=[
        "Four steps: pool, interact, squash, rescale. Which of them has parameters, and so belongs into __init__?",
        "One nn.Conv1d(1, 1, k, padding=k // 2, bias=False) holds all parameters, with k = adaptive_kernel_size(channels).",
        "The convolution wants (N, 1, C): self.conv(y.unsqueeze(1)).squeeze(1) gives the logits (N, C).",
        "torch.sigmoid makes weights of the logits, and x * omega[:, :, None, None] multiplies each channel by its own.",
    ],
    mistakes={
        "no_super_init": (
            "super().__init__() is missing. It comes first in __init__, before the module can hold others.",
            type("NoSuper", (nn.Module,), {"__init__": lambda self, channels: setattr(self, "conv", nn.Identity())}),
        ),
        "with_bias": (
            "The convolution has a bias, one parameter too many: nn.Conv1d adds one unless you say bias=False.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, k, padding=k // 2)),
        ),
        "always_three_with_bias": (
            "The kernel size is 3 whatever the number of channels, and the convolution has a bias. Set kernel_size to "
            "adaptive_kernel_size(channels), and bias to False.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, 3, padding=1)),
        ),
        "made_in_forward": (
            "The convolution is made anew, with random weights, each time forward is called, so that nothing can be learned. "
            "Make it in __init__ and keep it as self.conv. The code in the paper's Fig. 3 does this, too.",
            _with(
                make_conv=lambda self, k: None,
                interact=lambda self, y: _a_conv(adaptive_kernel_size(y.shape[1]))(y.unsqueeze(1)).squeeze(1),
            ),
        ),
        "without_convolution": (
            "There is no convolution: each channel is judged by its own average alone. The paper calls this SE-Var1.",
            _with(make_conv=lambda self, k: None, interact=lambda self, y: y),
        ),
        "always_three": (
            "The kernel size is 3 whatever the number of channels. It follows from it: adaptive_kernel_size(channels).",
            _with(kernel_size=lambda self, channels: 3),
        ),
        "always_five": (
            "The kernel size is 5 whatever the number of channels. It follows from it: adaptive_kernel_size(channels).",
            _with(kernel_size=lambda self, channels: 5),
        ),
        "timm": (
            "No kernel is smaller than 3. timm has this rule, the formula has not: for few channels k = 1.",
            _with(kernel_size=lambda self, channels: CONVENTIONS["timm"](channels, 2, 1)),
        ),
        "even_kernel": (
            "The kernel size is even for some numbers of channels, and a channel cannot have as many neighbours left as "
            "right. It must be odd: adaptive_kernel_size(channels).",
            _with(kernel_size=lambda self, channels: int((log2(channels) + 1) / 2)),
        ),
        "kernel_too_wide": (
            "The kernel is too wide for some numbers of channels. That comes of b not being divided by γ, or, which is the "
            "same for γ = 2 and b = 1, of rounding t before it is made odd. adaptive_kernel_size(channels) gives k.",
            _with(kernel_size=lambda self, channels: CONVENTIONS["b-not-divided"](channels, 2, 1)),
        ),
        "not_shared": (
            "The convolution takes the channels for its input channels, nn.Conv1d(C, C, k), and has C² k parameters. ECA "
            "slides one kernel over one signal of length C: nn.Conv1d(1, 1, k).",
            _with(make_conv=lambda self, k: nn.Conv1d(self.channels, self.channels, k, bias=False)),
        ),
        "not_shared_with_bias": (
            "The convolution takes the channels for its input channels, nn.Conv1d(C, C, k), and has C² k parameters and C "
            "biases. ECA slides one kernel over one signal of length C: nn.Conv1d(1, 1, k), with bias=False.",
            _with(make_conv=lambda self, k: nn.Conv1d(self.channels, self.channels, k)),
        ),
        "full_matrix": (
            "Every channel meets every other, with C² parameters. The paper calls this SE-Var3. In ECA a channel meets its "
            "k − 1 neighbours, and all channels share the k parameters.",
            _with(make_conv=lambda self, k: nn.Linear(self.channels, self.channels, bias=False)),
        ),
        "one_weight_per_channel": (
            "Each channel has one weight of its own and meets no neighbour; the paper calls this SE-Var2. In ECA a kernel of "
            "k weights, the same for all channels, slides over them.",
            _with(
                make_conv=lambda self, k: nn.Conv1d(self.channels, self.channels, 1, groups=self.channels, bias=False)
            ),
        ),
        "depthwise": (
            "With groups=channels each channel has a kernel of its own, which meets nothing but padding: no channel meets a "
            "neighbour. Use one nn.Conv1d(1, 1, k) along the channels.",
            _with(
                make_conv=lambda self, k: nn.Conv1d(self.channels, self.channels, k, groups=self.channels, bias=False)
            ),
        ),
        "bottleneck": (
            "That is squeeze-and-excitation, two layers with a bottleneck between them. ECA has one small convolution and no "
            "bottleneck.",
            _with(
                make_conv=lambda self, k: nn.Sequential(
                    nn.Linear(self.channels, max(1, self.channels // 16), bias=False),
                    nn.Linear(max(1, self.channels // 16), self.channels, bias=False),
                )
            ),
        ),
        "wrong_axis": (
            "The new axis is in the wrong place: (N, C, 1) means C signals of length 1. One signal of length C is (N, 1, C): "
            "y.unsqueeze(1).",
            _with(interact=lambda self, y: self.conv(y.unsqueeze(2)).squeeze(2)),
        ),
        "no_axis": (
            "The convolution takes y, of shape (N, C), for one signal with N channels, which works by accident for a single "
            "image. Add an axis: y.unsqueeze(1) is (N, 1, C).",
            _with(interact=lambda self, y: self.conv(y)),
        ),
        "keeps_pooled_axes": (
            "After pooling two axes of length 1 are left, (N, C, 1, 1), and a 1-D convolution does not take them. flatten(1) "
            "gives (N, C), and then unsqueeze(1).",
            _with(interact=lambda self, y: self.conv(y[:, :, None, None])),
        ),
        "drops_the_batch": (
            "squeeze() without an axis removes every axis of length 1, the batch of a single image, too. Say which one: "
            ".squeeze(1).",
            _with(interact=lambda self, y: self.conv(y.unsqueeze(1)).squeeze()),
        ),
        "no_padding": (
            "The padding is missing: C channels go in, only C − k + 1 weights come out, and they do not fit x. "
            "padding=k // 2 keeps all C.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, k, bias=False)),
        ),
        "no_padding_and_view": (
            "The padding is missing: C channels go in, only C − k + 1 weights come out, too few for view. padding=k // 2 "
            "keeps all C.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, k, bias=False), rescale=_rescale_by_view),
        ),
        "padding_of_1": (
            "padding=1 fits a kernel of 3 only. With more channels the kernel is wider, and fewer than C weights come out. "
            "padding=k // 2 keeps all C.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, k, padding=1, bias=False)),
        ),
        "padding_of_1_and_view": (
            "padding=1 fits a kernel of 3 only. With more channels the kernel is wider, and fewer than C weights come out, too "
            "few for view. padding=k // 2 keeps all C.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, k, padding=1, bias=False), rescale=_rescale_by_view),
        ),
        "circular": (
            "The first channel meets the last: that is circular padding. It is a variant of ECA; the paper's has zeros "
            "beyond the ends.",
            _with(make_conv=lambda self, k: nn.Conv1d(1, 1, k, padding=k // 2, padding_mode="circular", bias=False)),
        ),
        "flipped": (
            "The kernel runs backwards. Training does not mind, but weights cannot be exchanged with other ECA modules: the "
            "first parameter belongs to the left neighbour.",
            _with(interact=lambda self, y: _Steps.interact(self, y.flip(1)).flip(1)),
        ),
        "detached": (
            "The output is right, but no gradient reaches the parameters, so that nothing can be learned. Is there a "
            "detach(), a .data, a no_grad or a requires_grad=False?",
            _with(interact=lambda self, y: _Steps.interact(self, y).detach()),
        ),
        "maximum_pooling": (
            "Pooling takes the largest value of each channel. ECA takes the average over height and width.",
            _with(pool=lambda self, x: x.amax((2, 3))),
        ),
        "sum_pooling": (
            "Pooling adds up the pixels of each channel. ECA takes their average, so that large images do not count more.",
            _with(pool=lambda self, x: x.sum((2, 3))),
        ),
        "pools_over_the_batch": (
            "Pooling also runs over the images, so an image's weights depend on its batch. Average over axes 2 and 3.",
            _with(pool=lambda self, x: x.mean((0, 2, 3)).unsqueeze(0)),
        ),
        "softmax": (
            "The weights of each image sum to 1: that is a softmax. A sigmoid judges each channel for itself.",
            _with(squash=lambda self, logits: torch.softmax(logits, dim=1)),
        ),
        "no_sigmoid": (
            "x is multiplied by the logits. The sigmoid is missing that makes weights between 0 and 1 of them.",
            _with(squash=lambda self, logits: logits),
        ),
        "returns_weights": (
            "Those are the channel weights, (N, C). The module returns the feature map, x times its weights.",
            _with(rescale=lambda self, x, omega: omega),
        ),
        "returns_weights_with_axes": (
            "Those are the channel weights, (N, C, 1, 1). The module returns the feature map, x times its weights.",
            _with(rescale=lambda self, x, omega: omega[:, :, None, None]),
        ),
        "plus_x": (
            "x is added to the rescaled x. ECA returns only x times its weights; the block around it adds the shortcut.",
            _with(rescale=lambda self, x, omega: x + x * omega[:, :, None, None]),
        ),
        "no_axes_for_rescaling": (
            "x is (N, C, H, W) and the weights are (N, C): PyTorch aligns the last axes, so that they do not fit. Add two "
            "axes: omega[:, :, None, None].",
            _with(rescale=lambda self, x, omega: x * omega),
        ),
        "added": (
            "The weights are added to x. Attention rescales: multiply x by them.",
            _with(rescale=lambda self, x, omega: x + omega[:, :, None, None]),
        ),
        "relu_on_the_output": (
            "A ReLU follows at the end, and all negative numbers are gone. ECA returns x times its weights; a ReLU is up to "
            "the block around it.",
            _with(rescale=lambda self, x, omega: torch.relu(x * omega[:, :, None, None])),
        ),
    },
    remarks={"parameters": "ECA has k parameters, the weights of its kernel, with k = adaptive_kernel_size(channels)."},
)


# residual


def residual(x, branch, attention, shortcut):
    """A residual block: attention weighs what the branch adds to the shortcut."""
    return torch.relu(attention(branch(x)) + shortcut(x))


def _block(text: str, x: torch.Tensor, branch: Callable, attention: Callable, shortcut: Callable) -> Probe:
    def run(answer):
        return call(answer, x, branch, attention, shortcut)

    return Probe(text, run)


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
            numbers(2, 8, 3, 5),
            lambda x: x**2 - 1,
            lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
            lambda x: -2 * x,
        ),
    ],
    success="attention weighs what the branch adds, the shortcut is not weighed, and the ReLU comes last.",
    hints=[
        "There are two ways through the block. On which of them does attention stand?",
        "Attention is the last step of the branch, and the shortcut is not weighed.",
        "Add attention(branch(x)) and shortcut(x). Where does the ReLU go?",
    ],
    mistakes={
        "attention_on_the_sum": (
            "Attention weighs the sum, so also the shortcut. It belongs at the end of the branch, before the addition.",
            lambda x, f, attention, g: torch.relu(attention(f(x) + g(x))),
        ),
        "attention_after_the_relu": (
            "Attention comes last, after the ReLU, and also weighs the shortcut. It belongs at the end of the branch.",
            lambda x, f, attention, g: attention(torch.relu(f(x) + g(x))),
        ),
        "attention_on_the_shortcut": (
            "Attention weighs the shortcut. It belongs on the other way, at the end of the branch.",
            lambda x, f, attention, g: torch.relu(f(x) + attention(g(x))),
        ),
        "attention_on_both": (
            "Attention weighs the branch and the shortcut. The shortcut stays as it is.",
            lambda x, f, attention, g: torch.relu(attention(f(x)) + attention(g(x))),
        ),
        "attention_before_the_branch": (
            "Attention weighs what goes into the branch. It belongs at the branch's end and weighs what comes out.",
            lambda x, f, attention, g: torch.relu(f(attention(x)) + g(x)),
        ),
        "attention_as_weights": (
            "The branch is multiplied by what attention returns. That is already the rescaled branch; use it as it is.",
            lambda x, f, attention, g: torch.relu(f(x) * attention(f(x)) + g(x)),
        ),
        "no_attention": (
            "Attention is not used. It belongs at the end of the branch.",
            lambda x, f, attention, g: torch.relu(f(x) + g(x)),
        ),
        "no_final_relu": (
            "The ReLU after the addition is missing.",
            lambda x, f, attention, g: attention(f(x)) + g(x),
        ),
        "relu_on_the_branch": (
            "The ReLU is taken of the branch alone. It comes after the addition.",
            lambda x, f, attention, g: torch.relu(attention(f(x))) + g(x),
        ),
        "relu_before_attention": (
            "There is a ReLU before attention as well, so that attention sees nothing negative. The only one comes last, "
            "after the addition.",
            lambda x, f, attention, g: torch.relu(attention(torch.relu(f(x))) + g(x)),
        ),
        "no_shortcut": (
            "The shortcut is forgotten. It is added before the ReLU.",
            lambda x, f, attention, g: torch.relu(attention(f(x))),
        ),
        "adds_x": (
            "x is added instead of shortcut(x). If a block changes the shape, its shortcut has to change it as well.",
            lambda x, f, attention, g: torch.relu(attention(f(x)) + x),
        ),
        "shortcut_of_the_branch": (
            "The shortcut gets the branch's output. It starts from x and goes around the branch.",
            lambda x, f, attention, g: torch.relu(attention(f(x)) + g(f(x))),
        ),
        "last_sigmoid": (
            "After the addition comes a sigmoid. The last step is a ReLU, torch.relu.",
            lambda x, f, attention, g: torch.sigmoid(attention(f(x)) + g(x)),
        ),
        "multiplied": (
            "Branch and shortcut are multiplied. They are added.",
            lambda x, f, attention, g: torch.relu(attention(f(x)) * g(x)),
        ),
    },
)


EXERCISES = [INTERACT, BAND_MATRIX, ECA, RESIDUAL]
