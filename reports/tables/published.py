"""Published rows as rows of tables, each cost beside our own count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

import pandas as pd

from analysis.counts.complexity import Cost, count
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import parse_size
from reports.frames.published import CONTRADICTIONS, Comparison, comparisons, published, spec_of
from reports.frames.rows import quantity_of_column, unit_of_column
from reports.tables.table import EMPTY, Cell, Origin, Row
from reports.tables.tasks import TaskColumn, TaskTables

ORIGINS: Mapping[str, Origin] = {
    "quoted-text": "published", "read-off-figure": "read-off-figure", "from-memory": "from-memory",
}  # fmt: skip


def published_rows(
    task: TaskTables, frame: pd.DataFrame, group: str, quantities: Sequence[TaskColumn]
) -> Iterator[Row]:
    """Yields the rows of one table.

    A cost that is published stays as printed, with our count beside it; one that is not published is counted where
    archspace has the network. Rows about one class of a data set are left out.

    Args:
        task: what the table shows.
        frame: rows of :func:`reports.frames.rows.read_rows`.
        group: the data set or device.
        quantities: the table's columns.
    """
    rows = frame[frame[task.group] == group]
    if "class_name" in rows:
        rows = rows[rows["class_name"] == ""]
    compared = {(one.row, one.column): one for one in comparisons(task.source, rows)}
    for index, row in rows.iterrows():
        labels = tuple(row.get(column, "") for column in task.labels.values())
        costs = _costs(row)
        cells = tuple(
            _cell(row, quantity, compared.get((int(str(index)), quantity.published)), costs)
            for quantity in quantities
        )
        yield Row(labels, cells, tuple(note for note in (row["source"], row["note"]) if note))


def _cell(
    row: pd.Series, quantity: TaskColumn, compared: Comparison | None, costs: Mapping[str, int]
) -> Cell:
    text = row.get(quantity.published, "") if quantity.published else ""
    if not text:
        known = next((costs[name] for name in quantity.measured if name in costs), None)
        return EMPTY if known is None else Cell(float(known), "counted")
    unit = unit_of_column(quantity.published)
    value = float(Decimal(text) * Decimal(unit))
    origin = ORIGINS[row["origin"]]
    if compared is None:
        return Cell(value, origin, text)
    counted = round(compared.counted * unit, 1)  # half operations are counted, smaller parts are not
    notes = () if compared.agrees else (contradiction(compared),)
    return Cell(value, origin, text, counted, compared.agrees, notes)


def _costs(row: pd.Series) -> dict[str, int]:
    """Counts of the network that a row is about, at the row's input size; none if it has another than the network."""
    spec = spec_of(row)
    if spec is None:
        return {}
    cost = _count(spec)
    size = row.get("input_size", "")
    fits = bool(size) and spec.input_size == parse_size(size)
    return {"params": cost.params, **({"macs": cost.macs} if fits else {})}


@lru_cache(maxsize=512)
def _count(spec: ArchSpec) -> Cost:
    return count(spec)


def contradiction(one: Comparison) -> str:
    """Returns a line on a published number that our count contradicts."""
    quantity, letter = quantity_of_column(one.column)
    return f"Our count is {one.counted:.5g} {letter} {quantity.unit}: {reason(one)}"


def reason(one: Comparison) -> str:
    """Returns why a published number and our count differ, as the list of contradictions has it."""
    return _reasons().get(one.key, "no reason is on record")


@lru_cache(maxsize=1)
def _reasons() -> dict[tuple[str, ...], str]:
    keys = ("table", "preset", "input_size", "dataset", "column", "published")
    return {tuple(row[key] for key in keys): row["reason"] for _, row in published(CONTRADICTIONS).iterrows()}
