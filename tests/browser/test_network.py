"""The network of the page computes what torch computes, also where a hand is at its gates."""

import base64
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from eca_edu import (
    ECA,
    ECACNN,
    BasicBlock,
    ECAResNet8,
    SqueezeExcitation,
    channel_weights,
    load_checkpoint,
    make_cue_switch,
)
from eca_edu.explorers.network import network_numbers

ROOT = Path(__file__).resolve().parents[2]
INTERVENED = 100
BLOCKS = ("block1", "block2", "block3")
#: What the page needs besides network.js: many images, and changes given as one row of weights for each image.
RUN = """
  function images(text, n) {
    const values = withTensors({ shape: [], float32: text }).values;
    return Array.from({ length: n }, (_, i) => values.slice(i * values.length / n, (i + 1) * values.length / n));
  }
  function rowsOf(changes, i) {
    return Object.fromEntries(Object.entries(changes).map(([block, rows]) => [block, Float32Array.from(rows[i])]));
  }
  const plain = (state) => JSON.stringify(state, (_, value) => (value instanceof Float32Array ? [...value] : value));
  let network, states;
"""


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    page.add_script_tag(content=(ROOT / "eca_edu" / "explorers" / "network.js").read_text(encoding="utf-8") + RUN)
    yield page
    page.close()


@pytest.fixture(scope="module")
def x():
    data = make_cue_switch(250, seed=3)
    return data.normalize(data.images)  # (250, 3, 32, 32)


def checkpoint(attention):
    return load_checkpoint(ROOT / "data" / "checkpoints" / f"cue-switch-{attention}.safetensors")[0]


def used_for_a_while(model):
    """The model in evaluation mode, after batch norms and weights have left what they start with."""
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    for _ in range(3):
        model(2 + 3 * torch.randn(8, 3, 32, 32))
    return model.eval()


def sent(x):
    return base64.b64encode(x.numpy().tobytes()).decode()


def load(page, numbers, x):
    """Run the network of the page on x: (N, 3, H, W), keep its states there, and return the scores: (N, classes)."""
    page.evaluate("(numbers) => { network = makeNetwork(numbers); states = [] }", numbers)
    run = """([text, n, height, width]) => images(text, n).map((x) => {
      states.push(network.forward(x, {}, height, width));
      return [...states.at(-1).scores];
    })"""
    return torch.tensor(page.evaluate(run, [sent(x), *x[:, 0].shape]))


def deviation(ours, theirs):
    return float((torch.as_tensor(ours) - theirs).abs().max())


@pytest.mark.parametrize("attention", ["none", "se", "eca"])
@torch.no_grad()
def test_scores_of_the_checkpoints_are_those_of_torch(page, x, attention):
    model = checkpoint(attention)
    assert deviation(load(page, network_numbers(model), x), model(x)) < 1e-4


@pytest.mark.parametrize(
    ("width", "height", "attention"), [(8, 32, ECA), (5, 17, partial(SqueezeExcitation, bias=True))]
)
@torch.no_grad()
def test_all_that_is_seen_is_that_of_torch(page, width, height, attention):
    torch.manual_seed(0)
    model = used_for_a_while(ECACNN(width, 7, attention, stem_stride=1))
    numbers = network_numbers(model)
    numbers["steps"].insert(1, {"op": "maxpool", "name": "pool", "size": 3, "stride": 2, "padding": 1})
    model.stem.append(nn.MaxPool2d(3, 2, 1))  # as in ResNet
    maps, x = {}, torch.randn(3, 3, height, 32)
    names = {"stem": "pool", "block1.branch.0": "block1.conv1", "block2.shortcut": "block2.shortcut"}
    names |= {f"{block}{part}": f"{block}{part or '.out'}" for block in BLOCKS for part in ("", ".branch")}
    for module, name in names.items():
        keep = partial(lambda name, *args: maps.update({name: args[-1]}), name)
        model.get_submodule(module).register_forward_hook(keep)
    with channel_weights.record_channel_weights(model) as omega:
        scores = model(x)
    assert deviation(load(page, numbers, x), scores) < 1e-4
    for i, state in enumerate(page.evaluate("states.map((state) => JSON.parse(plain(state)))")):
        assert deviation(state["probabilities"], scores[i].softmax(0)) < 1e-5
        for name, value in maps.items():
            assert deviation(state["maps"][name], value[i].flatten()) < 1e-4, name
        for block in BLOCKS:
            y = maps[f"{block}.branch"][i].mean((1, 2))
            assert deviation(state["y"][block], y) < 1e-5
            assert (
                deviation(state["logits"][block], model.get_submodule(f"{block}.attention").interact(y[None])[0]) < 1e-5
            )
            assert deviation(state["omega"][block], omega[f"{block}.attention"][i]) < 1e-5
            assert state["used"][block] == state["omega"][block]
    shapes = page.evaluate(
        "Object.values(states[0].maps).map((map) => [map.channels * map.height * map.width, map.length])"
    )
    assert all(said == length for said, length in shapes)


