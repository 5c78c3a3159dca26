"""Exercises of chapter 02: the width of ECA's kernel, and what follows from it."""

from math import ceil, exp, floor, log, log2, log10

import torch

from eca_edu.exercises.exercise import Exercise, calls
from eca_edu.kernel_size import adaptive_kernel_size

# channels_for


def channels_for(kernel_size, gamma, b):
    """The number of channels C = φ(k) for which a kernel of width k is exactly right."""
    return 2 ** (gamma * kernel_size - b)


CHANNELS_FOR = Exercise(
    "channels_for",
    channels_for,
    probes=calls(
        channels_for,
        [(3, 2, 1), (5, 2, 1), (7, 2, 1), (1, 2, 1), (3, 1, 1), (3, 2, 0), (3, 2, 3), (5, 1, 2), (3, 1.5, 1)],
    ),
    whole_numbers=False,
    success="that is φ, and it multiplies where a straight line would only add.",
    hints=[
        "Channel counts double. Which function doubles each time its argument grows by one?",
        "The exponent is the straight line of the first try, γ k − b.",
        "In Python a power is written 2 ** exponent, and gamma * kernel_size - b needs parentheses around it.",
    ],
)


@CHANNELS_FOR.mistake
def plus_b(kernel_size, gamma, b):
    """b is added in the exponent. It is subtracted here, so that it is added after turning the formula around; the
    authors' own poster has this slip."""
    return 2 ** (gamma * kernel_size + b)


@CHANNELS_FOR.mistake
def linear(kernel_size, gamma, b):
    """That is the straight line γ k − b. Channel counts double, so it belongs in the exponent of 2."""
    return gamma * kernel_size - b


@CHANNELS_FOR.mistake
def base_e(kernel_size, gamma, b):
    """The base is e. Channel counts are powers of two, so the base is 2."""
    return exp(gamma * kernel_size - b)


@CHANNELS_FOR.mistake
def base_10(kernel_size, gamma, b):
    """The base is 10. Channel counts are powers of two, so the base is 2."""
    return 10 ** (gamma * kernel_size - b)


@CHANNELS_FOR.mistake
def swapped_in_the_exponent(kernel_size, gamma, b):
    """γ and b have changed places: k is multiplied by γ, and b is subtracted."""
    return 2 ** (b * kernel_size - gamma)


@CHANNELS_FOR.mistake
def b_times_gamma(kernel_size, gamma, b):
    """b is multiplied by γ as well: γ (k − b). Only k is, then b is subtracted."""
    return 2 ** (gamma * (kernel_size - b))


@CHANNELS_FOR.mistake
def b_outside(kernel_size, gamma, b):
    """b is subtracted from the power instead of in the exponent: parentheses are missing around γ k − b."""
    return 2 ** (gamma * kernel_size) - b


@CHANNELS_FOR.mistake
def no_parentheses(kernel_size, gamma, b):
    """Only γ is in the exponent: ** comes before * and -. Put parentheses around the whole exponent, γ k − b."""
    return 2**gamma * kernel_size - b


@CHANNELS_FOR.mistake
def gamma_2_and_b_1(kernel_size, gamma, b):
    """The values 2 and 1 are written into the formula. Use the arguments gamma and b; others may be given."""
    return 2 ** (2 * kernel_size - 1)


@CHANNELS_FOR.mistake
def doubled(kernel_size, gamma, b):
    """That is two times γ k − b. Two to the power of it is written 2 ** (…), with two stars."""
    return 2 * (gamma * kernel_size - b)


@CHANNELS_FOR.mistake
def squared(kernel_size, gamma, b):
    """That is the square of γ k − b. Base and exponent have changed places: 2 is the base."""
    return (gamma * kernel_size - b) ** 2


@CHANNELS_FOR.mistake
def xor(kernel_size, gamma, b):
    """In Python ^ is no power but an operation on bits, and knows no floats. A power is written 2 ** (…), with two stars."""
    return 2 ^ (gamma * kernel_size - b)


@CHANNELS_FOR.mistake
def cut_to_int(kernel_size, gamma, b):
    """The result is made a whole number. φ(k) need not be whole; return it as it is."""
    return int(2 ** (gamma * kernel_size - b))


# kernel_size


def kernel_size(channels, gamma=2, b=1):
    """The kernel size k = ψ(C): the odd number nearest to t, ties upward."""
    t = (log2(channels) + b) / gamma
    return 2 * floor(t / 2) + 1


