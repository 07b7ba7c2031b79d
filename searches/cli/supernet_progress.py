"""Progress of judging networks: a live line on a terminal, elsewhere a line a network."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Shown:
    """Shows how many networks are judged.

    Args:
        total: how many there will be.
    """

    def __init__(self, total: int) -> None:
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.line = self.bar.add_task("judging", total=total)

    def __enter__(self) -> Shown:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def done(self, number: int, total: int, words: str) -> None:
        """One more network is judged."""
        self.bar.update(self.line, completed=number, total=total, description=words)
        if not self.console.is_terminal:
            self.console.print(f"{number}/{total} {words}", highlight=False, soft_wrap=True, markup=False)
