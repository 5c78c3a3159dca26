"""What the README shows as Python runs, and does what it says."""

import re
from pathlib import Path

import pytest
import torch

import eca_edu

TEXT = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def run(block):
    names = {}
    exec(block.replace('weights="DEFAULT"', ""), names)  # trained weights would be downloaded
    return names


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_block_runs_by_itself(block):
    assert run(block)


def test_the_new_parameters_are_those_of_eca():
    (block,) = [block for block in BLOCKS if "resnet50" in block]
    assert sum(parameter.numel() for parameter in run(block)["new"]) == 86


@pytest.mark.parametrize("channels", [8, 64, 96, 128, 2048])
def test_the_module_to_copy_is_the_package_s_eca(channels):
    (block,) = [block for block in BLOCKS if "class ECA" in block]
    theirs, ours = run(block)["ECA"](channels), eca_edu.ECA(channels)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, channels, 5, 5)
    torch.testing.assert_close(theirs(x), ours(x))


def test_timm_s_resnets_are_served_as_it_says():
    timm = pytest.importorskip("timm")
    (where,) = re.findall(r'insert_attention\(model, "eca", where=(lambda.*?"\))\)', TEXT, re.DOTALL)
    model = eca_edu.insert_attention(timm.create_model("resnet50"), "eca", where=eval(f"({where})"))
    added = sum(p.numel() for m in model.modules() if isinstance(m, eca_edu.ECA) for p in m.parameters())
    assert added == 86