KERNEL_SIZE = Exercise(
    "kernel_size",
    kernel_size,
    # log2(C) - b ≥ 0 and t ≥ 1 everywhere: what a formula does below is no matter of this exercise.
    probes=calls(
        kernel_size,
        [
            *[(channels, 2, 1) for channels in (64, 128, 256, 512, 1024, 2048, 32, 16, 8, 4, 3, 2, 48, 96, 32768)],
            *[(64, 1, 1), (256, 1, 1), (8192, 1, 1), (16, 1, 0), (64, 3, 1), (64, 2, 3), (512, 2, 0), (64, 4, 2)],
        ],
    ),
    success="the nearest odd number to t, with ties upward, for several γ and b. Every kernel size agrees.",
    hints=[
        "Start from C = 2^(γ k − b). What stands alone on the other side after you take log2 of both?",
        "t = (log2(C) + b) / γ, with b divided by γ as well. It is rarely odd, and an even t lies exactly between two odd "
        "numbers: the larger one is wanted.",
        "The odd numbers are 2 m + 1, and every t from 2 m up to below 2 m + 2 belongs to 2 m + 1. How do you get m from t?",
        "Halve t, round it down with floor, double it, and add 1.",
    ],
)


def _t(channels, gamma, b):
    return (log2(channels) + b) / gamma


def _nearest_odd(t):
    return 2 * floor(t / 2) + 1


def _bump(number):
    return number if number % 2 else number + 1


@KERNEL_SIZE.mistake
def t_itself(channels, gamma, b):
    """That is t, before it becomes an odd number. A kernel has a whole number of weights: take the odd number nearest to t."""
    return (log2(channels) + b) / gamma


@KERNEL_SIZE.mistake
def cut(channels, gamma, b):
    """t is cut to a whole number, and some kernels are even. The nearest odd number is wanted."""
    return int(_t(channels, gamma, b))


@KERNEL_SIZE.mistake
def rounded(channels, gamma, b):
    """t is rounded to the nearest whole number, and some kernels are even. The nearest odd number is wanted."""
    return round(_t(channels, gamma, b))


@KERNEL_SIZE.mistake
def rounded_half_up(channels, gamma, b):
    """t is rounded to the nearest whole number, a half upward, and some kernels are even. The nearest odd number is wanted."""
    return floor(_t(channels, gamma, b) + 0.5)


@KERNEL_SIZE.mistake
def rounded_up(channels, gamma, b):
    """t is rounded up to a whole number, and some kernels are even. The nearest odd number is wanted."""
    return ceil(_t(channels, gamma, b))


@KERNEL_SIZE.mistake
def b_not_divided(channels, gamma, b):
    """b is not divided by γ, so that some kernels come out too wide. t = (log2(C) + b) / γ needs the parentheses."""
    return _nearest_odd(log2(channels) / gamma + b)


@KERNEL_SIZE.mistake
def only_b_divided(channels, gamma, b):
    """Only b is divided by γ, since / comes before +. t = (log2(C) + b) / γ needs the parentheses."""
    return _nearest_odd(log2(channels) + b / gamma)


@KERNEL_SIZE.mistake
def b_forgotten(channels, gamma, b):
    """b is missing: t = (log2(C) + b) / γ."""
    return _nearest_odd(log2(channels) / gamma)


@KERNEL_SIZE.mistake
def minus_b(channels, gamma, b):
    """b is subtracted. φ subtracts it in the exponent, so that turning the formula around adds it."""
    return _nearest_odd((log2(channels) - b) / gamma)


@KERNEL_SIZE.mistake
def times_gamma(channels, gamma, b):
    """log2(C) + b is multiplied by γ. φ multiplies k by γ, so that turning the formula around divides by it."""
    return _nearest_odd((log2(channels) + b) * gamma)


@KERNEL_SIZE.mistake
def gamma_and_b_swapped(channels, gamma, b):
    """γ and b have changed places: b is added, then all is divided by γ."""
    return _nearest_odd((log2(channels) + gamma) / b)


@KERNEL_SIZE.mistake
def fixed_gamma_and_b(channels, gamma, b):
    """The values 2 and 1 are written into the formula. Use the arguments gamma and b; others may be given."""
    return _nearest_odd((log2(channels) + 1) / 2)


@KERNEL_SIZE.mistake
def natural_logarithm(channels, gamma, b):
    """The logarithm is the natural one: math.log has base e. φ has base 2, so it takes log2."""
    return _nearest_odd((log(channels) + b) / gamma)


@KERNEL_SIZE.mistake
def decimal_logarithm(channels, gamma, b):
    """The logarithm has base 10. φ has base 2, so it takes log2."""
    return _nearest_odd((log10(channels) + b) / gamma)


