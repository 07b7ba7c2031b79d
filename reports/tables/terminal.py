"""Tables on standard output: made for a terminal where that is one, Markdown elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archspace.support import terminal
from reports.tables.layout import Head, Layout, Line, Shown, lay_out
from reports.tables.markdown import DOMINATED, markdown, raised
from reports.tables.table import Table

PUBLISHED = "published_"
DESCRIBES = ("size", "memory", "field", "half")
"""Columns that say more of a network, and by which none is chosen."""
BEST = "*"
"""Stands at the best number of a column, where nothing can be bold."""


def print_tables(tables: Sequence[Table]) -> None:
    """Prints every table with its title, legend and footnotes; Markdown where standard output is no terminal."""
    console = terminal.output()
    if not console.is_terminal:
        print(markdown(tables).rstrip("\n"))  # noqa: T201
        return
    for index, table in enumerate(tables):
        if index:
            console.print()
        layout = lay_out(table)
        _drawn(layout).print(console)
        for line in _below(layout):
            console.print(line, markup=False)


def _drawn(layout: Layout) -> terminal.TerminalTable:
    """The first label names the row; other labels and the last columns go first where there is no room."""
    table = layout.table
    others = [terminal.Column(title, "text", rank=len(table.columns) + 1) for title in table.labels[1:]]
    ranks = _ranks([column.key for column in table.columns])
    numbers = [
        terminal.Column(_head(head), "number", rank) for head, rank in zip(layout.heads, ranks, strict=True)
    ]
    drawn = terminal.TerminalTable(table.labels[0], *others, *numbers, title=table.title)
    for line in layout.lines:
        drawn.add(*_cells(line), style="dim" if line.dominated else "")
    return drawn


def _head(head: Head) -> str:
    """The header; arrow and mark stay with the last word when it wraps."""
    return f"{head.text.replace(' ↑', '↑').replace(' ↓', '↓')}{raised(head.mark) if head.mark else ''}"


def _ranks(keys: Sequence[str]) -> list[int]:
    """By column when it is left out: what describes first, a published number before what it stands beside."""

    def place(key: str) -> tuple[bool, int, bool]:
        name = key.removeprefix(PUBLISHED)
        return name in DESCRIBES, keys.index(name) if name in keys else keys.index(key), name != key

    order = sorted(keys, key=place)
    return [order.index(key) for key in keys]


def _cells(line: Line) -> Iterator[str]:
    name, *others = line.labels
    yield f"{DOMINATED + ' ' if line.dominated else ''}{name}{_notes(line.notes)}"
    yield from others
    yield from map(_cell, line.cells)


def _cell(cell: Shown) -> str:
    if cell.value is None:
        return cell.text
    return f"{BEST if cell.best else ''}{cell.text}{raised(cell.mark)}{_notes(cell.notes)}"


def _notes(numbers: Sequence[int]) -> str:
    return f" [{', '.join(map(str, numbers))}]" if numbers else ""


def _below(layout: Layout) -> Iterator[str]:
    """The legend in the table's own marks, then the footnotes."""
    for text in layout.legend:
        text = text.replace("Bold: best", f"{BEST}: best", 1)
        yield f"{DOMINATED}{text.removeprefix('Grey')}" if text.startswith("Grey:") else text
    for number, note in enumerate(layout.footnotes, 1):
        yield f"[{number}] {note}"
