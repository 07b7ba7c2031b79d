"""A table as data: typed columns, rows with the origin of every number, what is best and what is dominated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np

from analysis.fronts.pareto import minimised, non_dominated
from analysis.quantities import Direction, Quantity
from archspace.support.numbers import fixed, significant

_Item = TypeVar("_Item")

Origin = Literal["measured", "counted", "predicted", "published", "read-off-figure", "from-memory", "unknown"]
"""Where a number comes from; a published one is quoted, read off a figure or remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of numbers.

    Attributes:
        key: its name in CSV and JSON.
        title, unit: for the header; the unit is of the numbers as shown.
        better: which way is better, ``None`` where neither is.
        digits: decimals of a number that is not printed anywhere; small ones get three significant digits.
        factor: a raw value divided by this is the number shown.
    """

    key: str
    title: str
    unit: str
    better: Direction | None = None
    digits: int = 2
    factor: float = 1.0


_SCALES = {"M": 1e6, "G": 1e9, "MB": 1e6}


def column_of(one: Quantity, scale: str = "", *, task: str = "", **changes: Any) -> Column:
    """Returns a quantity as a column of numbers.

    Args:
        one: what the column shows.
        scale: ``M``, ``G`` or ``MB``, the unit in which counts and bytes are shown; their own unit if left out.
        task: of the table, by which a quantity may have a name of its own.
        changes: fields of the column that differ.
    """
    column = Column(
        key=one.name, title=one.heading(task), unit=scale or one.unit, better=one.direction, digits=one.digits,
        factor=_SCALES.get(scale, 1.0),
    )  # fmt: skip
    return replace(column, **changes)


@dataclass(frozen=True, slots=True)
class Cell:
    """One number.

    Attributes:
        value: raw, in base units; ``None`` where nothing is known, NaN where the measurement came to nothing.
        origin: where it comes from.
        printed: as its source prints it, in the column's unit.
        counted: our own count of a published cost, raw.
        agrees: whether that count gives the printed digits.
        notes: footnotes on this number.
        unstable: whether its measurement is not to be trusted; a note says why.
    """

    value: float | None = None
    origin: Origin = "unknown"
    printed: str | None = None
    counted: float | None = None
    agrees: bool = False
    notes: tuple[str, ...] = ()
    unstable: bool = False

    @property
    def known(self) -> bool:
        """Whether it is a finite number."""
        return self.value is not None and math.isfinite(self.value)


EMPTY = Cell()


@dataclass(frozen=True, slots=True)
class Row:
    """One network: a text for each of the table's labels, a cell for each of its columns, footnotes."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under typed columns.

    Attributes:
        name: for files (``segmentation-camvid``).
        title: what it shows.
        labels: titles of the columns of text.
        columns: the columns of numbers.
        rows: each with as many labels and cells.
        pareto: keys of the columns over which a row can be dominated.
        notes: remarks on the whole table.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    pareto: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.labels) != len(self.labels) or len(row.cells) != len(self.columns):
                raise ValueError(
                    f"{self.name}: a row has {len(row.labels)} labels and {len(row.cells)} cells"
                )

    def column(self, key: str) -> tuple[Column, list[Cell]]:
        """Returns a column and its cells."""
        index = next(i for i, column in enumerate(self.columns) if column.key == key)
        return self.columns[index], [row.cells[index] for row in self.rows]


def without_empty(table: Table) -> Table:
    """Returns the table without the columns in which no row has anything."""
    labels = [i for i in range(len(table.labels)) if i == 0 or any(row.labels[i] for row in table.rows)]
    columns = [
        i for i in range(len(table.columns)) if any(row.cells[i].value is not None for row in table.rows)
    ]
    rows = tuple(
        replace(row, labels=_taken(row.labels, labels), cells=_taken(row.cells, columns))
        for row in table.rows
    )
    return replace(
        table, labels=_taken(table.labels, labels), columns=_taken(table.columns, columns), rows=rows
    )


def _taken(items: Sequence[_Item], indices: Sequence[int]) -> tuple[_Item, ...]:
    return tuple(items[i] for i in indices)


def best(table: Table) -> list[set[int]]:
    """For each column the rows with its best number, and those that look the same as shown.

    Predicted numbers take no part, nor does what is not finite; a column without direction, or with one number
    only, has none.
    """
    best_rows = []
    for column in table.columns:
        _, cells = table.column(column.key)
        taking_part = {i: c.value for i, c in enumerate(cells) if c.known and c.origin != "predicted"}
        values = [value for value in taking_part.values() if value is not None]
        if column.better is None or len(values) < 2:
            best_rows.append(set[int]())
            continue
        top = max(values) if column.better == "maximize" else min(values)
        texts = {shown(cells[i], column) for i, value in taking_part.items() if value == top}
        best_rows.append({i for i in taking_part if shown(cells[i], column) in texts})
    return best_rows


def dominated(table: Table) -> list[bool]:
    """For each row, whether another is at least as good in every column of ``pareto`` and better in one.

    A row without a finite number in one of these columns is not dominated and dominates none; neither does a
    predicted number count.
    """
    if not table.pareto or not table.rows:
        return [False] * len(table.rows)
    chosen = [table.column(key) for key in table.pareto]
    points = minimised(
        [[_number(cells[i]) for _, cells in chosen] for i in range(len(table.rows))],
        [column.better or "minimize" for column, _ in chosen],
    )
    behind = ~non_dominated(points) & ~np.isnan(points).any(axis=1)
    return [bool(grey) for grey in behind]


def _number(cell: Cell) -> float:
    return cell.value if cell.known and cell.value is not None and cell.origin != "predicted" else math.nan


def shown(cell: Cell, column: Column) -> str:
    """Returns a cell's number as text in the column's unit: printed digits as printed; a dash for nothing known.

    >>> shown(Cell(3487400.0, "counted"), Column(key="p", title="", unit="M", factor=1e6))
    '3.49'
    """
    if cell.value is None:
        return "–"
    if cell.printed is not None:
        return cell.printed
    value = cell.value / column.factor
    if math.isnan(value):
        return "n/a"
    exact = column.unit == "%" and math.isfinite(value)
    return fixed(value, column.digits) if exact else significant(value, column.digits)
