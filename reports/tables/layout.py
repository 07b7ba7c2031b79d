"""What every rendering of a table shows: texts, marks, numbered footnotes and legend, computed once before drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspace.support.numbers import UNSTABLE_MARK, marked
from reports.tables.table import Cell, Column, Table, best, dominated, shown, within_of_front

MARKS: Mapping[str, str] = {
    "measured": "m", "counted": "c", "predicted": "e", "published": "p", "read-off-figure": "r", "from-memory": "u",
    "unknown": "?",
}  # fmt: skip
"""The letter that stands at a number for its origin."""

MEANINGS: Mapping[str, str] = {
    "m": "measured",
    "c": "counted by archspace from the network's plan",
    "e": "predicted (an estimate; never the best, never on the front)",
    "p": "published, quoted from text",
    "r": "published, read off a figure",
    "u": "published, from memory and unverified",
    "?": "origin not recorded",
    "pc": "published, and our own count gives the printed digits",
    "rc": "read off a figure, and our own count gives the printed digits",
    "uc": "from memory, and our own count gives the printed digits",
}
"""What the letters say in a table's legend."""

ARROWS = {"maximize": "↑", "minimize": "↓", None: ""}


@dataclass(frozen=True, slots=True)
class Head:
    """A column's header; ``mark`` is the origin of all its numbers where they share one, else empty."""

    column: Column
    mark: str

    @property
    def text(self) -> str:
        """Title, unit and the direction that is better: ``"Top-1 (%) ↑"``."""
        unit = f" ({self.column.unit})" if self.column.unit else ""
        return f"{self.column.title}{unit} {ARROWS[self.column.better]}".rstrip()


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell: its text, the mark of its origin (empty where the header has it), numbers of its footnotes."""

    text: str
    mark: str
    origin: str
    notes: tuple[int, ...]
    best: bool
    value: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """A row."""

    labels: tuple[str, ...]
    cells: tuple[Shown, ...]
    notes: tuple[int, ...]
    dominated: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A table ready to be written in any format; ``footnotes`` are numbered from 1."""

    table: Table
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    legend: tuple[str, ...]
    footnotes: tuple[str, ...]


def lay_out(table: Table) -> Layout:
    """Marks, numbers footnotes in order of appearance and writes the legend."""
    winners, behind = best(table), dominated(table)
    marks = [[_mark(row.cells[i]) for row in table.rows] for i in range(len(table.columns))]
    shared = [kinds.pop() if len(kinds := set(column) - {""}) == 1 else "" for column in marks]
    numbers: dict[str, int] = {}

    def numbered(notes: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(numbers.setdefault(note, len(numbers) + 1) for note in notes if note)

    lines = []
    for index, row in enumerate(table.rows):
        notes = numbered(row.notes)
        cells = tuple(
            Shown(
                marked(shown(cell, column), cell.unstable), "" if shared[i] else marks[i][index],
                cell.origin if cell.value is not None else "", numbered(cell.notes), index in winners[i], cell.value,
            )
            for i, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True))
        )  # fmt: skip
        lines.append(Line(row.labels, cells, notes, behind[index]))
    heads = tuple(Head(column, mark) for column, mark in zip(table.columns, shared, strict=True))
    used = {mark for column in marks for mark in column if mark}
    legend = _legend(table, used, any(winners), any(behind), any(mark for mark in shared))
    return Layout(table, heads, tuple(lines), legend, tuple(numbers))


def _mark(cell: Cell) -> str:
    if cell.value is None:
        return ""
    return MARKS[cell.origin] + ("c" if cell.agrees and cell.origin != "counted" else "")


def _legend(table: Table, used: set[str], bold: bool, grey: bool, heads: bool) -> tuple[str, ...]:
    order = list(MEANINGS)
    known = "; ".join(f"{mark} = {MEANINGS[mark]}" for mark in sorted(used, key=order.index))
    where = " (at a header: of every number below it)" if heads else ""
    lines = [f"Origin of each number{where}: {known}."] if used else []
    if bold:
        lines.append(f"Bold: best of the column (↑ higher is better, ↓ lower){_compared(table)}.")
    if any(cell.unstable for row in table.rows for cell in row.cells):
        lines.append(f"{UNSTABLE_MARK}: the measurement is unstable; its footnote says why.")
    if table.pareto:
        over = " and ".join(table.column(key)[0].title for key in table.pareto)
        same = _of_the_same(within_of_front(table))
        lines.append(
            f"Grey: another row{same} is at least as good in {over} and better in one."
            if grey else
            f"No row is dominated{f' by one{same}' if same else ''} in {over}."
        )  # fmt: skip
    return (*lines, *table.notes)


def _compared(table: Table) -> str:
    """Which rows the best of a column is the best of, where not all rows compare."""
    titles: dict[tuple[str, ...], list[str]] = {}
    for column in table.columns:
        if column.better:
            shared = tuple(title for title in table.labels if title in column.within)
            titles.setdefault(shared, []).append(column.title)
    if not any(titles):
        return ""
    parts = [f"{', '.join(names)} among {_rows(shared)}" for shared, names in titles.items()]
    return f": {'; '.join(parts)}. What a row does not state is not the same as what another one states"


def _rows(shared: tuple[str, ...]) -> str:
    return f"rows{_of_the_same(shared)}" if shared else "all rows"


def _of_the_same(titles: tuple[str, ...]) -> str:
    words = [title if title.startswith("GPU") else title[0].lower() + title[1:] for title in titles]
    return f" of the same {', '.join(words[:-1])}{' and ' if words[:-1] else ''}{words[-1]}" if words else ""
