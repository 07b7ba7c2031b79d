"""The published comparison of every task, made again from the CSVs and the presets' counts."""

from __future__ import annotations

from collections.abc import Sequence

from reports.frames.published import TABLES, Comparison, comparisons, contradictions, published
from reports.frames.rows import quantity_of_column, unit_of_column
from reports.tables.build import build_tables
from reports.tables.published import ORIGINS, reason
from reports.tables.table import Cell, Column, Row, Table
from reports.tables.tasks import TASKS


def paper_tables() -> list[Table]:
    """Returns every task's tables of published rows, then the list of what our counts contradict."""
    contradicted = contradictions()
    compared = sum(1 for table in TABLES for _ in comparisons(table))
    return [
        *(table for task in TASKS for table in build_tables(task)),
        contradiction_table(contradicted, compared),
    ]


def contradiction_table(contradicted: Sequence[Comparison], compared: int) -> Table:
    """Returns every published cost that our count contradicts, with the reason.

    Args:
        contradicted: the contradictions.
        compared: how many published costs were compared.
    """
    columns = (
        Column(key="published", title="Published", unit="", digits=3),
        Column(key="counted", title="Our count", unit="", digits=3),
        Column(key="difference_pct", title="Published, against ours", unit="%", digits=2),
    )
    sources = {table: published(table)["origin"].tolist() for table in {one.table for one in contradicted}}
    rows = []
    for one in contradicted:
        quantity, letter = quantity_of_column(one.column)
        unit = unit_of_column(one.column)
        value = float(one.published)
        cells = (
            Cell(value * unit, ORIGINS[sources[one.table][one.row]], f"{one.published} {letter}"),
            Cell(round(one.counted * unit, 1), "counted", f"{one.counted:.5g} {letter}"),
            Cell(100 * (value / one.counted - 1), "counted"),
        )
        labels = (one.preset, one.table, one.dataset, one.input_size, quantity.short)
        rows.append(Row(labels, cells, (reason(one),)))
    return Table(
        name="contradictions", title="Published costs that our counts contradict",
        labels=("Preset", "Table", "Data", "Input", "Quantity"), columns=columns, rows=tuple(rows),
        notes=(
            f"{compared} published costs of networks that archspace has were compared; "
            f"{compared - len(contradicted)} are met to the last printed digit.",
        ),
    )  # fmt: skip
