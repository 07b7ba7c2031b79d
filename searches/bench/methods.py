"""Search methods that are tried on a yardstick: each spends a ledger's budget as it would spend real compute."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from analysis.fronts.pareto import ranks
from archspace.support.registry import Registry
from searches.bench.halving import Ladder
from searches.bench.yardstick import BudgetSpent, Floats, Ledger, Yardstick
from searches.config.parts import SamplerConfig
from searches.judging.choosing import Chooser, Goal, Networks, stratum, training_cost, with_scores
from searches.judging.features import Encoder, axes_of

Method: TypeAlias = Callable[[Ledger, np.random.Generator], None]
"""Trains networks of the ledger's yardstick until :class:`BudgetSpent` or until there is nothing left to train."""

Index: TypeAlias = NDArray[np.int64]
METHODS: Registry[Method] = Registry("method")
POPULATION, SAMPLE = 16, 4
SCORED, LEAST_KNOWN = 16, 2
STUCK = 20
"""Suggestions in a row that bring no new network, after which a method is given one at random."""


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


def sampled(make: Callable[[int], BaseSampler], *, rungs: bool = False) -> Method:
    """Returns the method that asks one of Optuna's samplers, as a study does: what was trained before costs nothing.

    A sampler that suggests only what was trained before is given a network at random, so that all methods spend alike.

    Args:
        rungs: not every network is trained in full; the sampler learns from those that are.
    """

    def method(ledger: Ledger, rng: np.random.Generator) -> None:
        stick = ledger.yardstick
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler = make(int(rng.integers(2**31)))
            study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
            ladder = Ladder(ledger, whole=not rungs)
            trials: dict[int, optuna.Trial] = {}
            repeats = 0
            while len(ledger.trained) < len(stick):
                if repeats == STUCK:
                    study.enqueue_trial(dict(stick.grid.cells[int(rng.choice(_untrained(ledger)))].params))
                trial = study.ask(dict(stick.grid.distributions))
                index = stick.grid.index(trial.params)
                begun = len(ledger.trained)
                if index is None or ladder.waits(index):
                    study.tell(trial, state=TrialState.PRUNED)
                else:
                    trials[index] = trial
                if index is not None:
                    for done, value in ladder.after(index):
                        study.tell(trials[done], [value, float(stick.macs[done])])
                repeats = 0 if len(ledger.trained) > begun else repeats + 1

    return method


def _untrained(ledger: Ledger) -> Index:
    """Networks that were not begun."""
    return np.setdiff1d(np.arange(len(ledger.yardstick)), list(ledger.trained))


METHODS.register("tpe")(sampled(lambda seed: optuna.samplers.TPESampler(seed=seed)))
METHODS.register("tpe+rungs")(sampled(lambda seed: optuna.samplers.TPESampler(seed=seed), rungs=True))
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
    repeats = 0
    while len(ledger.trained) < len(stick):
        sample = [population[i] for i in rng.choice(len(population), SAMPLE, replace=False)]
        depth = ranks(stick.points(np.array([ledger.seen[i] for i in sample]), sample))
        begun, parent = len(ledger.trained), sample[int(np.argmin(depth))]
        child = int(rng.choice(_untrained(ledger))) if repeats == STUCK else mutated(ledger, parent, rng)
        ledger.train(child)
        repeats = 0 if len(ledger.trained) > begun else repeats + 1
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
    ladder = Ladder(ledger)
    for index in rng.permutation(len(ledger.yardstick)):
        _train(ladder, int(index))


def _train(ladder: Ladder, index: int) -> None:
    """Begins a network, and trains on whatever is to go on."""
    for _ in ladder.after(index):
        pass


def screening(use: str | None = None, *, rungs: bool = False) -> Method:
    """Returns the method that screens: the network of the largest expected gain in hypervolume for its cost.

    All costs are counted beforehand.

    Args:
        use: of zero-cost scores of the most promising networks: ``feature``, ``filter``, or none.
        rungs: not every network is trained in full; the predictor learns from those that are.
    """

    def method(ledger: Ledger, rng: np.random.Generator) -> None:
        stick = ledger.yardstick
        goals = [Goal("metric", maximised=True), Goal("macs")]
        chooser, table = Chooser(goals, counted=frozenset(["macs"]), seed=ledger.seed), _table(stick)
        ladder = Ladder(ledger, whole=not rungs)
        startup = SamplerConfig().startup
        for part in range(startup):
            _train(ladder, int(rng.choice(stratum(stick.macs, startup, part))))
        while len(ledger.trained) < len(stick):
            done = np.array(ledger.finished, dtype=np.int64)
            if len(done) < LEAST_KNOWN:
                _train(ladder, int(rng.choice(_untrained(ledger))))
                continue
            left = _untrained(ledger)
            known = _networks(stick, table, done, np.array([ledger.seen[i] for i in done]))
            cost = training_cost(stick.macs[left])
            judged = chooser.judged(known, _networks(stick, table, left), cost)
            if use is not None:
                promising = judged.order()[:SCORED]
                left, cost = left[promising], cost[promising]
                candidates = _networks(stick, table, left)
                scores = ledger.scored(done), ledger.scored(left), np.empty((0, len(stick.score_names)))
                plain = chooser.judged(known, candidates, cost)
                judged = with_scores(chooser, use, scores, known, candidates, cost, None, plain)
            _train(ladder, int(left[judged.order()[0]]))

    return method


METHODS.register("screened")(screening())
METHODS.register("screened+rungs")(screening(rungs=True))
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
