"""Samplers whose suggestions depend on the study's seed, the trial's number and the finished trials alone.

A study that is killed and started again therefore goes on exactly as if it had never stopped: a seeded Optuna
sampler would start its random numbers anew and repeat its first suggestions.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from searches.config.parts import SAMPLERS, SCREENED, SamplerConfig
from searches.study.pool import Screened, Screening
from searches.study.screened import ScreenedSampler
from searches.study.screening import Screen
from searches.study.space import SearchSpace


def derived_seed(*parts: object) -> int:
    """Returns a 31-bit seed that follows from ``parts``.

    >>> derived_seed(0, "7") == derived_seed(0, "7")
    True
    """
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


Fitting: TypeAlias = Callable[[int], Mapping[str, Any] | None]
"""From a seed to the values of a network that fits, by parameter; to ``None`` where none is known."""
REDRAWS, ASKED = 500, 8
"""How often a network that does not fit is drawn again, and how many of these times by the sampler."""


class RepeatableSampler(BaseSampler):
    """Asks a fresh sampler, seeded for the trial and parameter, for each suggestion.

    Args:
        make: from a seed to a sampler.
        space: every parameter that will be suggested.
        seed: the study's seed.
        fits: whether a network of these values may be asked for; one that may not is drawn again before the storage
            ever sees it, at most :data:`REDRAWS` times.
        fitting: from a seed to the values of a network that may be asked for, where none was drawn.
        order: of the first trials, the number whose random values each gets; its own if left out.
        known: trials of another run that the sampler learns from too.
    """

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        space: dict[str, BaseDistribution],
        seed: int,
        fits: Callable[[Mapping[str, Any]], bool] | None = None,
        order: Sequence[int] = (),
        known: Sequence[FrozenTrial] = (),
        fitting: Fitting | None = None,
    ) -> None:
        self._make, self._seed, self._order, self._known = make, seed, order, known
        self._fits, self._fitting = fits or (lambda drawn: True), fitting or (lambda seed: None)
        self._space = {name: d for name, d in space.items() if not d.single()}

    def _fresh(self, trial: FrozenTrial, use: str) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return self._make(derived_seed(self._seed, trial.number, use))

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Returns the whole space: whether a network fits depends on all of its values."""
        return dict(self._space)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns all parameters of a network that fits, if there is one.

        The sampler is asked first, some times; then networks are drawn at random; then a known one is taken.
        """
        drawn: dict[str, Any] = {}
        for attempt in range(REDRAWS):
            drawn = self._suggested(study, trial, search_space, attempt) if attempt < ASKED else {}
            drawn |= {
                name: self._random(study, trial, name, distribution, attempt)
                for name, distribution in search_space.items()
                if name not in drawn
            }
            if self._fits(drawn):
                return drawn
        known = self._fitting(derived_seed(self._seed, self._number(trial), "fitting"))
        return drawn if known is None else {name: known[name] for name in search_space}

    def _suggested(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution], attempt: int
    ) -> dict[str, Any]:
        """What the sampler says, nothing while it is still starting up or where it does not model all values."""
        fresh = self._fresh(trial, _use("relative", attempt))
        if isinstance(fresh, optuna.samplers.RandomSampler):
            return {}
        seen: Any = WithKnown(study, self._known) if self._known else study
        return dict(fresh.sample_relative(seen, trial, search_space))

    def _random(
        self, study: optuna.Study, trial: FrozenTrial, name: str, distribution: BaseDistribution, attempt: int
    ) -> Any:
        seed = derived_seed(self._seed, self._number(trial), _use(name, attempt))
        return optuna.samplers.RandomSampler(seed=seed).sample_independent(study, trial, name, distribution)

    def _number(self, trial: FrozenTrial) -> int:
        """Of the trial whose random values this one gets."""
        return self._order[trial.number] if trial.number < len(self._order) else trial.number

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Returns one parameter alone, of a trial of an earlier archspace whose other values are there already."""
        return self._random(study, trial, param_name, param_distribution, 0)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Passed on."""
        self._fresh(trial, "before").before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Passed on."""
        self._fresh(trial, "after").after_trial(study, trial, state, values)


class WithKnown:
    """An Optuna study whose trials begin with those of another run; all else is the study's own.

    Args:
        study: the study.
        known: the other run's trials.
    """

    def __init__(self, study: optuna.Study, known: Sequence[FrozenTrial]) -> None:
        self._own, self._known = study, known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def _get_trials(
        self, deepcopy: bool = True, states: Any = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        known = [one for one in self._known if states is None or one.state in states]
        return [*known, *self._own._get_trials(deepcopy=deepcopy, states=states, use_cache=use_cache)]

    def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """Returns the other run's trials, then the study's."""
        return self._get_trials(deepcopy, states)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The other run's trials, then the study's."""
        return self._get_trials()


def _use(what: str, attempt: int) -> str:
    """What a seed is derived from, the same as ever at the first attempt."""
    return what if attempt == 0 else f"{what} again {attempt}"


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


@SAMPLERS.register(SCREENED)
def _screened(config: SamplerConfig, several_workers: bool, screening: Screening) -> Maker:
    shared: list[Screened] = []
    known = replace(screening, startup=config.startup, cheapest_first=config.cheapest_first)
    return lambda seed: ScreenedSampler(known, shared, seed)


def make_sampler(
    config: SamplerConfig,
    space: SearchSpace,
    seed: int,
    several_workers: bool = False,
    fits: Callable[[Mapping[str, Any]], bool] | None = None,
    screening: Screening | None = None,
    known: Sequence[FrozenTrial] = (),
    fitting: Fitting | None = None,
) -> RepeatableSampler:
    """Returns the study's sampler.

    Args:
        fits: whether a network of these values may be asked for.
        several_workers: TPE then counts running trials as poor ones, so that workers spread out.
        screening: what a sampler that screens knows of the study; of the space alone if left out.
        known: trials of another run that the sampler learns from too; a screen knows them already.
        fitting: gives networks that may be asked for, where none is drawn.
    """
    own = (screening or Screening(Screen(space, {}), seed=seed),) if config.name == SCREENED else ()
    make, distributions = SAMPLERS[config.name](config, several_workers, *own), space.distributions()
    order: tuple[int, ...] = ()
    if config.cheapest_first:
        first = config.population if config.name.startswith("nsga") else config.startup
        random = RepeatableSampler(
            _random(config, several_workers), distributions, seed, fits, fitting=fitting
        )
        order = space.by_macs(random, first)
    return RepeatableSampler(make, distributions, seed, fits, order, () if own else known, fitting)