@KERNEL_SIZE.mistake
def no_logarithm(channels, gamma, b):
    """The logarithm is missing: that turns around the straight line C = γ k − b, not C = 2^(γ k − b)."""
    return _nearest_odd((channels + b) / gamma)


@KERNEL_SIZE.mistake
def ties_down(channels, gamma, b):
    """Everything is right but the ties: an even t lies exactly between two odd numbers, and the larger one is wanted."""
    return 2 * ceil(_t(channels, gamma, b) / 2) - 1


@KERNEL_SIZE.mistake
def bankers_rounding(channels, gamma, b):
    """Python's round sends a half to the nearest even number, so that some ties go up and others down. All go up here; use
    floor instead."""
    return 2 * round((_t(channels, gamma, b) - 1) / 2) + 1


@KERNEL_SIZE.mistake
def halved_too_late(channels, gamma, b):
    """t is halved after floor instead of before, so that halving and doubling cancel: what is left is floor(t) + 1, as a
    float. Halve inside: floor(t / 2)."""
    return 2 * floor(_t(channels, gamma, b)) / 2 + 1


@KERNEL_SIZE.mistake
def one_inside_floor(channels, gamma, b):
    """The 1 is added inside floor and doubled with the rest, so that all kernels are even. Add it last, after doubling."""
    return 2 * floor(_t(channels, gamma, b) / 2 + 1)


@KERNEL_SIZE.mistake
def ceil_for_floor(channels, gamma, b):
    """Half of t is rounded up, and 1 is added after doubling: mostly 2 too many. With the 1 added, round down with floor."""
    return 2 * ceil(_t(channels, gamma, b) / 2) + 1


@KERNEL_SIZE.mistake
def one_subtracted(channels, gamma, b):
    """The kernels are odd, but each is 2 too small: 1 is subtracted at the end. After rounding down, 1 is added."""
    return 2 * floor(_t(channels, gamma, b) / 2) - 1


@KERNEL_SIZE.mistake
def round_then_bump(channels, gamma, b):
    """t is rounded to a whole number first, and an even one gets 1 added. Two roundings upward go too far: 3.5 becomes 4
    and then 5, while 3 is nearer. Cut t instead of rounding it."""
    return _bump(round(_t(channels, gamma, b)))


@KERNEL_SIZE.mistake
def ceil_then_bump(channels, gamma, b):
    """t is rounded up first, and an even number gets 1 added. Two steps upward go too far: 3.2 becomes 4 and then 5, while
    3 is nearer. Cut t instead of rounding it up."""
    return _bump(ceil(_t(channels, gamma, b)))


@KERNEL_SIZE.mistake
def floor_then_drop(channels, gamma, b):
    """t is cut to a whole number, and an even one gets 1 subtracted. Two steps downward go too far: 4.5 becomes 4 and then
    3, while 5 is nearer. Add 1 instead."""
    t = floor(_t(channels, gamma, b))
    return t if t % 2 else t - 1


@KERNEL_SIZE.mistake
def at_least_3(channels, gamma, b):
    """No kernel is smaller than 3. timm has this rule, the formula has not: for few channels it gives 1."""
    return max(3, _nearest_odd(_t(channels, gamma, b)))


@KERNEL_SIZE.mistake
def always_3(channels, gamma, b):
    """The kernel size is 3 for any number of channels. It should grow with them; many copies of ECA forget this."""
    return 3


@KERNEL_SIZE.mistake
def official_mobilenetv2(channels, gamma, b):
    """That is the rule in the authors' MobileNetV2, 1 below 96 channels and else 3. It is not their formula, which uses γ
    and b."""
    return 1 if channels < 96 else 3


