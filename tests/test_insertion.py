"""Attention in the networks of others: the paper's places, the paper's counts to the last digit."""

import copy
import pickle

import pytest
import timm
import torch
import torchvision.models as tv
from torch import nn
from torch.nn import functional as F
from torchvision.ops import FrozenBatchNorm2d

from eca_edu import ECA, BasicBlock, Bottleneck, ChannelAttention, count_macs, count_parameters, insert_attention

NETWORKS = {
    "resnet18": tv.resnet18,
    "resnet34": tv.resnet34,
    "resnet50": tv.resnet50,
    "resnet101": tv.resnet101,
    "resnet152": tv.resnet152,
    "mobilenet_v2": tv.mobilenet_v2,
}


def build(name):
    """The network without memory for its weights, which is all that counting needs."""
    with torch.device("meta"):
        return NETWORKS[name]()


def with_kernels(*kernel_sizes):
    return {"attention": "eca", "kernel_sizes": list(kernel_sizes)}


SE, ECA_PSI = {"attention": "se"}, {"attention": "eca"}


@pytest.mark.parametrize(
    ("name", "options", "parameters", "printed"),
    [
        ("resnet18", None, 11_689_512, "11.148"),
        ("resnet18", SE, 11_776_552, "11.231"),
        ("resnet18", with_kernels(3, 5, 7, 7), 11_689_556, "11.148"),
        ("resnet18", ECA_PSI, 11_689_548, "11.148"),
        ("resnet34", None, 21_797_672, "20.788"),
        ("resnet34", SE, 21_954_856, "20.938"),
        ("resnet34", with_kernels(3, 3, 5, 7), 21_797_744, "20.788"),
        ("resnet34", ECA_PSI, 21_797_746, "20.788"),
        ("resnet50", None, 25_557_032, "24.37"),
        ("resnet50", SE, 28_071_976, "26.77"),
        ("resnet50", with_kernels(3, 5, 5, 7), 25_557_112, "24.37"),
        ("resnet50", ECA_PSI, 25_557_118, "24.37"),
        ("resnet101", None, 44_549_160, "42.49"),
        ("resnet101", SE, 49_292_328, "47.01"),
        ("resnet101", with_kernels(3, 3, 5, 7), 44_549_317, "42.49"),
        ("resnet101", ECA_PSI, 44_549_331, "42.49"),
        ("resnet152", None, 60_192_808, "57.40"),
        ("resnet152", SE, 66_770_984, "63.68"),
        ("resnet152", with_kernels(3, 3, 5, 7), 60_193_042, "57.40"),
        ("resnet152", ECA_PSI, 60_193_064, "57.40"),
        ("mobilenet_v2", None, 3_504_872, "3.34"),
        ("mobilenet_v2", SE | {"reduction": 8}, 3_561_800, "3.40"),
        ("mobilenet_v2", with_kernels(1, 1, 1, 1, 3, 3, 3), 3_504_903, "3.34"),
        ("mobilenet_v2", ECA_PSI, 3_504_931, "3.34"),
    ],
)
def test_parameters_of_table_3_and_the_poster(name, options, parameters, printed):
    model = build(name)
    if options:
        insert_attention(model, **options)
    assert count_parameters(model) == parameters
    decimals = len(printed.split(".")[1])
    assert f"{parameters / 2**20:.{decimals}f}" == printed


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("resnet18", 1_814_073_344),
        ("resnet34", 3_663_761_408),
        ("resnet50", 4_089_184_256),
        ("resnet101", 7_801_405_440),
        ("resnet152", 11_513_626_624),
        ("mobilenet_v2", 300_774_272),
    ],
)
def test_multiply_accumulates(name, macs):
    assert count_macs(build(name)) == macs


@pytest.mark.parametrize(
    ("name", "options", "macs"),
    [
        ("resnet18", with_kernels(3, 5, 7, 7), 12_416),
        ("resnet50", with_kernels(3, 5, 5, 7), 86_272),
        ("resnet50", ECA_PSI, 87_808),
        ("mobilenet_v2", with_kernels(1, 1, 1, 1, 3, 3, 3), 3_680),
    ],
)
def test_multiply_accumulates_of_eca(name, options, macs):
    assert count_macs(insert_attention(build(name), **options)) - count_macs(build(name)) == macs