@pytest.mark.parametrize("attention", [ECA, SqueezeExcitation, nn.Identity])
@torch.no_grad()
def test_a_network_with_pooling_is_that_of_torch(page, attention):
    torch.manual_seed(0)
    model, maps, x = used_for_a_while(ECAResNet8(8, 7, attention)), {}, torch.randn(3, 3, 32, 32)
    for module, name in {"down1": "down1", "block1": "block1.out", "block2": "block2.out"}.items():
        keep = partial(lambda name, *args: maps.update({name: args[-1]}), name)
        model.get_submodule(module).register_forward_hook(keep)
    scores = model(x)
    assert deviation(load(page, network_numbers(model), x), scores) < 1e-4
    for name, values in maps.items():
        seen = page.evaluate("(name) => states.map(({ maps }) => [...maps[name]])", name)
        assert deviation(seen, values.flatten(1)) < 1e-4, name


def one_set(weights):
    return torch.cat([weights[:, :3], torch.full_like(weights[:, :1], 0.9), weights[:, 4:]], 1)


@pytest.fixture(scope="module")
def intervened(page, x):
    """The checkpoint with ECA, loaded in the page with the states of 100 images; x: those; and their channel weights."""
    model, x = checkpoint("eca"), x[:INTERVENED]
    load(page, network_numbers(model), x)
    with torch.no_grad(), channel_weights.record_channel_weights(model) as natural:
        model(x)
    return model, x, {block: natural[f"{block}.attention"] for block in BLOCKS}


def replacements(natural):
    return {
        "opened": channel_weights.constant(1),
        "closed": channel_weights.constant(0),
        "mean": channel_weights.mean_of(natural),
        "shuffled": lambda weights: weights[torch.randperm(len(weights), generator=torch.Generator().manual_seed(1))],
        "one set": one_set,
    }


@pytest.mark.parametrize("block", BLOCKS)
@torch.no_grad()
def test_a_changed_gate_has_the_effect_it_has_in_torch(page, intervened, block):
    model, x, natural = intervened
    for kind, replace in replacements(natural[block]).items():
        with channel_weights.override_channel_weights(model, {f"{block}.attention": replace}):
            scores = model(x)
        run = "([block, changes]) => states.map((state, i) => [...network.rerun(state, block, rowsOf(changes, i)).scores])"
        ours = page.evaluate(run, [block, {block: replace(natural[block]).tolist()}])
        assert deviation(ours, scores) < 1e-4, kind


@torch.no_grad()
def test_several_gates_change_at_once_and_keep_their_own_weights_in_sight(page, intervened):
    model, x, natural = intervened
    functions = {f"{block}.attention": replacements(natural[block])["mean"] for block in BLOCKS}
    with channel_weights.override_channel_weights(model, functions):
        scores = model(x)
    changes = {block: natural[block].mean(0).repeat(len(x), 1).tolist() for block in BLOCKS}
    ours = page.evaluate(
        "(changes) => states.map((s, i) => [...network.rerun(s, 'block1', rowsOf(changes, i)).scores])", changes
    )
    assert deviation(ours, scores) < 1e-4
    one = page.evaluate("(changes) => plain(network.rerun(states[0], 'block1', rowsOf(changes, 0)))", changes)
    one = json.loads(one)
    assert deviation(one["omega"]["block1"], natural["block1"][0]) < 1e-5
    assert one["used"] == {block: rows[0] for block, rows in changes.items()}


@pytest.mark.parametrize("attention", ["none", "se", "eca"])
def test_a_rerun_is_exactly_the_forward_pass_with_the_same_changes(page, x, attention):
    load(page, network_numbers(checkpoint(attention)), x[:3])
    different = """([text, n]) => images(text, n).flatMap((x, i) => network.blocks.flatMap((block, b) => {
      const changes = { [block]: (omega) => omega.map((w, c) => (c === 3 ? 0.9 : w)), block3: new Float32Array(64).fill(0.5) };
      const before = { block1: new Float32Array(16) };
      const again = plain(network.rerun(states[i], block, changes)) === plain(network.forward(x, changes));
      const start = network.forward(x, before);
      const after = plain(network.rerun(start, block, { ...changes, ...before }))
        === plain(network.forward(x, { ...changes, ...before }));
      const untouched = plain(network.rerun(states[i], block, { [block]: null })) === plain(states[i]);
      return again && after && untouched ? [] : [[i, block, again, after, untouched]];
    }))"""
    assert page.evaluate(different, [sent(x[:3]), 3]) == []


def with_other_attention():
    model = ECACNN(8)
    model.block2.attention = nn.Sequential()
    return model


@pytest.mark.parametrize(
    ("model", "got"),
    [
        (resnet18(num_classes=2), "ResNet"),
        (BasicBlock(8, 8), "BasicBlock"),
        (ECACNN(33), "an ECACNN of width 33"),
        (with_other_attention(), "a network with Sequential"),
        (ECACNN(8, attention=partial(ECA, padding_mode="circular")), "a network with ECA around a ring"),
    ],
)
def test_what_the_page_cannot_run_is_refused(model, got):
    with pytest.raises(ValueError, match=rf"model .* the page runs ECACNN and ECAResNet8 up to width 32 .* got {got}$"):
        network_numbers(model)
