"""Images from a folder `train/<class>/*` and `test/<class>/*`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.auto import tqdm

from eca_edu.datasets.image_data import ImageData, channel_statistics

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def load_image_folder(root: str | Path, name: str | None = None, *, size: int = 32) -> tuple[ImageData, ImageData]:
    """Return training and test images of a folder; images of another size are cut to a square and resized.

    root: holds train/<class>/* and test/<class>/*, with the same classes in both. name: the folder's name if None.
    size: pixels of a side. -> two ImageData with images (N, 3, size, size).
    Raises FileNotFoundError or ValueError with what was looked for, if the folder does not hold such images.
    """
    root = Path(root)
    class_names = _class_names(root / "train")
    if _class_names(root / "test") != class_names:
        raise ValueError(
            f"{root} must have the same classes in train/ and test/; got {class_names} and {_class_names(root / 'test')}"
        )
    images, labels, endings = _read_split(root / "train", class_names, size)
    test_images, test_labels, test_endings = _read_split(root / "test", class_names, size)
    mean, std = channel_statistics(images)
    common: dict[str, Any] = {
        "name": name or root.resolve().name,
        "class_names": class_names,
        "mean": mean,
        "std": std,
        "source": f"image folder, {', '.join(sorted(endings | test_endings))}",  # .jpg: pixels are not the original ones
    }
    return ImageData(images=images, labels=labels, **common), ImageData(
        images=test_images, labels=test_labels, **common
    )


def _class_names(split: Path) -> tuple[str, ...]:
    names = (
        tuple(sorted(p.name for p in split.iterdir() if p.is_dir() and not p.name.startswith(".")))
        if split.is_dir()
        else ()
    )
    if not names:
        raise FileNotFoundError(f"{split} must hold one folder of images for each class; it does not exist or is empty")
    return names


def _read_split(split: Path, class_names: tuple[str, ...], size: int) -> tuple[torch.Tensor, torch.Tensor, set[str]]:
    """Return images, labels, and the endings of the files."""
    files = [
        sorted(p for p in (split / name).iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
        for name in class_names
    ]
    for name, found in zip(class_names, files, strict=True):
        if not found:
            raise ValueError(f"{split / name} holds no image; expected files ending in {', '.join(sorted(SUFFIXES))}")
    labels = torch.arange(len(files)).repeat_interleave(torch.tensor([len(found) for found in files]))
    pixels = np.empty((len(labels), size, size, 3), np.uint8)

    def read(i: int, path: Path) -> None:
        pixels[i] = _read_image(path, size)

    paths = [path for found in files for path in found]
    with ThreadPoolExecutor() as pool:
        for _ in tqdm(
            pool.map(read, range(len(paths)), paths), total=len(paths), desc=f"Reading {split.name} images", leave=False
        ):
            pass
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels, {path.suffix.lower() for path in paths}


def _read_image(path: Path, size: int) -> np.ndarray:
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
            return np.asarray(image if image.size == (size, size) else ImageOps.fit(image, (size, size)))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
        raise ValueError(f"{path} cannot be read as an image ({error}); mend or remove it") from error
