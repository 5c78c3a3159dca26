"""Exercises of chapter 02: the width of ECA's kernel, and what follows from it."""

import inspect
from math import ceil, exp, floor, log, log2, log10

import torch

from eca_edu.kernel_size import CONVENTIONS, adaptive_kernel_size
from eca_edu.practice.exercises.exercise import Exercise, Probe, calls

# channels_for


def channels_for(kernel_size, gamma, b):
    """The number of channels C = φ(k) for which a kernel of width k is exactly right."""
    return 2 ** (gamma * kernel_size - b)


CHANNELS_FOR = Exercise(
    "channels_for",
    channels_for,
    probes=calls(
        channels_for,
        [
            *[(3, 2, 1), (5, 2, 1), (7, 2, 1), (1, 2, 1), (3, 1, 1), (3, 2, 0), (3, 2, 3), (5, 1, 2)],
            *[(3, 1.5, 1), (3, 2, 0.5), (1, 0.5, 3)],
        ],
    ),
    success="that is φ, and it multiplies where a straight line would only add.",
    hints=[
        "Channel counts double. Which function doubles each time its argument grows by one?",
        "The exponent is the straight line of the first try, γ k − b.",
        "In Python a power is written 2 ** exponent, and gamma * kernel_size - b needs parentheses around it.",
    ],
    mistakes={
        "plus_b": (
            "b is added in the exponent. It is subtracted here, so that it is added after turning the formula around; the "
            "authors' own poster has this slip.",
            lambda kernel_size, gamma, b: 2 ** (gamma * kernel_size + b),
        ),
        "linear": (
            "That is the straight line γ k − b. Channel counts double, so it belongs in the exponent of 2.",
            lambda kernel_size, gamma, b: gamma * kernel_size - b,
        ),
        "times_two": (
            "2 is multiplied by γ k − b. It should be the base of a power: 2 ** (γ k − b), with two stars.",
            lambda kernel_size, gamma, b: 2 * (gamma * kernel_size - b),
        ),
        "base_e": (
            "The base is e. Channel counts are powers of two, so the base is 2.",
            lambda kernel_size, gamma, b: exp(gamma * kernel_size - b),
        ),
        "b_times_gamma": (
            "b is multiplied by γ as well: γ (k − b). Only k is, then b is subtracted.",
            lambda kernel_size, gamma, b: 2 ** (gamma * (kernel_size - b)),
        ),
        "no_parentheses": (
            "Only γ is in the exponent: ** comes before * and -. Put parentheses around the whole exponent, γ k − b.",
            lambda kernel_size, gamma, b: 2**gamma * kernel_size - b,
        ),
        "gamma_2_and_b_1": (
            "The values 2 and 1 are written into the formula. Use the arguments gamma and b; others may be given.",
            lambda kernel_size, gamma, b: 2 ** (2 * kernel_size - 1),
        ),
        "xor": (
            "In Python ^ works on the bits of two ints and is not a power. A power is written 2 ** (…), with two stars.",
            lambda kernel_size, gamma, b: 2 ^ (gamma * kernel_size - b),
        ),
        "rounded_channels": (
            "The result is made a whole number. φ(k) need not be whole; return it as it is.",
            lambda kernel_size, gamma, b: round(2 ** (gamma * kernel_size - b)),
        ),
    },
)


# kernel_size


def kernel_size(channels, gamma=2, b=1):
    """The kernel size k = ψ(C): the odd number nearest to t, ties upward."""
    t = (log2(channels) + b) / gamma
    return 2 * floor(t / 2) + 1


def _defaults(channels: int) -> Probe:
    """Return a probe for the values that gamma and b have if they are left out; an answer may ask for them, too."""

    def run(answer):
        try:
            inspect.signature(answer).bind(channels)
        except TypeError:
            return answer(channels, 2, 1)
        return answer(channels)

    return Probe(f"channels = {channels}, gamma and b left out", run, "defaults")


def _t(channels, gamma, b):
    return (log2(channels) + b) / gamma


def _nearest_odd(t):
    return 2 * floor(t / 2) + 1


def _in_float32(channels, gamma, b):
    logarithm = torch.tensor(log(channels)) / torch.tensor(log(2))
    return _nearest_odd(((logarithm + b) / gamma).item())


