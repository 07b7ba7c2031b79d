"""A great many networks of a space, counted and predicted, none of them trained: which would be on the front."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.pareto import non_dominated
from analysis.quantities import QUANTITIES
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, SpecError
from searches.judging.choosing import Judged, training_cost
from searches.judging.surrogate import LEAST_POINTS, Guess
from searches.study.pool import Ended, Screened
from searches.study.screening import Candidate, changed

Floats = NDArray[np.float64]
OnStage = Callable[[str, float], None]
"""Called with what is done next, and the share that is done."""
AT_ONCE = 2000
"""Networks that are built, counted and timed at once: fewer than the plans that are kept."""


def no_stage(doing: str, share: float) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class ScreenedSpace:
    """What came of screening a space.

    Attributes:
        drawn: combinations of values that were looked at.
        built: of these, how many can be built.
        different: of these, how many are different networks.
        networks: those that keep the limits that can be counted.
        values: by counted quantity (N,) of ``networks``.
        guesses: by predicted quantity.
        unknown: objectives of which nothing can be said, because too little was trained.
        worth: (N,) expected gain in hypervolume for the cost of training; empty where too little was trained.
        front: (N,) whether no other network is better by counted and predicted objectives, the predicted limits kept.
        seconds: CPU seconds by stage, in order.
    """

    drawn: int
    built: int
    different: int
    networks: tuple[Candidate, ...]
    values: Mapping[str, Floats]
    guesses: Mapping[str, Guess]
    unknown: tuple[str, ...]
    worth: Floats
    front: NDArray[np.bool_]
    seconds: Mapping[str, float]


@dataclass(slots=True)
class _Clock:
    """CPU seconds of each stage, summed over its parts."""

    on_stage: OnStage
    share: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.on_stage(name, self.share)
        began = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began


def screen_space(
    shared: Screened, ended: Sequence[Ended], count: int, seed: int, *, on_stage: OnStage = no_stage
) -> ScreenedSpace:
    """Returns what ``count`` networks of a space come to, drawn at random and near the front of what was trained.

    Args:
        shared: the space, its limits and predictors.
        ended: what was trained; with fewer than four networks, what is trained cannot be predicted.
        seed: of the draws.

    Raises:
        FieldError: none of them keeps the limits that can be counted.
    """
    clock = _Clock(on_stage)
    with _no_collection():
        with clock.stage("draw"):
            drawn = list(_draws(shared, ended, count, np.random.default_rng(seed)))
        built, found, seen = 0, dict[ArchSpec, Candidate](), dict[tuple[str, ...], bool]()
        for start in range(0, len(drawn), AT_ONCE):
            clock.share = start / len(drawn)
            part, many = _counted(shared, drawn[start : start + AT_ONCE], found, seen, clock)
            built += many
            with clock.stage("predicted latency"):
                shared.foretell([one.spec for one in part])
        kept = tuple(one for one in found.values() if shared.of.screen.excess(one) <= 0)
        if not kept:
            rule = f"none of {len(found):,} networks keeps the limits on {', '.join(shared.of.screen.limits)}"
            raise FieldError("constraints", count, rule, "'archspace search --dry-run' says what they leave")
        return _judged(shared, ended, kept, clock, count, built, len(found))


def _counted(
    shared: Screened,
    drawn: Sequence[Mapping[str, Any]],
    found: dict[ArchSpec, Candidate],
    seen: dict[tuple[str, ...], bool],
    clock: _Clock,
) -> tuple[list[Candidate], int]:
    """Those of some networks that are new and keep the limits, all new ones being added to what was ``found``.

    Also how many of them can be built, as ``seen`` remembers by their values. They are few enough for their plans to be
    kept until they are counted.
    """
    screen, wanted = shared.of.screen, tuple(dict.fromkeys((*shared.wanted, *shared.of.screen.limits)))
    with clock.stage("build"):
        new, built = dict[ArchSpec, Mapping[str, Any]](), 0
        for values in drawn:
            key = tuple(map(str, values.values()))
            if key in seen:
                built += seen[key]
                continue
            params, seen[key] = {**screen.single, **values}, False
            try:
                spec = screen.space.spec(screen.space.completed(params))
            except SpecError:
                continue
            built, seen[key] = built + 1, True
            if spec not in found:
                new.setdefault(spec, params)
    with clock.stage("count"):
        counted = [
            Candidate(params, spec, {name: QUANTITIES[name].value_of(spec) for name in wanted})
            for spec, params in new.items()
        ]
        found.update((one.spec, one) for one in counted)
    with clock.stage("limits"):
        return [one for one in counted if screen.excess(one) <= 0], built


def _draws(
    shared: Screened, ended: Sequence[Ended], count: int, rng: np.random.Generator
) -> Iterator[Mapping[str, Any]]:
    parents = [one.params for one in shared.front(ended) if one.params] if ended else []
    for _ in range(count):
        if parents and rng.random() < shared.of.config.mutated:
            drawn = changed(parents[int(rng.integers(len(parents)))], shared.free, rng)
            yield {name: drawn[name] for name in shared.free}
        else:
            yield shared.of.screen.draw(rng)


def _judged(
    shared: Screened, ended: Sequence[Ended], kept: tuple[Candidate, ...], clock: _Clock, count: int, built: int,
    different: int,
) -> ScreenedSpace:  # fmt: skip
    with clock.stage("features"):
        rows = shared.candidates(kept)
    with clock.stage("predicted metric"):
        cost = training_cost(np.array([one.counts["macs"] for one in kept], dtype=np.float64))
        judged = _guessed(shared, ended, rows, cost)
    with clock.stage("front"):
        guesses = judged.guesses
        known = {**rows.values, **{name: guess.mean for name, guess in guesses.items()}}
        said = [goal for goal in shared.chooser.objectives if goal.name in known]
        points = (
            np.column_stack([goal.scaled(known[goal.name]) for goal in said])
            if said
            else np.empty((len(kept), 0))
        )
        keeps = np.ones(len(kept), dtype=np.bool_)
        for goal in shared.chooser.guessed:
            if goal.name in known:
                keeps &= ~(known[goal.name] > (np.inf if goal.high is None else goal.high))
                keeps &= ~(known[goal.name] < (-np.inf if goal.low is None else goal.low))
        front = np.zeros(len(kept), dtype=np.bool_)
        if said:
            front[np.flatnonzero(keeps)] = non_dominated(points[keeps])
    unknown = tuple(name for name in shared.objectives if name not in known)
    return ScreenedSpace(
        count, built, different, kept, rows.values, guesses, unknown, judged.worth, front, clock.seconds
    )  # fmt: skip


def _guessed(shared: Screened, ended: Sequence[Ended], candidates: Any, cost: Floats) -> Judged:
    """What is thought of the candidates; what a predictor of its own says, where too little was trained."""
    if len(ended) >= LEAST_POINTS:
        return shared.chooser.judged(shared.networks(ended), candidates, cost)
    guesses = {
        name: Guess(values, values * shared.error_of(name)) for name, values in candidates.predicted.items()
    }
    return Judged(guesses, np.empty(0), np.empty(0))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Leaves the garbage collector off: it would go through hundreds of thousands of networks again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
