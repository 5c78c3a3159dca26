"""Checkpoints: whole or not at all, and refused with a sentence when they are damaged."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from eca_edu import ModelConfig, build_model, evaluate, load_checkpoint, save_checkpoint
from eca_edu.datasets import load_cue_switch

CONFIG = ModelConfig(attention="se", width=8, num_classes=3)


@pytest.fixture
def saved(tmp_path):
    model = build_model(CONFIG)
    path = save_checkpoint(tmp_path / "new" / "net.safetensors", model, CONFIG, {"seed": 7, "data": "süß"})
    return path, model


def test_what_is_saved_comes_back(saved):
    path, model = saved
    loaded, card = load_checkpoint(path)
    assert card == {"config": json.loads(CONFIG.to_json()), "seed": 7, "data": "süß"}
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == card
    assert not loaded.training
    assert all(map(torch.equal, loaded.state_dict().values(), model.state_dict().values()))
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(loaded(x), model.eval()(x))  # the last bit depends on where the weights lie in memory
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]


def test_the_same_network_saved_again_is_the_same_file(saved):
    path, model = saved
    before = path.read_bytes()
    for _ in range(8):
        save_checkpoint(path, model, CONFIG, {"seed": 7, "data": "süß"})
    assert path.read_bytes() == before
    with pytest.raises(FileExistsError, match=r"net\.safetensors exists already, and it holds something else"):
        save_checkpoint(path, model, CONFIG, {"seed": 8})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_of_another_precision_comes_back_in_float32(dtype, tmp_path):
    model = build_model(CONFIG).to(dtype)
    loaded, _ = load_checkpoint(save_checkpoint(tmp_path / "net.safetensors", model, CONFIG, {}))
    assert loaded(torch.randn(2, 3, 32, 32)).dtype == torch.float32
    for name, values in loaded.state_dict().items():
        torch.testing.assert_close(values, model.state_dict()[name].to(values.dtype), rtol=0, atol=0)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="damaged or no checkpoint of eca_edu"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*gone\.safetensors; those of the course lie in"):
        load_checkpoint(tmp_path / "gone.safetensors")
    with pytest.raises(ValueError, match=r"path must end in \.safetensors; got 'net\.pt'"):
        load_checkpoint("net.pt")


def test_a_failed_save_leaves_the_old_one(saved, full_disk):
    path, model = saved
    before = path.read_bytes()
    with full_disk(), pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, model, CONFIG, {}, overwrite=True)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]


SHIPPED = sorted((Path(__file__).parent.parent / "data" / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_network_is_as_good_as_its_card_says(path):
    model, card = load_checkpoint(path)
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == card
    assert path.stat().st_size < 2_000_000
    assert card["command"].startswith("python -m eca_edu train")
    if card["data"] == "cue-switch":  # the only images that are always there
        _, test = load_cue_switch()
        # Another machine rounds differently, which may turn a few images of 4,000.
        assert evaluate(model, test)[1] == pytest.approx(card["test_accuracy"], abs=0.003)


def test_a_network_that_could_not_be_loaded_again_is_refused(tmp_path):
    other = build_model(replace(CONFIG, width=2 * CONFIG.width))
    with pytest.raises(ValueError, match=r"the network that ModelConfig.* builds; got another network, ECAResNet8"):
        save_checkpoint(tmp_path / "net.safetensors", other, CONFIG, {})
    assert not list(tmp_path.iterdir())
