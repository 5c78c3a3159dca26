"""CIFAR-10 (Krizhevsky, 2009): 50,000 training and 10,000 test images in ten classes."""

import os
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from filelock import FileLock

from eca_edu._files import data_folder
from eca_edu.datasets.download import MIRRORS, download as fetch, md5_of
from eca_edu.datasets.image_data import ImageData, channel_statistics
from eca_edu.datasets.image_folder import load_image_folder

ARCHIVE = "cifar-10-python.tar.gz"
BATCHES = "cifar-10-batches-py"
MD5 = "c58f30108f718f92721af3b95e74349a"


def find_cifar10(root: str | Path | None = None) -> Path | None:
    """Return the folder that holds CIFAR-10 on this machine, or None.

    root: where to look; if None, the folder named by ECA_EDU_DATA, else `data/`. The folder may hold the original batches
    (cifar-10-batches-py/), the archive (cifar-10-python.tar.gz), or images as train/<class>/ and test/<class>/.
    """
    folder = _folder(root)
    original = (folder / BATCHES).is_dir() or (folder / ARCHIVE).is_file()
    images = all((folder / split / "airplane").is_dir() for split in ("train", "test"))
    return folder if original or images else None


def load_cifar10(root: str | Path | None = None, *, download: bool = True) -> tuple[ImageData, ImageData]:
    """Return the training and the test images of CIFAR-10, downloaded if they are not on this machine.

    root: as in `find_cifar10`. -> two ImageData with images (50000, 3, 32, 32) and (10000, 3, 32, 32).
    Raises FileNotFoundError if there is nothing on disk and `download` is false or ECA_EDU_OFFLINE is set,
    ConnectionError if no mirror delivers, and ValueError if what is on disk is damaged.
    """
    folder = _folder(root)
    if find_cifar10(root) is None:
        advice = "run `python -m eca_edu data cifar10` once with a network, or set ECA_EDU_DATA to a folder that has it"
        if not download or os.environ.get("ECA_EDU_OFFLINE"):
            raise FileNotFoundError(f"CIFAR-10 is not in {folder}: {advice}")
        try:
            fetch(MIRRORS, folder / ARCHIVE, MD5)  # 170 MB
        except ConnectionError as error:
            raise ConnectionError(f"CIFAR-10 is not in {folder}, and {error}. To get it, {advice}") from error
    if (folder / BATCHES).is_dir() or (folder / ARCHIVE).is_file():
        _extract(folder)
        return _read_batches(folder)
    return load_image_folder(folder, "cifar10")


def _folder(root: str | Path | None) -> Path:
    if root is not None:
        return Path(root)
    named = os.environ.get("ECA_EDU_DATA")
    return Path(named) if named else data_folder()


def _extract(folder: Path) -> None:
    """Unpack the archive beside itself, after a check of its MD5, unless that was done before."""
    archive = folder / ARCHIVE
    if (folder / BATCHES).is_dir():
        return  # without a lock, so that a folder that is only read can serve a whole class
    with FileLock(folder / f".{ARCHIVE}.lock"):
        if (folder / BATCHES).is_dir():
            return
        found = md5_of(archive)
        if found != MD5:
            raise ValueError(f"{archive} is damaged: its MD5 is {found}, expected {MD5}. Delete it and try again")
        with TemporaryDirectory(dir=folder) as temporary, tarfile.open(archive) as tar:
            # Early releases of Python 3.10 and 3.11 know no filter; the MD5 vouches for the content.
            safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(temporary, **safely)
            os.replace(Path(temporary) / BATCHES, folder / BATCHES)


def _read_batches(folder: Path) -> tuple[ImageData, ImageData]:
    from torchvision.datasets import CIFAR10  # slow to import, and needed only here

    try:
        splits = [CIFAR10(folder, train=train, download=False) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        advice = "Delete it and run `python -m eca_edu data cifar10`"
        raise ValueError(f"{folder / BATCHES} is incomplete or damaged. {advice}") from error
    pixels = [torch.from_numpy(split.data).permute(0, 3, 1, 2).contiguous() for split in splits]
    mean, std = channel_statistics(pixels[0])
    names, source = tuple(splits[0].classes), "original batches"
    train, test = (
        ImageData("cifar10", names, images, torch.tensor(split.targets), mean, std, source=source)
        for images, split in zip(pixels, splits, strict=True)
    )
    return train, test
