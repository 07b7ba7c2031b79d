"""Tables as one self-contained HTML page: sortable, filterable, readable without script, in light, dark and print."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from importlib.resources import files

from reports.tables.layout import MEANINGS, Head, Layout, Line, Shown, lay_out
from reports.tables.table import Table


def html_page(tables: Sequence[Table], *, title: str) -> str:
    """Returns a page with every table; nothing is fetched from anywhere, and all text from outside is escaped.

    Args:
        tables: in order; with several, links to them come first.
        title: of the page.
    """
    assets = files("reports") / "tables"
    style = (assets / "page.css").read_text(encoding="utf-8")
    script = (assets / "page.js").read_text(encoding="utf-8")
    links = [f'<a href="#{html.escape(t.name)}">{html.escape(t.title)}</a>' for t in tables]
    nav = f"<nav>{' '.join(links)}</nav>\n" if len(links) > 1 else ""
    body = "\n".join(html_table(table) for table in tables)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n"
        f"{nav}<main>\n{body}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def html_table(table: Table) -> str:
    """Returns one table as a ``section``, for a page that has the style and the script of :func:`html_page`."""
    layout = lay_out(table)
    heads = [f'<th scope="col" class="text">{html.escape(title)}</th>' for title in table.labels]
    heads += [_head(head) for head in layout.heads]
    rows = "\n".join(_line(line) for line in layout.lines)
    return (
        f'<section id="{html.escape(table.name)}">\n<h2>{html.escape(table.title)}</h2>\n'
        '<p class="tools" hidden><label>Filter <input type="search" placeholder="words that a row must have">'
        f'</label> <output>{len(layout.lines)} rows</output></p>\n<div class="scroll"><table>\n'
        f"<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>\n{_below(layout)}</section>"
    )


def _below(layout: Layout) -> str:
    legend = "".join(f"<p>{html.escape(text)}</p>\n" for text in layout.legend)
    name = html.escape(layout.table.name)
    notes = "".join(
        f'<li id="{name}-{index}">{html.escape(note)}</li>\n'
        for index, note in enumerate(layout.footnotes, 1)
    )
    return f"<footer>\n{legend}{f'<ol>{chr(10)}{notes}</ol>{chr(10)}' if notes else ''}</footer>\n"


def _head(head: Head) -> str:
    mark = _mark(head.mark) if head.mark else ""
    down = ' data-first="down"' if head.column.better == "maximize" else ""
    text = html.escape(head.text).replace(" ↑", "\u00a0↑").replace(" ↓", "\u00a0↓")
    return f'<th scope="col" class="number"{down}>{text}{mark}</th>'


def _line(line: Line) -> str:
    name, *others = (html.escape(label) for label in line.labels)
    cells = [f'<th scope="row">{name}{_notes(line.notes)}</th>', *(f"<td>{label}</td>" for label in others)]
    grey = ' class="dominated"' if line.dominated else ""
    return f"<tr{grey}>{''.join(cells)}{''.join(_cell(cell) for cell in line.cells)}</tr>"


def _cell(cell: Shown) -> str:
    if cell.value is None:
        return '<td class="number"></td>'
    value = json.dumps(cell.value) if math.isfinite(cell.value) else ""
    text = html.escape(cell.text)
    text = f"<strong>{text}</strong>" if cell.best else text
    mark = _mark(cell.mark) if cell.mark else ""
    title = html.escape(cell.origin)
    return f'<td class="number" data-value="{value}" title="{title}">{text}{mark}{_notes(cell.notes)}</td>'


def _mark(mark: str) -> str:
    return f'<sup class="mark" title="{html.escape(MEANINGS[mark])}">{html.escape(mark)}</sup>'


def _notes(numbers: Sequence[int]) -> str:
    return f' <small class="notes">[{", ".join(map(str, numbers))}]</small>' if numbers else ""
