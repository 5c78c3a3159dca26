"""Fetch one large file from the first mirror that has it: with a timeout, resumed after a break, checked at the end."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import requests
from tqdm.auto import tqdm

__all__ = ["download", "md5_of"]

CHUNK = 1 << 20  # bytes


def download(urls: Sequence[str], destination: Path, md5: str, *, timeout: float = 20.0) -> Path:
    """Fetch `destination` from the first of `urls` that delivers a file with this MD5, and return its path.

    What arrived before a break is kept beside it as `<name>.part` and is continued, from whichever mirror answers next.
    timeout: seconds without a byte after which a mirror is given up.
    Raises ConnectionError, with what each mirror said, if none delivers.
    """
    part = destination.with_name(destination.name + ".part")
    destination.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            _fetch(url, part, timeout)
            found = md5_of(part)
            if found == md5:
                os.replace(part, destination)
                return destination
            part.unlink()
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


def _fetch(url: str, part: Path, timeout: float) -> None:
    """Append to `part` what is still missing of the file behind `url`."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # the part is already as long as the file; its MD5 tells the rest
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        have = have if resumed else 0
        total = have + int(response.headers.get("Content-Length", 0)) or None
        with (
            open(part, "ab" if resumed else "wb") as file,
            tqdm(
                total=total, initial=have, unit="B", unit_scale=True, desc=f"Downloading from {url.split('/')[2]}"
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _reason(error: requests.RequestException) -> str:
    """Return the innermost reason of a chain of network errors, in one line."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.HTTPError):
        return f"HTTP status {error.response.status_code}"
    return str(error.args[0] if error.args else error).splitlines()[0]
