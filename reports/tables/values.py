"""Tables as CSV and JSON: raw values in base units, each with its origin beside it."""

from __future__ import annotations

import math
from typing import Any

from archspace.support.csv_cells import csv_text as text_of_rows
from reports.tables.layout import lay_out
from reports.tables.table import Table

BASE_UNITS = {"M": "", "k": "", "G": "", "MB": "B"}
"""Units as shown, and those of the raw values where they differ."""


def csv_text(table: Table) -> str:
    """Returns one line a row: labels, then for each column its raw value, its origin.

    And our own count where there is one, and whether it is unstable in a column that has such a number.

    Nothing known is an empty cell; what is not finite is written as ``nan``, ``inf`` or ``-inf``.
    """
    layout = lay_out(table)
    counted = [any(row.cells[i].counted is not None for row in table.rows) for i in range(len(table.columns))]
    doubtful = [any(row.cells[i].unstable for row in table.rows) for i in range(len(table.columns))]
    header = [title.lower().replace(" ", "_") for title in table.labels]
    for column, has_count, has_doubt in zip(table.columns, counted, doubtful, strict=True):
        header += [column.key, f"{column.key}_origin", *([f"{column.key}_counted"] if has_count else [])]
        header += [f"{column.key}_unstable"] if has_doubt else []
    lines = [[*header, "dominated", "notes"]]
    for row, line in zip(table.rows, layout.lines, strict=True):
        cells: list[str] = list(row.labels)
        for cell, has_count, has_doubt in zip(row.cells, counted, doubtful, strict=True):
            cells += [_number(cell.value), cell.origin if cell.value is not None else ""]
            cells += [_number(cell.counted)] if has_count else []
            cells += ["true" if cell.unstable else ""] if has_doubt else []
        notes = [note for notes in (row.notes, *(cell.notes for cell in row.cells)) for note in notes if note]
        lines.append([*cells, str(line.dominated).lower(), "; ".join(notes)])
    return text_of_rows(lines)


def plain(table: Table) -> dict[str, Any]:
    """Returns the table as plain data for JSON: raw values, origins, what is best and dominated.

    Not finite is ``None``.
    """
    layout = lay_out(table)
    columns = [
        {"key": c.key, "title": c.title, "unit": BASE_UNITS.get(c.unit, c.unit), "better": c.better}
        for c in table.columns
    ]
    rows = []
    for row, line in zip(table.rows, layout.lines, strict=True):
        cells = {
            column.key: {
                "value": _finite(cell.value), "text": look.text, "origin": cell.origin, "best": look.best,
                **({"unstable": True} if cell.unstable else {}),
                **({} if cell.counted is None else {"counted": cell.counted, "agrees": cell.agrees}),
                "notes": list(look.notes),
            }
            for column, cell, look in zip(table.columns, row.cells, line.cells, strict=True)
            if cell.value is not None
        }  # fmt: skip
        labels = dict(zip(table.labels, row.labels, strict=True))
        rows.append(
            {"labels": labels, "cells": cells, "dominated": line.dominated, "notes": list(line.notes)}
        )
    return {
        "name": table.name, "title": table.title, "columns": columns, "pareto": list(table.pareto), "rows": rows,
        "legend": list(layout.legend), "footnotes": list(layout.footnotes),
    }  # fmt: skip


def _number(value: float | None) -> str:
    """Every digit of a number; whole ones without a point."""
    if value is None:
        return ""
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