def test_parameters_agree_with_timm():
    with torch.device("meta"):
        theirs = timm.create_model("resnet50", block_args={"attn_layer": "eca"})
    assert count_parameters(theirs) == count_parameters(insert_attention(build("resnet50"), "eca"))


@pytest.mark.parametrize(
    ("kernel_sizes", "extra"), [((3, 5, 5, 7), 80), ((5, 5, 5, 5), 80), ((3, 5, 5, 5), 74), ((5, 5, 7, 7), 98)]
)
def test_the_riddle_of_the_80_parameters(kernel_sizes, extra):
    model = insert_attention(build("resnet50"), "eca", kernel_sizes=kernel_sizes)
    assert count_parameters(model) - 25_557_032 == extra


@pytest.mark.parametrize("network", [tv.resnet18, tv.mobilenet_v2])
def test_a_gate_of_ones_gives_the_plain_network(network):
    torch.manual_seed(0)
    plain = network(num_classes=10)
    stored = copy.deepcopy(plain.state_dict())
    model = network(num_classes=10)
    model.load_state_dict(stored)
    insert_attention(model, "eca")
    for module in model.modules():
        if isinstance(module, ChannelAttention):
            module.gate = nn.Threshold(float("inf"), 1.0)  # every channel weight is 1
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("network", [tv.resnet18, tv.mobilenet_v2])
def test_it_learns_a_batch_by_heart(network):
    torch.manual_seed(0)
    model = insert_attention(network(num_classes=10), "eca")
    x, y = torch.randn(32, 3, 32, 32), torch.randint(10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    before = [p.detach().clone() for m in model.modules() if isinstance(m, ECA) for p in m.parameters()]
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    for _ in range(60):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    assert loss < 0.1
    after = [p for m in model.modules() if isinstance(m, ECA) for p in m.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("network", "channels"),
    [
        (tv.resnet18, [64] * 2 + [128] * 2 + [256] * 2 + [512] * 2),
        (tv.resnext50_32x4d, [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3),
        (tv.wide_resnet50_2, [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3),
        (tv.mobilenet_v2, [16] + [24] * 2 + [32] * 3 + [64] * 4 + [96] * 3 + [160] * 3 + [320]),
    ],
)
def test_places(network, channels, capsys):
    with torch.device("meta"):
        model = insert_attention(network())
    assert [m.channels for m in model.modules() if isinstance(m, ECA)] == channels
    said = capsys.readouterr().out
    assert said.startswith(f"Inserted {len(channels)} modules of eca into {type(model).__name__}: ")


def test_it_compiles_pickles_and_loads():
    torch.manual_seed(0)
    model = insert_attention(tv.resnet18(num_classes=10), "eca").eval()
    x = torch.randn(1, 3, 32, 32)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), model(x))
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))
    other = insert_attention(tv.resnet18(num_classes=10), "eca").eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))


def test_where_picks_the_layers_of_any_module():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3))
    insert_attention(model, "se", where=lambda name, module: isinstance(module, nn.Conv2d), reduction=4)
    assert [m.channels for m in model.modules() if isinstance(m, ChannelAttention)] == [8, 16]
    assert model(torch.zeros(1, 3, 8, 8)).shape == (1, 16, 4, 4)


