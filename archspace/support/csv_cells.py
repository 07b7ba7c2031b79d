"""Text in CSV files that a spreadsheet shows and never runs. No torch."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

# What Excel, LibreOffice and Google Sheets may take for the beginning of a formula.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def defused(cell: object) -> object:
    """Returns a cell for a CSV file: text that a spreadsheet would run as a formula gets an apostrophe before it.

    Numbers, and texts that are numbers, stay as they are. An apostrophe that stands before such a text is one of two
    then, so that :func:`restored` gives back every text.
    """
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _is_number(cell):
        return cell
    return f"'{cell}"


def restored(cell: str) -> str:
    """Returns the text that :func:`defused` has made ``cell`` from."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Returns rows as the text of a CSV file, the header among them; every cell is :func:`defused`."""
    return "".join(_line([defused(cell) for cell in row]) for row in rows)


def _line(cells: Sequence[object]) -> str:
    """A row; the writer quotes the characters that end its lines, and a lone carriage return ends one as well."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _is_number(text: str) -> bool:
    """Whether a text is a number as programs write it; ``-inf`` is one, ``-1_000`` is not."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and text == text.strip()
