"""Read a CSV of published rows: every cell stays text, and a broken row is refused with its file and line. No torch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.quantities import QUANTITIES, Quantity
from archspace.support.csv_cells import restored
from archspace.support.errors import InputError
from archspace.support.text_files import read_text

if TYPE_CHECKING:
    import pandas as pd

ORIGINS = ("quoted-text", "read-off-figure", "from-memory")
"""How a published number was read."""

UNITS = {
    "M": 1e6, "G": 1e9, "MB": 1e6, "pct": 1.0, "ms": 1.0, "W": 1.0, "mJ": 1.0, "MHz": 1.0, "px": 1.0, "points": 1.0,
    "ratio": 1.0,
}  # fmt: skip
"""Last word of a column of numbers, and how many base units one of it is."""

BARE = frozenset({"width", "fps", "classes", "ppl_val", "ppl_test", "hidden", "batch", "branches", "groups"})
"""Columns of numbers whose name has no unit."""


def is_number(column: str) -> bool:
    """Returns whether a column of a published table holds numbers."""
    return column in BARE or column.rpartition("_")[2] in UNITS


def unit_of_column(column: str) -> float:
    """Returns how many base units one of the column's is: 1e6 for ``params_M``."""
    return UNITS.get(column.rpartition("_")[2], 1.0)


def quantity_of_column(column: str) -> tuple[Quantity, str]:
    """Returns a published column's quantity, and the letter that stands before its unit: that of ``params``, ``M``."""
    name, _, letter = column.rpartition("_")
    return QUANTITIES[name], letter


def read_rows(path: Traversable | Path, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Returns a CSV whose first line names the columns; every cell is text, empty where nothing is known.

    Args:
        path: the file.
        needed: columns that it must have.

    Raises:
        InputError: it cannot be read, a column is missing or named twice, a row has too many or too few cells, or a
            cell of a column of numbers is no finite number; the message names the file and the line.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows = []
    try:
        columns = next(reader, [])
        _check_header(path, columns, needed)
        for cells in filter(None, reader):
            _check_row(f"{path}: line {reader.line_num}", columns, cells)
            rows.append([restored(cell) for cell in cells])
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}") from None
    import pandas as pd

    return pd.DataFrame(rows, columns=columns, dtype=str)


def _check_header(path: Traversable | Path, columns: list[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if missing:
        raise InputError(f"{path}: line 1: no column {missing[0]!r}; a table of published rows has one")
    if twice:
        raise InputError(f"{path}: line 1: two columns are named {twice[0]!r}")


def _check_row(where: str, columns: list[str], cells: list[str]) -> None:
    if len(cells) != len(columns):
        few = "few" if len(cells) < len(columns) else "many"
        raise InputError(f"{where}: too {few} cells: {len(cells)} instead of {len(columns)}")
    for column, text in zip(columns, cells, strict=True):
        if text and is_number(column) and not _finite(text):
            raise InputError(f"{where}: {column}: {text!r}: must be a number, or empty")
        if column == "origin" and text not in ORIGINS:
            raise InputError(f"{where}: origin: {text!r}: must be one of {', '.join(ORIGINS)}")


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
