"""Where do files lie, and how are they written whole or not at all?"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move what was written there into place when the block ends without an error.

    Raises OSError with a sentence that names `path` if it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
