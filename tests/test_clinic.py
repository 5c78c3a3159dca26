"""The clinic: networks that are broken in one way, and healthy ones."""

import copy
import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from eca_edu import ECA, ECAResNet8, ModelConfig, load_checkpoint, save_checkpoint
from eca_edu._files import data_folder
from eca_edu.app.cli import main
from eca_edu.clinic import FAULTS, Finding, examine
from tests import patients, patients_fresh

CASES = {**patients.CASES, **patients_fresh.CASES}
HEALTHY = {**patients.HEALTHY, **patients_fresh.HEALTHY}
#: Its gates do vary with the image, as those of any fresh SE: only biases that are exactly 0 tell that they never learned.
MISSED = ["mobilenetv3_without_its_gates"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.xfail(strict=True)] * (name in MISSED)) for name in CASES]
)
def test_the_right_fault_is_named_first(name):
    fault, make = CASES[name]
    torch.manual_seed(0)
    model, options = make()
    findings = examine(model, patients.DATA, **options)
    assert [finding.fault for finding in findings][:1] == [fault]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("returns its weights", r"returns \(8, 16, 1, 1\) for an input of \(8, 16, 30, 30\)"),
        ("makes the map smaller", r"returns \(32, 32, 8, 8\) for an input of \(32, 16, 16, 16\)"),
        ("average over channels of a sequence", "convolution before it has its channels on axis 1"),
        ("NaN in the head", "do not come in here"),
    ],
)
def test_the_evidence_says_what_was_seen(name, words):
    torch.manual_seed(0)
    model, options = CASES[name][1]()
    assert re.search(words, examine(model, patients.DATA, **options)[0].evidence)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_network_gets_no_finding(name):
    torch.manual_seed(0)
    model, options = HEALTHY[name]()
    assert examine(model, patients.DATA, **options) == []


def test_nothing_of_the_model_and_its_optimizer_changes():
    torch.manual_seed(0)
    model, options = patients.HEALTHY["ECAResNet8, trained"]()
    model.train()
    state = copy.deepcopy(model.state_dict())
    steps = copy.deepcopy(options["optimizer"].state_dict())
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    generator = torch.get_rng_state()
    examine(model, patients.DATA, **options)
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    torch.testing.assert_close(options["optimizer"].state_dict(), steps, rtol=0, atol=0)
    torch.testing.assert_close([parameter.grad for parameter in model.parameters()], gradients, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), generator)


def test_a_finding_says_where_what_and_what_to_do():
    finding = Finding("saturated", ("block1.attention", "block2.attention"), "All of its weights are above 0.98.")
    first, evidence, advice = str(finding).splitlines()
    assert first == "saturated: block1.attention and 1 more"
    assert evidence.strip() == finding.evidence
    assert advice.strip() == finding.advice == FAULTS["saturated"]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), {}, "or `where` choose some; Sequential holds none"),
        (ECAResNet8(8), {"where": lambda name, module: False}, "ECAResNet8 holds none"),
        (nn.Sequential(ECA(3)), {}, r"class scores \(N, classes\); got .*3, 32, 32"),
        (ECAResNet8(8), {"data": patients.DATA.take(slice(7))}, "at least 8 images; got 7"),
    ],
)
def test_what_cannot_be_examined_is_said(model, options, words):
    with pytest.raises(ValueError, match=words):
        examine(model, **{"data": patients.DATA, **options})


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
def test_a_checkpoint_may_be_a_file(tmp_path, ending):
    model = patients.plain_cnn()
    saved, file = {"0.weight": torch.zeros(3)}, tmp_path / f"weights{ending}"
    save_file(saved, file) if ending == ".safetensors" else torch.save({"state_dict": saved, "epoch": 3}, file)
    assert [finding.fault for finding in examine(model, patients.DATA, checkpoint=file)] == ["not as in the checkpoint"]
    torch.save([saved], other := tmp_path / "list.pt")
    nested = {"epoch": torch.tensor(3), "model": model.state_dict(), "optimizer": {"state": {0: torch.ones(2)}}}
    assert examine(model, patients.DATA, checkpoint=nested) == []
    for wrong in ({"state_dict": {"0.weight": "text"}}, {"state_dict": 5}):
        with pytest.raises(ValueError, match="tensors by name; it holds a dict without them"):
            examine(model, patients.DATA, checkpoint=wrong)
    with pytest.raises(ValueError, match=r"tensors by name; .*list.pt holds a list"):
        examine(model, patients.DATA, checkpoint=other)
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"weights.* is damaged or no file of tensors"):
        examine(model, patients.DATA, checkpoint=file)
    with pytest.raises(FileNotFoundError, match=r"none.pt cannot be read"):
        examine(model, patients.DATA, checkpoint=tmp_path / "none.pt")


def test_the_command_line(capsys, tmp_path):
    checkpoint = data_folder() / "checkpoints" / "cue-switch-eca.safetensors"
    assert main(["examine", str(checkpoint)]) == 0
    assert capsys.readouterr().out.startswith("No finding: ")
    model, card = load_checkpoint(checkpoint)
    nn.init.zeros_(model.block1.attention.conv.weight)
    worse = save_checkpoint(
        tmp_path / "worse.safetensors", model, ModelConfig(**card["config"]), {"data": "cue-switch"}
    )
    assert main(["examine", str(worse), "--data", "cue-switch"]) == 0
    assert capsys.readouterr().out.startswith("never left its start: block1.attention\n")
