"""A training run is kept after each epoch, whole or not at all, so that it can go on after anything."""

import hashlib
import io
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from eca_edu._files import atomic_write, read_file
from eca_edu.training.distributed import from_first_process, rank_and_size


def resume_run(path: Path | None, settings: dict[str, Any], parts: dict[str, Any]) -> list[dict[str, Any]]:
    """Bring the parts of a run to where the file left them, and return the records of the epochs done.

    settings: what makes the run what it is, as numbers and texts. parts: what changes while it goes on, each with
    state_dict() and load_state_dict(). path: None keeps nothing. Where there is no file yet, the beginning is written: a
    folder that cannot be written to is found before an epoch is spent, and a run stopped in its first epoch begins anew
    from the same weights. With several processes the first reads and writes.
    Raises ValueError if the file is damaged or of another run, and OSError where nothing can be written.
    """
    if path is None:
        return []
    kept = None
    if rank_and_size()[0] == 0:
        if Path(path).exists():
            kept = _read(path)
            _check_settings(path, kept["settings"], settings)
        else:
            keep_run(path, settings, parts, [])
    kept = from_first_process(kept)
    if kept is None:
        return []
    try:
        for name, part in parts.items():
            part.load_state_dict(kept["parts"][name])
    except (RuntimeError, ValueError, KeyError) as error:
        raise ValueError(f"{path} keeps another run, whose parts do not fit ({error}); {ADVICE}") from error
    return kept["records"]


def keep_run(path: Path | None, settings: dict[str, Any], parts: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Write the run as it stands now; path None keeps nothing. Raises OSError where nothing can be written."""
    if path is None or rank_and_size()[0] > 0:
        return
    content = io.BytesIO()  # torch hides the reason when it fails to write a file itself
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"settings": settings, "records": records, "parts": states}, content)
    with atomic_write(path, overwrite=True) as temporary:  # `resume_run` has seen that it is this run's
        temporary.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())


def kept_epochs(path: Path) -> int:
    """Return how many epochs of its run the file keeps; 0 if there is no file. Raises ValueError if it is damaged."""
    return len(_read(path)["records"]) if Path(path).exists() else 0


def kept_precision(path: Path) -> str | None:
    """Return the precision of the run that the file keeps; None if there is no file. Raises ValueError if it is damaged."""
    return _read(path)["settings"].get("precision", "float32") if Path(path).exists() else None


DIGEST = hashlib.sha256().digest_size  # bytes before the content, so that damage is seen before any of it is used
ADVICE = "go on with the settings it was begun with, name another file, or delete it to begin anew"


def _read(path: Path) -> dict[str, Any]:
    content = memoryview(read_file(path))
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        raise ValueError(f"{path} is damaged or keeps no run of eca_edu; delete it to begin anew")
    return torch.load(io.BytesIO(content[DIGEST:]), map_location="cpu", weights_only=True)


def _check_settings(path: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raise ValueError with the first line in which the settings differ; a network is a text of many lines."""
    for name in {**here, **there}:
        for old, new in zip_longest(str(there.get(name)).splitlines(), str(here.get(name)).splitlines(), fillvalue=""):
            if old != new:
                difference = f"{name} is {old.strip()!r} there and {new.strip()!r} here"
                raise ValueError(f"{path} keeps another run: {difference}; {ADVICE}")
