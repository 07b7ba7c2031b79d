"""Tables as Markdown, readable as it stands and where it is rendered."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.tables.layout import Line, Shown, lay_out
from reports.tables.table import Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
DOMINATED = "◌"
"""Stands before the name of a row that another dominates: Markdown has no grey."""

_RAISED = str.maketrans("mcepru?", "ᵐᶜᵉᵖʳᵘˀ")


def escape(text: str) -> str:
    """Returns text from outside as Markdown that shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("&", "&amp;")


def raised(mark: str) -> str:
    """Returns a mark as raised letters."""
    return mark.translate(_RAISED)


def markdown(tables: Sequence[Table]) -> str:
    """Returns every table with its title, legend and footnotes; numbers to the right."""
    return "\n".join(_one(table) for table in tables)


def _one(table: Table) -> str:
    layout = lay_out(table)
    heads = [escape(title) for title in table.labels]
    heads += [f"{escape(head.text)}{' ' + raised(head.mark) if head.mark else ''}" for head in layout.heads]
    rule = [":--"] * len(table.labels) + ["--:"] * len(table.columns)
    lines = [
        f"## {escape(table.title)}",
        "",
        _row(heads),
        _row(rule),
        *(_line(line) for line in layout.lines),
        "",
    ]
    lines += [f"{_legend(text)}  " for text in layout.legend]
    lines += ["", *(f"\\[{i}\\] {escape(note)}  " for i, note in enumerate(layout.footnotes, 1)), ""]
    return "\n".join(lines)


def _legend(text: str) -> str:
    """A line of the legend, its marks as they are in the table."""
    text = re.sub(
        r"(: |; )([mcepru?]{1,2}) = ", lambda match: f"{match[1]}{raised(match[2])} = ", escape(text)
    )
    return f"{DOMINATED}{text.removeprefix('Grey')}" if text.startswith("Grey:") else text


def _line(line: Line) -> str:
    name, *others = (escape(label) for label in line.labels)
    cells = [f"{name}{_notes(line.notes)}", *others, *(_cell(cell) for cell in line.cells)]
    return _row([f"{DOMINATED} {cells[0]}" if line.dominated else cells[0], *cells[1:]])


def _cell(cell: Shown) -> str:
    if cell.value is None:
        return cell.text
    text = f"**{cell.text}**" if cell.best else cell.text
    return text + raised(cell.mark) + _notes(cell.notes)


def _notes(numbers: Sequence[int]) -> str:
    return f" \\[{', '.join(map(str, numbers))}\\]" if numbers else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
