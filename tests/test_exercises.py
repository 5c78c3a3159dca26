"""Checks pass right answers in any style, name the mistakes of wrong ones, and never raise.

The answers in this file are written as a learner would write them, without a look at the package's known mistakes.
"""

import builtins
import inspect
import json
import math
import random
import re
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import sem, ttest_ind, ttest_rel
from torch import nn

from eca_edu import (
    ECA,
    SqueezeExcitation,
    adaptive_kernel_size,
    channel_weights,
    channels_for_kernel_size,
    count_macs as count_macs_of_a_layer,
    exercises as package,
)
from eca_edu.channel_weights import class_statistics
from eca_edu.exercises import EXERCISES, check, hint, solution
from eca_edu.exercises.exercise import message, same
from eca_edu.kernel_size import CONVENTIONS

MISTAKES = [(exercise, name) for exercise in EXERCISES.values() for name in exercise.mistakes]


def by_name(value):
    return value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)


# What every exercise has


def test_the_course_has_these_exercises():
    assert list(EXERCISES) == [
        *["squeeze", "excite", "se_parameters"],
        *["channels_for", "kernel_size", "eca_parameters"],
        *["interact", "band_matrix", "eca", "residual"],
        *["conv_macs", "gate_bytes", "paired_interval", "verdict"],
        *["class_means", "attending", "same_for_all"],
        *["integrate_gradients", "completeness_delta", "points_inside"],
    ]
    assert set(dir(check)) == set(EXERCISES)


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_the_solution_passes(exercise):
    result = exercise.check(exercise.solution)
    assert result.passed is True
    assert result.mistake is None
    assert str(result).startswith("OK: ")


@pytest.mark.parametrize(("exercise", "name"), MISTAKES, ids=by_name)
def test_each_known_mistake_gets_its_own_message_and_one_input_as_evidence(exercise, name):
    result = exercise.check(exercise.mistakes[name])
    assert result.passed is False
    assert result.mistake == name
    assert result.text.startswith(f"Not yet: {message(exercise.mistakes[name])}\nWith ")
    assert max(map(len, str(result).splitlines())) <= 95


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_no_two_mistakes_come_out_equal(exercise):
    outcomes = {name: exercise.outcomes(wrong) for name, wrong in exercise.mistakes.items()}
    assert [pair for pair in combinations(outcomes, 2) if same(outcomes[pair[0]], outcomes[pair[1]])] == []
    messages = [message(wrong) for wrong in exercise.mistakes.values()]
    assert len(set(messages)) == len(messages)


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_texts_are_plain(exercise):
    texts = [exercise.success, *exercise.hints, *map(message, exercise.mistakes.values())]
    assert all(text.endswith((".", "?")) for text in texts)
    assert not any("!" in text for text in texts)
    assert 2 <= len(exercise.hints) <= 4


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_the_solution_can_be_pasted_into_a_notebook(exercise):
    source = solution(exercise.name)
    notebook = {
        "torch": torch,
        "nn": nn,
        "log2": math.log2,
        "floor": math.floor,
        "adaptive_kernel_size": adaptive_kernel_size,
    }
    exec(compile(str(source), "a cell", "exec"), notebook)
    answer = notebook[re.match(r"(?:def|class) (\w+)", str(source)).group(1)]
    assert exercise.check(answer).passed
    assert source._repr_markdown_() == f"```python\n{source}\n```"


def stubs():
    """Yield exercise, name of the answer and source of each cell of a notebook that ends with a check."""
    for file in sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            found = re.search(r"^check\.(\w+)\((\w+)\)$", source, re.MULTILINE)
            if found and cell["cell_type"] == "code":
                yield found.group(1), found.group(2), source


def test_the_notebooks_have_all_exercises_in_the_order_of_the_package():
    assert [name for name, _, _ in stubs()] == list(EXERCISES)


@pytest.mark.parametrize(("name", "answer", "source"), [pytest.param(*stub, id=stub[0]) for stub in stubs()])
def test_in_a_notebook_the_stub_is_not_attempted_and_the_solution_has_its_name(name, answer, source):
    notebook = {"torch": torch, "nn": nn, "check": check}
    exec(compile(source, "a cell", "exec"), notebook)
    assert getattr(check, name)(notebook[answer]).passed is None
    assert EXERCISES[name].solution.__name__ == answer
    stub, right = inspect.signature(notebook[answer]), inspect.signature(EXERCISES[name].solution)
    assert str(stub) == str(right)


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_a_check_is_quick(exercise):
    for answer in [exercise.solution, list(exercise.mistakes.values())[-1]]:
        start = time.process_time()
        exercise.check(answer)
        assert time.process_time() - start < 1  # a few hundredths are usual


# Not attempted


def stub_dots(*args): ...


def stub_pass(*args):
    pass


def stub_returns_dots(*args):
    return ...


def stub_not_implemented(*args):
    raise NotImplementedError


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
@pytest.mark.parametrize(
    "stub",
    [None, ..., stub_dots, stub_pass, stub_returns_dots, stub_not_implemented],
    ids=lambda stub: str(by_name(stub)),
)
def test_a_stub_is_not_attempted(exercise, stub):
    result = exercise.check(stub)
    assert result.passed is None
    assert result.mistake is None
    assert str(result).startswith("Not attempted yet: ")


class OnlyAName(nn.Module): ...


class OnlyInit(nn.Module):
    def __init__(self, channels):
        super().__init__()
        ...


class BothMethods(nn.Module):
    def __init__(self, channels):
        super().__init__()
        ...

    def forward(self, x): ...


class NoReturn(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        x * torch.sigmoid(self.conv(x.mean((2, 3)).unsqueeze(1)).squeeze(1))[:, :, None, None]


class DotsInInit(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = ...

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x.mean((2, 3))))


