"""Progress of a table: a live line on a terminal, elsewhere a line a training."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from searches.bench.table import Table


class Shown:
    """Shows how far a table is."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("trainings", total=None)

    def __enter__(self) -> Shown:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def trained(self, table: Table, words: str) -> None:
        """One training ended."""
        total = len(table.rows) * len(table.seeds)
        self._done(total - len(table.missing), total, words)

    def measured(self, table: Table, words: str) -> None:
        """One network's latency was measured."""
        total = len(table.rows)
        self._done(total - len(table.unmeasured), total, words)

    def scored(self, done: int, total: int, words: str) -> None:
        """One network was scored."""
        self._done(done, total, words)

    def _done(self, done: int, total: int, words: str) -> None:
        self.bar.update(self.task, description=words, total=total, completed=done)
        if not self.console.is_terminal:
            self.console.print(f"{done}/{total} {words}", highlight=False, soft_wrap=True)