@KERNEL_SIZE.mistake
def as_float(channels, gamma, b):
    """The numbers are right, but they are floats, and a kernel size must be an int. t // 2 of a float is a float: use
    floor, or int around it."""
    return 2 * (_t(channels, gamma, b) // 2) + 1


@KERNEL_SIZE.mistake
def float32(channels, gamma, b):
    """Almost: a logarithm with 7 digits makes a t slightly below a tie, which then goes down. log(C) / log(2) in float32 is
    not exact even for powers of two; use math.log2."""
    logarithm = torch.tensor(log(channels)) / torch.tensor(log(2))
    return _nearest_odd(((logarithm + b) / gamma).item())


# eca_parameters


def eca_parameters(stages):
    """Parameters of ECA in a network; stages: a list of (channels, number of modules)."""
    return sum(modules * adaptive_kernel_size(channels) for channels, modules in stages)


_RESNET18 = [(64, 2), (128, 2), (256, 2), (512, 2)]
_RESNET50 = [(256, 3), (512, 4), (1024, 6), (2048, 3)]

ECA_PARAMETERS = Exercise(
    "eca_parameters",
    eca_parameters,
    probes=calls(eca_parameters, [(_RESNET50,), (_RESNET18,), ([(128, 5)],), ([(16, 2), (64, 1), (4, 3)],)]),
    success="every module has k = ψ(C) parameters, 86 in all of ResNet-50.",
    hints=[
        "How many parameters does one ECA module have, and does it matter how many channels share them?",
        "One module has k = ψ(C) parameters, all of its channels share them, and there is no bias. A stage has several modules.",
        "Add up modules * adaptive_kernel_size(channels) over all stages.",
    ],
)


@ECA_PARAMETERS.mistake
def one_module_each(stages):
    """The number of modules is forgotten: each stage is counted as if it had one."""
    return sum(adaptive_kernel_size(channels) for channels, _ in stages)


@ECA_PARAMETERS.mistake
def not_shared(stages):
    """Every channel is counted with k parameters of its own. In ECA all channels of a module share the same k; not to share
    them is the variant ECA-NS."""
    return sum(modules * adaptive_kernel_size(channels) * channels for channels, modules in stages)


@ECA_PARAMETERS.mistake
def with_bias(stages):
    """One parameter too many for each module: ECA's convolution has no bias."""
    return sum(modules * (adaptive_kernel_size(channels) + 1) for channels, modules in stages)


@ECA_PARAMETERS.mistake
def three_each(stages):
    """Each module is counted with 3 parameters. That is the default in the authors' code; by the formula k depends on C."""
    return sum(3 * modules for _, modules in stages)


@ECA_PARAMETERS.mistake
def released_list(stages):
    """The kernel sizes 3, 5, 5, 7 of the released ResNet-50 are written in. They give the famous 80, but the formula does
    not give them: compute k from C."""
    return sum(modules * k for (_, modules), k in zip(stages, [3, 5, 5, 7], strict=False))


@ECA_PARAMETERS.mistake
def first_k_for_all(stages):
    """The kernel size of the first stage is used for all. Each stage has a number of channels, and so a k, of its own."""
    return adaptive_kernel_size(stages[0][0]) * sum(modules for _, modules in stages)


@ECA_PARAMETERS.mistake
def last_k_for_all(stages):
    """The kernel size of the last stage is used for all. Each stage has a number of channels, and so a k, of its own."""
    return adaptive_kernel_size(stages[-1][0]) * sum(modules for _, modules in stages)


@ECA_PARAMETERS.mistake
def k_of_the_sum_for_all(stages):
    """The channels of all stages are added up, and k comes from the sum. Each stage has a k of its own: compute it inside
    the sum."""
    return adaptive_kernel_size(sum(channels for channels, _ in stages)) * sum(modules for _, modules in stages)


@ECA_PARAMETERS.mistake
def k_of_all_channels(stages):
    """All channels of all modules are added up, and the answer is the k of that sum. Compute k for each stage, then add up."""
    return adaptive_kernel_size(sum(modules * channels for channels, modules in stages))


@ECA_PARAMETERS.mistake
def pair_swapped(stages):
    """Channels and modules have changed places. In each pair the number of channels comes first, then that of modules."""
    return sum(modules * adaptive_kernel_size(channels) for modules, channels in stages)


@ECA_PARAMETERS.mistake
def always_86(stages):
    """86 is right for ResNet-50 alone. Compute the number from stages, so that other networks come out right, too."""
    return 86


@ECA_PARAMETERS.mistake
def always_80(stages):
    """80 is the number of the released ResNet-50, whose kernel sizes do not follow the formula. Compute it from stages."""
    return 80


@ECA_PARAMETERS.mistake
def width_of_the_middle(stages):
    """The kernel sizes belong to a quarter of the channels, as in the middle of a bottleneck block. ECA stands at its end,
    where all of them are."""
    return sum(modules * adaptive_kernel_size(channels // 4) for channels, modules in stages)


@ECA_PARAMETERS.mistake
def b_not_divided_in_k(stages):
    """The kernel sizes come from log2(C) / γ + b. b is divided by γ as well."""
    return sum(modules * b_not_divided(channels, 2, 1) for channels, modules in stages)


@ECA_PARAMETERS.mistake
def channels_counted(stages):
    """That is the number of weighted channels, not of parameters: each module has k of them, whatever C is."""
    return sum(modules * channels for channels, modules in stages)


EXERCISES = [CHANNELS_FOR, KERNEL_SIZE, ECA_PARAMETERS]
