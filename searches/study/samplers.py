"""Samplers whose suggestions depend on the study's seed, the trial's number and the finished trials alone.

A study that is killed and started again therefore goes on exactly as if it had never stopped: a seeded Optuna
sampler would start its random numbers anew and repeat its first suggestions.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from searches.config.parts import SAMPLERS, SamplerConfig
from searches.study.space import SearchSpace


def derived_seed(*parts: object) -> int:
    """Returns a 31-bit seed that follows from ``parts``.

    >>> derived_seed(0, "7") == derived_seed(0, "7")
    True
    """
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class RepeatableSampler(BaseSampler):
    """Asks a fresh sampler, seeded for the trial and parameter, for each suggestion.

    Args:
        make: from a seed to a sampler.
        space: every parameter that will be suggested.
        seed: the study's seed.
        order: of the first trials, the number whose independent values each gets; its own if left out.
    """

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        space: dict[str, BaseDistribution],
        seed: int,
        order: Sequence[int] = (),
    ) -> None:
        self._make, self._seed, self._order = make, seed, order
        self._space = {name: d for name, d in space.items() if not d.single()}

    def _fresh(self, trial: FrozenTrial, use: str) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return self._make(derived_seed(self._seed, trial.number, use))

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Returns the whole space when the sampler models parameters together, else nothing."""
        inner = self._fresh(trial, "space")
        relative = not isinstance(inner, optuna.samplers.RandomSampler)
        return dict(self._space) if relative else {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns all parameters together, or nothing while the sampler is still starting up."""
        return self._fresh(trial, "relative").sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Returns one parameter alone."""
        number = self._order[trial.number] if trial.number < len(self._order) else trial.number
        random = optuna.samplers.RandomSampler(seed=derived_seed(self._seed, number, param_name))
        return random.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Passed on."""
        self._fresh(trial, "before").before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Passed on."""
        self._fresh(trial, "after").after_trial(study, trial, state, values)


Maker: TypeAlias = Callable[[int], BaseSampler]
"""From a seed to a sampler."""


@SAMPLERS.register("tpe")
def _tpe(config: SamplerConfig, several_workers: bool) -> Maker:
    return lambda seed: optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=config.startup, multivariate=True, constant_liar=several_workers
    )


@SAMPLERS.register("nsga2")
def _nsga2(config: SamplerConfig, several_workers: bool) -> Maker:
    return lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=config.population)


@SAMPLERS.register("nsga3")
def _nsga3(config: SamplerConfig, several_workers: bool) -> Maker:
    return lambda seed: optuna.samplers.NSGAIIISampler(seed=seed, population_size=config.population)


@SAMPLERS.register("gp")
def _gp(config: SamplerConfig, several_workers: bool) -> Maker:
    return lambda seed: optuna.samplers.GPSampler(
        seed=seed, n_startup_trials=config.startup, deterministic_objective=True
    )


@SAMPLERS.register("random")
def _random(config: SamplerConfig, several_workers: bool) -> Maker:
    return lambda seed: optuna.samplers.RandomSampler(seed=seed)


def make_sampler(
    config: SamplerConfig, space: SearchSpace, seed: int, several_workers: bool = False
) -> RepeatableSampler:
    """Returns the study's sampler.

    Args:
        several_workers: TPE then counts running trials as poor ones, so that workers spread out.
    """
    make, distributions = SAMPLERS[config.name](config, several_workers), space.distributions()
    order: tuple[int, ...] = ()
    if config.cheapest_first:
        first = config.population if config.name.startswith("nsga") else config.startup
        order = space.by_macs(RepeatableSampler(_random(config, several_workers), distributions, seed), first)
    return RepeatableSampler(make, distributions, seed, order)
