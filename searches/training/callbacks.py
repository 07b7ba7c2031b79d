"""What a person sees of a training run: a live line and a table of epochs; history and curves in its folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from analysis.drawing.curves import HISTORY_FILE, curves_figure, read_history
from analysis.drawing.figure_files import write_html, write_png
from archspace.support.numbers import counted
from searches.config.training import TrainConfig
from searches.tasks.base import Evaluation, Size, Task
from searches.training.history import write_history
from searches.training.loop import Callback, Epoch, Step

log = logging.getLogger(__name__)

CURVES_FILE = "curves.html"
CURVES_PICTURE = "curves.png"


class Callbacks(Callback):
    """Several that follow a run as one; leaving the block closes those that have a ``close``."""

    def __init__(self, *watches: Callback) -> None:
        self.watches = watches
        self.stack = ExitStack()

    def __enter__(self) -> Callbacks:
        for callback in self.watches:
            close = getattr(callback, "close", None)
            if close is not None:
                self.stack.callback(close)
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def begun(self, done: Sequence[Epoch]) -> None:
        """Tells all."""
        for callback in self.watches:
            callback.begun(done)

    def step(self, step: Step) -> None:
        """Tells all."""
        for callback in self.watches:
            callback.step(step)

    def evaluated(
        self, network: nn.Module, evaluation: Evaluation, images_seen: int, size: Size | None
    ) -> None:
        """Tells all."""
        for callback in self.watches:
            callback.evaluated(network, evaluation, images_seen, size)

    def epoch(self, epoch: Epoch) -> None:
        """Tells all."""
        for callback in self.watches:
            callback.epoch(epoch)

    def pause(self) -> float:
        """Returns the seconds that all together held the run up."""
        return sum(callback.pause() for callback in self.watches)


class Recorder(Callback):
    """``history.csv`` after every epoch, ``curves.html`` after every evaluation and in the end."""

    def __init__(self, folder: Path, label: str, task: Task) -> None:
        self.folder, self.label, self.task = folder, label, task
        self.history: list[Epoch] = []
        self.value: float | None = None

    def begun(self, done: Sequence[Epoch]) -> None:
        """Takes over the epochs of an interrupted run."""
        self.history = list(done)

    def epoch(self, epoch: Epoch) -> None:
        """Writes the history, and the curves where there is something new to see in them."""
        self.history.append(epoch)
        write_history(self.folder, self.history)
        if epoch.value is not None:
            self.draw()

    def evaluated(
        self, network: nn.Module, evaluation: Evaluation, images_seen: int, size: Size | None
    ) -> None:
        """Keeps the value for the last epoch, which a recipe without evaluations leaves to the end."""
        self.value = evaluation.value

    def draw(self) -> None:
        """Writes ``curves.html``."""
        write_html(self._figure(), self.folder / CURVES_FILE)

    def finish(self, *, picture: bool = True) -> None:
        """Writes the curves of the whole run, as a ``picture`` too where a browser is there to draw it."""
        if self.history and self.history[-1].value is None:
            self.history[-1] = replace(self.history[-1], value=self.value)
        write_history(self.folder, self.history)
        self.draw()
        if picture:
            write_png(self._figure(), self.folder / CURVES_PICTURE)

    def _figure(self) -> Any:
        rows = read_history(self.folder / HISTORY_FILE)
        title = f"{self.label}: {counted(len(rows), 'epoch')}"
        return curves_figure(rows, title=title, metric=self.task.metric, counted=self.task.counts)


class Shown(Callback):
    """A live line (loss, metric, speed, time left) on a terminal, and a table of epochs there and in the log.

    Without ``rows`` the table is in the log alone.
    """

    def __init__(self, config: TrainConfig, task: Task, console: Console, *, rows: bool = True) -> None:
        stages, self.rows = config.training.plan(), rows
        self.total, self.stages = sum(stage.epochs for stage in stages), len(stages)
        self.metric, self.speed, self.value, self.console = task.metric, f"{task.counts}/s", "", console
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self.line = self.bar.add_task("epochs", total=self.total, note="")

    def __enter__(self) -> Shown:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def begun(self, done: Sequence[Epoch]) -> None:
        """Starts the bar where the run stands; the head of the table."""
        self.bar.reset(self.line, completed=len(done))
        if len(done) < self.total:
            self._row(["epoch", "stage", "loss", self.metric, "lr", self.speed, "waiting"])

    def step(self, step: Step) -> None:
        """Moves the bar."""
        stage = f", stage {step.stage} of {self.stages}" if self.stages > 1 else ""
        self.bar.update(
            self.line,
            completed=step.epoch - 1 + step.step / step.steps,
            description=f"epoch {step.epoch} of {self.total}{stage}",
            note=f"loss {step.loss:.4f}{self.value}, {step.images_per_second:.1f} {self.speed}",
        )

    def epoch(self, epoch: Epoch) -> None:
        """A row of the table."""
        if epoch.value is not None:
            self.value = f", {self.metric} {epoch.value:.2f}"
        speed = epoch.images / epoch.seconds if epoch.seconds else 0.0
        value = "" if epoch.value is None else f"{epoch.value:.2f}"
        number, stage = f"{epoch.number}/{self.total}", f"{epoch.stage}/{self.stages}"
        loss, rate = f"{epoch.loss:.4f}", f"{epoch.rate:.3g}"
        self._row([number, stage, loss, value, rate, f"{speed:.1f}", f"{100 * epoch.waiting:.1f} %"])

    def _row(self, cells: Sequence[str]) -> None:
        text = "  ".join(f"{cell:>9}" for cell in cells)
        log.info("%s", text)
        if self.rows and self.console.is_terminal:
            self.console.print(text, highlight=False)
