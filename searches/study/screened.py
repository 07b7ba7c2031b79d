"""The sampler that screens: of many networks, counted and predicted, the one of the largest expected gain is trained.

A suggestion follows from the study's seed, the trial's number and the trials that ended, as that of every sampler of a
study does. Several workers spread out: what others are training is taken for what is predicted of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from archspace.spec.archspec import ArchSpec
from searches.judging.choosing import Judged, stratum, training_cost, with_scores
from searches.study.pool import Ended, Screened, Screening
from searches.study.screening import Candidate

Floats = NDArray[np.float64]
PREDICTED_ATTR = "predicted"
"""A trial's system attribute: by quantity (mean, deviation) of what was predicted of it before it ran."""


class ScreenedSampler(BaseSampler):
    """One suggestion of the screen.

    Args:
        of: what is known of the study.
        shared: what its suggestions share; empty before the first.
        seed: of this suggestion.
    """

    def __init__(self, of: Screening, shared: list[Screened], seed: int) -> None:
        self._of, self._shared, self._seed = of, shared, seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Returns every parameter of the space with more than one value."""
        return {name: d for name, d in self._of.screen.space.distributions().items() if not d.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns the network that is expected to add most for its cost; nothing where none keeps the limits."""
        if not self._shared:
            self._shared.append(Screened(self._of, [way.name.lower() for way in study.directions]))
        shared, rng = self._shared[0], np.random.default_rng(self._seed)
        ended = [*self._of.others, *self._ended(study, shared)]
        running = self._running(study, shared, trial.number)
        starting = len(ended) < self._of.startup
        parents = [] if starting else [one.params for one in shared.front(ended) if one.params]
        config = self._of.config
        pool = shared.pool(config.candidates, config.mutated, parents, rng)
        if not pool:
            return {}
        if starting:
            chosen = self._started(shared, pool, trial.number, rng)
        else:
            chosen = self._judged(study, trial, shared, ended, running, pool)
        return {name: chosen.params[name] for name in search_space}

    def _started(
        self, shared: Screened, pool: Sequence[Candidate], number: int, rng: np.random.Generator
    ) -> Candidate:
        parts = np.arange(self._of.startup)
        if not self._of.cheapest_first:
            parts = np.random.default_rng(self._of.seed).permutation(parts)
        return pool[int(rng.choice(stratum(_macs(pool), self._of.startup, int(parts[number % len(parts)]))))]

    def _judged(
        self, study: optuna.Study, trial: FrozenTrial, shared: Screened, ended: Sequence[Ended],
        running: Sequence[Ended], pool: Sequence[Candidate],
    ) -> Candidate:  # fmt: skip
        """The best candidate that is not trained yet; what is predicted of it is kept with the trial."""
        known, busy = shared.networks(ended), shared.networks(running) if running else None
        cost = training_cost(_macs(pool))
        judged = shared.chooser.judged(known, shared.candidates(pool), cost, busy)
        zero_cost = self._of.config.zero_cost
        if self._of.scorer is not None and zero_cost is not None:
            promising = judged.order()[: zero_cost.networks]
            pool, cost = [pool[i] for i in promising], cost[promising]
            of, short = self._of.scorer.scores, shared.candidates(pool)
            known_scores, scores, busy_scores = (
                of([one.spec for one in some]) for some in (ended, pool, running)
            )
            judged = with_scores(
                shared.chooser, zero_cost.use, (known_scores, scores, busy_scores), known, short, cost, busy,
                shared.chooser.judged(known, short, cost, busy),
            )  # fmt: skip
        specs = (*(one.spec for one in (*ended, *running)), *self._given_up(study, shared))
        taken = {spec.arch_id for spec in specs}
        order = [int(i) for i in judged.order()]
        chosen = next((i for i in order if pool[i].spec.arch_id not in taken), order[0])
        study._storage.set_trial_system_attr(trial._trial_id, PREDICTED_ATTR, _plain(judged, chosen))
        return pool[chosen]

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Returns one parameter alone, at random."""
        random = optuna.samplers.RandomSampler(seed=self._seed)
        return random.sample_independent(study, trial, param_name, param_distribution)

    def _ended(self, study: optuna.Study, shared: Screened) -> list[Ended]:
        """The trials that ended with values, a network once, in the order of their numbers."""
        found: dict[ArchSpec, Ended] = {}
        for trial, candidate in self._trials(study, shared, TrialState.COMPLETE):
            found.setdefault(candidate.spec, ended_of(trial, candidate, shared.objectives))
        return list(found.values())

    def _given_up(self, study: optuna.Study, shared: Screened) -> list[ArchSpec]:
        """The networks of trials that ended without values: to ask for them again would end so again."""
        return [one.spec for _, one in self._trials(study, shared, TrialState.PRUNED, TrialState.FAIL)]

    def _running(self, study: optuna.Study, shared: Screened, number: int) -> list[Ended]:
        """The networks that other workers are training."""
        trials = self._trials(study, shared, TrialState.RUNNING)
        return [Ended(one.spec, one.params, {}) for trial, one in trials if trial.number != number]

    def _trials(
        self, study: optuna.Study, shared: Screened, *states: TrialState
    ) -> Iterator[tuple[FrozenTrial, Candidate]]:
        """The trials in these states with their networks; those without one are passed over."""
        for trial in study.get_trials(deepcopy=False, states=states):
            if all(name in trial.params for name in shared.free):
                drawn = {name: trial.params[name] for name in shared.free}
                rounded = {n: round(v, 6) if isinstance(v, float) else v for n, v in drawn.items()}
                candidate = self._of.screen.candidate(rounded, shared.wanted)
                if candidate is not None:
                    yield trial, candidate


def ended_of(trial: FrozenTrial, candidate: Candidate, objectives: Sequence[str]) -> Ended:
    """Returns a trial that ended with values as the screen knows it."""
    noted = {name: value for name, value in trial.user_attrs.items() if isinstance(value, int | float)}
    values = {**noted, **dict(zip(objectives, trial.values or (), strict=False))}
    return Ended(
        candidate.spec, candidate.params, values, trial.user_attrs.get("state", "complete") == "complete"
    )


def _macs(networks: Sequence[Candidate]) -> Floats:
    return np.array([one.counts["macs"] for one in networks], dtype=np.float64)


def _plain(judged: Judged, index: int) -> dict[str, list[float]]:
    return {
        name: [float(guess.mean[index]), float(guess.deviation[index])]
        for name, guess in judged.guesses.items()
    }
