"""Exercises of chapter 04: what a layer costs in multiplications, and what it costs in memory traffic."""

from eca_edu.exercises.exercise import Exercise, calls

# conv_macs


def conv_macs(in_channels, out_channels, kernel_size, height, width, groups):
    """Multiply-accumulates of a k×k convolution without bias whose output has height × width pixels, for one image."""
    return kernel_size**2 * (in_channels // groups) * out_channels * height * width


CONV_MACS = Exercise(
    "conv_macs",
    conv_macs,
    probes=calls(
        conv_macs,
        [
            (64, 128, 3, 56, 56, 1),
            (3, 24, 3, 16, 12, 1),
            (32, 96, 1, 7, 5, 1),
            (96, 96, 3, 14, 10, 96),
            (64, 32, 5, 8, 9, 4),
        ],
    ),
    whole_numbers=False,
    success="grouped convolutions included: each output pixel costs k² times the channels of its group.",
    hints=[
        "How many multiplications does a single output number need? And how many output numbers are there?",
        "An output number sums over k × k places of all the input channels of its group; there are in_channels / groups of them.",
        "kernel_size**2 * in_channels / groups for each of the out_channels * height * width output numbers.",
    ],
)


@CONV_MACS.mistake
def shrunk_output(in_channels, out_channels, kernel_size, height, width, groups):
    """The size is made smaller by the kernel. height and width are those of the output already."""
    height, width = height - kernel_size + 1, width - kernel_size + 1
    return conv_macs(in_channels, out_channels, kernel_size, height, width, groups)


@CONV_MACS.mistake
def groups_forgotten(in_channels, out_channels, kernel_size, height, width, groups):
    """The groups are missing: with g groups an output channel sees only in_channels / g input channels."""
    return kernel_size**2 * in_channels * out_channels * height * width


@CONV_MACS.mistake
def times_groups(in_channels, out_channels, kernel_size, height, width, groups):
    """The groups are multiplied. They make the sums shorter, so divide by them."""
    return kernel_size**2 * in_channels * out_channels * height * width * groups


@CONV_MACS.mistake
def divided_twice(in_channels, out_channels, kernel_size, height, width, groups):
    """The groups divide twice. Each output channel sees fewer inputs, but there are as many output channels as before."""
    return kernel_size**2 * (in_channels // groups) * (out_channels // groups) * height * width


@CONV_MACS.mistake
def kernel_not_squared(in_channels, out_channels, kernel_size, height, width, groups):
    """The kernel counts once. It has kernel_size × kernel_size places."""
    return kernel_size * (in_channels // groups) * out_channels * height * width


@CONV_MACS.mistake
def parameters_only(in_channels, out_channels, kernel_size, height, width, groups):
    """Those are the parameters. Each is used once for every output pixel."""
    return kernel_size**2 * (in_channels // groups) * out_channels


@CONV_MACS.mistake
def height_squared(in_channels, out_channels, kernel_size, height, width, groups):
    """The picture is taken for a square of side height. Multiply height by width."""
    return kernel_size**2 * (in_channels // groups) * out_channels * height * height


@CONV_MACS.mistake
def two_each(in_channels, out_channels, kernel_size, height, width, groups):
    """Multiplications and additions are counted one by one. A multiply-accumulate is one of each, counted once."""
    return 2 * conv_macs(in_channels, out_channels, kernel_size, height, width, groups)


@CONV_MACS.mistake
def one_output_channel(in_channels, out_channels, kernel_size, height, width, groups):
    """The output channels are missing: each of them sums for itself."""
    return kernel_size**2 * (in_channels // groups) * height * width


@CONV_MACS.mistake
def no_input_channels(in_channels, out_channels, kernel_size, height, width, groups):
    """The input channels are missing. Only a depthwise convolution sees a single one."""
    return kernel_size**2 * out_channels * height * width


@CONV_MACS.mistake
def no_kernel(in_channels, out_channels, kernel_size, height, width, groups):
    """The kernel is missing: an output number looks at kernel_size × kernel_size places."""
    return (in_channels // groups) * out_channels * height * width


# gate_bytes


def gate_bytes(channels, height, width):
    """Bytes that a gate must move for one image in float32, forward: read for the average, read again, write rescaled."""
    return 3 * 4 * channels * height * width


GATE_BYTES = Exercise(
    "gate_bytes",
    gate_bytes,
    probes=calls(gate_bytes, [(256, 56, 56), (512, 28, 20), (2048, 7, 7), (24, 16, 12)]),
    whole_numbers=False,
    success="two reads and one write of the whole feature map, 4 bytes a number, whatever k is.",
    hints=[
        "How often does the forward pass of ECA touch every number of the feature map? Count reads and writes.",
        "Once for the average; then each number is read again and written rescaled. A float32 has 4 bytes.",
    ],
)


@GATE_BYTES.mistake
def numbers(channels, height, width):
    """Those are numbers, not bytes: a float32 has 4 bytes."""
    return 3 * channels * height * width


@GATE_BYTES.mistake
def weights_as_well(channels, height, width):
    """The averages or weights of the channels are counted as well. They are few; leave them out."""
    return 3 * 4 * channels * height * width + 2 * 4 * channels


@GATE_BYTES.mistake
def one_pass(channels, height, width):
    """The feature map is counted once. It is read for the average, read again, and written rescaled."""
    return 4 * channels * height * width


@GATE_BYTES.mistake
def two_passes(channels, height, width):
    """Two passes are counted; there are three: a read for the average, a second read, and the write of what is rescaled."""
    return 2 * 4 * channels * height * width


@GATE_BYTES.mistake
def four_passes(channels, height, width):
    """One pass too many is counted. The average reads everything, but writes next to nothing."""
    return 4 * 4 * channels * height * width


@GATE_BYTES.mistake
def half_precision(channels, height, width):
    """Two bytes a number would be half precision. A float32 has 4."""
    return 3 * 2 * channels * height * width


@GATE_BYTES.mistake
def double_precision(channels, height, width):
    """Eight bytes a number would be double precision. A float32 has 4."""
    return 3 * 8 * channels * height * width


@GATE_BYTES.mistake
def bits(channels, height, width):
    """Those are bits. A float32 has 32 bits, which are 4 bytes."""
    return 3 * 32 * channels * height * width


@GATE_BYTES.mistake
def square_map(channels, height, width):
    """The feature map is taken for a square of side height. It has height × width pixels."""
    return 3 * 4 * channels * height * height


EXERCISES = [CONV_MACS, GATE_BYTES]
