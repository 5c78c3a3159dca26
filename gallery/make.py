"""The pictures of the README, drawn by the project itself: `make gallery`."""

from pathlib import Path

import torch
from matplotlib.figure import Figure

from eca_edu import cue_switch, load_checkpoint
from eca_edu.plots.pipeline import draw_pipeline
from eca_edu.training import normalize

HERE = Path(__file__).resolve().parent


@torch.no_grad()
def overview() -> Figure:
    """Draw the four steps of ECA with the tensors of a trained network: its first block, one image of cue-switch."""
    model, _ = load_checkpoint(HERE.parent / "data" / "checkpoints" / "cue-switch-eca.safetensors")
    data = cue_switch(500, seed=2)
    block = model.block1
    x = block.branch(model.stem(normalize(data.images[1:2], data.mean, data.std)))  # (1, 16, 16, 16)
    y = x.mean((2, 3))
    logits = block.attention.interact(y)
    omega = block.attention.gate(logits)
    out = block.attention(x)
    figure = Figure(figsize=(7, 10), dpi=100)
    tensors = [tensor[0].numpy() for tensor in (x, y, logits, omega, out)]
    draw_pipeline(figure.add_axes((0, 0, 1, 1)), *tensors, kernel_size=block.attention.conv.kernel_size[0])
    return figure


if __name__ == "__main__":
    overview().savefig(HERE / "overview.png", metadata={"Software": None})
