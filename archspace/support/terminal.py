"""What commands print for people: lines and tables that fit a terminal, and are whole and stable in a pipe. No torch.

A table chooses its columns by rank where a terminal is narrow, wraps texts and headers at words, and never cuts or
wraps a cell that is to be typed. Elsewhere (a pipe, a file) it has every column, and one line a row, whatever
``COLUMNS`` and ``TERM`` say.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from archspace.support.fitting import Room, chosen

Kind: TypeAlias = Literal["word", "number", "text"]
"""A word stays on one line; a number too, to the right; a text may wrap."""

ENDLESS = 1_000_000
"""Width of what is no terminal."""


def output() -> Console:
    """Returns a console on standard output: as wide as a terminal; without end and plain where it is none."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=ENDLESS, force_terminal=False, no_color=True)


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Shows on standard error what is being done and for how long, on a terminal; silent elsewhere.

    Args:
        what: the first thing that is done (``"reading the trials"``).
        quiet: show nothing.

    Yields:
        A function that says what is done next.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as progress:
        line = progress.add_task(what, total=None)
        yield lambda now: progress.update(line, description=now)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: of the header; may wrap at words and has a new line where it says so.
        kind: how its cells stand.
        rank: where a terminal is too narrow, columns of the highest rank are left out first; those of 0 never are.
    """

    title: str
    kind: Kind = "word"
    rank: int = 0


class TerminalTable:
    """A table for people.

    Args:
        columns: a title stands for a column of words that are never left out. The first column names the row.
        title: a line above it.
    """

    def __init__(self, *columns: Column | str, title: str = "") -> None:
        self.columns = [Column(one) if isinstance(one, str) else one for one in columns]
        self.title = title
        self.rows: list[tuple[list[str], str, bool]] = []

    def add(self, *cells: str, style: str = "", section: bool = False) -> None:
        """Adds a row.

        Args:
            cells: a text a column, shown as it is.
            style: of all of them, on a terminal.
            section: whether a line stands above it.

        Raises:
            ValueError: there are more or fewer cells than columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        self.rows.append((list(cells), style, section))

    def print(self, console: Console | None = None) -> None:
        """Prints the table on ``console``, standard output if left out."""
        console = console or output()
        if self.title:
            console.print(Text(self.title, style="bold"))
        if not console.is_terminal:
            with console.capture() as capture:
                console.print(self._drawn(list(range(len(self.columns))), [None] * len(self.columns)))
            console.file.write(re.sub(r"[ ]+$", "", capture.get(), flags=re.MULTILINE))
            return
        rooms = [self._room(index) for index in range(len(self.columns))]
        fitting = chosen(rooms, [column.rank for column in self.columns], console.width)
        if fitting is None:
            self._print_blocks(console)
            return
        console.print(self._drawn(list(fitting), list(fitting.values())))
        lost = [_flat(column) for index, column in enumerate(self.columns) if index not in fitting]
        if lost:
            names = ", ".join(lost)
            note = f"Not shown at {console.width} columns: {names}. A wider terminal, a pipe and --json have all."
            console.print(Text(note, style="dim"))

    def _room(self, index: int) -> Room:
        """What a column needs."""
        column = self.columns[index]
        cells = [cells[index] for cells, _, _ in self.rows]
        title = column.title
        if column.kind == "text":
            return Room(title, tuple(cells))
        return Room(title, (), max(map(cell_len, cells), default=0))

    def _drawn(self, shown: Sequence[int], widths: Sequence[int | None]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for index, width in zip(shown, widths, strict=True):
            column = self.columns[index]
            justify: Literal["left", "right"] = "right" if column.kind == "number" else "left"
            table.add_column(
                Text(column.title), header_style="bold", justify=justify, width=width, overflow="fold",
                vertical="top", no_wrap=width is None,
            )  # fmt: skip
        for cells, style, section in self.rows:
            if section:
                table.add_section()
            table.add_row(*(self._cell(cells[index], index) for index in shown), style=style or None)
        return table

    def _cell(self, content: str, index: int) -> Text:
        return Text(content, no_wrap=self.columns[index].kind != "text")

    def _print_blocks(self, console: Console) -> None:
        """Each row as a paragraph: its name, then what is known of it; for a terminal too narrow for any table."""
        first, *others = self.columns
        for (name, *cells), style, _ in self.rows:
            console.print(Text(f"{_flat(first)} {name}".strip(), style=style or "bold"), soft_wrap=True)
            said = [f"{_flat(column)}: {cell}" for column, cell in zip(others, cells, strict=True) if cell]
            console.print(Text("; ".join(said)))


def _flat(column: Column) -> str:
    """The title on one line."""
    return " ".join(column.title.split())
