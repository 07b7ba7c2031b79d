"""Progress of downloads on the terminal: bytes, rate and time left; single lines where there is no terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Meter:
    """One bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task, self._started = progress, task, False

    def show(self, done: int, total: int | None) -> None:
        """So many bytes of so many; what was there before counts for the bar, not for the rate."""
        if not self._started:
            self._started = True
            self._progress.reset(self._task, completed=done, total=total)
        self._progress.update(self._task, completed=done, total=total)

    def advance(self, count: int) -> None:
        """So many bytes more."""
        self._progress.advance(self._task, count)


class _Lines(logging.Handler):
    """Log records as lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Says one record."""
        self._say(record.getMessage())


class Bars:
    """Draws on ``console``, and shows there what the searches log says meanwhile."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._handler = _Lines(self.say)
        self._log = logging.getLogger("searches")
        self._level = self._log.level

    def __enter__(self) -> Bars:
        self._log.addHandler(self._handler)
        self._log.setLevel(logging.INFO)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._log.setLevel(self._level)
        self._log.removeHandler(self._handler)

    @contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Meter]:
        """A bar for as long as the block runs."""
        task = self._progress.add_task(title, total=total)
        try:
            yield Meter(self._progress, task)
        finally:
            self._progress.remove_task(task)

    def say(self, line: str) -> None:
        """A line above the bars."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
