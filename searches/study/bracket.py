"""The rungs of a study: how far each sampled trial has come, who goes on, and how much training is left.

All of it stands in the storage, in one attribute of a trial that changes at once, so that a study of which every
process was killed goes on as if none had been.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from analysis.quantities import objective
from analysis.store.records import Measurement
from analysis.store.rungs import AT, RUNGS_ATTR
from searches.config.rungs import cost_of_one
from searches.judging.rungs import promotable

DUPLICATE_ATTR = "duplicate_of"


@dataclass(frozen=True, slots=True, kw_only=True)
class RungState:
    """How far a trial has come.

    Attributes:
        goal: epochs up to which it is trained, or was.
        cost: epochs that are counted for it: those of its goal, of a trial that paused those that it has.
        paused: it waits at a rung with its training's state on disk.
        reached: epochs that it has been trained and judged at.
        arch_id: of its network, as soon as it has paused.
        started: when it was begun, ISO 8601 in UTC.
        points: by rung (its epochs as text), the objectives there, less is better; ``None`` for what is not finite.
        metrics: by rung, the metric's :class:`Measurement` as plain data.
    """

    goal: int
    cost: int
    paused: bool = False
    reached: int = 0
    arch_id: str | None = None
    started: str | None = None
    points: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for the storage."""
        return asdict(self)

    @property
    def rungs(self) -> dict[str, Measurement]:
        """The metric at every rung that it paused at."""
        return {epochs: Measurement.from_dict(one) for epochs, one in self.metrics.items()}

    def pausing(
        self, arch_id: str, started: str, at: str, metric: Measurement, point: Sequence[float]
    ) -> RungState:
        """Returns the state of the trial when it pauses at its goal.

        Args:
            started, at: when it was begun and when it pauses, ISO 8601 in UTC.
            metric: what it is judged by.
            point: its objectives there, less is better.
        """
        metric = replace(metric, how={**metric.how, AT: at})
        rung, plain = str(self.goal), [value if math.isfinite(value) else None for value in point]
        return replace(
            self, paused=True, reached=self.goal, cost=self.goal, arch_id=arch_id, started=self.started or started,
            points={**self.points, rung: plain}, metrics={**self.metrics, rung: metric.to_dict()},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spent:
    """How far a study with rungs has come.

    Attributes:
        trainings: full trainings that the epochs so far come to.
        paused: networks that wait at a rung.
    """

    trainings: float
    paused: int


class Bracket:
    """The rungs of a study.

    Args:
        levels: epochs at which networks are compared, and last at which their training ends.
        reduction: of so many that reached a rung one goes on.
        target: how many full trainings the study may cost.
    """

    def __init__(self, levels: Sequence[int], reduction: int, target: int) -> None:
        self.levels, self.reduction, self.target = tuple(levels), reduction, target
        self._read: dict[int, tuple[Any, RungState]] = {}

    @property
    def epochs(self) -> int:
        """Of a full training."""
        return self.levels[-1]

    @property
    def networks(self) -> int:
        """About so many networks are begun where every rung sends on its share."""
        return math.ceil(self.target * self.epochs / cost_of_one(self.levels, self.reduction))

    @property
    def first(self) -> RungState:
        """The state of a trial that begins."""
        return RungState(goal=self.levels[0], cost=self.levels[0])

    def state(self, trial: FrozenTrial) -> RungState:
        """Returns how far a trial has come."""
        held = trial.user_attrs.get(RUNGS_ATTR)
        if held is None:
            return self.first
        before = self._read.get(trial.number)
        if before is None or before[0] is not held:
            self._read[trial.number] = before = (held, RungState(**held))
        return before[1]

    def spent(self, trials: Sequence[FrozenTrial]) -> Spent:
        """Returns how far the study has come."""
        return Spent(self._spent(trials) / self.epochs, sum(map(self.waits, trials)))

    def waits(self, trial: FrozenTrial) -> bool:
        """Whether a trial is paused."""
        return trial.state == TrialState.RUNNING and self.state(trial).paused

    def has_room(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether anything may still be trained: until the budget is spent and one network at least is done.

        The last training may go beyond the budget by less than itself.
        """
        done = any(trial.state == TrialState.COMPLETE for trial in trials)
        return not done or self._spent(trials) < self.target * self.epochs

    def _spent(self, trials: Sequence[FrozenTrial]) -> int:
        return sum(self.state(trial).cost for trial in trials)

    def promoted(self, trials: Sequence[FrozenTrial]) -> tuple[FrozenTrial, RungState] | None:
        """Returns the trial that is to go on, of those at the highest rung, with its new state; ``None`` for none."""
        copies = Counter(str(trial.user_attrs.get(DUPLICATE_ATTR)) for trial in trials)
        states = [self.state(trial) for trial in trials]
        for level in range(len(self.levels) - 2, -1, -1):
            rung = str(self.levels[level])
            members = [place for place, state in enumerate(states) if rung in state.points]
            points = [[math.nan if v is None else v for v in states[place].points[rung]] for place in members]
            gone = [
                at for at, place in enumerate(members)
                if states[place].goal > self.levels[level] or not self.waits(trials[place])
            ]  # fmt: skip
            asked = sum(1 + copies[str(trials[place].number)] for place in members)
            chosen = promotable(points, gone, self.reduction, asked=asked) if members else None
            if chosen is not None:
                goal, place = self.levels[level + 1], members[chosen]
                return trials[place], replace(states[place], goal=goal, cost=goal, paused=False)
        return None

    def with_network(self, trials: Sequence[FrozenTrial], arch_id: str) -> FrozenTrial | None:
        """Returns a trial of this network that paused at a rung and was not trained to the end."""
        unfinished = (trial for trial in trials if trial.state != TrialState.COMPLETE)
        return next((trial for trial in unfinished if self.state(trial).arch_id == arch_id), None)


def point_of(objectives: Sequence[str], known: Mapping[str, Measurement]) -> list[float]:
    """Returns the objectives at a rung, less is better.

    Counted ones are exact and the metric is that of the rung. What a device would have to measure is not measured
    before the training's end; MACs stand in for it.
    """
    point = []
    for name in objectives:
        worse = 1.0 if name not in known or objective(name).direction == "minimize" else -1.0
        point.append(worse * known[name if name in known else "macs"].value)
    return point
