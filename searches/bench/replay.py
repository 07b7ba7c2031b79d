"""Search methods replayed many times on a yardstick, and what can be said of them with what certainty."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, wilcoxon

from archspace.support.errors import FieldError
from searches.bench.methods import METHODS, NEED_SCORES, replayed
from searches.bench.yardstick import Ledger, Mark, Yardstick

Floats = NDArray[np.float64]
LEVEL = 0.95
POINTS = 200
"""Amounts of compute at which the curves are read."""
BASELINE = "random"
COMPUTE: Mapping[str, str] = {"spent": "counted MACs", "seconds": "CPU seconds"}
"""How compute is told, by the attribute of a mark that has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Replays:
    """What came out of replaying methods, R times each.

    Attributes:
        yardstick: its name.
        budget: compute of each replay, in trainings of the network of mean cost.
        seconds: CPU seconds that a method itself took in a replay, by method, in the mean.
        histories: by method, for each replay (compute, share of the hypervolume) after each full training.
        compute_is: by what compute is told, a key of :data:`COMPUTE`.
    """

    yardstick: str
    budget: float
    seconds: Mapping[str, float]
    histories: Mapping[str, Sequence[Sequence[tuple[float, float]]]]
    compute_is: str = "spent"

    @property
    def compute(self) -> Floats:
        """(POINTS,) amounts of compute, up to the budget."""
        return np.linspace(0.0, self.budget, POINTS)

    def curves(self, method: str) -> Floats:
        """Returns (R, POINTS) hypervolume that each replay had at each amount of compute."""
        return np.array([_read(history, self.compute) for history in self.histories[method]])

    def finals(self, method: str) -> Floats:
        """Returns (R,) hypervolume at the end of the budget."""
        return np.array([history[-1][1] if history else 0.0 for history in self.histories[method]])

    def reaching(self, method: str, volume: float) -> Floats:
        """Returns (R,) compute after which each replay first had this hypervolume, infinite where it never did."""
        return np.array([
            next((spent for spent, have in history if have >= volume), math.inf)
            for history in self.histories[method]
        ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """How a method did.

    Attributes:
        median, low, high: of the final hypervolume over the replays, with the 95 % bootstrap interval of the median.
        mean: of the final hypervolume.
        compute: median compute to what random search has in the median at the end; infinite where most never reach it.
        share: ``compute`` as a share of the budget.
        reached: replays that reach it.
        p: by other method, Wilcoxon's signed-rank test of equal final hypervolume, two-sided, by Holm's correction
            over all pairs with this method.
    """

    method: str
    median: float
    low: float
    high: float
    mean: float
    compute: float
    share: float
    reached: int
    p: Mapping[str, float]


def replay_all(
    yardstick: Yardstick, methods: Sequence[str], *, budget: float, seeds: int = 50, workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> dict[str, Replays]:  # fmt: skip
    """Replays methods with the seeds 0, 1, ...; the same seed gives all methods the same noise of training.

    What a method does depends on no clock: each replay is told by each of :data:`COMPUTE`, up to the same budget.

    Args:
        budget: compute of each replay, in trainings of the network of mean cost.
        workers: processes.
        on_done: called with how many replays are done, and how many there are.

    Raises:
        FieldError: a method is unknown, or the budget would not pay for a training of the costliest network.
    """
    for method in methods:
        METHODS[method]
        if method in NEED_SCORES and yardstick.scores is None:
            rule = f"{yardstick.name} has no zero-cost scores ('archspace tabulate --scores' makes them)"
            raise FieldError("methods", method, rule, "screened")
    costs = [yardstick.epoch_cost, *([] if yardstick.epoch_seconds is None else [yardstick.epoch_seconds])]
    costliest = max(float(cost.max()) for cost in costs) * yardstick.epochs
    if budget < costliest:
        raise FieldError("budget", budget, "the costliest network must be affordable", round(costliest, 2))
    jobs = [(method, seed) for method in methods for seed in range(seeds)]
    came: dict[tuple[str, int], tuple[list[Mark], float]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_open, initargs=(yardstick, budget)) as pool:
        running = {pool.submit(_replay, *job): job for job in jobs}
        for done in as_completed(running):
            came[running[done]] = done.result()
            if on_done is not None:
                on_done(len(came), len(jobs))
    took = {method: float(np.mean([came[method, seed][1] for seed in range(seeds)])) for method in methods}
    return {
        told: Replays(
            yardstick.name, budget, took,
            {method: [_within(came[method, seed][0], told, budget) for seed in range(seeds)] for method in methods},
            told,
        )
        for told in COMPUTE
    }  # fmt: skip


def _within(marks: Sequence[Mark], told: str, budget: float) -> list[tuple[float, float]]:
    """What a replay had come to at each amount of compute within the budget."""
    spent = [float(getattr(mark, told)) for mark in marks]
    return [(at, mark.volume) for at, mark in zip(spent, marks, strict=True) if at <= budget]


def standings(replays: Replays) -> list[Standing]:
    """Returns how each method did, the best mean of the final hypervolume first.

    Raises:
        FieldError: random search, to which all are compared, was not replayed.
    """
    if BASELINE not in replays.histories:
        raise FieldError(
            "methods", sorted(replays.histories), f"{BASELINE} is what all are compared to", BASELINE
        )
    finals = {method: replays.finals(method) for method in replays.histories}
    goal = float(np.median(finals[BASELINE]))
    rows = []
    for method, volumes in finals.items():
        low, high = median_interval(volumes)
        reached = replays.reaching(method, goal)
        compute = float(np.median(reached))
        rows.append(Standing(
            method, float(np.median(volumes)), float(low), float(high), float(volumes.mean()), compute,
            compute / replays.budget, int(np.isfinite(reached).sum()),
            holm({other: signed_rank(volumes, finals[other]) for other in finals if other != method}),
        ))  # fmt: skip
    return sorted(rows, key=lambda row: -row.mean)


def median_interval(values: Floats) -> tuple[Floats, Floats]:
    """Returns the 95 % interval of the median over the first axis by percentile bootstrap, the same at every call."""
    if len(values) < 2:
        return values.min(axis=0), values.max(axis=0)
    drawn = bootstrap(
        (values,), np.median, axis=0, confidence_level=LEVEL, method="percentile", n_resamples=2000, batch=100,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return drawn.confidence_interval.low, drawn.confidence_interval.high


def signed_rank(one: Floats, other: Floats) -> float:
    """Returns p of Wilcoxon's signed-rank test, two-sided; 1 where all pairs are equal."""
    differences = one - other
    return 1.0 if not differences.any() else float(wilcoxon(differences).pvalue)


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Returns p values corrected for their number by Holm's step-down method.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected, least = {}, 0.0
    for place, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, value * (len(values) - place)))
        corrected[name] = least
    return corrected


def _read(history: Sequence[tuple[float, float]], compute: Floats) -> Floats:
    """The step curve of a replay at some amounts of compute."""
    spent = np.array([at for at, _ in history])
    volumes = np.array([0.0, *(volume for _, volume in history)])
    return np.asarray(volumes[np.searchsorted(spent, compute, side="right")])


_OPEN: dict[str, Any] = {}
"""What a worker process replays on."""


def _open(yardstick: Yardstick, budget: float) -> None:
    from threadpoolctl import threadpool_limits

    _OPEN.update(yardstick=yardstick, budget=budget, limits=threadpool_limits(1))


def _replay(method: str, seed: int) -> tuple[list[Mark], float]:
    before = time.process_time()
    ledger = replayed(Ledger(_OPEN["yardstick"], _OPEN["budget"], seed, timed=True), method)
    return ledger.history, time.process_time() - before
