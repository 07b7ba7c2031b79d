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
        within: titles of the labels that two rows must share for their numbers to compare (split, input, device).
    """

    key: str
    title: str
    unit: str
    better: Direction | None = None
    digits: int = 2
    factor: float = 1.0
    within: tuple[str, ...] = ()


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

    Only rows that share the column's ``within`` compare. Predicted numbers take no part, nor does what is not finite;
    a column without direction has none, nor do rows of which just one has a number.
    """
    best_rows = []
    for column in table.columns:
        winners: set[int] = set()
        for rows in comparable(table, column.within) if column.better else ():
            winners |= _best_of(table, column, rows)
        best_rows.append(winners)
    return best_rows


def _best_of(table: Table, column: Column, rows: Sequence[int]) -> set[int]:
    _, cells = table.column(column.key)
    values = {i: cells[i].value or 0.0 for i in rows if cells[i].known and cells[i].origin != "predicted"}
    if len(values) < 2:
        return set()
    top = max(values.values()) if column.better == "maximize" else min(values.values())
    texts = {shown(cells[i], column) for i, value in values.items() if value == top}
    return {i for i in values if shown(cells[i], column) in texts}


def comparable(table: Table, within: Sequence[str]) -> list[list[int]]:
    """Returns the rows in groups that share the labels ``within``; a label that is empty is a value of its own."""
    places = [i for i, title in enumerate(table.labels) if title in within]
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, row in enumerate(table.rows):
        groups.setdefault(_taken(row.labels, places), []).append(index)
    return list(groups.values())


def within_of_front(table: Table) -> tuple[str, ...]:
    """Returns the labels that rows must share to dominate each other: those of the columns of ``pareto``."""
    needed = {title for key in table.pareto for title in table.column(key)[0].within}
    return tuple(title for title in table.labels if title in needed)


def dominated(table: Table) -> list[bool]:
    """For each row, whether another is at least as good in every column of ``pareto`` and better in one.

    Only rows that share :func:`within_of_front` compare. A row without a finite number in one of these columns is not
    dominated and dominates none; neither does a predicted number count.
    """
    behind = [False] * len(table.rows)
    if not table.pareto or not table.rows:
        return behind
    chosen = [table.column(key) for key in table.pareto]
    directions = [column.better or "minimize" for column, _ in chosen]
    for rows in comparable(table, within_of_front(table)):
        points = minimised([[_number(cells[i]) for _, cells in chosen] for i in rows], directions)
        grey = ~non_dominated(points) & ~np.isnan(points).any(axis=1)
        for index, one in zip(rows, grey, strict=True):
            behind[index] = bool(one)
    return behind


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
