"""Images from a folder `train/<class>/*` and `test/<class>/*`: each is read rightly, or refused with a reason."""

import warnings
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.auto import tqdm

from eca_edu._files import printable
from eca_edu.datasets.image_data import ImageData, channel_statistics

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow has others, some of which start programs
NAMED = 5  # of the files that cannot be read, and of the endings that are passed over


def load_image_folder(root: str | Path, name: str | None = None, *, size: int = 32) -> tuple[ImageData, ImageData]:
    """Return training and test images of a folder; images of another size are cut to the square in their middle and resized.

    root: holds train/<class>/* and test/<class>/*, with the same classes in both. name: the folder's name if None.
    size: pixels of a side. -> two ImageData with images (N, 3, size, size).
    Photos are turned as their EXIF data say. Grey of up to 16 bits is scaled from its black and white to those of 8 bits. What
    is transparent is laid on white, and `source` says so. Hidden files are left out; a warning counts what else is passed over:
    other endings, folders within a class, all but the first picture of an animation. Names that could command a terminal are
    spelled out.
    Raises FileNotFoundError or ValueError with what was looked for, if the folder does not hold such images. One ValueError
    counts all images that cannot be read, and names the first: damaged ones, those that may not be opened, have more than 89
    million pixels, or values of which nothing says what is white (TIFF of 32 bits, signed, or floating).
    """
    root, passed_over = Path(root), Counter[str]()
    class_names, test_class_names = (_class_names(root / split, passed_over) for split in ("train", "test"))
    if test_class_names != class_names or len(class_names) < 2:
        wanted = "the same classes in train/ and test/, and at least two of them to be told apart"
        raise ValueError(printable(f"{root} must have {wanted}; got {class_names} and {test_class_names}"))
    splits = [[_files(root / split / name, passed_over) for name in class_names] for split in ("train", "test")]
    paths = [path for split in splits for files in split for path in files]
    counts = [torch.tensor([len(files) for files in split]) for split in splits]

    pixels = np.empty((len(paths), 3, size, size), np.uint8)
    transparent, animated = _read_all(root, paths, pixels)
    passed_over["all but the first picture of an animation or of several pages"] = animated
    if passed_over := +passed_over:
        kinds = _some(f"{n} × {what}" for what, n in passed_over.most_common())
        warnings.warn(printable(f"{root}: passed over {kinds}"), stacklevel=2)
    endings = ", ".join(sorted({path.suffix.lower() for path in paths}))  # .jpg: pixels are not the original ones
    source = f"image folder, {endings}" + ", transparency on white" * bool(transparent)
    name, classes = printable(name or root.resolve().name), tuple(map(printable, class_names))
    both = torch.from_numpy(pixels).split([int(count.sum()) for count in counts])
    mean, std = channel_statistics(both[0])
    train, test = (
        ImageData(name, classes, images, labels, mean, std, source=source)
        for images, count in zip(both, counts, strict=True)
        for labels in [torch.arange(len(classes)).repeat_interleave(count)]
    )
    return train, test


def _class_names(split: Path, passed_over: Counter[str]) -> tuple[str, ...]:
    entries = _visible(split) if split.is_dir() else []
    names = tuple(path.name for path in entries if path.is_dir())
    if not names:
        wanted = "must hold one folder of images for each class; it does not exist or is empty"
        raise FileNotFoundError(printable(f"{split} {wanted}"))
    passed_over["file outside the classes"] += len(entries) - len(names)
    return names


def _files(folder: Path, passed_over: Counter[str]) -> list[Path]:
    """Return what a class folder holds under the name of an image, and count what else it holds."""
    files = []
    for path in _visible(folder):
        if path.suffix.lower() in SUFFIXES:
            files.append(path)
        else:
            kind = "folder within a class" if path.is_dir() else path.suffix.lower() or "file without an ending"
            passed_over[kind] += 1
    if not files:
        wanted = f"expected files ending in {', '.join(sorted(SUFFIXES))}"
        raise ValueError(printable(f"{folder} holds no image; {wanted}"))
    return files


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read_all(root: Path, paths: list[Path], targets: np.ndarray) -> tuple[int, int]:
    """Fill the targets (N, 3, size, size) uint8; return how many images are transparent somewhere, and how many are animated."""

    def read(path: Path, target: np.ndarray) -> tuple[bool, bool, str]:
        try:
            return *_read_image(path, target), ""
        except Exception as error:  # each kind of damage raises its own kind of error
            return False, False, f"{str(path.relative_to(root))!r} ({_reason(path, error)})"

    with ThreadPoolExecutor() as pool, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        found = [*tqdm(pool.map(read, paths, targets), total=len(paths), desc="Reading images", leave=False)]
    transparent, animated, problems = zip(*found, strict=True)
    if unread := [*filter(None, problems)]:
        raise ValueError(printable(f"{len(unread)} of {len(paths)} images in {root} cannot be read: {_some(unread)}"))
    return sum(transparent), sum(animated)


def _read_image(path: Path, target: np.ndarray) -> tuple[bool, bool]:
    """Fill the target (3, size, size) uint8; return whether some pixels are transparent, and whether there are more frames."""
    if not path.is_file():
        raise ValueError("a folder, a pipe, or a link that leads nowhere")  # to open a pipe would mean to wait
    _, height, width = target.shape
    with Image.open(path, formats=FORMATS) as file:
        animated = getattr(file, "is_animated", False) and file.format != "MPO"  # a phone's photo with its depth map
        file.draft(None, (4 * width, 4 * height))  # a large JPEG is decoded at a part of its size
        ImageOps.exif_transpose(file, in_place=True)
        image, transparent = _on_white(_in_8_bits(file))
        image = image if image.size == (width, height) else ImageOps.fit(image, (width, height))
        target[:] = np.frombuffer(image.tobytes(), np.uint8).reshape(height, width, 3).transpose(2, 0, 1)
    return transparent, animated


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return a grey image of 9 to 16 bits with its black and white where those of 8 bits are, any other as it is."""
    if image.mode[0] not in "IF":
        return image
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF") or "transparency" in image.info:
        raise ValueError(f"nothing says which of its values is white (mode {image.mode}); save it with 8 or 16 bits")
    tags = getattr(image, "tag_v2", {})  # of a TIFF: bits, and whether 0 is white
    white = 2 ** tags.get(258, (16,))[0] - 1
    grey = image.convert("I").point(lambda value: value * (255 / white) + 0.5).convert("L")
    return ImageOps.invert(grey) if tags.get(262) == 0 else grey


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return the image in RGB, laid on white, and whether the white can be seen."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB"), False
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB"), bool(np.asarray(image.getchannel("A")).min() < 255)


def _reason(path: Path, error: Exception) -> str:
    """Say why an image cannot be read; a permission that is missing is no damage."""
    if isinstance(error, UnidentifiedImageError):
        return f"its content is no {', '.join(FORMATS)}" if path.stat().st_size else "empty"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, ValueError) else f"damaged: {error or type(error).__name__}"


def _some(names: Iterable[str]) -> str:
    first, rest = (names := [*names])[:NAMED], names[NAMED:]
    return ", ".join(first) + (f" and {len(rest)} more" if rest else "")
