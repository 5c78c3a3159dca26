"""The pictures of the README, made by the project itself: `make gallery`. Explorers are recorded in a real browser."""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from pipeline import draw_pipeline

from eca_edu import load_checkpoint, make_cue_switch
from eca_edu._files import atomic_write
from eca_edu.explorers import AttributionExplorer, InteractionExplorer, KernelSizeExplorer, LiveNetwork
from eca_edu.explorers.explorer import Explorer
from eca_edu.figures.experiments import draw_differences
from eca_edu.studies.runs import differences_to, read_results

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "data"
STILL, STEP = 900, 90  # ms that a frame stays: one to look at, one of a movement


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


def study() -> bytes:
    """Draw what the recorded study on CIFAR-10 found (chapter 05)."""
    differences = differences_to(read_results(DATA / "results" / "cifar10-resnet8.csv"), "none")
    figure = Figure(figsize=(8, 3.5), dpi=100, layout="constrained")
    draw_differences(figure.subplots(), differences, "none")
    return png(figure)


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def live_network() -> bytes:
    """Record the live network (chapter 00): its stripes are turned, and weights are dragged."""
    model, _ = load_checkpoint(DATA / "checkpoints" / "cue-switch-eca.safetensors")
    images, turned = make_cue_switch(100, seed=2), make_cue_switch(100, seed=2, turned=True)

    def moves(page) -> Iterator[int]:
        yield STILL
        page.get_by_role("button", name="Turn the stripes").click()
        yield 2 * STILL
        page.get_by_role("button", name="Nothing beside").click()
        box = page.locator(".eca-edu-bars").first.bounding_box()
        page.mouse.move(box["x"] + 4, box["y"] + 5)
        page.mouse.down()
        for step in range(1, 17):
            page.mouse.move(box["x"] + box["width"] * (step - 0.5) / 16, box["y"] + 5)
            yield STEP
        page.mouse.up()
        yield 2 * STILL

    return recorded(LiveNetwork(model, images, turned=turned), moves)


def kernel_size() -> bytes:
    """Record the explorer of γ and b (chapter 02): C, b and γ are dragged."""

    def moves(page) -> Iterator[int]:
        yield STILL
        for name, dx, dy in [("C, your channels", 170, 0), ("b, the height", 0, -40), ("γ, the slope", 0, -55)]:
            box = page.get_by_role("slider", name=name).locator("circle").last.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            page.mouse.move(x, y)
            page.mouse.down()
            for step in range(1, 9):
                page.mouse.move(x + dx * step / 8, y + dy * step / 8)
                yield STEP
            page.mouse.up()
            yield STILL

    return recorded(KernelSizeExplorer(), moves)


def interaction() -> bytes:
    """Show the explorer of the family of gates as matrices (chapter 01)."""
    return recorded(InteractionExplorer(), lambda page: iter([STILL]))


def attribution() -> bytes:
    """Show the explorer of attributions (chapter 07): which pixels of an image counted?"""
    model, _ = load_checkpoint(DATA / "checkpoints" / "cue-switch-eca.safetensors")

    def moves(page) -> Iterator[int]:
        page.locator(".eca-edu-stack").nth(1).hover()
        yield STILL

    return recorded(AttributionExplorer(model, make_cue_switch(100, seed=2)), moves)


def recorded(explorer: Explorer, moves: Callable[..., Iterator[int]]) -> bytes:
    """Return what a browser shows of an explorer, as a WebP that moves: a frame for each time in ms that `moves` yields."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "explorer.html")
        file.write_text(f'<meta charset="utf-8"><body style="background: white">{explorer.to_html()}', encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 860, "height": 700}, color_scheme="light")
        page.goto(file.as_uri())
        shown = page.locator(".eca-edu-explorer")
        frames = [(shown.screenshot(), time) for time in moves(page)]
        browser.close()
    pictures = [Image.open(io.BytesIO(content)).convert("RGB") for content, _ in frames]
    size = max(picture.width for picture in pictures), max(picture.height for picture in pictures)
    whole = [Image.new("RGB", size, "white") for _ in pictures]
    for canvas, picture in zip(whole, pictures, strict=True):
        canvas.paste(picture)
    content = io.BytesIO()
    times = [time for _, time in frames]
    whole[0].save(content, "webp", save_all=True, append_images=whole[1:], duration=times, loop=0, quality=80, method=6)
    return content.getvalue()


DRAWN, RECORDED = (overview, study), (live_network, kernel_size, interaction, attribution)

if __name__ == "__main__":
    for picture in (*DRAWN, *RECORDED):
        content = picture()
        name = f"{picture.__name__}.{'png' if picture in DRAWN else 'webp'}"
        with atomic_write(HERE / name, overwrite=True) as temporary:
            temporary.write_bytes(content)
        print(f"{name}: {len(content) / 1e6:.2f} MB")