KERNEL_SIZE = Exercise(
    "kernel_size",
    kernel_size,
    # log2(C) - b ≥ 0 and t ≥ 1 everywhere: what a formula does below is no matter of this exercise.
    probes=[
        *calls(
            kernel_size,
            [
                *[(channels, 2, 1) for channels in (64, 128, 256, 512, 1024, 2048, 32, 16, 8, 4, 3, 2, 48, 96, 32768)],
                *[(64, 1, 1), (256, 1, 1), (8192, 1, 1), (16, 1, 0), (64, 3, 1), (64, 2, 3), (512, 2, 0), (64, 4, 2)],
                *[(48, 1, 0.5), (100, 1.5, 1), (64, 2, 0.5), (12, 0.5, 1.5)],
            ],
        ),
        *map(_defaults, (64, 128)),
    ],
    success="the nearest odd number to t, with ties upward, for several γ and b. Every kernel size agrees.",
    hints=[
        "Start from C = 2^(γ k − b). What stands alone on the other side after you take log2 of both?",
        "t = (log2(C) + b) / γ, with b divided by γ as well. It is rarely odd, and an even t lies exactly between two odd "
        "numbers: the larger one is wanted.",
        "The odd numbers are 2 m + 1, and every t from 2 m up to below 2 m + 2 belongs to 2 m + 1. How do you get m from t?",
        "Halve t, round it down with floor, double it, and add 1.",
    ],
    mistakes={
        "t_itself": (
            "That is t. A kernel has a whole number of weights, so take the odd number nearest to t.",
            lambda c, gamma, b: _t(c, gamma, b),
        ),
        "cut": (
            "t is cut to a whole number, and some kernels are even. The nearest odd number is wanted.",
            lambda c, gamma, b: int(_t(c, gamma, b)),
        ),
        "rounded": (
            "round(t) is the nearest whole number, even or odd, so some kernels are even. The nearest odd number is wanted.",
            lambda c, gamma, b: round(_t(c, gamma, b)),
        ),
        "rounded_half_up": (
            "t is rounded to the nearest whole number, so some kernels are even. The nearest odd number is wanted.",
            lambda c, gamma, b: floor(_t(c, gamma, b) + 0.5),
        ),
        "only_b_divided": (
            "Only b is divided by γ, since / comes before +. t = (log2(C) + b) / γ needs the parentheses.",
            lambda c, gamma, b: _nearest_odd(log2(c) + b / gamma),
        ),
        "minus_b": (
            "b is subtracted. φ subtracts it in the exponent, so that turning the formula around adds it.",
            lambda c, gamma, b: _nearest_odd(_t(c, gamma, -b)),
        ),
        "fixed_gamma_and_b": (
            "γ and b have no effect: 2 and 1 are written in. Use the arguments gamma and b; others may be given.",
            lambda c, gamma, b: _nearest_odd(_t(c, 2, 1)),
        ),
        "natural_logarithm": (
            "The logarithm is the natural one: math.log has base e. φ has base 2, so it takes log2.",
            lambda c, gamma, b: _nearest_odd((log(c) + b) / gamma),
        ),
        "decimal_logarithm": (
            "The logarithm has base 10. φ has base 2, so it takes log2.",
            lambda c, gamma, b: _nearest_odd((log10(c) + b) / gamma),
        ),
        "not_halved": (
            "t is doubled without being halved before: 2 floor(t) + 1 is far too wide. Halve inside: floor(t / 2).",
            lambda c, gamma, b: 2 * floor(_t(c, gamma, b)) + 1,
        ),
        "halved_too_late": (
            "What comes out is floor(t) + 1: t is halved after floor, if at all, so that halving and doubling cancel. "
            "Halve inside: floor(t / 2).",
            lambda c, gamma, b: floor(_t(c, gamma, b)) + 1,
        ),
        "one_inside_floor": (
            "The 1 is added inside floor and then doubled, so all kernels are even. Add it last, after doubling.",
            lambda c, gamma, b: 2 * floor(_t(c, gamma, b) / 2 + 1),
        ),
        "ceil_for_floor": (
            "Half of t is rounded up, and 1 is added after doubling: mostly 2 too many. With the 1 added, round down with "
            "floor.",
            lambda c, gamma, b: 2 * ceil(_t(c, gamma, b) / 2) + 1,
        ),
        "one_subtracted": (
            "The kernels are odd, but each is 2 too small: 1 is subtracted at the end. After rounding down, 1 is added.",
            lambda c, gamma, b: 2 * floor(_t(c, gamma, b) / 2) - 1,
        ),
        "always_3": (
            "The kernel size is 3 for any number of channels. It should grow with them; many copies of ECA forget this.",
            lambda c, gamma, b: 3,
        ),
        "float32": (
            "Almost: a logarithm with 7 digits makes a t slightly below a tie, which then goes down. log(C) / log(2) in "
            "float32 is not exact even for powers of two; use math.log2.",
            _in_float32,
        ),
        "b_not_divided": (
            "b is not divided by γ, so that some kernels come out too wide. t = (log2(C) + b) / γ needs the parentheses.",
            CONVENTIONS["b-not-divided"],
        ),
        "ties_down": (
            "Everything is right but the ties: an even t lies exactly between two odd numbers; the larger one is wanted.",
            CONVENTIONS["ties-down"],
        ),
        "bankers_rounding": (
            "Python's round sends a half to the nearest even number, so that some ties go up and others down. All go up "
            "here; use floor instead.",
            CONVENTIONS["bankers-rounding"],
        ),
        "round_then_bump": (
            "t is rounded to a whole number first, and an even one gets 1 added. Two roundings upward go too far: 3.5 "
            "becomes 4 and then 5, while 3 is nearer. Cut t instead of rounding it.",
            CONVENTIONS["round-then-bump"],
        ),
        "ceil_then_bump": (
            "t is rounded up first, and an even number gets 1 added. Two steps upward go too far: 3.2 becomes 4 and then "
            "5, while 3 is nearer. Cut t instead of rounding it up.",
            CONVENTIONS["ceil-then-bump"],
        ),
        "floor_then_drop": (
            "t is cut to a whole number, and an even one gets 1 subtracted. Two steps downward go too far: 4.5 becomes 4 "
            "and then 3, while 5 is nearer. Add 1 instead.",
            CONVENTIONS["floor-then-drop"],
        ),
        "timm": (
            "No kernel is smaller than 3. timm has this rule, the formula has not: for few channels it gives 1.",
            CONVENTIONS["timm"],
        ),
        "official_mobilenetv2": (
            "That is the rule in the authors' MobileNetV2, 1 below 96 channels and else 3, without γ and b.",
            CONVENTIONS["official-mobilenetv2"],
        ),
    },
    remarks={"defaults": "gamma and b may be left out. Then gamma is 2 and b is 1."},
)


