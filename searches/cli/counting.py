"""Progress of work that can be counted: a live line on a terminal, elsewhere a line a piece."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Counting:
    """Shows how many pieces are done.

    Args:
        what: stands before the bar until a piece says more.
        total: how many there will be, where that is known.
        console: standard error if left out.
    """

    def __init__(self, what: str, total: int | None = None, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.line = self.bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def done(self, number: int, total: int, words: str) -> None:
        """One more piece is done; ``words`` say what it came to."""
        self.bar.update(self.line, completed=number, total=total, description=words)
        if not self.console.is_terminal:
            self.console.print(f"{number}/{total} {words}", highlight=False, soft_wrap=True, markup=False)
