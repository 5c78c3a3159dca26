"""Attention in the networks of others: the paper's places, the paper's counts to the last digit."""

import copy
import pickle

import pytest
import torch
import torchvision.models as tv
from torch import nn
from torch.nn import functional as F
from torchvision.ops import FrozenBatchNorm2d

from eca_edu import ECA, BasicBlock, Bottleneck, ChannelAttention, count_macs, count_parameters, insert_attention
from eca_edu.attention import ATTENTION


def build(name):
    """The network of torchvision without memory for its weights, which is all that counting needs."""
    with torch.device("meta"):
        return getattr(tv, name)()


# The paper's list of kernel sizes; the parameters without attention, with SE, with ECA of this list, with ECA and k = ψ(C).
@pytest.mark.parametrize(
    ("name", "kernel_sizes", "parameters", "printed"),
    [
        ("resnet18", (3, 5, 7, 7), [11_689_512, 11_776_552, 11_689_556, 11_689_548], "11.148 11.231 11.148 11.148"),
        ("resnet34", (3, 3, 5, 7), [21_797_672, 21_954_856, 21_797_744, 21_797_746], "20.788 20.938 20.788 20.788"),
        ("resnet50", (3, 5, 5, 7), [25_557_032, 28_071_976, 25_557_112, 25_557_118], "24.37 26.77 24.37 24.37"),
        ("resnet101", (3, 3, 5, 7), [44_549_160, 49_292_328, 44_549_317, 44_549_331], "42.49 47.01 42.49 42.49"),
        ("resnet152", (3, 3, 5, 7), [60_192_808, 66_770_984, 60_193_042, 60_193_064], "57.40 63.68 57.40 57.40"),
        ("mobilenet_v2", (1, 1, 1, 1, 3, 3, 3), [3_504_872, 3_561_800, 3_504_903, 3_504_931], "3.34 3.40 3.34 3.34"),
    ],
)
def test_parameters_of_table_3_and_the_poster(name, kernel_sizes, parameters, printed):
    se = {"attention": "se", "reduction": 8 if name == "mobilenet_v2" else 16}
    models = [insert_attention(build(name), **options) for options in (se, {"kernel_sizes": kernel_sizes}, {})]
    assert [*map(count_parameters, [build(name), *models])] == parameters
    decimals = len(printed.split()[0].partition(".")[2])
    assert " ".join(f"{count / 2**20:.{decimals}f}" for count in parameters) == printed


@pytest.mark.parametrize(
    ("name", "macs", "of_eca"),
    [
        ("resnet18", 1_814_073_344, {(3, 5, 7, 7): 12_416}),
        ("resnet34", 3_663_761_408, {}),
        ("resnet50", 4_089_184_256, {(3, 5, 5, 7): 86_272, None: 87_808}),
        ("resnet101", 7_801_405_440, {}),
        ("resnet152", 11_513_626_624, {}),
        ("mobilenet_v2", 300_774_272, {(1, 1, 1, 1, 3, 3, 3): 3_680}),
    ],
)
def test_multiply_accumulates_without_and_of_eca(name, macs, of_eca):
    assert count_macs(build(name)) == macs
    for kernel_sizes, more in of_eca.items():
        assert count_macs(insert_attention(build(name), kernel_sizes=kernel_sizes)) == macs + more


@pytest.mark.parametrize("network", [tv.resnet18, tv.mobilenet_v2])
def test_a_gate_of_ones_gives_the_plain_network(network):
    torch.manual_seed(0)
    plain = network(num_classes=10)
    model = insert_attention(copy.deepcopy(plain), "eca")
    for module in model.modules():
        if isinstance(module, ChannelAttention):
            module.gate = nn.Threshold(float("inf"), 1.0)  # every channel weight is 1
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("network", [tv.resnet18, tv.mobilenet_v2])
def test_it_learns_a_batch_by_heart(network):
    torch.manual_seed(0)
    model = insert_attention(network(num_classes=10), "eca")
    x, y = torch.randn(16, 3, 32, 32), torch.randint(10, (16,))
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


