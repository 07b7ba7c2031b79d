"""Search methods that are tried on a yardstick: each spends a ledger's budget as it would spend real compute."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from analysis.fronts.pareto import ranks
from archspace.support.registry import Registry
from searches.bench.yardstick import BudgetSpent, Floats, Ledger, Yardstick
from searches.judging.choosing import Chooser, Goal, Networks, stratum, with_scores
from searches.judging.features import Encoder, axes_of

Method: TypeAlias = Callable[[Ledger, np.random.Generator], None]
"""Trains networks of the ledger's yardstick until :class:`BudgetSpent` or until there is nothing left to train."""

Index: TypeAlias = NDArray[np.int64]
METHODS: Registry[Method] = Registry("method")
POPULATION, SAMPLE = 16, 4
ETA = 3
STARTUP, SCORED = 6, 16
ASKS = 20
"""Suggestions of a sampler for each network of the space, at most."""


def replayed(ledger: Ledger, name: str) -> Ledger:
    """Runs a method until its budget is spent, and returns its ledger."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with suppress(BudgetSpent):
        METHODS[name](ledger, np.random.default_rng([ledger.seed, 2]))
    return ledger


@METHODS.register("random")
def random(ledger: Ledger, rng: np.random.Generator) -> None:
    """Networks in random order, none twice."""
    for index in rng.permutation(len(ledger.yardstick)):
        ledger.train(int(index))


def sampled(make: Callable[[int], BaseSampler]) -> Method:
    """Returns the method that asks one of Optuna's samplers, as a study does: what was trained before costs nothing."""

    def method(ledger: Ledger, rng: np.random.Generator) -> None:
        stick = ledger.yardstick
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler = make(int(rng.integers(2**31)))
            study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
            for _ in range(ASKS * len(stick)):
                if len(ledger.trained) == len(stick):
                    return
                trial = study.ask(dict(stick.grid.distributions))
                index = stick.grid.index(trial.params)
                if index is None:
                    study.tell(trial, state=TrialState.PRUNED)
                    continue
                study.tell(trial, [ledger.train(index), float(stick.macs[index])])

    return method


METHODS.register("tpe")(sampled(lambda seed: optuna.samplers.TPESampler(seed=seed)))
METHODS.register("nsga2")(
    sampled(lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION))
)
METHODS.register("nsga3")(
    sampled(lambda seed: optuna.samplers.NSGAIIISampler(seed=seed, population_size=POPULATION))
)
METHODS.register("gp")(sampled(lambda seed: optuna.samplers.GPSampler(seed=seed)))


@METHODS.register("evolution")
def evolution(ledger: Ledger, rng: np.random.Generator) -> None:
    """Regularised evolution (Real et al. 2019): of a sample of the population the least dominated one is mutated."""
    stick = ledger.yardstick
    population = [int(index) for index in rng.permutation(len(stick))[:POPULATION]]
    for index in population:
        ledger.train(index)
    for _ in range(ASKS * len(stick)):
        if len(ledger.trained) == len(stick):
            return
        sample = [population[i] for i in rng.choice(len(population), SAMPLE, replace=False)]
        depth = ranks(stick.points(np.array([ledger.seen[i] for i in sample]), sample))
        child = mutated(ledger, sample[int(np.argmin(depth))], rng)
        ledger.train(child)
        population = [*population[1:], child]


def mutated(ledger: Ledger, parent: int, rng: np.random.Generator) -> int:
    """Returns a network that differs from ``parent`` in one value."""
    grid = ledger.yardstick.grid
    names = [name for name, values in grid.choices.items() if len(values) > 1]
    while True:
        params: dict[str, Any] = dict(grid.cells[parent].params)
        name = names[rng.integers(len(names))]
        others = [value for value in grid.choices[name] if value != params[name]]
        params[name] = others[rng.integers(len(others))]
        child = grid.index(params)
        if child is not None and child != parent:
            return child


