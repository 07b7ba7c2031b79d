"""Write tables as files: Markdown, CSV, LaTeX and HTML from the same frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archspace.support.errors import FieldError
from archspace.support.files import write_text
from reports.tables.latex import latex, latex_document
from reports.tables.markdown import markdown
from reports.tables.page import html_page
from reports.tables.table import Table
from reports.tables.values import csv_text

FORMATS = ("md", "csv", "tex", "html")


def parse_formats(text: str) -> tuple[str, ...]:
    """Formats separated by commas.

    Raises:
        FieldError: one is unknown, or there is none.
    """
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for word in words or ("",):
        if word not in FORMATS:
            raise FieldError("--format", word, "unknown format", f"one or more of {','.join(FORMATS)}")
    return words


def render(tables: Sequence[Table], kind: str, *, title: str) -> str:
    """Returns all tables as one text; with several tables, CSV has an empty line between them."""
    if kind == "html":
        return html_page(tables, title=title)
    if kind == "md":
        return markdown(tables)
    return "\n".join(map(csv_text if kind == "csv" else latex, tables))


def write_tables(
    tables: Sequence[Table], folder: Path, name: str, formats: Sequence[str] = FORMATS, *, title: str
) -> dict[str, Path]:
    """Write the tables into a folder, each file whole or not at all.

    ``NAME.md`` and ``NAME.html`` hold all of them; each has a CSV of its own, and a LaTeX fragment of its own
    that the document ``NAME-all.tex`` takes in.

    Args:
        tables: with names that differ.
        folder: made when missing.
        name: of the files with all tables.
        formats: of :data:`FORMATS`.
        title: of the page.

    Returns:
        The files by name.
    """
    texts: dict[str, str] = {}
    for kind in ("md", "html"):
        if kind in formats:
            texts[f"{name}.{kind}"] = render(tables, kind, title=title)
    for table in tables:
        if "csv" in formats:
            texts[f"{table.name}.csv"] = csv_text(table)
        if "tex" in formats:
            texts[f"{table.name}.tex"] = latex(table)
    if "tex" in formats:
        texts[f"{name}-all.tex"] = latex_document(tables)
    for file, text in texts.items():
        write_text(folder / file, text)
    return {file: folder / file for file in texts}
