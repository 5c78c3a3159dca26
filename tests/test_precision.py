"""Training in bfloat16: who chooses it, that it repeats itself, and that gates do not undo it."""

import math

import pytest
import torch
from torch import nn

from eca_edu import ModelConfig, build_model, evaluate, fit, load_checkpoint, make_cue_switch, save_checkpoint
from eca_edu.app.cli import main
from eca_edu.attention import ATTENTION, make_attention
from eca_edu.training.precision import PRECISIONS, autocast, trial_times

TRAIN, TEST = make_cue_switch(192, seed=1), make_cue_switch(100, seed=2)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model(ModelConfig(width=8))


def trained(**options) -> dict[str, torch.Tensor]:
    model = network()
    list(fit(model, TRAIN, TEST, epochs=2, batch_size=64, **options))
    return model.state_dict()


def test_the_trial_times_each_precision_and_leaves_network_and_generator_alone():
    model, state = network(), torch.get_rng_state()
    times = trial_times(model, TRAIN, batch_size=32)
    assert torch.equal(torch.get_rng_state(), state)
    assert [*times] == [*PRECISIONS]
    assert all(0 < seconds < math.inf for seconds in times.values())
    torch.testing.assert_close(model.state_dict(), network().state_dict(), rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_precision_in_which_the_loss_is_no_number_is_never_the_fastest():
    class Fragile(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 10)

        def forward(self, x):
            return self.head(x.mean((2, 3))) * (math.nan if torch.is_autocast_enabled("cpu") else 1)

    times = trial_times(Fragile(), TRAIN, batch_size=8)
    assert times["bfloat16"] == math.inf
    assert min(times, key=times.get) == "float32"


@pytest.mark.parametrize("name", ATTENTION)
def test_no_gate_takes_a_feature_map_to_float32(name):
    x = torch.randn(2, 32, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    with autocast(x.device, "bfloat16"):
        rescaled = make_attention(name, 32)(x)
    assert rescaled.dtype == torch.bfloat16
    maps = []
    rescaled.register_hook(lambda gradient: maps.append(gradient.dtype))
    rescaled.float().sum().backward()
    assert [*maps, x.grad.dtype] == [torch.bfloat16] * 2


def test_in_bfloat16_the_same_seed_gives_the_same_bits_and_others_than_in_float32():
    weights, again, other = trained(precision="bfloat16"), trained(precision="bfloat16"), trained()
    torch.testing.assert_close(weights, again, rtol=0, atol=0)
    assert not torch.equal(weights["head.weight"], other["head.weight"])


@pytest.mark.parametrize("optimizer", ["muon", "sgd"])
def test_in_bfloat16_a_run_that_was_stopped_ends_with_the_same_bits(optimizer, tmp_path):
    options = {"precision": "bfloat16", "optimizer": optimizer}
    run = fit(network(), TRAIN, TEST, epochs=2, batch_size=64, state=tmp_path / "run.state", **options)
    next(run)
    run.close()
    weights = trained(state=tmp_path / "run.state", **options)
    torch.testing.assert_close(weights, trained(**options), rtol=0, atol=0)
    with pytest.raises(ValueError, match="precision is 'bfloat16' there and 'float32' here"):
        trained(state=tmp_path / "run.state", optimizer=optimizer)


def test_a_command_that_was_stopped_goes_on_in_the_precision_it_began_with(tmp_path, monkeypatch):
    out = tmp_path / "net.safetensors"
    command = ["train", "--data", "cue-switch", "--width", "4", "--epochs", "2", "--device", "cpu", "--out", str(out)]
    monkeypatch.setattr("eca_edu.app.commands.load_images", lambda *_, **__: (TRAIN, TEST))
    monkeypatch.setattr("eca_edu.app.commands.trial_times", lambda *_: {"float32": 2, "bfloat16": 1})
    save = save_checkpoint

    def stop_after_saving(*arguments, **options):
        save(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr("eca_edu.app.commands.save_checkpoint", stop_after_saving)
    assert main(command) == 130
    monkeypatch.setattr("eca_edu.app.commands.save_checkpoint", save)
    monkeypatch.setattr("eca_edu.app.commands.trial_times", lambda *_: {"float32": 1, "bfloat16": 2})
    assert main(command) == 0
    card = load_checkpoint(out)[1]
    assert (card["precision"], card["epoch"]) == ("bfloat16", 2)


def test_an_unknown_precision_is_refused():
    for use in (
        lambda: next(fit(network(), TRAIN, TEST, precision="half")),
        lambda: evaluate(network(), TEST, precision="half"),
    ):
        with pytest.raises(ValueError, match=r"precision must be .*got 'half'"):
            use()
