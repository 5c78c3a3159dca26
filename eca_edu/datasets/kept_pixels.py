"""A large folder of images is decoded once: its pixels are kept beside a stamp of its files."""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from eca_edu.files import written_whole


def kept_pixels(
    file: Path, paths: Iterable[Path], decode: Callable[[], tuple[np.ndarray, dict[str, int]]]
) -> tuple[np.ndarray, dict[str, int]]:
    """Return what `decode` returns, pixels and counts; from `file` if it holds them and none of the paths was touched since.

    A warning says so if they cannot be kept: then they are decoded again the next time.
    """
    stamp = hashlib.sha256("\n".join(map(_state, paths)).encode(errors="surrogateescape")).hexdigest()
    with suppress(OSError, SafetensorError), safe_open(file, "numpy") as found:  # none, or damaged: it is made anew
        counts = dict(found.metadata())
        if counts.pop("stamp") == stamp:
            return found.get_tensor("pixels"), {name: int(count) for name, count in counts.items()}
    pixels, counts = decode()
    try:
        with written_whole(file, overwrite=True) as temporary:
            save_file({"pixels": pixels}, temporary, {"stamp": stamp, **{name: str(n) for name, n in counts.items()}})
    except (OSError, SafetensorError) as error:
        warnings.warn(f"The decoded images could not be kept for the next time. {error}", stacklevel=2)
    return pixels, counts


def _state(path: Path) -> str:
    """Return what changes with a file: its size, and when its content or its permissions were last changed."""
    try:
        state = path.stat()
    except OSError as error:  # a link that leads nowhere
        return f"{path} {error}"
    return f"{path} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
