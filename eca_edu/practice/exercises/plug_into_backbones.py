"""Exercises of chapter 04: what a layer costs in multiplications, and what it costs in memory traffic."""

from eca_edu.practice.exercises.exercise import Exercise, calls

# conv_macs


def conv_macs(in_channels, out_channels, kernel_size, height, width, groups):
    """Multiply-accumulates of a k×k convolution without bias whose output has height × width pixels, for one image."""
    return kernel_size**2 * (in_channels // groups) * out_channels * height * width


CONV_MACS = Exercise(
    "conv_macs",
    conv_macs,
    probes=[
        *calls(conv_macs, [(64, 128, 3, 56, 56, 1), (3, 24, 3, 16, 12, 1), (32, 96, 1, 7, 5, 1)]),
        *calls(conv_macs, [(96, 96, 3, 14, 10, 96), (64, 32, 5, 8, 9, 4)], looks_at="groups"),
        *calls(conv_macs, [(511, 1023, 3, 31, 33, 1)], looks_at="a number too large for 32 bits"),
    ],
    success="grouped convolutions included: each output pixel costs k² times the channels of its group.",
    hints=[
        "How many multiplications does a single output number need? And how many output numbers are there?",
        "An output number sums over k × k places of all the input channels of its group; there are in_channels / groups of them.",
        "kernel_size**2 * in_channels / groups for each of the out_channels * height * width output numbers.",
    ],
    mistakes={
        "groups_forgotten": (
            "The groups are missing: with g groups an output channel sees only in_channels / g input channels.",
            lambda i, o, k, h, w, g: k**2 * i * o * h * w,
        ),
        "divided_twice": (
            "The groups divide twice. An output channel sees fewer inputs, but there are as many output channels as before.",
            lambda i, o, k, h, w, g: k**2 * (i // g) * (o // g) * h * w,
        ),
        "kernel_not_squared": (
            "The kernel counts once. It has kernel_size × kernel_size places.",
            lambda i, o, k, h, w, g: k * (i // g) * o * h * w,
        ),
        "parameters_only": (
            "Those are the parameters. Each is used once for every output pixel.",
            lambda i, o, k, h, w, g: k**2 * (i // g) * o,
        ),
        "height_squared": (
            "The picture is taken for a square of side height. Multiply height by width.",
            lambda i, o, k, h, w, g: k**2 * (i // g) * o * h * h,
        ),
        "two_each": (
            "Multiplications and additions are counted one by one. A multiply-accumulate is one of each, counted once.",
            lambda i, o, k, h, w, g: 2 * conv_macs(i, o, k, h, w, g),
        ),
        "no_input_channels": (
            "The input channels are missing. Only a depthwise convolution sees a single one.",
            lambda i, o, k, h, w, g: k**2 * o * h * w,
        ),
    },
    remarks={
        "groups": "With groups, each output channel sees in_channels / groups of the input channels.",
        "a number too large for 32 bits": "A number of 32 bits cannot hold this count exactly. Python's int has no limit.",
    },
)


# gate_bytes


def gate_bytes(channels, height, width):
    """Bytes that a gate must move for one image in float32, forward: read for the average, read again, write rescaled."""
    return 3 * 4 * channels * height * width


GATE_BYTES = Exercise(
    "gate_bytes",
    gate_bytes,
    probes=calls(gate_bytes, [(256, 56, 56), (512, 28, 20), (2048, 7, 7), (24, 16, 12)]),
    success="two reads and one write of the whole feature map, 4 bytes a number, whatever k is.",
    hints=[
        "How often does the forward pass of ECA touch every number of the feature map? Count reads and writes.",
        "Once for the average; then each number is read again and written rescaled. A float32 has 4 bytes.",
    ],
    mistakes={
        "numbers": (
            "Those are numbers, each counted as one byte. A float32 has 4 bytes.",
            lambda c, h, w: 3 * c * h * w,
        ),
        "weights_as_well": (
            "The averages or weights of the channels are counted as well. They are few; leave them out.",
            lambda c, h, w: 3 * 4 * c * h * w + 2 * 4 * c,
        ),
        "one_pass": (
            "One pass is counted. There are three: a read for the average, a second read, and a write.",
            lambda c, h, w: 4 * c * h * w,
        ),
        "two_passes": (
            "Two passes are counted. There are three: a read for the average, a second read, and a write.",
            lambda c, h, w: 2 * 4 * c * h * w,
        ),
        "four_passes": (
            "One pass too many is counted. The average reads everything, but writes next to nothing.",
            lambda c, h, w: 4 * 4 * c * h * w,
        ),
        "twice_as_much": (
            "That is twice as much. A float32 has 4 bytes, not 8, and the backward pass does not count here.",
            lambda c, h, w: 2 * 3 * 4 * c * h * w,
        ),
        "bits": (
            "Those are bits. A float32 has 32 bits, which are 4 bytes.",
            lambda c, h, w: 3 * 32 * c * h * w,
        ),
        "square_map": (
            "The feature map is taken for a square of side height. It has height × width pixels.",
            lambda c, h, w: 3 * 4 * c * h * h,
        ),
    },
)


EXERCISES = [CONV_MACS, GATE_BYTES]