class DotsInForward(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        omega = ...
        return x * omega


@pytest.mark.parametrize("stub", [OnlyAName, OnlyInit, BothMethods, NoReturn, DotsInInit, DotsInForward])
def test_a_class_with_gaps_is_not_attempted(stub):
    assert check.eca(stub).passed is None


class Skeleton(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        raise NotImplementedError


class HalfASkeleton(Skeleton):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv = nn.Conv1d(1, 1, 3)


class EmptyInit(nn.Module):
    def __init__(self, channels):
        raise NotImplementedError

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("stub", "place"), [(Skeleton, "forward"), (HalfASkeleton, "forward"), (EmptyInit, "__init__")]
)
def test_not_implemented_is_named_with_its_place(stub, place):
    result = check.eca(stub)
    assert result.passed is None
    assert f"{place} still raises NotImplementedError" in str(result)
    assert "returns nothing" not in str(result)
    assert "stub_not_implemented still raises NotImplementedError" in str(check.squeeze(stub_not_implemented))


def test_a_forgotten_return_is_mentioned():
    assert "return" in str(check.squeeze(lambda x: None))


# Right answers in other styles


def squeeze_in_two_steps(x):
    return x.mean(3).mean(2)


def squeeze_by_sum(x):
    h, w = x.shape[2:]
    return x.sum(dim=(-2, -1)) / (h * w)


def squeeze_by_module(x):
    return nn.AdaptiveAvgPool2d(1)(x).flatten(1)


def squeeze_by_view(x):
    return F.adaptive_avg_pool2d(x, 1).view(x.size(0), x.size(1))


def squeeze_in_loops(x):
    y = torch.zeros(x.shape[0], x.shape[1])
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[n, c] = x[n, c].mean()
    return y


def squeeze_by_numpy(x):
    return torch.from_numpy(x.numpy().mean(axis=(2, 3)))


def excite_by_functions(y, w1, w2):
    return F.linear(F.relu(F.linear(y, w1)), w2).sigmoid()


def excite_by_einsum(y, w1, w2):
    hidden = torch.einsum("nc,hc->nh", y, w1).clamp(min=0)
    return 1 / (1 + torch.exp(-torch.einsum("nh,ch->nc", hidden, w2)))


def excite_by_columns(y, w1, w2):
    return torch.sigmoid(w2 @ torch.maximum(w1 @ y.T, torch.tensor(0.0))).T


def excite_image_by_image(y, w1, w2):
    return torch.stack([torch.sigmoid(w2 @ torch.relu(w1 @ row)) for row in y])


def kernel_size_as_in_the_paper(channels, gamma, b):
    t = int(abs((math.log(channels, 2) + b) / gamma))
    k = t if t % 2 else t + 1
    return k


def kernel_size_by_or(channels, gamma=2, b=1):
    return int(math.log2(channels) / gamma + b / gamma) | 1


def kernel_size_by_numpy(c, g, beta):
    t = (np.log2(c) + beta) / g
    return np.int64(2 * np.floor(t / 2) + 1)


def kernel_size_by_search(channels, gamma, b):
    t = (math.log2(channels) + b) / gamma
    best = 1
    for k in range(1, 99, 2):
        if abs(k - t) <= abs(best - t):
            best = k
    return best


def kernel_size_by_steps(channels, gamma, b):
    k = 1
    while (math.log2(channels) + b) / gamma >= k + 1:
        k += 2
    return k


def eca_parameters_in_a_loop(stages):
    total = 0
    for c, n in stages:
        for _ in range(n):
            total += kernel_size_as_in_the_paper(c, 2, 1)
    return total


def eca_parameters_of_modules(stages):
    return sum(p.numel() for channels, n in stages for _ in range(n) for p in ECA(channels).parameters())


def interact_by_module(y, kernel):
    conv = nn.Conv1d(1, 1, len(kernel), padding=(len(kernel) - 1) // 2, bias=False)
    conv.weight.data = kernel.reshape(1, 1, -1)
    return conv(y.view(y.shape[0], 1, y.shape[1])).view(y.shape)


def interact_by_padding(y, kernel):
    p = kernel.numel() // 2
    return F.conv1d(F.pad(y, (p, p))[:, None], kernel[None, None])[:, 0]


def interact_by_unfold(y, kernel):
    p = len(kernel) // 2
    return F.pad(y, (p, p)).unfold(1, len(kernel), 1) @ kernel


def interact_in_loops(y, kernel):
    n, c = y.shape
    k = len(kernel)
    logits = torch.zeros(n, c)
    for i in range(c):
        for j in range(k):
            neighbour = i + j - k // 2
            if neighbour >= 0 and neighbour < c:
                logits[:, i] += kernel[j] * y[:, neighbour]
    return logits


def interact_by_numpy(y, kernel):
    return torch.tensor(np.array([np.correlate(row, kernel.numpy(), mode="same") for row in y.numpy()]))


def band_matrix_by_diagonals(kernel, channels):
    w = torch.zeros(channels, channels)
    for j in range(len(kernel)):
        offset = j - len(kernel) // 2
        w = w + torch.diag(torch.full((channels - abs(offset),), kernel[j].item()), offset)
    return w


def band_matrix_by_unit_vectors(kernel, channels):
    return interact_by_padding(torch.eye(channels), kernel).T


def band_matrix_by_distance(kernel, channels):
    p = len(kernel) // 2
    i = torch.arange(channels)
    distance = i[None, :] - i[:, None] + p
    return torch.where((distance >= 0) & (distance < len(kernel)), kernel[distance.clamp(0, len(kernel) - 1)], 0.0)


class AsTheAuthors(nn.Module):
    def __init__(self, channel, k_size=None):
        super().__init__()
        k_size = k_size or adaptive_kernel_size(channel)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, kernel_size=k_size, padding=(k_size - 1) // 2, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        y = self.avg_pool(x)
        y = self.conv(y.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        y = self.sigmoid(y)
        return x * y.expand_as(x)


class WithAParameter(nn.Module):
    def __init__(self, channels, gamma=2, b=1):
        super().__init__()
        self.k = kernel_size_as_in_the_paper(channels, gamma, b)
        self.omega = nn.Parameter(torch.randn(self.k))

    def forward(self, feature_map):
        y = feature_map.mean(dim=[2, 3])
        logits = F.conv1d(y[:, None], self.omega[None, None], padding=self.k // 2)[:, 0]
        print("shape of the logits:", logits.shape)
        return feature_map * logits.sigmoid().view(*logits.shape, 1, 1)


class WithALinearBuffer(nn.Module):
    """Unfolds the neighbours and keeps the gate for later."""

    def __init__(self, channels):
        super().__init__()
        k = adaptive_kernel_size(channels)
        self.mix = nn.Linear(k, 1, bias=False)
        self.pad = nn.ConstantPad1d(k // 2, 0.0)
        self.last = None

    def forward(self, x):
        y = self.pad(x.flatten(2).mean(2))
        self.last = torch.sigmoid(self.mix(y.unfold(1, self.mix.in_features, 1)).squeeze(2))
        return torch.einsum("nchw,nc->nchw", x, self.last)


def eca_from_parts(channels):
    k = adaptive_kernel_size(channels)

    class Rescale(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Sequential(nn.Conv2d(1, 1, (1, k), padding="same", bias=False), nn.Sigmoid())

        def forward(self, x):
            y = F.adaptive_avg_pool2d(x, 1).permute(0, 2, 3, 1)  # (N, 1, 1, C)
            return self.gate(y).permute(0, 3, 1, 2) * x

    return Rescale()


def residual_in_steps(x, branch, attention, shortcut):
    identity = shortcut(x)
    out = branch(x)
    out = attention(out)
    out = out + identity
    return F.relu(out)


def residual_in_place_on_its_own_tensor(x, block, eca, skip):
    out = eca(block(x))
    out += skip(x)
    return nn.ReLU(inplace=True)(out)


def paired_interval_by_hand(a, b, t):
    d = [float(x - y) for x, y in zip(a, b, strict=True)]
    mean = sum(d) / len(d)
    s = math.sqrt(sum((x - mean) ** 2 for x in d) / (len(d) - 1))
    return mean - t * s / math.sqrt(len(d)), mean + t * s / math.sqrt(len(d))


def class_means_in_a_loop(weights, labels, classes):
    means = torch.zeros(classes, weights.shape[1])
    for k in range(classes):
        means[k] = weights[labels == k].mean(dim=0)
    return means


def class_means_by_one_hot(weights, labels, classes):
    members = F.one_hot(labels, classes).to(weights)  # (N, classes)
    return members.T @ weights / members.sum(0)[:, None]


def class_means_by_index_add(weights, labels, classes):
    sums = weights.new_zeros(classes, weights.shape[1]).index_add(0, labels, weights)
    return sums / torch.bincount(labels, minlength=classes).unsqueeze(1)


def attending_by_numpy(weights):
    w = weights.numpy()
    return w.var(axis=0, ddof=1).mean() / np.var(w.mean(axis=0), ddof=1)


def attending_by_hand(weights):
    n, c = weights.shape
    mean = weights.sum(0) / n
    between_images = ((weights - mean) ** 2).sum() / (n - 1) / c
    return float(between_images / (((mean - mean.mean()) ** 2).sum() / (c - 1)))


def same_for_all_in_a_loop(weights):
    out = torch.empty_like(weights)
    for i in range(len(weights)):
        out[i] = weights.mean(0)
    return out


RIGHT = [
    *[("squeeze", answer) for answer in [squeeze_in_two_steps, squeeze_by_sum, squeeze_by_module, squeeze_by_view]],
    ("squeeze", squeeze_in_loops),
    ("squeeze", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    *[("excite", answer) for answer in [excite_by_functions, excite_by_einsum]],
    *[("excite", answer) for answer in [excite_by_columns, excite_image_by_image]],
    ("se_parameters", lambda channels, reduction: 2 * channels**2 // reduction),
    ("se_parameters", lambda c, r: int(2 * c * c / r)),
    ("se_parameters", lambda c, r: sum(p.numel() for p in SqueezeExcitation(c, r).parameters())),
    ("channels_for", lambda k, gamma, b: 2.0 ** (gamma * k - b)),
    ("channels_for", lambda k, gamma, b: math.exp(math.log(2) * (gamma * k - b))),
    ("channels_for", lambda k, gamma, b: 2 ** (gamma * k) / 2**b),
    ("channels_for", lambda k, gamma, b: np.power(2.0, gamma * k - b)),
    ("channels_for", channels_for_kernel_size),
    *[("kernel_size", answer) for answer in [kernel_size_as_in_the_paper, kernel_size_by_or, kernel_size_by_numpy]],
    *[("kernel_size", answer) for answer in [kernel_size_by_search, kernel_size_by_steps, adaptive_kernel_size]],
    *[("eca_parameters", answer) for answer in [eca_parameters_in_a_loop, eca_parameters_of_modules]],
    *[
        ("interact", answer)
        for answer in [interact_by_padding, interact_by_unfold, interact_in_loops, interact_by_module]
    ],
    *[("band_matrix", answer) for answer in [band_matrix_by_diagonals, band_matrix_by_unit_vectors]],
    ("band_matrix", band_matrix_by_distance),
    *[("eca", answer) for answer in [AsTheAuthors, WithAParameter, WithALinearBuffer, eca_from_parts, ECA]],
    *[("residual", answer) for answer in [residual_in_steps, residual_in_place_on_its_own_tensor]],
    ("residual", lambda x, branch, attention, shortcut: (shortcut(x) + attention(branch(x))).clamp(min=0)),
    (
        "conv_macs",
        lambda c, d, k, h, w, g: count_macs_of_a_layer(nn.Conv2d(c, d, k, groups=g), (1, c, h + k - 1, w + k - 1)),
    ),
    ("conv_macs", lambda c, d, k, h, w, g: h * w * nn.Conv2d(c, d, k, groups=g, bias=False).weight.numel()),
    ("conv_macs", lambda c, d, k, h, w, g: k * k * c * d * h * w / g),
    ("gate_bytes", lambda c, h, w: 12 * c * h * w),
    ("gate_bytes", lambda c, h, w: sum(3 * [torch.zeros(c, h, w).nbytes])),
    ("paired_interval", paired_interval_by_hand),
    ("paired_interval", lambda a, b, t: (a - b).mean() + t * (a - b).std() / math.sqrt(len(a)) * torch.tensor([-1, 1])),
    ("paired_interval", lambda a, b, t: [np.mean((a - b).numpy()) + s * t * sem((a - b).numpy()) for s in (-1, 1)]),
    ("verdict", lambda low, high: "not shown" if low <= 0 <= high else ("better" if low > 0 else "worse")),
    ("verdict", lambda low, high: ["worse", "not shown", "better"][(low > 0) + (high > 0)]),
    *[("class_means", answer) for answer in [class_means_in_a_loop, class_means_by_one_hot, class_means_by_index_add]],
    ("class_means", lambda w, labels, k: class_statistics(w, labels, k)[0]),
    *[("attending", answer) for answer in [attending_by_numpy, attending_by_hand, channel_weights.attending]],
    *[("same_for_all", answer) for answer in [same_for_all_in_a_loop, lambda w: channel_weights.mean_of(w)(w)]],
    ("same_for_all", lambda w: w.mean(0).repeat(len(w), 1)),
    ("same_for_all", lambda w: torch.zeros_like(w) + w.mean(0)),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=by_name)
def test_right_answers_pass_in_any_style(name, answer, capsys):
    result = getattr(check, name)(answer)
    assert result.passed, result
    assert capsys.readouterr().out == ""


# Wrong answers, written independently


def squeeze_by_pooling_module(x):
    return nn.AdaptiveAvgPool2d(1)(x)


def squeeze_by_pooling_module_and_squeeze(x):
    return nn.AdaptiveAvgPool2d(1)(x).squeeze()


def squeeze_by_max_module(x):
    return nn.AdaptiveMaxPool2d((1, 1))(x).flatten(1)


def squeeze_in_place(x):
    x /= x.shape[2] * x.shape[3]
    return x.sum((2, 3))


def excite_without_dim(y, w1, w2):
    return F.softmax(F.linear(F.linear(y, w1).relu(), w2), -1)


def kernel_size_of_a_repository(channels, gamma=2, b=1):
    k = int(abs(math.log2(channels) / gamma + b))
    return k if k % 2 == 1 else k + 1


def kernel_size_of_timm(channels, gamma, beta):
    t = int(abs(math.log(channels, 2) + beta) / gamma)
    return max(t if t % 2 else t + 1, 3)


def kernel_size_by_min(channels, gamma, b):
    t = (math.log2(channels) + b) / gamma
    return min(range(1, 100, 2), key=lambda k: abs(k - t))


def kernel_size_by_round_and_or(channels, gamma, b):
    return round((math.log2(channels) + b) / gamma) | 1


def kernel_size_in_float32(channels, gamma, b):
    ratio = np.float32(np.log(float(channels))) / np.float32(np.log(2.0))
    t = int((ratio + np.float32(b)) / np.float32(gamma))
    return t if t % 2 else t + 1


def kernel_size_as_tensor(channels, gamma, b):
    t = (torch.log2(torch.tensor(float(channels))) + b) / gamma
    return 2 * torch.floor(t / 2) + 1


def eca_parameters_as_list(stages):
    return [n * adaptive_kernel_size(c) for c, n in stages]


def eca_parameters_by_pop(stages):
    total = 0
    while stages:
        channels, n = stages.pop()
        total += n * adaptive_kernel_size(channels)
    return total


def eca_parameters_of_the_sum(stages):
    channels, modules = map(sum, zip(*stages, strict=True))
    return adaptive_kernel_size(channels) * modules


def interact_by_module_with_bias(y, kernel):
    conv = nn.Conv1d(1, 1, len(kernel), padding="same")
    conv.weight = nn.Parameter(kernel[None, None])
    return conv(y[:, None])[:, 0]


def interact_with_index_below_0(y, kernel):
    logits = torch.zeros_like(y)
    for i in range(y.shape[1]):
        for j in range(len(kernel)):
            neighbour = i + j - len(kernel) // 2
            if neighbour < y.shape[1]:
                logits[:, i] += kernel[j] * y[:, neighbour]
    return logits


def interact_of_three(y, kernel):
    padded = F.pad(y, (1, 1))
    return kernel[0] * padded[:, :-2] + kernel[1] * y + kernel[2] * padded[:, 2:]


def interact_by_names(y, kernel):
    a, b, c = kernel
    padded = F.pad(y, (1, 1))
    return a * padded[:, :-2] + b * y + c * padded[:, 2:]


def interact_by_default_module(y, kernel):
    conv = nn.Conv1d(1, 1, len(kernel), bias=False)
    conv.weight.data = kernel[None, None]
    return conv(y[:, None])[:, 0]


def interact_causally(y, kernel):
    k = len(kernel)
    padded = torch.cat([torch.zeros(len(y), k - 1), y], dim=1)
    return torch.stack([padded[:, i : i + k] @ kernel for i in range(y.shape[1])], dim=1)


def interact_by_circular_module(y, kernel):
    conv = nn.Conv1d(1, 1, len(kernel), padding="same", padding_mode="circular", bias=False)
    conv.weight.data = kernel.view(1, 1, -1)
    return conv(y.unsqueeze(1)).squeeze(1)


def interact_by_np_convolve(y, kernel):
    return torch.tensor(np.array([np.convolve(row, kernel.numpy(), mode="same") for row in y.numpy()]))


def interact_with_a_view_in_the_wrong_axis(y, kernel):
    n, c = y.shape
    return F.conv1d(y.view(n, c, 1), kernel[None, None, :], padding=len(kernel) // 2).view(n, c)


def interact_straight_in(y, kernel):
    return F.conv1d(y, kernel[None, None], padding=len(kernel) // 2)


def interact_with_careless_squeeze(y, kernel):
    return torch.squeeze(F.conv1d(y[:, None], kernel[None, None], padding=len(kernel) // 2))


def interact_running_off_the_end(y, kernel):
    p = len(kernel) // 2
    columns = [sum(kernel[j] * y[:, i + j - p] for j in range(len(kernel))) for i in range(y.shape[1])]
    return torch.stack(columns, 1)


def band_matrix_with_modulo(kernel, channels):
    p, w = len(kernel) // 2, torch.zeros(channels, channels)
    for i in range(channels):
        for j in range(-p, p + 1):
            w[i, (i + j) % channels] = kernel[j + p]
    return w


def band_matrix_from_columns(kernel, channels):
    return interact_by_padding(torch.eye(channels), kernel)


def band_matrix_lower(kernel, channels):
    w = torch.zeros(channels, channels)
    for i in range(channels):
        for j in range(len(kernel)):
            if i - j >= 0:
                w[i, i - j] = kernel[len(kernel) - 1 - j]
    return w


def band_matrix_of_whole_rows(kernel, channels):
    rows = []
    for i in range(channels - len(kernel) + 1):
        rows.append([0.0] * i + kernel.tolist() + [0.0] * (channels - len(kernel) - i))
    return torch.tensor(rows).reshape(-1, channels)


def band_matrix_from_the_left(kernel, channels):
    w = torch.zeros(channels, channels)
    for i in range(channels):
        for j in range(min(len(kernel), channels - i)):
            w[i, i + j] = kernel[j]
    return w


def band_matrix_with_index_below_0(kernel, channels):
    w = torch.zeros(channels, channels)
    for i in range(channels):
        for j in range(len(kernel)):
            if i + j - len(kernel) // 2 < channels:
                w[i, i + j - len(kernel) // 2] = kernel[j]
    return w


def band_matrix_by_roll(kernel, channels):
    row = torch.zeros(channels)
    row[: len(kernel)] = kernel
    return torch.stack([torch.roll(row, i) for i in range(channels)])


def band_matrix_by_shifted_roll(kernel, channels):
    row = torch.cat([kernel, torch.zeros(channels - len(kernel))])
    return torch.stack([torch.roll(row, i - len(kernel) // 2) for i in range(channels)])


def band_matrix_of_three(kernel, channels):
    w = torch.eye(channels) * kernel[1]
    for i in range(channels - 1):
        w[i + 1, i], w[i, i + 1] = kernel[0], kernel[2]
    return w


def band_matrix_by_names(kernel, channels):
    left, own, right = kernel
    one = torch.ones(channels - 1)
    return own * torch.eye(channels) + torch.diag(left * one, -1) + torch.diag(right * one, 1)


def band_matrix_shifted(kernel, channels, by):
    w = torch.zeros(channels, channels)
    for i in range(channels):
        for j in range(len(kernel)):
            if 0 <= i + j - len(kernel) // 2 + by < channels:
                w[i, i + j - len(kernel) // 2 + by] = kernel[j]
    return w


class Learner(nn.Module):
    """Right but for what a subclass changes; a learner would write all of it."""

    def __init__(self, channels):
        super().__init__()
        self.k = self.width(channels)
        self.sliding = self.layer(channels)

    def width(self, channels):
        return adaptive_kernel_size(channels)

    def layer(self, channels):
        return nn.Conv1d(1, 1, self.k, padding=self.k // 2, bias=False)

    def forward(self, x):
        n, c, _, _ = x.shape
        omega = self.sliding(x.mean(dim=(2, 3)).view(n, 1, c)).sigmoid()
        return x * omega.view(n, c, 1, 1)


class BiasLeftOn(Learner):
    def layer(self, channels):
        return nn.Conv1d(1, 1, kernel_size=self.k, padding=(self.k - 1) // 2)


class FixedThree(Learner):
    def width(self, channels):
        return 3


class AsInAPopularCollection(Learner):
    def layer(self, channels, kernel_size=3):
        return nn.Conv1d(1, 1, kernel_size=kernel_size, padding=(kernel_size - 1) // 2)


class CutWithoutBump(Learner):
    def width(self, channels):
        return int(abs((math.log2(channels) + 1) / 2))


class FromARepository(Learner):
    def width(self, channels):
        return kernel_size_of_a_repository(channels)


class AsInFigure3(Learner):
    def layer(self, channels):
        return None

    def forward(self, x):
        k = adaptive_kernel_size(x.shape[1])
        conv = nn.Conv1d(1, 1, kernel_size=k, padding=k // 2, bias=False)
        y = F.adaptive_avg_pool2d(x, 1)
        y = conv(y.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        return x * torch.sigmoid(y).expand_as(x)


class RandomKernelInForward(Learner):
    def layer(self, channels):
        return None

    def forward(self, x):
        weight = torch.randn(1, 1, self.k)
        y = F.conv1d(x.mean((2, 3))[:, None], weight, padding=self.k // 2)[:, 0]
        return x * torch.sigmoid(y)[:, :, None, None]


class ViewInTheWrongAxis(Learner):
    def forward(self, x):
        n, c, _, _ = x.shape
        y = x.mean((2, 3)).view(n, c, 1)
        return x * self.sliding(y).sigmoid().view(n, c, 1, 1)


class StraightIn(Learner):
    def forward(self, x):
        omega = torch.sigmoid(self.sliding(x.mean((2, 3))))
        return x * omega[:, :, None, None]


class PooledTensorStraightIn(Learner):
    def __init__(self, channels):
        super().__init__(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return x * torch.sigmoid(self.sliding(self.pool(x)))


class CarelessSqueeze(Learner):
    def forward(self, x):
        omega = torch.sigmoid(self.sliding(x.mean((2, 3)).unsqueeze(1)).squeeze())
        return x * omega[:, :, None, None]


class NoPaddingAtAll(Learner):
    def layer(self, channels):
        return nn.Conv1d(1, 1, self.k, bias=False)


class NoPaddingAndTheOtherOrder(NoPaddingAtAll):
    def forward(self, x):
        return self.sliding(x.mean((2, 3))[:, None])[:, 0].sigmoid()[..., None, None] * x


class CircularPadding(Learner):
    def layer(self, channels):
        return nn.Conv1d(1, 1, self.k, padding=self.k // 2, padding_mode="circular", bias=False)


class SoftmaxOverChannels(Learner):
    def forward(self, x):
        logits = self.sliding(x.mean((2, 3)).unsqueeze(1)).squeeze(1)
        return x * F.softmax(logits, dim=1)[..., None, None]


class LogitsAsWeights(Learner):
    def forward(self, x):
        return x * self.sliding(x.mean((2, 3)).unsqueeze(1)).squeeze(1)[..., None, None]


class TwoFaults(LogitsAsWeights):
    def width(self, channels):
        return 3


class BiasAndNoSigmoid(LogitsAsWeights, BiasLeftOn):
    pass


class OnlyWeights(Learner):
    def forward(self, x):
        return self.sliding(x.mean((2, 3)).unsqueeze(1)).squeeze(1).sigmoid()


class Plus(Learner):
    def forward(self, x):
        return x + self.sliding(x.mean((2, 3)).unsqueeze(1)).squeeze(1).sigmoid()[..., None, None]


class ChannelsToChannels(Learner):
    def layer(self, channels):
        return nn.Conv1d(channels, channels, self.k, padding=self.k // 2, bias=False)

    def forward(self, x):
        return x * self.sliding(x.mean((2, 3)).unsqueeze(-1)).sigmoid().unsqueeze(-1)


class OneByOneBottleneck(Learner):
    def layer(self, channels):
        hidden = max(channels // 16, 1)
        down, up = nn.Conv2d(channels, hidden, 1, bias=False), nn.Conv2d(hidden, channels, 1, bias=False)
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), down, nn.ReLU(), up, nn.Sigmoid())

    def forward(self, x):
        return x * self.sliding(x)


class ScalePerChannel(Learner):
    def layer(self, channels):
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * torch.sigmoid(x.mean((2, 3)) * self.scale)[:, :, None, None]


class MaxPooled(Learner):
    def forward(self, x):
        y = F.adaptive_max_pool2d(x, 1).flatten(1)
        return x * self.sliding(y[:, None])[:, 0].sigmoid()[:, :, None, None]


class NoConvolution(Learner):
    def layer(self, channels):
        return None

    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True).sigmoid()


class InPlace(Learner):
    def forward(self, x):
        x *= self.sliding(x.mean((2, 3))[:, None])[:, 0].sigmoid()[:, :, None, None]
        return x


class KernelBackwards(Learner):
    def layer(self, channels):
        self.weight = nn.Parameter(torch.randn(self.k))

    def forward(self, x):
        logits = F.conv1d(x.mean((2, 3))[:, None], self.weight.flip(0)[None, None], padding=self.k // 2)[:, 0]
        return x * logits.sigmoid()[:, :, None, None]


class WithoutGradient(Learner):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


class DataInsteadOfWeight(Learner):
    def forward(self, x):
        logits = F.conv1d(x.mean((2, 3))[:, None], self.sliding.weight.data, padding=self.k // 2)[:, 0]
        return x * logits.sigmoid()[:, :, None, None]


class NoSuper(nn.Module):
    def __init__(self, channels):
        self.pool = nn.AdaptiveAvgPool2d(1)


class NoArgument(Learner):
    def __init__(self):
        super().__init__(64)


class NoInit(nn.Module):
    def forward(self, x):
        return x


class OneMoreArgument(Learner):
    def __init__(self, channels, k):
        super().__init__(channels)


class Spare(Learner):
    def layer(self, channels):
        self.spare = nn.Linear(channels, 2)
        return super().layer(channels)


class SpareAndBias(Spare, BiasLeftOn):
    pass


class AsInTimm(Learner):
    def width(self, channels):
        return kernel_size_of_timm(channels, 2, 1)


class TwoWidths(Learner):
    def width(self, channels):
        return 3 if channels <= 64 else 5


class OneTooWideAtTheTop(Learner):
    def width(self, channels):
        return adaptive_kernel_size(channels) + 2 * (channels == 2048)


class ReluLast(Learner):
    def forward(self, x):
        return super().forward(x).relu()


class Frozen(Learner):
    def layer(self, channels):
        return super().layer(channels).requires_grad_(False)


class NoModule:
    def __init__(self, channels):
        self.k = 3

    def __call__(self, x):
        return x


def residual_changing_x(x, branch, attention, shortcut):
    x += attention(branch(x))
    return torch.relu(x)


def residual_with_branch_twice(x, branch, attention, shortcut):
    branch(x)
    return F.relu(attention(branch(x)) + shortcut(x))


def residual_with_attention_twice(x, branch, attention, shortcut):
    return F.relu((attention(branch(x)) + attention(branch(x))) / 2 + shortcut(x))


def residual_with_shortcut_twice(x, branch, attention, shortcut):
    way = shortcut(x) if shortcut(x).shape == x.shape else x
    return F.relu(attention(branch(x)) + way)


def residual_with_attention_last(x, branch, attention, shortcut):
    out = branch(x)
    out = F.relu(out + shortcut(x))
    return attention(out)


def class_means_of_the_axis_of_channels(weights, labels, classes):
    return torch.stack([weights[labels == label].mean(dim=1) for label in range(classes)])


def class_means_without_stack(weights, labels, classes):
    return torch.tensor([weights[labels == label].mean(0) for label in range(classes)])


def same_for_all_in_place(weights):
    weights[:] = weights.mean(0)
    return weights


WRONG = [
    ("squeeze", squeeze_by_pooling_module, "keeps_axes"),
    ("squeeze", squeeze_by_pooling_module_and_squeeze, "drops_axes"),
    ("squeeze", squeeze_by_max_module, "maximum"),
    ("squeeze", squeeze_in_place, "misbehaves"),
    ("squeeze", squeeze_by_numpy, "detached"),
    ("squeeze", lambda x: x.detach().mean((2, 3)), "detached"),
    ("squeeze", lambda x: x.data.mean((2, 3)), "detached"),
    ("squeeze", torch.no_grad()(squeeze_in_two_steps), "detached"),
    ("squeeze", lambda x: x.mean(0).mean(0), "over_batch_and_channels"),
    ("squeeze", lambda x: x.mean(dim=1), "over_channels"),
    ("squeeze", lambda x: x.mean(-1), "over_width_only"),
    ("squeeze", lambda x: x.mean([0, 2, 3]), "over_the_batch_too"),
    ("squeeze", lambda x: x.flatten(1).mean(1), "over_channels_too"),
    ("squeeze", lambda x: x.flatten(2).sum(-1), "summed"),
    ("squeeze", lambda x: x.mean((2, 3)).tolist(), "type"),
    ("squeeze", lambda x: x.mean((2, 3)).T, "shape"),
    ("squeeze", lambda x: x.abs().mean((2, 3)), "value"),
    ("squeeze", lambda x: x.average((2, 3)), "exception"),
    ("excite", excite_without_dim, "softmax"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y, w1).relu(), w2), "no_sigmoid"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y, w1), w2).sigmoid(), "no_relu"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y, w1), w2).sigmoid().relu(), "no_relu"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y, w1), w2).relu().sigmoid(), "relu_at_the_end"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y, w1).sigmoid(), w2).sigmoid(), "sigmoid_twice"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y, w1).relu(), w2).sigmoid() * y, "rescaled"),
    ("excite", lambda y, w1, w2: (y.matmul(w1).relu() @ w2).sigmoid(), "not_transposed"),
    ("excite", lambda y, w1, w2: (w2 @ (w1 @ y).clamp(min=0)).sigmoid(), "matrix_on_the_left"),
    ("excite", lambda y, w1, w2: F.linear(F.linear(y.clamp(min=0), w1), w2).sigmoid(), "relu_on_y"),
    ("excite", lambda y, w1, w2: (F.linear(y, w1).relu() @ w2).sigmoid(), "w2_not_transposed"),
    ("excite", lambda y, w1, w2: excite_by_columns(y, w1, w2).T, "images_in_columns"),
    ("excite", lambda y, w1, w2: F.linear(F.gelu(F.linear(y, w1)), w2).sigmoid(), "value"),
    ("se_parameters", lambda c, r: c * c // r + c // r + c // r * c + c, "with_biases"),
    ("se_parameters", lambda c, r: 2 * c**2 / r, "count_as_float"),
    ("se_parameters", lambda c, r: c**2 // r, "one_layer"),
    ("se_parameters", lambda c, r: 2 * c**2, "no_reduction"),
    ("se_parameters", lambda c, r: c // r, "width_of_the_bottleneck"),
    ("se_parameters", lambda c: 2 * c**2 // 16, "exception"),
    ("se_parameters", lambda c, r: f"{2 * c * c // r}", "type"),
    ("channels_for", lambda k, gamma, b: math.pow(2, gamma * k + b), "plus_b"),
    ("channels_for", lambda k, gamma, b: k * gamma - b, "linear"),
    ("channels_for", lambda k, gamma, b: np.exp(gamma * k - b), "base_e"),
    ("channels_for", lambda k, gamma, b: 2**gamma * k - b, "no_parentheses"),
    ("channels_for", lambda k, gamma, b: math.pow(2, 2 * k - 1), "gamma_2_and_b_1"),
    ("channels_for", lambda k, gamma, b: math.pow(2, gamma * k), "value"),
    ("channels_for", lambda k, gamma, b: 2.0 ** torch.tensor(gamma * k - b), "type"),
    ("channels_for", lambda k, gamma, b: 2 ^ gamma * k - b, "xor"),
    ("channels_for", lambda k, gamma, b: 2 ** (gamma * (k - b)), "b_times_gamma"),
    ("channels_for", lambda k, gamma, b: round(2 ** (gamma * k - b)), "cut_to_int"),
    ("kernel_size", kernel_size_of_a_repository, "b_not_divided"),
    ("kernel_size", kernel_size_of_timm, "at_least_3"),
    ("kernel_size", kernel_size_by_min, "ties_down"),
    ("kernel_size", kernel_size_by_round_and_or, "round_then_bump"),
    ("kernel_size", kernel_size_in_float32, "float32"),
    ("kernel_size", kernel_size_as_tensor, "type"),
    ("kernel_size", lambda c, gamma, b: (math.log2(c) + b) / gamma, "t_itself"),
    ("kernel_size", lambda c, gamma, b: int(math.log2(c) / gamma + b / gamma), "cut"),
    ("kernel_size", lambda c, gamma, b: int(math.log2(c) / gamma + b / gamma + 0.5), "rounded_half_up"),
    ("kernel_size", lambda c, gamma, b: (math.log2(c) + b) / gamma // 2 * 2 + 1, "as_float"),
    ("kernel_size", lambda c, gamma, b: int((math.log(c) + b) / gamma) | 1, "natural_logarithm"),
    ("kernel_size", lambda c, gamma, b: int((math.log2(c) - b) / gamma) | 1, "minus_b"),
    ("kernel_size", lambda c, gamma, b: int((math.log2(c) + 1) / 2) | 1, "fixed_gamma_and_b"),
    ("kernel_size", lambda c, gamma, b: 2 * math.floor((math.log2(c) + b / gamma) / 2) + 1, "only_b_divided"),
    ("kernel_size", lambda c, gamma, b: int(math.log2(c) + b / gamma) | 1, "only_b_divided"),
    ("kernel_size", lambda c, gamma, b: 2 * math.floor((math.log2(c) + b) / gamma) / 2 + 1, "halved_too_late"),
    ("kernel_size", lambda c, gamma, b: 2 * int((math.log2(c) + b) / gamma / 2 + 1), "one_inside_floor"),
    ("kernel_size", lambda c, gamma, b: 2 * math.ceil((math.log2(c) + b) / gamma / 2) + 1, "ceil_for_floor"),
    ("kernel_size", lambda c, gamma, b: 2 * math.floor((math.log2(c) + b) / gamma / 2) - 1, "one_subtracted"),
    ("kernel_size", lambda c, gamma, b: 3, "always_3"),
    ("kernel_size", lambda c, gamma, b: 5, "value"),
    ("kernel_size", lambda c: 3, "exception"),
    ("kernel_size", lambda c, gamma, b: log2(c), "exception"),  # noqa: F821
    ("kernel_size", lambda c, gamma, b: True, "type"),
    *[
        ("kernel_size", CONVENTIONS[convention], mistake)
        for convention, mistake in [
            ("timm", "at_least_3"),
            ("b-not-divided", "b_not_divided"),
            ("official-mobilenetv2", "official_mobilenetv2"),
            ("ties-down", "ties_down"),
            ("bankers-rounding", "bankers_rounding"),
            ("round-then-bump", "round_then_bump"),
            ("ceil-then-bump", "ceil_then_bump"),
            ("floor-then-drop", "floor_then_drop"),
        ]
    ],
    ("eca_parameters", eca_parameters_as_list, "type"),
    ("eca_parameters", eca_parameters_by_pop, "misbehaves"),
    ("eca_parameters", lambda stages: sum(adaptive_kernel_size(c) for c, n in stages), "one_module_each"),
    ("eca_parameters", lambda stages: 3 * sum(n for c, n in stages), "three_each"),
    ("eca_parameters", lambda stages: sum(n * c * adaptive_kernel_size(c) for c, n in stages), "not_shared"),
    ("eca_parameters", lambda stages: sum(n + n * adaptive_kernel_size(c) for c, n in stages), "with_bias"),
    ("eca_parameters", lambda stages: 86, "always_86"),
    ("eca_parameters", lambda stages: 80, "always_80"),
    ("eca_parameters", lambda stages: 48, "value"),
    ("eca_parameters", lambda stages: sum(c * adaptive_kernel_size(n) for c, n in stages), "pair_swapped"),
    ("eca_parameters", lambda stages: adaptive_kernel_size(sum(c * n for c, n in stages)), "k_of_all_channels"),
    ("eca_parameters", eca_parameters_of_the_sum, "k_of_the_sum_for_all"),
    ("eca_parameters", lambda stages: torch.tensor([n * adaptive_kernel_size(c) for c, n in stages]).sum(), "type"),
    ("eca_parameters", lambda stages: sum(n * kernel_size_of_a_repository(c) for c, n in stages), "b_not_divided_in_k"),
    ("interact", interact_by_default_module, "no_padding"),
    ("interact", interact_causally, "padding_on_the_left"),
    ("interact", interact_by_circular_module, "circular"),
    ("interact", interact_by_np_convolve, "flipped"),
    ("interact", interact_with_a_view_in_the_wrong_axis, "wrong_axis"),
    ("interact", interact_straight_in, "no_axis"),
    ("interact", interact_with_careless_squeeze, "drops_the_batch"),
    ("interact", interact_running_off_the_end, "exception"),
    ("interact", lambda y, kernel: interact_by_padding(y, kernel).sigmoid(), "already_weights"),
    ("interact", lambda y, kernel: F.conv1d(y[:, None], kernel[None, None], padding=1)[:, 0], "padding_of_1"),
    ("interact", lambda y, kernel: F.conv1d(y[:, None], kernel, padding=len(kernel) // 2), "kernel_without_axes"),
    ("interact", lambda y, kernel: F.conv1d(y[:, None], kernel[None, None], padding="same"), "keeps_the_axis"),
    ("interact", lambda y, kernel: y * kernel.sum(), "value"),
    ("interact", interact_by_numpy, "detached"),
    ("interact", lambda y, kernel: interact_by_padding(y.detach(), kernel), "detached"),
    ("interact", interact_by_module_with_bias, "bias_of_the_layer"),
    ("interact", interact_with_index_below_0, "negative_index"),
    ("interact", interact_of_three, "three_neighbours"),
    ("interact", interact_by_names, "three_names"),
    ("band_matrix", band_matrix_with_modulo, "circular_corners"),
    ("band_matrix", band_matrix_from_columns, "transposed"),
    ("band_matrix", band_matrix_lower, "ends_at_the_diagonal"),
    ("band_matrix", band_matrix_of_whole_rows, "rows_without_padding"),
    ("band_matrix", band_matrix_from_the_left, "starts_at_the_diagonal"),
    ("band_matrix", lambda kernel, c: torch.diag(kernel[len(kernel) // 2].repeat(c)), "main_diagonal_only"),
    ("band_matrix", lambda kernel, c: torch.full((c, c), 0.5), "value"),
    ("band_matrix", band_matrix_with_index_below_0, "negative_column"),
    ("band_matrix", band_matrix_by_roll, "rolled_from_the_diagonal"),
    ("band_matrix", band_matrix_by_shifted_roll, "circular_corners"),
    ("band_matrix", band_matrix_of_three, "three_diagonals"),
    ("band_matrix", band_matrix_by_names, "three_names_for_diagonals"),
    ("band_matrix", lambda kernel, c: band_matrix_shifted(kernel, c, 1), "one_too_far_right"),
    ("band_matrix", lambda kernel, c: band_matrix_shifted(kernel, c, -1), "one_too_far_left"),
    ("band_matrix", lambda kernel, c: band_matrix_by_distance(kernel, c).tolist(), "type"),
    ("band_matrix", lambda kernel, c: band_matrix_by_distance(kernel, c).numpy(), "type"),
    ("eca", BiasLeftOn, "WithBias"),
    ("eca", FixedThree, "AlwaysThree"),
    ("eca", AsInAPopularCollection, "AlwaysThreeWithBias"),
    ("eca", CutWithoutBump, "EvenKernel"),
    ("eca", FromARepository, "BNotDivided"),
    ("eca", AsInFigure3, "MadeInForward"),
    ("eca", RandomKernelInForward, "MadeInForward"),
    ("eca", ViewInTheWrongAxis, "WrongAxis"),
    ("eca", StraightIn, "NoAxis"),
    ("eca", PooledTensorStraightIn, "KeepsPooledAxes"),
    ("eca", CarelessSqueeze, "DropsTheBatch"),
    ("eca", NoPaddingAtAll, "NoPaddingAndView"),
    ("eca", NoPaddingAndTheOtherOrder, "NoPadding"),
    ("eca", TwoFaults, "AlwaysThree"),
    ("eca", BiasAndNoSigmoid, "WithBias"),
    ("eca", CircularPadding, "Circular"),
    ("eca", SoftmaxOverChannels, "Softmax"),
    ("eca", LogitsAsWeights, "NoSigmoid"),
    ("eca", OnlyWeights, "ReturnsWeights"),
    ("eca", Plus, "Adds"),
    ("eca", ChannelsToChannels, "NotShared"),
    ("eca", OneByOneBottleneck, "Bottleneck"),
    ("eca", ScalePerChannel, "OneWeightPerChannel"),
    ("eca", MaxPooled, "MaximumPooling"),
    ("eca", NoConvolution, "WithoutConvolution"),
    ("eca", InPlace, "ChangesItsInput"),
    ("eca", KernelBackwards, "Flipped"),
    ("eca", WithoutGradient, "Detached"),
    ("eca", DataInsteadOfWeight, "Detached"),
    ("eca", NoSuper, "NoSuperInit"),
    ("eca", NoModule, "misbehaves"),
    ("eca", SqueezeExcitation, "Bottleneck"),
    ("eca", lambda channels: nn.Identity(), "value"),
    ("eca", lambda channels: SqueezeExcitation(channels, reduction=4), "value"),
    ("eca", lambda: ECA(64), "misbehaves"),
    ("eca", NoArgument, "misbehaves"),
    ("eca", NoInit, "misbehaves"),
    ("eca", OneMoreArgument, "misbehaves"),
    ("eca", Spare, "misbehaves"),
    ("eca", SpareAndBias, "misbehaves"),
    ("eca", AsInTimm, "AtLeastThree"),
    ("eca", TwoWidths, "ThreeOrFive"),
    ("eca", OneTooWideAtTheTop, "value"),
    ("eca", ReluLast, "ReluOnTheOutput"),
    ("eca", Frozen, "Detached"),
    ("residual", residual_changing_x, "misbehaves"),
    ("residual", residual_with_attention_last, "attention_after_the_relu"),
    ("residual", lambda x, f, a, s: F.relu(a(f(x) + s(x))), "attention_on_the_sum"),
    ("residual", lambda x, f, a, s: F.relu(f(a(x)) + s(x)), "attention_before_the_branch"),
    ("residual", lambda x, f, a, s: s(x) + a(f(x)), "no_final_relu"),
    ("residual", lambda x, f, a, s: F.relu(x + a(f(x))), "adds_x"),
    ("residual", lambda x, f, a, s: F.relu(f(x) + a(s(x))), "attention_on_the_shortcut"),
    ("residual", lambda x, f, a, s: F.relu(a(f(x))), "no_shortcut"),
    ("residual", lambda x, f, a, s: F.relu(s(x)), "value"),
    ("residual", residual_with_branch_twice, "misbehaves"),
    ("residual", residual_with_attention_twice, "misbehaves"),
    ("residual", residual_with_shortcut_twice, "misbehaves"),
    ("residual", lambda x, f, a, s: F.leaky_relu(a(f(x)) + s(x)), "leaky_relu"),
    ("residual", lambda x, f, a, s: abs(s(x) + a(f(x))), "absolute_value"),
    ("residual", lambda x, f, a, s: (s(x) + a(f(x))).sigmoid(), "last_sigmoid"),
    ("residual", lambda x, f, a, s: (s(x) + a(f(x))).tanh(), "last_tanh"),
    ("residual", lambda x, f, a, s: nn.GELU()(s(x) + a(f(x))), "last_gelu"),
    ("residual", lambda x, f, a, s: nn.SiLU()(s(x) + a(f(x))), "last_silu"),
    ("residual", lambda x, f, a, s: act(a(f(x)) + s(x)), "act_unknown"),  # noqa: F821
    ("conv_macs", lambda c, d, k, h, w, g: k**2 * c * d * h * w, "groups_forgotten"),
    ("conv_macs", lambda c, d, k, h, w, g: nn.Conv2d(c, d, k, groups=g, bias=False).weight.numel(), "parameters_only"),
    (
        "conv_macs",
        lambda c, d, k, h, w, g: h * w * sum(p.numel() for p in nn.Conv2d(c, d, k, groups=g).parameters()),
        "value",
    ),
    ("gate_bytes", lambda c, h, w: 8 * c * h * w, "two_passes"),
    ("gate_bytes", lambda c, h, w: 12 * c * h * w + 8 * c, "weights_as_well"),
    ("paired_interval", lambda a, b, t: ttest_ind(a, b).confidence_interval(), "value"),
    ("paired_interval", lambda a, b, t: ttest_rel(a, b).confidence_interval(0.9), "value"),
    (
        "paired_interval",
        lambda a, b, t: (a.mean() - b.mean() - 1.96 * sem(a - b), (a - b).mean() + 1.96 * sem(a - b)),
        "normal_distribution",
    ),
    ("paired_interval", lambda a, b, t: a.mean() - b.mean(), "middle"),
    (
        "paired_interval",
        lambda a, b, t: (np.mean((b - a).numpy()) - t * sem(a - b), (b - a).mean() + t * sem(a - b)),
        "swapped",
    ),
    ("verdict", lambda low, high: "better" if low + high > 0 else "worse", "by_the_mean"),
    ("verdict", lambda low, high: "better" if high > 0 else "worse", "by_the_upper_end"),
    ("verdict", lambda low, high: "no difference" if low < 0 < high else "better" if low > 0 else "worse", "value"),
    ("class_means", class_means_of_the_axis_of_channels, "over_channels"),
    ("class_means", lambda w, labels, k: [w[labels == i].mean(0) for i in range(k)], "type"),
    ("class_means", lambda w, labels, k: torch.tensor([w[labels == i].mean() for i in range(k)]), "one_number_each"),
    ("class_means", lambda w, labels, k: F.one_hot(labels, k).to(w).T @ w, "summed"),
    ("class_means", lambda w, labels, k: F.one_hot(labels, k).to(w).T @ w / len(w), "divided_by_all"),
    ("class_means", lambda w, labels, k: F.one_hot(labels, k).to(w).T @ w * k / len(w), "divided_by_equal_shares"),
    ("class_means", lambda w, labels, k: class_statistics(w, labels, k)[0].T, "classes_in_columns"),
    ("class_means", lambda w, labels, k: class_statistics(w, labels, k)[1], "value"),
    ("class_means", lambda w, labels, k: w[:k], "label_as_index"),
    ("class_means", lambda w, labels, k: w.mean(0).expand(k, -1), "all_images"),
    ("class_means", class_means_without_stack, "exception"),
    ("attending", lambda w: w.mean(0).var().item() / w.var(0).mean().item(), "upside_down"),
    ("attending", lambda w: w.var(0).mean() / w.mean(0).var(), "type"),
    ("attending", lambda w: float(w.std(0).mean() / w.mean(0).std()), "deviations"),
    ("attending", lambda w: float(w.var(dim=1).mean() / w.mean(dim=1).var()), "axes_swapped"),
    ("attending", lambda w: float(w.var(0).mean() / w.var()), "over_all"),
    ("attending", lambda w: w.numpy().var(0).mean() / w.numpy().mean(0).var(), "divided_by_n"),
    ("attending", lambda w: float(w.var(0).mean() / w.var(1).mean()), "not_averaged_first"),
    ("attending", lambda w: w.var(0) / w.mean(0).var(), "one_for_each_channel"),
    ("attending", lambda w: float((w.std(0).mean() / w.mean(0).std()) ** 2), "mean_deviation_squared"),
    ("attending", lambda w: w.var(0).sum().item() / w.mean(0).var().item(), "summed_above"),
    ("attending", lambda w: 0.0, "value"),
    ("same_for_all", lambda w: w.mean(0), "one_row"),
    ("same_for_all", lambda w: w.mean(0).unsqueeze(0), "one_row_with_axis"),
    ("same_for_all", lambda w: w.mean(1, keepdim=True).repeat(1, w.shape[1]), "same_for_all_channels"),
    ("same_for_all", lambda w: w.mean(1), "one_column"),
    ("same_for_all", lambda w: w * 0 + w.mean(), "one_number"),
    ("same_for_all", lambda w: w[0].repeat(len(w), 1), "first_image"),
    ("same_for_all", lambda w: w.mean(0).unsqueeze(1).repeat(1, len(w)), "channels_in_rows"),
    ("same_for_all", lambda w: torch.ones_like(w), "value"),
    ("same_for_all", same_for_all_in_place, "misbehaves"),
    ("same_for_all", lambda w: w.mean(0).expand(3, -1), "shape"),
]


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG, ids=by_name)
def test_wrong_answers_get_the_message_for_what_is_wrong(name, answer, mistake):
    result = getattr(check, name)(answer)
    assert result.passed is False
    assert result.mistake == mistake, result
    assert str(result).startswith("Not yet: ")


# What the messages show


def test_evidence_shows_input_result_and_expectation():
    text = str(check.kernel_size(kernel_size_of_a_repository))
    assert "With channels = 64, gamma = 2, b = 1: got 5, expected 3." in text
    text = str(check.interact(lambda y, kernel: y))
    assert " ".join(text.split()) == (
        "Not yet: With y = [[1, 2, 3, 4]], kernel = [0.2, 0.5, 0.3]: "
        "got [[1, 2, 3, 4]], expected [[1.1, 2.1, 3.1, 2.6]]."
    )
    text = str(check.eca(BiasLeftOn))
    assert "With C = 8, the number of parameters: got 4, expected 3." in text


def test_a_wrong_type_is_named():
    text = " ".join(str(check.kernel_size(lambda c, gamma, b: str(3))).split())
    assert "(type str), expected 3 (type int)." in text


def test_a_tensor_for_a_number_is_told_how_to_become_one():
    text = " ".join(str(check.kernel_size(kernel_size_as_tensor)).split())
    assert "With channels = 64, gamma = 2, b = 1: got a tensor, 3; return a number, e.g. with .item()." in text
    wrong = [
        check.channels_for(lambda k, gamma, b: torch.tensor(2.0) ** (gamma * k - b)),
        check.eca_parameters(lambda stages: torch.tensor(86)),
        check.se_parameters(lambda c, r: torch.tensor(2 * c * c // r)),
    ]
    assert all("return a number, e.g. with .item()" in " ".join(str(result).split()) for result in wrong)


@pytest.mark.parametrize("convert", [torch.Tensor.tolist, torch.Tensor.numpy])
def test_a_list_or_array_for_a_tensor_is_told_to_become_one(convert):
    for result in [
        check.band_matrix(lambda kernel, channels: convert(band_matrix_by_distance(kernel, channels))),
        check.excite(lambda y, w1, w2: convert(excite_by_einsum(y, w1, w2))),
    ]:
        assert "; return a tensor." in " ".join(str(result).split())
        assert result.mistake == "type"


def test_the_part_that_is_called_too_often_is_named():
    for answer, text in [
        (residual_with_branch_twice, "it calls branch 2 times; call it once"),
        (residual_with_attention_twice, "it calls branch 2 times; call it once"),
        (residual_with_shortcut_twice, "it calls shortcut 2 times; call it once"),
    ]:
        assert text in " ".join(str(check.residual(answer)).split())


def test_parameters_without_use_are_named():
    assert "forward does not use spare.weight, spare.bias;" in " ".join(str(check.eca(Spare)).split())


def test_a_class_that_does_not_take_the_channels_is_told_so():
    for answer in [NoArgument, NoInit, OneMoreArgument]:
        text = " ".join(str(check.eca(answer)).split())
        assert "the class is called with the number of channels and nothing else; __init__ has to take it." in text


def test_a_kernel_of_1_and_one_of_7_are_asked_for():
    assert "With C = 4, the number of parameters: got 3, expected 1." in str(check.eca(AsInTimm))
    assert "With C = 2048, the number of parameters: got 9, expected 7." in str(check.eca(OneTooWideAtTheTop))


def test_a_frozen_kernel_is_not_blamed_on_forward():
    text = " ".join(str(check.eca(Frozen)).split())
    assert "requires_grad=False" in text
    assert "in forward" not in text


class KernelFromATensor(Learner):
    """Computes its width with torch, so that it needs real memory."""

    def width(self, channels):
        t = (torch.log2(torch.tensor(float(channels), dtype=torch.double)) + 1) / 2
        return int(2 * torch.floor(t / 2).item() + 1)


def test_a_width_computed_by_torch_is_right():
    assert check.eca(KernelFromATensor).passed


def test_large_wrong_modules_are_checked_quickly():
    start = time.process_time()
    assert check.eca(ChannelsToChannels).mistake == "NotShared"
    assert time.process_time() - start < 1


def test_a_large_tensor_is_shown_at_the_first_place_that_differs():
    def wrong_at_one_place(x, branch, attention, shortcut):
        out = residual_in_steps(x, branch, attention, shortcut)
        if out.numel() > 9:
            out[1, 0, 2, 3] = 77
        return out

    assert "got 77 at index [1, 0, 2, 3], expected " in " ".join(str(check.residual(wrong_at_one_place)).split())


def test_an_exception_is_shown_with_its_text():
    def answer(channels, gamma, b):
        raise ZeroDivisionError("a text of its own")

    text = " ".join(str(check.kernel_size(answer)).split())
    assert "it raises ZeroDivisionError: a text of its own. Expected: 3." in text


def test_pytorch_raising_not_implemented_is_a_mistake_and_no_stub():
    result = check.interact(lambda y, kernel: F.pad(y, (1, 1, 1, 1), mode="circular"))
    assert result.mistake == "exception"
    assert "NotImplementedError" in str(result)


def test_a_module_for_its_class_and_a_result_for_its_function_are_told():
    assert check.kernel_size(3).mistake == "no function"
    assert "takes the function itself" in str(check.kernel_size(3))
    assert check.eca(ECA(8)).mistake == "no function"
    assert "takes the class itself" in str(check.eca(ECA(8)))


@pytest.mark.parametrize(
    "result",
    [float("nan"), 10**400, 1j, torch.empty(2, 3, device="meta"), object(), [torch.ones(2)], np.ones(3), "3", {}, ()],
)
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_no_result_is_so_odd_that_a_check_raises(exercise, result):
    assert exercise.check(lambda *args: result).passed is False
    assert repr(exercise.check(lambda *args: result))


# No traces


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_a_check_leaves_no_traces(exercise):
    torch.manual_seed(7)
    random.seed(7)
    expected = torch.randn(3)
    torch.manual_seed(7)
    for answer in [exercise.solution, *exercise.mistakes.values()]:
        exercise.check(answer)
    assert torch.equal(torch.randn(3), expected)
    assert torch.is_grad_enabled()


def test_a_check_leaves_no_gradients():
    made = []

    class Remembered(AsTheAuthors):
        def __init__(self, channels):
            super().__init__(channels)
            made.append(self)

    assert check.eca(Remembered).passed
    assert all(parameter.grad is None for module in made for parameter in module.parameters())


def test_a_check_holds_without_gradients_and_with_another_default_device():
    with torch.no_grad():
        assert check.eca(AsTheAuthors).passed
    with torch.device("meta"):
        assert check.eca(AsTheAuthors).passed


def test_an_answer_cannot_spoil_the_probes():
    def spoils(x):
        x.zero_()
        return x.mean((2, 3))

    assert check.squeeze(spoils).mistake == "misbehaves"
    assert check.squeeze(squeeze_in_loops).passed


# Names, hints, solutions


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match=r"kernal_size.*squeeze.*kernel_size.*eca"):
        check.kernal_size  # noqa: B018
    for function in [hint, solution]:
        with pytest.raises(ValueError, match=r"squeeze.*kernel_size.*eca.*got 'kernal_size'"):
            function("kernal_size")


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=by_name)
def test_hints_come_one_by_one_and_run_out(exercise, monkeypatch):
    monkeypatch.setattr(package, "_hints_given", package.Counter())
    count = len(exercise.hints)
    texts = [hint(exercise.name).text for _ in range(count + 2)]
    assert texts[:count] == [f"Hint {i} of {count}: {text}" for i, text in enumerate(exercise.hints, 1)]
    assert all("no more hints" in text and f'solution("{exercise.name}")' in text for text in texts[count:])


def test_the_last_hint_leads_to_a_right_answer():
    assert check.squeeze(lambda x: x.mean((2, 3))).passed
    assert check.channels_for(lambda kernel_size, gamma, b: 2 ** (gamma * kernel_size - b)).passed
    assert check.eca_parameters(lambda stages: sum(n * adaptive_kernel_size(c) for c, n in stages)).passed


def test_the_help_of_a_check_says_what_it_does():
    assert "mistake" in check.kernel_size.__doc__
    assert builtins.callable(check.kernel_size)
