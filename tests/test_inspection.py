"""Recorded channel weights are those that the gate gave."""

import pytest
import torch
from torch import nn

from eca_edu import ECACNN, record_channel_weights


def test_recorded_weights_equal_the_gate_by_hand():
    model = ECACNN(width=8).eval()
    x = torch.randn(4, 3, 16, 16)
    with torch.no_grad(), record_channel_weights(model) as weights:
        model(x[:3])
        model(x[3:])
        features = model.block1.branch(model.stem(x))
    eca = model.block1.attention
    assert list(weights) == [f"block{i}.attention" for i in (1, 2, 3)]
    torch.testing.assert_close(weights["block1.attention"], eca.interact(features.mean((2, 3))).sigmoid().detach())


def test_hooks_are_gone_afterwards_also_after_an_error():
    model = ECACNN(width=8)
    with pytest.raises(RuntimeError, match="in the block"), record_channel_weights(model):
        raise RuntimeError("in the block")
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_without_attention_is_refused():
    model = ECACNN(width=8, attention=nn.Identity)
    with (
        pytest.raises(ValueError, match="model must hold at least one ChannelAttention; ECACNN holds none"),
        record_channel_weights(model),
    ):
        pass
