"""What a person sees while a study runs: every worker's trial, the best so far, time left. The log has it too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TypeAlias

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from analysis.quantities import Quantity
from analysis.store.records import Measurement, TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import counted, duration, number
from searches.study.bracket import RungState, Spent
from searches.study.known import in_words, remark
from searches.training.loop import Callback, Epoch, Step

log = logging.getLogger("searches")

REPORT_SECONDS = 0.25
"""Between two words of a worker on what it does."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What a worker does at the moment.

    Attributes:
        worker: its number, the first process is 0.
        trial: label of its trial; empty between trials.
        epochs: how many it trains in all.
        done: epochs so far, with the share of the current one.
        note: the network, or what is done for it beside training.
    """

    worker: int
    trial: str
    epochs: int
    done: float
    note: str


Report: TypeAlias = Callable[[Doing], None]


class Reporter(Callback):
    """Follows one worker's trials, and says at most some four times a second what it does.

    Args:
        worker: its number.
        report: who is told.
    """

    def __init__(self, worker: int, report: Report) -> None:
        self._worker, self._report = worker, report
        self._doing: Doing | None = None
        self._network, self._said = "", 0.0

    def started(self, label: str, epochs: int, note: str) -> None:
        """A trial begins to train."""
        self._network = note
        self._say(Doing(self._worker, label, epochs, 0.0, note), always=True)

    def noted(self, what: str) -> None:
        """Something else than training is done; an empty text: training goes on."""
        doing = self._doing or Doing(self._worker, "", 1, 0.0, "")
        self._say(replace(doing, note=what or self._network), always=True)

    def idle(self) -> None:
        """The worker has no trial any more."""
        self._doing, self._network = None, ""

    def step(self, step: Step) -> None:
        """A step of the current trial was done."""
        self._moved(step.epoch - 1 + step.step / step.steps)

    def epoch(self, epoch: Epoch) -> None:
        """An epoch of the current trial ended."""
        self._moved(float(epoch.number), always=True)

    def _moved(self, done: float, always: bool = False) -> None:
        if self._doing is not None:
            self._say(replace(self._doing, done=done), always)

    def _say(self, doing: Doing, always: bool) -> None:
        self._doing, now = doing, time.monotonic()
        if always or now - self._said > REPORT_SECONDS:
            self._said = now
            self._report(doing)


class Progress(Callback):
    """A live view on a terminal; plain log lines elsewhere.

    Args:
        objectives: of the study.
        wanted: how many trials are to finish, given ones included.
        done: records of trials that ended before.
        console: where to draw.
        workers: processes that share the study.
        others: gives what the other workers have said since it was last asked.
        spent: of a study with rungs, gives how far its sampled trials have come.
    """

    def __init__(
        self, objectives: Sequence[Quantity], wanted: int, done: Sequence[TrialRecord], console: Console, *,
        workers: int = 1, others: Callable[[], Iterable[Doing]] = tuple, spent: Callable[[], Spent] | None = None,
    ) -> None:  # fmt: skip
        self._objectives, self._wanted = objectives, wanted
        self._standing = Standing(objectives, spent).add(done)
        self._began, self._before = time.monotonic(), self._standing.done
        self._bars = Bars(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )  # fmt: skip
        counts = "trials" if spent is None else "trainings"
        self._all = self._bars.add_task(counts, total=wanted, completed=int(self._before), note="")
        self._lines = [self._bars.add_task("", total=None, note="", visible=False) for _ in range(workers)]
        self._others, self._reporter = others, Reporter(0, self.show)
        self._live = Live(get_renderable=self._seen, console=console, transient=True, refresh_per_second=4)
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

    def _seen(self) -> Group:
        """What is drawn now: called by the thread that refreshes the view."""
        for doing in self._others():
            self.show(doing)
        return Group(self._bars, Text(f"best so far: {self._standing.best}", style="bold"))

    def show(self, doing: Doing) -> None:
        """Shows what a worker does."""
        who = f"worker {doing.worker + 1}, " if len(self._lines) > 1 else ""
        trial = f"trial {doing.trial}" if doing.trial else "now"
        self._bars.update(
            self._lines[doing.worker], description=f"{who}{trial}", total=doing.epochs,
            completed=doing.done, visible=True, note=doing.note,
        )  # fmt: skip

    def follow(self, reporter: Reporter) -> None:
        """Lets another one say what this process does."""
        self._reporter = reporter

    def idle(self) -> None:
        """This process has no trial any more; the others go on."""
        self._reporter.idle()
        self._bars.update(self._lines[0], visible=False)

    def started(self, label: str, spec: ArchSpec, known: Mapping[str, Measurement], epochs: int) -> None:
        """A trial begins to train."""
        costs = ", ".join(number(known[name].value, known[name].unit) for name in ("macs", "params"))
        log.info("trial %s: %s (%s), %s", label, spec.label, spec.arch_id, costs)
        self._reporter.started(label, epochs, spec.label)

    def step(self, step: Step) -> None:
        """A step of the current trial was done."""
        self._reporter.step(step)

    def epoch(self, epoch: Epoch) -> None:
        """An epoch of the current trial ended."""
        log.debug("epoch %d: loss %.4f", epoch.number, epoch.loss)
        self._reporter.epoch(epoch)

    def note(self, doing: str, share: float) -> None:
        """What is done for the current trial beside training."""
        if doing != self._doing:
            log.debug("%s", doing)
        self._doing = doing
        self._reporter.noted(doing)

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
        values = ", ".join(in_words(record, o) for o in self._objectives if record.values)
        detail = remark(record)
        log.info("trial %s: %s %s%s", record.label, record.state, values, f" ({detail})" if detail else "")
        self.ended(records)
        self._say_all()

    def at_rung(self, label: str, state: RungState, records: Sequence[TrialRecord]) -> None:
        """A trial paused at a rung; ``records`` are all that ended."""
        metric = state.rungs[str(state.reached)]
        value = f"{metric.name} {number(metric.value, metric.unit)}"
        log.info("trial %s: paused after epoch %d: %s", label, state.reached, value)
        self.ended(records)
        self._say_all()

    def _say_all(self) -> None:
        """How far the study is, as a line of the log."""
        left, standing = self._time_left(), self._standing
        done = f"{standing.done:.0f} of {self._wanted} trials"
        if standing.paused is not None:
            paused = counted(standing.paused, "network")
            done = f"{standing.done:.1f} of {self._wanted} trainings, {paused} paused"
        log.info("%s; best so far: %s%s", done, standing.best, f"; {left}" if left else "")

    def ended(self, records: Sequence[TrialRecord]) -> None:
        """Takes over the records of all trials that ended."""
        self._standing.add(records)
        paused = f"{self._standing.paused} paused at a rung" if self._standing.paused is not None else ""
        note = ", ".join(filter(None, [paused, self._time_left()]))
        self._bars.update(self._all, completed=int(self._standing.done), note=note)

    def _time_left(self) -> str:
        new, left = self._standing.done - self._before, self._wanted - self._standing.done
        if new <= 0 or left <= 0:
            return ""
        return f"about {duration((time.monotonic() - self._began) / new * left)} left"


class Standing:
    """What a study has come to so far, from records each of which is looked at once.

    Args:
        objectives: of the study.
        spent: of a study with rungs, gives how far its sampled trials have come.

    Attributes:
        complete: trials with values.
        paused: networks that wait at a rung, of a study with rungs.
    """

    def __init__(self, objectives: Sequence[Quantity], spent: Callable[[], Spent] | None = None) -> None:
        self._objectives, self._spent = objectives, spent
        self._given, self._trainings = 0, 0.0
        self.paused: int | None = None
        self._seen: dict[str, TrialRecord] = {}
        self._best: dict[str, TrialRecord] = {}
        self.complete = 0

    def add(self, records: Sequence[TrialRecord]) -> Standing:
        """Takes over those records that it has not seen; returns itself."""
        for record in [record for record in records if self._seen.get(record.label) is not record]:
            before = self._seen.get(record.label)
            self._seen[record.label] = record
            new = bool(record.values) - (before is not None and bool(before.values))
            self.complete += new
            self._given += new if record.given is not None else 0
            for o in self._objectives if record.state == "complete" else ():
                best, sign = self._best.get(o.name), 1 if o.direction == "maximize" else -1
                if best is None or sign * record.values[o.name] > sign * best.values[o.name]:
                    self._best[o.name] = record
        if self._spent is not None:
            spent = self._spent()
            self._trainings, self.paused = spent.trainings, spent.paused
        return self

    @property
    def done(self) -> float:
        """Trials with values; of a study with rungs, the full trainings that its epochs so far come to."""
        return self.complete if self._spent is None else self._given + self._trainings

    @property
    def best(self) -> str:
        """The best value of each objective, in words."""
        return (
            ", ".join(
                f"{in_words(one, o)} (trial {one.label})"
                for o in self._objectives
                if (one := self._best.get(o.name)) is not None
            )
            or "none yet"
        )