@pytest.mark.parametrize("layer", [nn.Conv1d(3, 8, 3), nn.Conv2d(3, 8, 3), nn.Conv3d(3, 8, 3), nn.BatchNorm1d(3)])
def test_sequences_images_and_volumes(layer):
    axes = int(type(layer).__name__[-2]) * isinstance(layer, nn.modules.conv._ConvNd)
    model, x = nn.Sequential(copy.deepcopy(layer)), torch.randn(2, 3, *[5] * axes)
    before = model(x)
    insert_attention(model, where=lambda name, module: name == "0", start="identity")
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("attention", [name for name in ATTENTION if name != "se-var1"])
def test_a_start_that_changes_nothing_and_learns(attention):
    torch.manual_seed(0)
    plain = BasicBlock(16, 16).eval()
    model = insert_attention(copy.deepcopy(plain), attention, where=lambda n, m: n == "branch.1.1", start="identity")
    x = torch.randn(4, 16, 6, 6)
    assert torch.equal(model(x), plain(x))
    (gate,) = (module for module in model.modules() if isinstance(module, ChannelAttention))
    optimizer = torch.optim.SGD(gate.parameters(), lr=1)
    for step in range(2):  # the first layer of SE learns from the second step on, when the last is no longer 0
        optimizer.zero_grad()
        (model(x) * torch.randn(4, 16, 6, 6)).sum().backward()
        moved = [bool(parameter.grad.any()) for parameter in gate.parameters()]
        assert all(moved[step - 1 :])
        optimizer.step()


@pytest.mark.parametrize("network", [tv.resnet18, tv.resnet50, tv.mobilenet_v2])
@pytest.mark.parametrize(
    "options", [{"attention": "eca"}, {"attention": "se", "reduction": 2}]
)  # more may be all closed
def test_a_trained_network_computes_what_it_did(network, options):
    torch.manual_seed(0)
    plain = network(num_classes=10)
    x = torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        plain(x)  # statistics for its batch norms, so that features are of the size of trained ones
    model = insert_attention(copy.deepcopy(plain), **options, start="identity").eval()
    torch.testing.assert_close(model(x), plain.eval()(x), rtol=0, atol=1e-6)
    F.cross_entropy(model(x), torch.arange(8)).backward()
    gates = [module for module in model.modules() if isinstance(module, ChannelAttention)]
    assert all([*gate.parameters()][-1].grad.any() for gate in gates)


def test_a_checkpoint_says_which_gate_it_holds():
    paper, identity = (insert_attention(tv.resnet18(num_classes=2), start=start) for start in ("paper", "identity"))
    with pytest.raises(RuntimeError, match=r"Unexpected key.* \"layer1.0.bn2.1.gate.factor\""):
        paper.load_state_dict(identity.state_dict())
    with pytest.raises(RuntimeError, match=r"Missing key.* \"layer1.0.bn2.1.gate.factor\""):
        identity.load_state_dict(paper.state_dict())


def tied_layer():
    """One convolution that is used twice, under two names."""
    tied = nn.Conv2d(8, 8, 3)
    return nn.Sequential(nn.Conv2d(3, 8, 3), tied, nn.ReLU(), tied)


