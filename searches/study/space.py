"""SearchSpace: which spec fields are free, and the only caller of ``trial.suggest_*``.

The space is rectangular: every free field is suggested in every trial, so that all samplers can learn from all
trials. A field that the suggested network cannot honour is dropped on the way to the spec; two suggestions that
come to the same network have the same ``arch_id`` and the second is answered from the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from archspace.plan.decoders import DECODERS
from archspace.plan.design import NETWORKS
from archspace.plan.request import UNITS
from archspace.spec import fields
from archspace.spec.archspec import ArchSpec
from archspace.spec.record import FIELDS
from archspace.support.errors import FieldError, SpecError, closest
from searches.config.parts import FIXED_BY_DATA, Free

PER_LEVEL = ("unit", "branches", "alphas", "receptive_field", "inner")
TRIES = 64
FREE_KEYS = tuple(Free.model_fields)


@dataclass(frozen=True, slots=True)
class FreeField:
    """A free field: what each of its values is drawn from, and its levels (empty for one value)."""

    distribution: BaseDistribution
    levels: tuple[int, ...] = ()


class SearchSpace:
    """Fixed and free fields of a spec.

    Args:
        fields: the study's ``space``.
        fixed: what the data determines: task, classes, input size, channels.

    Raises:
        FieldError: a field or value is not one of a spec's.
    """

    def __init__(self, fields: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
        self.fixed: dict[str, Any] = dict(fixed)
        self.free: dict[str, FreeField] = {}
        for name, value in fields.items():
            where = f"space.{name}"
            if name in FIXED_BY_DATA:
                raise FieldError(where, value, "follows from the study's task and data", "leave it out")
            if name not in FIELDS:
                known = [field for field in FIELDS if field not in FIXED_BY_DATA]
                raise FieldError(where, value, "unknown field", closest(name, known))
            if not isinstance(value, Mapping):
                self.fixed[name] = value
        if not fields:  # of a study that samples nothing
            return
        if "network" not in fields:
            raise FieldError("space.network", None, "a space names its network", "espnetv2")
        self._add_free("network", fields["network"])
        self._check_tasks()
        for name, value in fields.items():
            if name != "network":
                self._add_free(name, value)
        self._check_fixed()

    def _networks(self) -> list[str]:
        free = self.free.get("network")
        if free is None:
            return [self.fixed["network"]]
        assert isinstance(free.distribution, CategoricalDistribution)
        return [str(name) for name in free.distribution.choices]

    def _check_tasks(self) -> None:
        """Refuses a network that is not one for the study's task."""
        task = self.fixed["task"]
        for network in self._networks():
            if network in NETWORKS and task not in NETWORKS[network].alphas:
                known = [name for name, design in NETWORKS.items() if task in design.alphas]
                raise FieldError(
                    "space.network", network, f"is not a network for {task}", closest(network, known)
                )

    def _add_free(self, name: str, value: object) -> None:
        if not isinstance(value, Mapping):
            return
        where = f"space.{name}"
        for key in value:
            if key not in FREE_KEYS:
                raise FieldError(
                    f"{where}.{key}", value[key], "unknown key", closest(str(key), list(FREE_KEYS))
                )
        levels: tuple[int, ...] = ()
        if value.get("per_level", False):
            if name not in PER_LEVEL:
                raise FieldError(f"{where}.per_level", True, "this field has one value", "leave it out")
            levels = self._levels(name)
        self.free[name] = FreeField(_distribution(name, value), levels)

    def _levels(self, name: str) -> tuple[int, ...]:
        """Levels that some network of the space has; a network without a level ignores what is drawn for it."""
        designs = [NETWORKS[network] for network in self._networks()]
        deepest = max(design.levels(self.fixed["task"]) for design in designs)
        first = 1 if name == "receptive_field" else min(design.first for design in designs)
        return tuple(range(first, deepest + 1))

    def _check_fixed(self) -> None:
        """Refuses a study whose fixed fields are wrong in themselves, before any trial."""
        for name, value in self.fixed.items():
            if name != "network" and name not in FIXED_BY_DATA:
                for item in value if isinstance(value, list) and name in PER_LEVEL else [value]:
                    if item is not None:
                        check_value(f"space.{name}", name, item)
        for network in self._networks():
            check_value("space.network", "network", network)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Returns every suggested parameter by name (``width``, ``alphas.2``), in order."""
        return {
            f"{name}.{level}" if level else name: free.distribution
            for name, free in self.free.items()
            for level in (free.levels or (0,))
        }

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Suggests every free field and returns all fields of the spec."""
        drawn = {name: _suggest(trial, name, d) for name, d in self.distributions().items()}
        fields = dict(self.fixed)
        first = NETWORKS[drawn.get("network") or self.fixed["network"]].first
        for name, free in self.free.items():
            if free.levels:
                own = [n for n in free.levels if n >= first or name == "receptive_field"]
                fields[name] = [drawn[f"{name}.{level}"] for level in own]
            else:
                fields[name] = drawn[name]
        return fields

    def example(self, seed: int) -> ArchSpec:
        """Returns a random network of the space; a space in which none can be built is refused so before any trial.

        Raises:
            SpecError: what kept the first of :data:`TRIES` random networks from being built, if none could be.
        """
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

    def spec(self, fields: Mapping[str, Any]) -> ArchSpec:
        """Returns the spec of suggested fields, inapplicable ones dropped.

        Raises:
            SpecError: the combination cannot be built (a K that does not divide).
        """
        return ArchSpec.sampled(fields)


