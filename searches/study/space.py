"""SearchSpace: which spec fields are free, and the only caller of ``trial.suggest_*``.

The space is rectangular: every free field is suggested in every trial, so that all samplers can learn from all
trials. A field that the suggested network cannot honour, or whose condition (``where``) does not hold, is dropped on
the way to the spec; two suggestions that come to the same network have the same ``arch_id`` and the second is answered
from the record.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.quantities import QUANTITIES
from archspace.plan.design import NETWORKS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, SpecError
from searches.config.space import CONTINUOUS, MOST_OFF, check_space, condition, holds

TRIES = 64


@dataclass(frozen=True, slots=True)
class FreeField:
    """A free field: what its values are drawn from, its levels (empty for one value), and where it is searched at all.

    ``where`` has, by other field, the values of which one must stand there.
    """

    distribution: BaseDistribution
    levels: tuple[int, ...] = ()
    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)


class SearchSpace:
    """Fixed and free fields of a spec.

    Args:
        fields: the study's ``space``.
        fixed: what the data determines: task, classes, input size, channels.

    Raises:
        FieldError: a field or value is not one of a spec's.
    """

    def __init__(self, fields: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
        check_space(fields, fixed["task"])
        plain = {name: value for name, value in fields.items() if not isinstance(value, Mapping)}
        self.fixed: dict[str, Any] = {**fixed, **plain}
        self.free: dict[str, FreeField] = {}
        if not fields:  # of a study that samples nothing
            return
        for name in ("network", *(name for name in fields if name != "network")):
            self._add_free(name, fields[name])

    @property
    def networks(self) -> list[str]:
        """Names of the networks of the space."""
        free = self.free.get("network")
        if free is None:
            return [self.fixed["network"]]
        assert isinstance(free.distribution, CategoricalDistribution)
        return [str(name) for name in free.distribution.choices]

    def _add_free(self, name: str, value: object) -> None:
        if not isinstance(value, Mapping):
            return
        levels = self._levels(name) if value.get("per_level", False) else ()
        self.free[name] = FreeField(_distribution(name, value), levels, condition(value))

    def _levels(self, name: str) -> tuple[int, ...]:
        """Levels that some network of the space has; a network without a level ignores what is drawn for it."""
        designs = [NETWORKS[network] for network in self.networks]
        deepest = max(design.levels(self.fixed["task"]) for design in designs)
        first = 1 if name == "receptive_field" else min(design.first for design in designs)
        return tuple(range(first, deepest + 1))

    def distributions(self) -> dict[str, BaseDistribution]:
        """Returns every suggested parameter by name (``width``, ``alphas.2``), in order."""
        return {
            f"{name}.{level}" if level else name: free.distribution
            for name, free in self.free.items()
            for level in (free.levels or (0,))
        }

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Suggests every free field and returns all fields of the spec."""
        return self.completed({name: _suggest(trial, name, d) for name, d in self.distributions().items()})

    def fields(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Returns all fields of the spec where the free ones have the values ``params``, as a sampler gave them."""
        distributions = self.distributions()
        return self.completed({
            name: round(value, 6) if isinstance(distributions[name], FloatDistribution) else value
            for name, value in params.items()
        })  # fmt: skip

    def completed(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Returns all fields of the spec where the free ones have the values ``drawn``, by parameter."""
        fields = dict(self.fixed)
        first = NETWORKS[drawn.get("network") or self.fixed["network"]].first
        for name, free in self.free.items():
            if free.levels:
                own = [n for n in free.levels if n >= first or name == "receptive_field"]
                fields[name] = [drawn[f"{name}.{level}"] for level in own]
            else:
                fields[name] = drawn[name]
        for name, free in self.free.items():
            if not holds(free.where, fields):
                del fields[name]
        return fields

    def example(self, seed: int) -> ArchSpec:
        """Returns a random network of the space; a space in which none can be built is refused so before any trial.

        Raises:
            SpecError: what kept the first of :data:`TRIES` random networks from being built, if none could be.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.RandomSampler(seed=seed)
        study = optuna.create_study(sampler=sampler)
        first: SpecError | None = None
        for _ in range(TRIES):
            try:
                return self.spec(self.suggest(study.ask()))
            except SpecError as error:
                first = first or error
        assert first is not None
        raise first

    def by_macs(self, sampler: optuna.samplers.BaseSampler, count: int) -> tuple[int, ...]:
        """Returns the numbers of the first ``count`` trials that ``sampler`` draws, those of the fewest MACs first.

        Networks that cannot be built come last.
        """
        study = optuna.create_study(sampler=sampler)
        costs = [self._macs(self.suggest(study.ask())) for _ in range(count)]
        return tuple(sorted(range(count), key=costs.__getitem__))

    def _macs(self, fields: Mapping[str, Any]) -> float:
        try:
            return QUANTITIES["macs"].value_of(self.spec(fields))
        except SpecError:
            return math.inf

    def spec(self, fields: Mapping[str, Any]) -> ArchSpec:
        """Returns the spec of suggested fields, inapplicable ones dropped.

        Raises:
            SpecError: the combination cannot be built (a K that does not divide).
        """
        return ArchSpec.sampled(fields)


def _distribution(name: str, value: Mapping[str, Any]) -> BaseDistribution:
    if "choices" in value:
        return CategoricalDistribution(value["choices"])
    low, high, step, log = value["low"], value["high"], value.get("step"), value.get("log", False)
    try:
        with warnings.catch_warnings():  # of a high that no step meets: no new study has one
            warnings.simplefilter("ignore", UserWarning)
            if name in CONTINUOUS:
                return FloatDistribution(float(low), _last(low, high, step), step=step, log=log)
            return IntDistribution(int(low), int(high), step=step or 1, log=log)
    except ValueError as error:
        reason = str(error).replace("`", "").split(".")[0]
        raise FieldError(f"space.{name}", dict(value), reason) from None


def _last(low: float, high: float, step: float | None) -> float:
    """The end of a range, put right where it misses its steps by lost digits: from 0.1 on, 0.1 + 0.7 is 0.8."""
    if not step:
        return float(high)
    met = low + round((high - low) / step) * step
    return round(met, 10) if abs(met - high) <= MOST_OFF * step else float(high)


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, FloatDistribution):
        value = trial.suggest_float(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
        return round(value, 6)
    assert isinstance(distribution, IntDistribution)
    return trial.suggest_int(
        name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
    )


def only_value(distribution: BaseDistribution) -> Any:
    """Returns the value of a distribution that has one alone."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution) and distribution.single()
    return distribution.low


def draw(distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    """Returns a random value of a field, every value as likely as another (on a log scale where the field has one)."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[rng.integers(len(distribution.choices))]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.log:
        drawn = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return round(drawn) if isinstance(distribution, IntDistribution) else round(drawn, 6)
    if step is None:
        return round(float(rng.uniform(low, high)), 6)
    drawn = low + step * int(rng.integers(round((high - low) / step) + 1))
    return int(drawn) if isinstance(distribution, IntDistribution) else round(drawn, 6)


def values_of(distribution: BaseDistribution, most: int) -> list[Any]:
    """Returns values of a field: all choices, or at most ``most`` numbers from end to end."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return [float(value) for value in np.linspace(low, high, 1 if distribution.single() else most)]
    steps = round((high - low) / step)
    places = sorted({round(i * steps / (most - 1)) for i in range(most)})
    made = [low + place * step for place in places]
    return (
        [int(value) for value in made]
        if isinstance(distribution, IntDistribution)
        else [round(v, 6) for v in made]
    )


def size_of(distribution: BaseDistribution) -> float:
    """Returns how many values a field has; infinite where it is continuous."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if distribution.single():
        return 1
    if distribution.step is None:
        return math.inf
    return round((distribution.high - distribution.low) / distribution.step) + 1
