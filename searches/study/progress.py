"""What a person sees while a study runs: trial, best so far, time left. Everything also goes to the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from analysis.quantities import Quantity
from analysis.store.records import Measurement, TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import duration, number
from searches.training.loop import Callback, Epoch, Step

log = logging.getLogger("searches")


class Progress(Callback):
    """A live view on a terminal; plain log lines elsewhere.

    Args:
        objectives: of the study.
        wanted: how many trials are to finish, given ones included.
        done: records of trials that ended before.
        console: where to draw.
    """

    def __init__(
        self, objectives: Sequence[Quantity], wanted: int, done: Sequence[TrialRecord], console: Console
    ) -> None:
        self._objectives, self._wanted = objectives, wanted
        self._records = list(done)
        self._began, self._before = time.monotonic(), self._complete()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._all = self._bars.add_task("trials", total=wanted, completed=self._before, note="")
        self._one = self._bars.add_task("epochs", total=None, note="", visible=False)
        self._live = Live(Group(self._bars, Text()), console=console, transient=True, refresh_per_second=4)
        self._shown = console.is_terminal and not console.quiet
        self._doing = ""

    def __enter__(self) -> Progress:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._live.stop()

    def _complete(self) -> int:
        return sum(bool(record.values) for record in self._records)

    def started(self, label: str, spec: ArchSpec, known: Mapping[str, Measurement], epochs: int) -> None:
        """A trial begins to train."""
        costs = ", ".join(number(known[name].value, known[name].unit) for name in ("macs", "params"))
        log.info("trial %s: %s (%s), %s", label, spec.label, spec.arch_id, costs)
        self._bars.update(
            self._one, description=f"trial {label}", total=epochs, completed=0, visible=True, note=spec.label
        )

    def step(self, step: Step) -> None:
        """A step of the current trial was done."""
        self._bars.update(self._one, completed=step.epoch - 1 + step.step / step.steps)

    def epoch(self, epoch: Epoch) -> None:
        """An epoch of the current trial ended."""
        log.debug("epoch %d: loss %.4f", epoch.number, epoch.loss)
        self._bars.update(self._one, completed=epoch.number)
        self._draw()

    def note(self, doing: str, share: float) -> None:
        """What is done for the current trial beside training."""
        if doing != self._doing:
            log.debug("%s", doing)
        self._doing = doing
        self._bars.update(self._one, note=doing, visible=True)

    def paused(self, reason: str | None) -> None:
        """This worker stands still, for a reason, or goes on."""
        self.note(reason or "", 0.0)

    def warn(self, text: str) -> None:
        """Says a line that stays on the terminal."""
        log.warning("%s", text)
        if self._shown:
            self._live.console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def finished(self, record: TrialRecord, records: Sequence[TrialRecord]) -> None:
        """A trial ended; ``records`` are all that ended, those of other workers too."""
        self._records = list(records)
        values = ", ".join(
            f"{o.name} {number(record.values[o.name], o.unit)}" for o in self._objectives if record.values
        )
        detail = record.reason or (
            f"same network as trial {record.duplicate_of}" if record.duplicate_of else ""
        )
        log.info("trial %s: %s %s%s", record.label, record.state, values, f" ({detail})" if detail else "")
        self._bars.update(self._all, completed=self._complete(), note=self._time_left())
        log.info(
            "%d of %d trials; best so far: %s; %s",
            self._complete(),
            self._wanted,
            self._best(),
            self._time_left(),
        )
        self._draw()

    def _time_left(self) -> str:
        new = self._complete() - self._before
        left = self._wanted - self._complete()
        if new <= 0 or left <= 0:
            return ""
        return f"about {duration((time.monotonic() - self._began) / new * left)} left"

    def _best(self) -> str:
        feasible = [r for r in self._records if r.state == "complete"]
        if not feasible:
            return "none yet"
        best = []
        for o in self._objectives:
            pick = max if o.direction == "maximize" else min
            record = pick(feasible, key=lambda r: r.values[o.name])
            best.append(f"{o.name} {number(record.values[o.name], o.unit)} (trial {record.label})")
        return ", ".join(best)

    def _draw(self) -> None:
        if self._shown:
            self._live.update(Group(self._bars, Text(f"best so far: {self._best()}", style="bold")))