@METHODS.register("moasha")
def moasha(ledger: Ledger, rng: np.random.Generator) -> None:
    """Asynchronous successive halving over non-dominated sorting (Schmucker et al. 2021), one worker."""
    stick = ledger.yardstick
    rungs = halving(stick.epochs)
    held: list[dict[int, float]] = [{} for _ in rungs]
    waiting = [int(index) for index in rng.permutation(len(stick))]
    while True:
        for level in range(len(rungs) - 2, -1, -1):
            chosen = promotable(ledger, held[level], held[level + 1])
            if chosen is not None:
                held[level + 1][chosen] = ledger.train(chosen, rungs[level + 1])
                break
        else:
            if not waiting:
                return
            index = waiting.pop()
            held[0][index] = ledger.train(index, rungs[0])


def halving(epochs: int) -> list[int]:
    """Returns the rungs of successive halving up to ``epochs``, in epochs.

    >>> halving(9)
    [1, 3, 9]
    """
    rungs = [epochs]
    while rungs[0] > 1:
        rungs.insert(0, max(1, rungs[0] // ETA))
    return rungs


def promotable(ledger: Ledger, rung: Mapping[int, float], above: Mapping[int, float]) -> int | None:
    """Returns the best network of a rung that belongs to its best third and is not above it, or ``None``.

    Args:
        rung: the networks of the rung with their values there.
        above: those of the next rung.
    """
    room, index = len(rung) // ETA, list(rung)
    if not room:
        return None
    depth = ranks(ledger.yardstick.points(np.array([rung[i] for i in index]), index))
    return next((index[i] for i in np.argsort(depth, kind="stable")[:room] if index[i] not in above), None)


def screening(use: str | None = None) -> Method:
    """Returns the method that screens: the network of the largest expected gain in hypervolume for its cost.

    All costs are counted beforehand.

    Args:
        use: of zero-cost scores of the most promising networks: ``feature``, ``filter``, or none.
    """

    def method(ledger: Ledger, rng: np.random.Generator) -> None:
        stick = ledger.yardstick
        goals = [Goal("metric", maximised=True), Goal("macs")]
        chooser, table = Chooser(goals, counted=frozenset(["macs"]), seed=ledger.seed), _table(stick)
        for part in range(STARTUP):
            ledger.train(int(rng.choice(stratum(stick.macs, STARTUP, part))))
        while len(ledger.trained) < len(stick):
            done = np.array(ledger.finished)
            left = np.setdiff1d(np.arange(len(stick)), done)
            known = _networks(stick, table, done, np.array([ledger.seen[i] for i in done]))
            judged = chooser.judged(known, _networks(stick, table, left), stick.epoch_cost[left])
            if use is not None:
                left = left[judged.order()[:SCORED]]
                candidates, cost = _networks(stick, table, left), stick.epoch_cost[left]
                scores = ledger.scored(done), ledger.scored(left), np.empty((0, len(stick.score_names)))
                plain = chooser.judged(known, candidates, cost)
                judged = with_scores(chooser, use, scores, known, candidates, cost, None, plain)
            ledger.train(int(left[judged.order()[0]]))

    return method


METHODS.register("screened")(screening())
METHODS.register("screened+scores")(screening("feature"))
METHODS.register("screened+filter")(screening("filter"))
NEED_SCORES = ("screened+scores", "screened+filter")
"""Methods for yardsticks whose networks have zero-cost scores."""


def _table(stick: Yardstick) -> Floats:
    """(N, D) features of all networks."""
    encoder = Encoder(axes_of(stick.grid.choices)).ranged(stick.counts)
    return encoder([cell.spec for cell in stick.grid.cells], stick.counts)


def _networks(stick: Yardstick, table: Floats, index: Index, seen: Floats | None = None) -> Networks:
    """Some networks of a yardstick as a chooser sees them, with what was seen of them."""
    values = {"macs": stick.macs[index]} | ({} if seen is None else {"metric": seen})
    return Networks(table[index], values, np.ones(len(index), dtype=np.bool_))
