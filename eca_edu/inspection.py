"""What are the channel weights for these images?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from eca_edu.attention import ChannelAttention

__all__ = ["record_channel_weights"]


@contextmanager
def record_channel_weights(model: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the channel weights of every attention module while the block runs.

    Yields a dict that fills up: {layer name: (N, C)}, on the CPU, the images of all calls one after another.
    Raises ValueError if the model holds no ChannelAttention.
    """
    gates = {name: module.gate for name, module in model.named_modules() if isinstance(module, ChannelAttention)}
    if not gates:
        raise ValueError(f"model must hold at least one ChannelAttention; {type(model).__name__} holds none")
    weights: dict[str, torch.Tensor] = {}

    def recorder(name: str):
        def record(gate: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            seen = [weights[name]] if name in weights else []
            weights[name] = torch.cat([*seen, output.detach().cpu()])

        return record

    hooks = [gate.register_forward_hook(recorder(name)) for name, gate in gates.items()]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()