ANYWHERE = {"where": lambda name, layer: True}


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (nn.Sequential(ECA(8)), {}, "model must hold no attention yet; this Sequential holds"),
        (nn.Linear(2, 2), {}, "Linear has no place for attention; without `where` these are the residual blocks of"),
        ("densenet121", {}, "DenseNet has no place for attention; .* as in where=lambda name, layer"),
        ("resnet18", {"attention": "cbam"}, "attention must be one of se, .*; got 'cbam'"),
        ("resnet50", {"kernel_sizes": [3, 5]}, r"one entry for each of 4 stages; got \[3, 5\]"),
        ("resnet50", {"kernel_sizes": [3, 5, 5, 4]}, "kernel_size must be odd"),
        ("resnet18", {"kernel_sizes": 5}, "kernel_sizes must be a list .*; got 5"),
        (
            "resnet18",
            {"attention": "se", "kernel_sizes": [3, 5, 5, 5]},
            "go with eca-ns, eca, .*got attention 'se', {}",
        ),
        ("resnet18", {"kernel_sizes": [3] * 4, "kernel_size": 3}, "without kernel_size; .* 'eca', {'kernel_size': 3}"),
        ("resnet18", {"where": lambda n, m: False}, "no place for attention; .* layers that it chooses"),
        (nn.BatchNorm2d(3), ANYWHERE, "no place for attention; .* layers that it chooses"),
        ("resnet18", {"where": lambda n, m: n in ("layer1", "layer1.0.bn2")}, "inside it; got layer1 and layer1.0.bn2"),
        (
            "resnet50",
            {"where": lambda n, m: hasattr(m, "weight") or n == "layer1"},
            "not choose a layer and one inside it",
        ),
        ("resnet18", {"where": lambda n, m: n == "relu"}, "relu is a ReLU"),
        ("resnet50", {"where": lambda n, m: n.endswith(("bn3", "downsample"))}, "downsample is a Sequential"),
        (nn.Sequential(nn.Linear(3, 8)), ANYWHERE, "must tell its channels as .*; 0 is a Linear"),
        (tied_layer(), {"where": lambda n, m: isinstance(m, nn.Conv2d)}, "1 is used in 2 places of the network; "),
        (
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.LazyBatchNorm2d()),
            {"where": lambda n, m: n == "1"},
            "1 is a LazyBatchNorm2d that does not know its channels yet; call the network once before",
        ),
        ("resnet18", {"start": "zero"}, "start must be one of paper, identity; got 'zero'"),
        ("resnet18", {"attention": "se-var1", "start": "identity"}, "only attention with weights .*; SEVar1 has none"),
    ],
)
def test_what_cannot_be_inserted_is_refused_and_leaves_the_model_as_it_was(network, options, words):
    model = build(network) if isinstance(network, str) else network
    before = str(model)
    with pytest.raises(ValueError, match=words):
        insert_attention(model, **options)
    assert str(model) == before


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


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, FrozenBatchNorm2d, lambda c: nn.GroupNorm(8, c)])
def test_any_norm_has_its_place_and_its_type_of_numbers(norm):
    model = insert_attention(tv.resnet18(num_classes=2, norm_layer=norm).double())
    assert [m.channels for m in model.modules() if isinstance(m, ECA)] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert model(torch.zeros(2, 3, 32, 32, dtype=torch.float64)).dtype == torch.float64


def test_a_layer_without_parameters_is_no_obstacle():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8, affine=False, track_running_stats=False)).double()
    insert_attention(model, where=lambda name, layer: name == "1")
    assert model(torch.zeros(2, 3, 4, 4, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("training", [True, False])
def test_what_is_inserted_is_in_the_mode_of_its_layer(training):
    model = insert_attention(tv.resnet18().train(training))
    assert {module.training for module in model.modules()} == {training}


def test_a_block_that_is_used_twice_gets_one_gate_for_both_uses():
    block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    model = nn.Sequential(block, block)
    insert_attention(model, where=lambda name, layer: isinstance(layer, nn.BatchNorm2d))
    assert model[0] is model[1]
    assert isinstance(model[1][1][1], ECA)


def test_a_network_that_is_chosen_itself_keeps_its_place():
    class Network(nn.Sequential):
        num_features = 8

    model = Network(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8))
    insert_attention(model, where=lambda name, layer: hasattr(layer, "num_features"))
    assert [type(layer) for layer in model] == [nn.Conv2d, nn.Sequential]
    assert model.eval()(torch.zeros(1, 3, 4, 4)).shape == (1, 8, 4, 4)


def test_a_network_with_attention_costs_hardly_more():
    model = build("resnet18")
    before = count_macs(model)
    assert before / 2**30 == pytest.approx(1.69, abs=0.01)
    assert count_macs(insert_attention(model, "eca")) - before == 2 * (3 * 64 + 5 * 128 + 5 * 256 + 5 * 512)
    assert all(module.training for module in model.modules())
