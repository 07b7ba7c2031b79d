"""Search methods that are tried on a yardstick: each spends a ledger's budget as it would spend real compute."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from analysis.fronts.pareto import ranks
from archspace.support.registry import Registry
from searches.bench.halving import Ladder
from searches.bench.yardstick import BudgetSpent, Ledger
from searches.judging.improvement import expected_volume
from searches.judging.surrogate import Surrogate, features

Method: TypeAlias = Callable[[Ledger, np.random.Generator], None]
"""Trains networks of the ledger's yardstick until :class:`BudgetSpent` or until there is nothing left to train."""

METHODS: Registry[Method] = Registry("method")
POPULATION, SAMPLE = 16, 4
STARTUP = 6
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


def sampled(make: Callable[[int], BaseSampler], *, rungs: bool = False) -> Method:
    """Returns the method that asks one of Optuna's samplers, as a study does: what was trained before costs nothing.

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
            for _ in range(ASKS * len(stick)):
                if len(ledger.finished) == len(stick):
                    return
                trial = study.ask(dict(stick.grid.distributions))
                index = stick.grid.index(trial.params)
                if index is None or ladder.waits(index):
                    study.tell(trial, state=TrialState.PRUNED)
                else:
                    trials[index] = trial
                if index is None:
                    continue
                for done, value in ladder.after(index):
                    study.tell(trials[done], [value, float(stick.macs[done])])

    return method


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
    ladder = Ladder(ledger)
    for index in rng.permutation(len(ledger.yardstick)):
        for _ in ladder.after(int(index)):
            pass


@METHODS.register("screened")
def screened(ledger: Ledger, rng: np.random.Generator) -> None:
    """The network of the largest expected gain in hypervolume for its cost, all costs being counted beforehand."""
    stick = ledger.yardstick
    table = features([cell.params for cell in stick.grid.cells], stick.counts)
    surrogate, known = Surrogate(ledger.seed), np.log10(stick.macs)
    for part in np.array_split(np.argsort(stick.macs, kind="stable"), STARTUP):
        ledger.train(int(rng.choice(part)))
    while len(ledger.trained) < len(stick):
        done = np.array(ledger.finished)
        left = np.setdiff1d(np.arange(len(stick)), done)
        lacks = 100.0 - np.array([ledger.seen[i] for i in done])
        guessed = surrogate.guess(table[done], lacks, table[left])
        front = np.column_stack([lacks, known[done]])
        corner = np.array([lacks.max(), known.max()])
        gain = expected_volume(front, corner, known[left], guessed.mean, guessed.deviation)
        ledger.train(int(left[np.argmax(gain / stick.epoch_cost[left])]))
