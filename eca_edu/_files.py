"""Where do files lie, and how are they read and written, whole or not at all, without harm to what others wrote?"""

import filecmp
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unicodedata import category

from filelock import FileLock, Timeout


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; move what was written there into place when the block ends without an error.

    overwrite: whether a file that is there may be replaced, because this very run wrote it or the user said so. Without it
    an equal file is left as it is. A link is followed.
    Raises FileExistsError if another file is there and OSError if nothing can be written, with a sentence that names `path`.
    """
    path = Path(path)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if overwrite or not path.exists():
            os.replace(temporary, target)
        elif not (path.is_file() and filecmp.cmp(temporary, path, shallow=False)):
            raise refuse_to_replace(path, "it holds something else")
    except OSError as error:
        if error.errno is None:  # it is a sentence already
            raise
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def exclusive_lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Let one process at a time work on `path`, with a lock file beside it for as long as the block lasts.

    wait: whether another process waits for this one, and says so; without it, it gets filelock's Timeout.
    Raises OSError, with a sentence that names `path`, where the lock file cannot be made.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()  # FileLock may wait forever for a file that cannot be made
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise
        print(f"Another process is working on {path}; this one waits until it has finished.", flush=True)
        held.acquire()
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes it at the release
            lock.unlink(missing_ok=True)  # who waits for it sees that it is gone, and makes another
        held.release()


def refuse_to_replace(path: Path, what: str) -> FileExistsError:
    """Return the refusal to replace a file that this run did not write; what: the reason."""
    return FileExistsError(f"{path} exists already, and {what}. Nothing was changed: name another, or move it away")


def read_file(path: Path) -> bytes:
    """Return the content of a file; raise OSError with a sentence that names it if there is none or it may not be read."""
    try:
        if path.exists() and not path.is_file():
            raise OSError(None, "it is no ordinary file")
        return path.read_bytes()
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror}") from error


def data_folder() -> Path:
    """Return where data and runs live: `data/` of the checkout that this package is part of.

    Where the package is installed without it: `data/` beside the notebooks of the course, if this is their folder, else that
    of the working folder.
    """
    checkout, here = Path(__file__).resolve().parent.parent, Path.cwd()
    if (checkout / "pyproject.toml").is_file():
        return checkout / "data"
    beside = here.parent / "data"
    return beside if (beside / "checkpoints").is_dir() else here / "data"


def file_name(text: str) -> str:
    """Return the text as a file name that every file system takes, without an ending."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in text)


def printable(text: object) -> str:
    """Return the text with control characters spelled out, so that a name cannot command a terminal."""
    return "".join(ascii(c)[1:-1] if category(c) in ("Cc", "Cs") and c != "\n" else c for c in str(text))