# eca_parameters


def eca_parameters(stages):
    """Parameters of ECA in a network; stages: a list of (channels, number of modules)."""
    return sum(modules * adaptive_kernel_size(channels) for channels, modules in stages)


_RESNET18 = [(64, 2), (128, 2), (256, 2), (512, 2)]
_RESNET50 = [(256, 3), (512, 4), (1024, 6), (2048, 3)]

ECA_PARAMETERS = Exercise(
    "eca_parameters",
    eca_parameters,
    probes=calls(
        eca_parameters,
        [(_RESNET50,), (_RESNET18,), ([(128, 5)],), ([(16, 2), (64, 1), (4, 3)],), ([(64, 2), (256, 1), (64, 3)],)],
    ),
    success="every module has k = ψ(C) parameters, 86 in all of ResNet-50.",
    hints=[
        "How many parameters does one ECA module have, and does it matter how many channels share them?",
        "One module has k = ψ(C) parameters, all of its channels share them, and there is no bias. A stage has several modules.",
        "Add up modules * adaptive_kernel_size(channels) over all stages.",
    ],
    mistakes={
        "one_module_each": (
            "The number of modules is forgotten: each stage is counted as if it had one.",
            lambda stages: sum(adaptive_kernel_size(channels) for channels, _ in stages),
        ),
        "not_shared": (
            "Every channel is counted with k parameters of its own. In ECA all channels of a module share the same k; not "
            "to share them is the variant ECA-NS.",
            lambda stages: sum(modules * adaptive_kernel_size(channels) * channels for channels, modules in stages),
        ),
        "with_bias": (
            "One parameter too many for each module: ECA's convolution has no bias.",
            lambda stages: sum(modules * (adaptive_kernel_size(channels) + 1) for channels, modules in stages),
        ),
        "three_each": (
            "Each module is counted with 3 parameters, the default in the authors' code. By the formula k depends on C.",
            lambda stages: sum(3 * modules for _, modules in stages),
        ),
        "k_of_the_sum_for_all": (
            "The channels of all stages are added up, and k comes from the sum. Each stage has a k of its own: compute it "
            "inside the sum.",
            lambda stages: adaptive_kernel_size(sum(c for c, _ in stages)) * sum(n for _, n in stages),
        ),
        "list": (
            "That is a list with one number for each stage. Add them up: sum(…).",
            lambda stages: [modules * adaptive_kernel_size(channels) for channels, modules in stages],
        ),
        "k_squared": (
            "The kernel size is squared, as in a 2-D convolution. ECA's convolution is 1-D: its kernel has k weights.",
            lambda stages: sum(modules * adaptive_kernel_size(channels) ** 2 for channels, modules in stages),
        ),
        "pair_swapped": (
            "Channels and modules are swapped. In each pair the number of channels comes first.",
            lambda stages: sum(modules * adaptive_kernel_size(channels) for modules, channels in stages),
        ),
        "always_86": (
            "86 is right for ResNet-50 alone. Compute the number from stages, so that other networks come out right, too.",
            lambda stages: 86,
        ),
        "always_80": (
            "80 is the number of the released ResNet-50, whose kernels do not follow the formula. Use stages.",
            lambda stages: 80,
        ),
        "kernels_too_wide": (
            "Some kernels are too wide. That comes of b not being divided by γ, or, which is the same for γ = 2 and b = "
            "1, of rounding t before it is made odd. adaptive_kernel_size(channels) gives them.",
            lambda stages: sum(modules * CONVENTIONS["b-not-divided"](channels, 2, 1) for channels, modules in stages),
        ),
    },
)


EXERCISES = [CHANNELS_FOR, KERNEL_SIZE, ECA_PARAMETERS]
