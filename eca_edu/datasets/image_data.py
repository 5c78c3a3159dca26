"""The one type in which images travel through the package."""

import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from eca_edu._arguments import positive_integer


@dataclass(frozen=True, eq=False)
class ImageData:
    """Labelled images as tensors, with what is needed to normalise them and, where it is known, the truth behind them.

    images: (N, 3, H, W) uint8. labels: (N,) int64, indices into class_names. mean, std: (3,) float32, of the training
    images per channel, in units of 1 = pixel value 255. masks: (N, H, W) bool, the pixels that carry the label.
    context: (N,) int64, which rule gives the label. Both are None where they are not known. source: where the pixels come
    from, in words.
    Raises TypeError or ValueError when the parts do not fit together.
    """

    name: str
    class_names: tuple[str, ...]
    images: torch.Tensor
    labels: torch.Tensor
    mean: torch.Tensor = field(default_factory=lambda: torch.full((3,), 0.5))
    std: torch.Tensor = field(default_factory=lambda: torch.full((3,), 0.25))
    masks: torch.Tensor | None = None
    context: torch.Tensor | None = None
    source: str = ""

    def __post_init__(self):
        n = len(self.images)
        if self.images.ndim != 4 or self.images.shape[1] != 3:
            raise ValueError(f"images must have shape (N, 3, H, W); got {tuple(self.images.shape)}")
        for name, dtype in [("images", torch.uint8), ("labels", torch.int64)]:
            if getattr(self, name).dtype != dtype:
                raise TypeError(f"{name} must be {dtype}; got {getattr(self, name).dtype}")
        for name, shape in [("labels", (n,)), ("masks", (n, *self.images.shape[2:])), ("context", (n,))]:
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, one entry for each image; got {tuple(value.shape)}")
        if n and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.class_names):
            raise ValueError(
                f"labels must lie in 0…{len(self.class_names) - 1}, the indices of class_names; "
                f"got {int(self.labels.min())}…{int(self.labels.max())}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def normalize(self, images: torch.Tensor) -> torch.Tensor:
        """Turn pixels into a network's input, channel by channel: (pixel / 255 - mean) / std.

        images: (N, 3, H, W) uint8 -> (N, 3, H, W) float32, channels_last, on the device of the images.
        """
        x = images.to(torch.float32, memory_format=torch.channels_last)
        # One factor for each pixel: along an innermost axis of only three, the channels, torch takes number by number.
        factors = 1 / (255 * self.std), -self.mean / self.std
        scale, shift = (f.to(x.device).expand(*x.shape[2:], -1).contiguous().permute(2, 0, 1) for f in factors)
        return x.mul_(scale).add_(shift)

    def spread(self, n: int) -> "ImageData":
        """Return at most n images, evenly spread, so that data in the order of their classes keep all of them.

        Raises TypeError or ValueError if n is no whole number from 1 on.
        """
        n = min(positive_integer("n", n), len(self))
        return self.take(torch.arange(n) * len(self) // max(n, 1))

    @cached_property
    def checksum(self) -> str:
        """A short text that changes when a pixel or a label does; it is no protection against bad intent."""
        images, labels = (tensor.cpu().contiguous().numpy().data for tensor in (self.images, self.labels))
        return f"{zlib.crc32(labels, zlib.crc32(images)):08x}"

    def take(self, indices: torch.Tensor | slice) -> "ImageData":
        """Return the chosen images with their labels, masks and context, under the same mean and std.

        indices: (n,) int64, (N,) bool, or a slice.
        """
        parts = {name: getattr(self, name) for name in ("images", "labels", "masks", "context")}
        return replace(self, **{name: part[indices] for name, part in parts.items() if part is not None})


def channel_statistics(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of each channel, in units of 1 = pixel value 255.

    images: (N, 3, H, W) uint8 -> mean (3,), std (3,), float32; a channel without spread gets the std of one grey level.
    """
    counts = torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in images.unbind(1)])  # (3, 256)
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1).double()
    mean = shares @ values
    std = ((shares * (values - mean[:, None]) ** 2).sum(1)).sqrt()
    return mean.float(), std.clamp(min=1 / 255).float()