def test_new_modules_live_where_the_layer_lives():
    model = insert_attention(tv.resnet18(num_classes=2).double().eval(), "eca")
    assert model(torch.zeros(1, 3, 32, 32, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: insert_attention(insert_attention(build("resnet18"))),
            "model must hold no attention yet; this ResNet holds",
        ),
        (
            lambda: insert_attention(nn.Linear(2, 2)),
            "Linear has no place for attention; without `where` these are the residual blocks of torchvision's ResNet",
        ),
        (
            lambda: insert_attention(build("resnet18"), where=lambda n, m: False),
            "no place for attention; .* layers that it chooses",
        ),
        (lambda: insert_attention(build("resnet18"), "cbam"), "attention must be one of se, .*; got 'cbam'"),
        (
            lambda: insert_attention(build("resnet50"), kernel_sizes=[3, 5]),
            r"one entry for each of 4 stages; got \[3, 5\]",
        ),
        (lambda: insert_attention(build("resnet18"), where=lambda n, m: n == "relu"), "relu is a ReLU"),
        (
            lambda: insert_attention(build("resnet18"), where=lambda n, m: n in ("layer1", "layer1.0.bn2")),
            "where must not choose a layer and one inside it; got layer1 and layer1.0.bn2",
        ),
        (
            lambda: insert_attention(nn.BatchNorm2d(3), where=lambda n, m: True),
            "no place for attention; .* layers that it chooses",
        ),
        (
            lambda: insert_attention(build("resnet18"), "se", kernel_sizes=[3, 5, 5, 5]),
            "kernel_sizes go with eca-ns, eca, eca-circular and without kernel_size; got attention 'se', {}",
        ),
        (
            lambda: insert_attention(tv.densenet121()),
            "DenseNet has no place for attention; .* as in where=lambda name, layer",
        ),
        (lambda: insert_attention(build("resnet18"), kernel_sizes=5), "kernel_sizes must be a list .*; got 5"),
        (
            lambda: insert_attention(build("resnet18"), kernel_sizes=[3, 5, 5, 5], kernel_size=3),
            "without kernel_size; got attention 'eca', {'kernel_size': 3}",
        ),
        (
            lambda: insert_attention(nn.Sequential(nn.BatchNorm1d(8)), where=lambda n, m: True),
            r"must give feature maps \(N, C, H, W\) and tell its channels .*; 0 is a BatchNorm1d",
        ),
        (lambda: insert_attention(nn.Sequential(nn.Conv3d(3, 8, 3)), where=lambda n, m: True), "0 is a Conv3d"),
    ],
)
def test_what_cannot_be_inserted_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: insert_attention(tv.resnet18), "model must be a network"),
        (lambda: insert_attention(build("resnet18"), where="bn2"), "where must be a function .*; got 'bn2'"),
        (lambda: BasicBlock(8, 8, attention="eca"), "attention must be .* the class ECA; got 'eca'"),
        (lambda: Bottleneck(8, 8, attention=ECA(8)), r"attention must be .* the class ECA; got ECA\("),
    ],
)
def test_what_is_of_another_kind_is_refused(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel_sizes": [3, 5, 5, 4]}, "kernel_size must be odd"),
        ({"where": lambda name, layer: name.endswith(("bn3", "downsample"))}, "downsample is a Sequential"),
        ({"where": lambda name, layer: hasattr(layer, "weight") or name == "layer1"}, "a layer and one inside it"),
    ],
)
def test_a_refusal_leaves_the_model_as_it_was(options, words):
    model = build("resnet50")
    with pytest.raises(ValueError, match=words):
        insert_attention(model, **options)
    assert not any(isinstance(m, ChannelAttention) for m in model.modules())


@pytest.mark.parametrize(
    "norm",
    [FrozenBatchNorm2d, lambda c: nn.GroupNorm(8, c)],
    ids=["frozen", "groups"],
)
def test_other_norms_have_their_place(norm):
    model = insert_attention(tv.resnet18(num_classes=2, norm_layer=norm).double())
    assert [m.channels for m in model.modules() if isinstance(m, ECA)] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert model(torch.zeros(1, 3, 32, 32, dtype=torch.float64)).dtype == torch.float64


def test_a_layer_without_parameters_is_no_obstacle():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8, affine=False, track_running_stats=False)).double()
    insert_attention(model, where=lambda name, layer: name == "1")
    assert model(torch.zeros(2, 3, 4, 4, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("training", [True, False])
def test_what_is_inserted_is_in_the_mode_of_its_layer(training):
    model = insert_attention(tv.resnet18().train(training))
    assert {module.training for module in model.modules()} == {training}


def test_a_network_that_is_chosen_itself_keeps_its_place():
    class Network(nn.Sequential):
        num_features = 8

    model = insert_attention(
        Network(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)), where=lambda n, m: hasattr(m, "num_features")
    )
    assert [type(layer) for layer in model] == [nn.Conv2d, nn.Sequential]
    assert model.eval()(torch.zeros(1, 3, 4, 4)).shape == (1, 8, 4, 4)


def test_a_network_with_attention_costs_hardly_more():
    model = build("resnet18")
    before = count_macs(model)
    assert before / 2**30 == pytest.approx(1.69, abs=0.01)
    assert count_macs(insert_attention(model, "eca")) - before == 2 * (3 * 64 + 5 * 128 + 5 * 256 + 5 * 512)
    assert all(module.training for module in model.modules())
