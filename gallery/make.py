"""The pictures of the README, drawn by the project itself: `make gallery`. Each function returns the bytes of a PNG."""

import io
from pathlib import Path

import torch
from matplotlib.figure import Figure

from eca_edu import load_checkpoint, make_cue_switch
from eca_edu.experiments import differences_to, read_results
from eca_edu.figures.experiments import draw_differences
from eca_edu.figures.pipeline import draw_pipeline
from eca_edu.files import written_whole
from eca_edu.widgets import AttributionExplorer, InteractionExplorer, KernelSizeExplorer

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"


@torch.no_grad()
def overview() -> bytes:
    """Draw the four steps of ECA with the tensors of a trained network: its first block, one image of cue-switch."""
    model, _ = load_checkpoint(DATA / "checkpoints" / "cue-switch-eca.safetensors")
    data = make_cue_switch(500, seed=2)
    block = model.block1
    x = block.branch(model.stem(data.normalize(data.images[1:2])))  # (1, 16, 16, 16)
    y = x.mean((2, 3))
    logits = block.attention.interact(y)
    omega = block.attention.gate(logits)
    out = block.attention(x)
    figure = Figure(figsize=(7, 10), dpi=100)
    tensors = [tensor[0].numpy() for tensor in (x, y, logits, omega, out)]
    draw_pipeline(figure.add_axes((0, 0, 1, 1)), *tensors, kernel_size=block.attention.conv.kernel_size[0])
    return png(figure)


def kernel_size() -> bytes:
    """Show the explorer of γ and b (chapter 02)."""
    return KernelSizeExplorer().picture.value


def interaction() -> bytes:
    """Show the explorer of the family of gates as matrices (chapter 01)."""
    return InteractionExplorer().picture.value


def attribution() -> bytes:
    """Show the explorer of attributions (chapter 07): which pixels of an image counted?"""
    model, _ = load_checkpoint(DATA / "checkpoints" / "cue-switch-eca.safetensors")
    return AttributionExplorer(model, make_cue_switch(100, seed=2)).picture.value


def study() -> bytes:
    """Draw what the recorded study on CIFAR-10 found (chapter 05)."""
    differences = differences_to(read_results(DATA / "results" / "cifar10.csv"), "none")
    figure = Figure(figsize=(8, 3.5), dpi=100, layout="constrained")
    draw_differences(figure.subplots(), differences, "none")
    return png(figure)


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


PICTURES = (overview, kernel_size, interaction, attribution, study)

if __name__ == "__main__":
    for picture in PICTURES:
        content = picture()
        with written_whole(HERE / f"{picture.__name__}.png", overwrite=True) as temporary:
            temporary.write_bytes(content)
