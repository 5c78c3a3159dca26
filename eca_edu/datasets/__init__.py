"""Where do images come from? CIFAR-10, the generated cue-switch, or a folder of one's own; always as `ImageData`."""

import warnings
from pathlib import Path

from eca_edu.datasets.cifar10 import download_cifar10, find_cifar10, load_cifar10
from eca_edu.datasets.generated import cue_switch, load_cue_switch
from eca_edu.datasets.image_data import ImageData
from eca_edu.datasets.image_folder import load_image_folder

__all__ = [
    "ImageData",
    "cue_switch",
    "download_cifar10",
    "find_cifar10",
    "load_cifar10",
    "load_cue_switch",
    "load_image_folder",
    "load_images",
]


def load_images(
    name: str = "cifar10", root: str | Path | None = None, *, download: bool = True
) -> tuple[ImageData, ImageData]:
    """Return the training and the test images of "cifar10" or "cue-switch".

    Where CIFAR-10 can be neither read nor downloaded, cue-switch takes its place and a warning says so; the name of
    the result tells which one it is.
    root, download: as in `load_cifar10`.
    Raises ValueError for an unknown name, and for CIFAR-10 files that are there but damaged.
    """
    if name == "cue-switch":
        return load_cue_switch()
    if name != "cifar10":
        raise ValueError(f"name must be 'cifar10' or 'cue-switch'; got {name!r}")
    try:
        return load_cifar10(root, download=download)
    except OSError as error:
        warnings.warn(f"Using the generated cue-switch images instead of CIFAR-10. {error}.", stacklevel=2)
        return load_cue_switch()
