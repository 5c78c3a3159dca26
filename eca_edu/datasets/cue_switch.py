"""cue-switch: generated images in which the background says which cue counts, so that the truth about attention is known."""

import math

import torch

from eca_edu.datasets.image_data import ImageData, channel_statistics

SHAPES = ("circle", "square", "triangle", "cross", "ring")
COLOURS = ("red", "green", "blue", "yellow", "magenta")
RGB = torch.tensor([[0.85, 0.2, 0.2], [0.2, 0.7, 0.25], [0.25, 0.35, 0.9], [0.85, 0.8, 0.2], [0.8, 0.25, 0.8]])

SIZE = 32  # pixels of a side
COLUMN = torch.arange(SIZE) + 0.5  # where the pixels' centres lie: (32,)
ROW = COLUMN[:, None]  # (32, 1)
CHUNK = 2000  # images drawn at once, to bound the memory
TRAIN_IMAGES, TRAIN_SEED = 12_000, 0
TEST_IMAGES, TEST_SEED = 4_000, 1


def load_cue_switch() -> tuple[ImageData, ImageData]:
    """Return the fixed training and test images of the course: 12,000 and 4,000 images (N, 3, 32, 32)."""
    train = make_cue_switch(TRAIN_IMAGES, TRAIN_SEED)
    return train, make_cue_switch(TEST_IMAGES, TEST_SEED, mean=train.mean, std=train.std)


def make_cue_switch(
    n: int,
    seed: int = 0,
    *,
    noise: float = 0.14,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
    turned: bool = False,
) -> ImageData:
    """Draw n images of one coloured shape on stripes; the label is the shape or the colour, as the stripes say.

    n: images. seed: same seed, same images. noise: standard deviation of the pixel noise, in units of 1 = pixel value 255.
    mean, std: (3,), to normalise test images as the training images; by default those of the images drawn.
    turned: the same images, but for their stripes, which run the other way, so that the other rule gives the label.
    -> ImageData with images (n, 3, 32, 32), labels 0…4 for shapes and 5…9 for colours, masks (n, 32, 32) of the shape and
    context (n,): 0 for horizontal stripes (the shape counts), 1 for vertical ones (the colour counts).
    Raises ValueError for a negative n or noise.
    """
    if n < 0:
        raise ValueError(f"n must be at least 0; got {n}")
    if noise < 0:
        raise ValueError(f"noise must be at least 0; got {noise}")
    generator = torch.Generator().manual_seed(seed)
    shape, colour = torch.randint(5, (2, n), generator=generator)
    context = (torch.randint(2, (n,), generator=generator) + turned) % 2
    labels = torch.where(context == 0, shape, 5 + colour)
    parts = [
        _draw(*chosen, noise, generator)
        for chosen in zip(shape.split(CHUNK), colour.split(CHUNK), context.split(CHUNK), strict=True)
    ]
    images, masks = (torch.cat(part) for part in zip(*parts, strict=True))
    drawn_mean, drawn_std = channel_statistics(images)
    mean, std = drawn_mean if mean is None else mean, drawn_std if std is None else std
    source = f"generated, seed {seed}"
    return ImageData("cue-switch", SHAPES + COLOURS, images, labels, mean, std, masks, context, source)


def _draw(
    shape: torch.Tensor, colour: torch.Tensor, context: torch.Tensor, noise: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw one chunk: shape, colour, context: (n,) -> images (n, 3, 32, 32) uint8, masks (n, 32, 32) bool."""
    n = len(shape)

    def uniform(low: float, high: float, *size: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, *size, generator=generator)

    masks = _masks(shape, uniform(5, 8.5), uniform(9.5, SIZE - 9.5, 2), uniform(-0.4, 0.4))
    background = _stripes(context, uniform(4, 8), uniform(0, 2 * math.pi), uniform(0.1, 0.3), uniform(0.3, 0.7, 3))
    paint = RGB[colour] * uniform(0.75, 1.1, 1) + uniform(-0.12, 0.12, 3)  # (n, 3)
    images = torch.where(masks[:, None], paint[:, :, None, None], background)
    images = images + noise * torch.randn(images.shape, generator=generator)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8), masks


def _stripes(
    context: torch.Tensor, period: torch.Tensor, phase: torch.Tensor, contrast: torch.Tensor, grey: torch.Tensor
) -> torch.Tensor:
    """Return striped backgrounds (n, 3, 32, 32): a wave along the rows or the columns, around a tint `grey`: (n, 3)."""
    along = torch.where(context[:, None, None] == 0, ROW, COLUMN)
    wave = torch.sin(2 * math.pi * along / period[:, None, None] + phase[:, None, None])  # (n, 32, 32)
    return grey[:, :, None, None] + (contrast[:, None, None] * wave)[:, None]


def _masks(shape: torch.Tensor, radius: torch.Tensor, centre: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Return which pixels a shape covers: shape, radius, angle: (n,), centre: (n, 2) -> (n, 32, 32) bool."""
    dy, dx = ROW - centre[:, 0, None, None], COLUMN - centre[:, 1, None, None]  # (n, 32, 1) and (n, 1, 32)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u, v = (cos * dx + sin * dy) / radius[:, None, None], (cos * dy - sin * dx) / radius[:, None, None]
    distance = torch.hypot(u, v)
    square = torch.maximum(u.abs(), v.abs())
    inside = torch.stack(
        [
            distance < 0.9,  # circle
            square < 0.8,  # square
            (v < 0.65) & (v > -1 + 1.9 * u.abs()),  # triangle, its point upward
            (torch.minimum(u.abs(), v.abs()) < 0.3) & (square < 1),  # cross
            (distance < 1) & (distance > 0.6),  # ring
        ],
        dim=1,
    )  # (n, 5, 32, 32)
    return inside[torch.arange(len(shape)), shape]
