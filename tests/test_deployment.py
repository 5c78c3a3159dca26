"""Out of Python and into small types: which ways a network with attention takes, and which it does not.

Chapter 04 prints the table of these tests.
"""

import copy
import functools
import io

import onnxruntime
import pytest
import torch
import torchvision.models as tv
from packaging.version import Version
from torch import nn
from torch.export import Dim

from eca_edu import ECA, SqueezeExcitation, insert_attention

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",  # torch takes leave of torch.jit and of its own quantisation
    "ignore::FutureWarning",
    "ignore::UserWarning",
    "ignore::torch.jit.TracerWarning",  # a trace keeps the result of the check of the channels
)

COLUMNS = {
    "ECA": (lambda: ECA(64), (64, 8, 8)),
    "SE": (lambda: SqueezeExcitation(64), (64, 8, 8)),
    "ResNet-18 with ECA": (lambda: insert_attention(tv.resnet18(num_classes=10), "eca"), (3, 64, 64)),
}


@functools.cache
def network(column):
    """The network of a column, an example of two images, one and seven images as tests, and what it gives for these."""
    torch.manual_seed(0)
    build, shape = COLUMNS[column]
    model = build()
    with torch.no_grad():
        model(torch.randn(8, *shape))  # a batch norm has seen something
        tests = [torch.randn(n, *shape) for n in (1, 7)]
        return model.eval(), torch.randn(2, *shape), tests, torch.cat([model(x) for x in tests])


def through_a_file(save, load):
    with io.BytesIO() as file:
        save(file)
        return load(io.BytesIO(file.getvalue()))


def by_export(model, example):
    program = torch.export.export(model, (example,), dynamic_shapes=({0: Dim("n")},))
    return through_a_file(lambda file: torch.export.save(program, file), torch.export.load).module()


def by_onnx(model, example):
    if Version(torch.__version__) < Version("2.9"):
        pytest.skip("before torch 2.9 its exporter to ONNX by torch.export is a preview, and fails")
    dynamic = {"dynamic_shapes": ({0: "n"},), "input_names": ["x"], "output_names": ["y"]}
    program = torch.onnx.export(model, (example,), dynamo=True, verbose=False, **dynamic)
    session = through_a_file(
        program.save, lambda file: onnxruntime.InferenceSession(file.read(), providers=["CPUExecutionProvider"])
    )
    (x,) = session.get_inputs()
    assert x.shape == ["n", *example.shape[1:]]  # any number of images
    return lambda x: torch.from_numpy(session.run(["y"], {"x": x.numpy()})[0])


def by_trace(model, example):
    traced = torch.jit.trace(model, example, check_trace=False)  # the test itself checks, with other numbers of images
    return through_a_file(lambda file: torch.jit.save(traced, file), torch.jit.load)


def in_bfloat16(model, example):
    small = copy.deepcopy(model).bfloat16()
    assert small(example.bfloat16()).dtype == torch.bfloat16
    return lambda x: small(x.bfloat16()).float()


def in_int8(model, example):
    if torch.backends.quantized.engine == "none":  # where torch chose none
        torch.backends.quantized.engine = "qnnpack"
    small = torch.ao.quantization.quantize_dynamic(model, {nn.Linear, nn.Conv1d}, dtype=torch.qint8)
    is_int8 = {
        name: module.weight().dtype == torch.qint8
        for name, module in small.named_modules()
        if isinstance(module, torch.ao.nn.quantized.dynamic.Linear)
    }
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    assert is_int8 == dict.fromkeys(linear, True)  # every linear layer, and nothing else:
    gates = [module for module in small.modules() if isinstance(module, ECA)]
    assert all(type(gate.conv) is nn.Conv1d and gate.conv.weight.dtype == torch.float32 for gate in gates)
    return small


WAYS = {
    "torch.export": by_export,
    "ONNX": by_onnx,
    "torch.jit.trace": by_trace,
    "bfloat16": in_bfloat16,
    "int8": in_int8,
}
# What the two that round may lose, alone and in ResNet-18, in parts of the largest output.
# One operation in bfloat16 rounds by up to u = 2^-8. Alone about 6 follow each other in the gate, but a σ near 1/2
# passes on only half of an error in its logits; then come the input and the product: 4 u. In ResNet-18 about 70
# operations round, whose errors add up like a random walk: √70 u, or 8 u. In int8 a layer rounds weights and inputs to
# some 127 steps, by up to 0.4 % of the largest weight, and 0.4 % or 0.8 % of the largest input. Typical weights and
# inputs are about a third of the largest, for which this is 3 % at most.
U = 2**-8
PARTS = {"bfloat16": (4 * U, 8 * U), "int8": (0.03, 0.03)}


def outputs(way, column):
    """For one and for seven images, by a way and from the network itself: (8, …) twice."""
    model, example, tests, ours = network(column)
    with torch.no_grad():
        deployed = WAYS[way](model, example)
        return torch.cat([deployed(x) for x in tests]), ours


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("way", WAYS)
def test_one_and_seven_images_give_what_the_network_gives(way, column):
    theirs, ours = outputs(way, column)
    part = PARTS[way][column.startswith("ResNet")] if way in PARTS else None
    allowed = 1e-5 if part is None else part * ours.abs().max().item()
    if (way, column) == ("int8", "ECA"):
        allowed = 0  # no layer of it becomes int8
    torch.testing.assert_close(theirs, ours, rtol=0, atol=allowed)


# What does not work.


@pytest.mark.parametrize("column", COLUMNS)
def test_torch_jit_script_refuses(column):
    with pytest.raises(RuntimeError):
        torch.jit.script(network(column)[0])


def test_the_image_size_of_an_exported_program_is_fixed_unless_its_axes_are_named():
    model, example, *_ = network("ResNet-18 with ECA")
    other = torch.randn(3, 3, 96, 128)
    with pytest.raises((AssertionError, RuntimeError)):
        by_export(model, example)(other)
    free = torch.export.export(model, (example,), dynamic_shapes=(dict.fromkeys((0, 2, 3), Dim.DYNAMIC),)).module()
    torch.testing.assert_close(free(other), model(other), rtol=0, atol=1e-5)


def test_a_program_exported_in_float32_on_the_cpu_must_not_become_float16():
    # There the average is a sum with a division after it. In float16 the module takes a mean, which does not overflow.
    model = network("ECA")[0]
    x = torch.rand(2, 64, 64, 64) * 80
    exported, half = by_export(model, x).half(), copy.deepcopy(model).half()
    assert not exported(x.half()).isfinite().all()
    torch.testing.assert_close(by_export(half, x.half())(x.half()), half(x.half()))
    torch.testing.assert_close(half(x.half()).float(), model(x), rtol=0.01, atol=0.01)
