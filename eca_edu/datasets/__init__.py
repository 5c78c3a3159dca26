"""Where do images come from? CIFAR-10, the generated cue-switch, or a folder of one's own; always as `ImageData`."""

import warnings
from pathlib import Path

from eca_edu.datasets.cifar10 import find_cifar10, load_cifar10
from eca_edu.datasets.cue_switch import load_cue_switch, make_cue_switch
from eca_edu.datasets.image_data import ImageData
from eca_edu.datasets.image_folder import load_image_folder


def load_images(
    data: str | Path = "cifar10", root: str | Path | None = None, *, download: bool = True, fallback: bool = True
) -> tuple[ImageData, ImageData]:
    """Return the training and the test images of "cifar10", of "cue-switch", or of a folder.

    data: "cifar10", "cue-switch", or a folder as `load_image_folder` reads it. root, download: as in `load_cifar10`.
    fallback: where CIFAR-10 can be neither read nor downloaded, cue-switch takes its place, and a warning says so; the name
    of the result tells which one it is.
    Raises ValueError for an unknown name and for files that are there but damaged, and what `load_cifar10` and
    `load_image_folder` raise.
    """
    if data == "cue-switch":
        return load_cue_switch()
    if data == "cifar10":
        try:
            return load_cifar10(root, download=download)
        except OSError as error:
            if not fallback:
                raise
            warnings.warn(f"Using the generated cue-switch images instead of CIFAR-10. {error}.", stacklevel=2)
            return load_cue_switch()
    if Path(data).is_dir():
        return load_image_folder(data)
    raise ValueError(f"data must be 'cifar10', 'cue-switch' or a folder that exists; got {str(data)!r}")
