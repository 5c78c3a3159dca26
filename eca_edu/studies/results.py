"""Where do the results of a study stand? In a CSV with a row for each epoch of each finished run, checked when it is read."""

import csv
import io
import math
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from eca_edu._files import atomic_write, exclusive_lock, read_file
from eca_edu.models import ModelConfig
from eca_edu.training.loop import Epoch

#: The columns that say which configuration a run had, and under which conditions; runs are compared under the same ones.
CONFIGURATION = ("attention", "gamma", "b", "kernel_size")
CONDITIONS = (
    "study", "data", "source", "checksum", "train_images", "test_images", "backbone", "width", "epochs", "optimizer", "precision",
)  # fmt: skip
RUN = (*CONDITIONS, *CONFIGURATION, "seed")
COLUMNS = (*RUN, *(field.name for field in fields(Epoch)), "device", "torch", "command")
CHECK = "check"  # the last column: a checksum of the others, which sees a changed digit
WHOLE = {"train_images", "test_images", "width", "epochs", "kernel_size", "seed", "epoch"}
REAL = {"gamma", "b", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"}


def read_results(path: str | Path) -> pd.DataFrame:
    """Return the rows of a CSV of results, with a column `configuration` that names each in words.

    Raises FileNotFoundError if there is no such file and ValueError, with its line, if it holds something else.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there are no results in {path}; `python -m eca_edu compare` makes some")
    rows = read_rows(Path(path))
    results = pd.DataFrame(rows, columns=[*COLUMNS]).astype({"kernel_size": "Int64"})
    return results.assign(configuration=[_config(row).name for row in rows])


def finished_runs(path: Path) -> set[tuple]:
    """Return `run_key` of each run in the results; none if there is no such file. Raises ValueError as `read_results`."""
    return {run_key(row) for row in read_rows(path)}


def run_key(row: Mapping[str, Any]) -> tuple:
    """Return what identifies a run."""
    return tuple(row[name] for name in RUN)


def add_rows(path: Path, rows: list[dict[str, Any]], lock: Path) -> None:
    """Add the rows of a run, all or none; `lock` keeps other processes from adding theirs meanwhile. Raises as `read_results`."""
    with exclusive_lock(lock):
        content = io.StringIO(newline="")
        writer = csv.DictWriter(content, [*COLUMNS, CHECK], lineterminator="\n")
        writer.writeheader()
        new = [_row({name: "" if row[name] is None else str(row[name]) for name in COLUMNS}) for row in rows]
        writer.writerows(
            {**row, CHECK: _check({name: row[name] for name in COLUMNS})} for row in [*read_rows(path), *new]
        )
        with atomic_write(path, overwrite=True) as temporary:
            temporary.write_text(content.getvalue(), encoding="utf-8", newline="")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows as numbers and texts; none if there is no such file. Raises ValueError, with its line, for damage.

    Every run must be whole and stand there once. A spreadsheet may have written 2 for 2.0.
    """
    if not path.exists():
        return []
    text = read_file(path).decode("utf-8-sig", errors="replace")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    with suppress(csv.Error):  # a first line that is no CSV has none of the columns, either
        header = next(reader, header)
    if [name for name in header if name != CHECK] != [*COLUMNS]:  # a spreadsheet may have dropped the check
        columns = ", ".join([*COLUMNS, CHECK])
        raise ValueError(f"{path} must have the columns {columns}; name another file for the results")
    rows: list[dict[str, Any]] = []
    try:
        for texts in reader:
            if len(texts) != len(header):
                raise ValueError(f"there must be {len(header)} fields; got {len(texts)}")
            rows.append(_row(dict(zip(header, texts, strict=True))))
            _check_order(rows)
        if rows and rows[-1]["epoch"] < rows[-1]["epochs"]:
            raise ValueError(f"epoch {rows[-1]['epoch'] + 1} of the last run is missing")
    except (ValueError, csv.Error) as error:
        where = f"{path} is damaged in line {reader.line_num}"
        raise ValueError(f"{where}: {error}. Repair it or name another file") from error
    return rows


def _row(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a row; raise ValueError for one that is not allowed, or not the one that was written."""
    row: dict[str, Any] = {name: _value(name, texts[name]) for name in COLUMNS}
    if texts.get(CHECK, _check(row)) != _check(row):
        raise ValueError(f"by its column {CHECK}, other values were written here")
    for name in ("train_accuracy", "test_accuracy"):
        if row[name] > 1:
            raise ValueError(f"{name} must lie in 0…1; got {row[name]}")
    _config(row)
    return row


def _value(name: str, text: str) -> Any:
    if name not in WHOLE | REAL:
        return text
    if name == "kernel_size" and not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (name in WHOLE and not number.is_integer()) or (name != "b" and number < 0):
        kind = "whole number" if name in WHOLE else "number"
        raise ValueError(f"{name} must be a {kind}{' from 0 on' * (name != 'b')}; got {text!r}")
    return int(number) if name in WHOLE else number


def _check_order(rows: list[dict[str, Any]]) -> None:
    """Raise ValueError unless the last row is the next epoch of its run, or the first of a run that is not there yet."""
    row, earlier = rows[-1], rows[:-1]
    if earlier and earlier[-1]["epoch"] < earlier[-1]["epochs"]:
        expected, right_run = earlier[-1]["epoch"] + 1, run_key(row) == run_key(earlier[-1])
    else:
        expected, right_run = 1, True
    if row["epoch"] != expected or not right_run:
        raise ValueError(f"epoch {expected} of a run must stand here; got epoch {row['epoch']}")
    if expected == 1 and any(run_key(row) == run_key(other) for other in earlier):
        raise ValueError(f"the run of {_config(row).name}, seed {row['seed']}, stands there twice")


def _config(row: Mapping[str, Any]) -> ModelConfig:
    return ModelConfig(row["backbone"], width=row["width"], **{name: row[name] for name in CONFIGURATION})


def _check(row: Mapping[str, Any]) -> str:
    """Return a checksum of the values of a row, in their order; its letter keeps a spreadsheet from taking it for a number."""
    return f"c{zlib.crc32(repr([*row.values()]).encode()):08x}"