def _distribution(name: str, value: Mapping[str, Any]) -> BaseDistribution:
    where = f"space.{name}"
    if "choices" in value:
        choices = value["choices"]
        if not isinstance(choices, list) or not choices:
            raise FieldError(f"{where}.choices", choices, "must be a list with at least one value", "[...]")
        for choice in choices:
            if not isinstance(choice, list):
                check_value(f"{where}.choices", name, choice)
        if any(isinstance(choice, list) for choice in choices):
            raise FieldError(
                f"{where}.choices", choices, "choices are single values; use per_level for lists"
            )
        return CategoricalDistribution(choices)
    for bound in ("low", "high"):
        number = value.get(bound)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise FieldError(
                f"{where}.{bound}", number, "a free field needs choices, or low and high as numbers"
            )
        check_value(f"{where}.{bound}", name, number)
    low, high, step = value["low"], value["high"], value.get("step")
    log = value.get("log", False)
    if not isinstance(log, bool):
        raise FieldError(f"{where}.log", log, "must be true or false", False)
    if low > high:
        raise FieldError(f"{where}.low", low, f"must not be above high, {high}", high)
    try:
        if name == "width":
            return FloatDistribution(float(low), float(high), step=step, log=log)
        return IntDistribution(int(low), int(high), step=step or 1, log=log)
    except ValueError as error:
        raise FieldError(where, dict(value), str(error).replace("`", "").split(".")[0]) from None


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


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "network": lambda f, v: fields.choice(f, v, list(NETWORKS), "network"),
    "unit": lambda f, v: fields.choice(f, v, list(UNITS), "unit"),
    "branches": lambda f, v: fields.whole(f, v, 1),
    "width": fields.width,
    "alphas": fields.repeats,
    "receptive_field": fields.limit,
    "dilated": fields.flag,
    "fusion": lambda f, v: fields.choice(f, v, fields.FUSIONS, "fusion"),
    "residual": fields.flag,
    "activation": lambda f, v: fields.choice(f, v, fields.ACTIVATIONS, "activation"),
    "pointwise_kernel": fields.pointwise_kernel,
    "inner": fields.share,
    "downsampling": lambda f, v: fields.choice(f, v, fields.DOWNSAMPLINGS, "downsampling"),
    "reinforcement": fields.flag,
    "decoder": lambda f, v: fields.choice(f, v, sorted(DECODERS), "decoder"),
}


def check_value(where: str, field: str, value: object) -> None:
    """Refuses a single value that can never be right for ``field``, whatever the other fields are.

    Args:
        where: how the user calls the place, for the message (``space.unit.choices``).

    Raises:
        SpecError: it cannot be right.
    """
    _READERS[field](where, value)
