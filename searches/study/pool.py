"""Networks of a study's space as a chooser sees them: counted and predicted, drawn at random and near the front."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.pareto import ranks
from analysis.quantities import QUANTITIES, Quantity, described
from analysis.store.constraints import Limits
from archspace.spec.archspec import ArchSpec
from searches.config.parts import SamplerConfig
from searches.config.screen import ScreenConfig
from searches.judging.choosing import Chooser, Goal, Networks
from searches.judging.features import COUNTED, Encoder, axes_of
from searches.study.screening import Candidate, Screen, changed
from searches.study.space import values_of

Floats = NDArray[np.float64]
RANGED = 64
"""Random networks whose counts scale those of all others."""
ENDS = 33
"""Values of a field that are looked at when it is scaled, at most."""


class LatencyPredictor(Protocol):
    """Predicts latencies of networks, with a stated error."""

    @property
    def error(self) -> float:
        """Root of the mean squared relative error."""

    def latencies(self, specs: Sequence[ArchSpec]) -> Floats:
        """Returns (N,) milliseconds; NaN where it refuses."""


class Scorer(Protocol):
    """Scores untrained networks; more is better."""

    def scores(self, specs: Sequence[ArchSpec]) -> Floats:
        """Returns (N, S) scores; not finite where one does not exist."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A network that was trained, here or in another run.

    Attributes:
        spec: the network.
        params: its values in this space, by parameter; empty where it has none.
        values: what is known of it, by quantity.
        feasible: whether it keeps all limits.
    """

    spec: ArchSpec
    params: Mapping[str, Any]
    values: Mapping[str, float]
    feasible: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Screening:
    """What the screening sampler of a study knows of it.

    Attributes:
        screen: counts networks of the space, and knows the limits that are counted.
        objectives: of the study, in order; those of the Optuna study if empty.
        constraints: of the study.
        config: how many networks are looked at.
        startup: trials that are drawn at random first, from every part of the space by MACs.
        cheapest_first: these begin with the cheapest part.
        seed: of the study.
        latency: predicts latencies.
        scorer: scores untrained networks.
        others: what other runs trained.
    """

    screen: Screen
    objectives: tuple[str, ...] = ()
    constraints: Mapping[str, Limits] = field(default_factory=dict)
    config: ScreenConfig = field(default_factory=ScreenConfig)
    startup: int = field(default_factory=lambda: SamplerConfig().startup)
    cheapest_first: bool = False
    seed: int = 0
    latency: LatencyPredictor | None = None
    scorer: Scorer | None = None
    others: tuple[Ended, ...] = ()


class Screened:
    """What all suggestions of a study share: how networks become numbers, and what was found of them.

    Args:
        of: what is known of the study.
        directions: of the Optuna study, for objectives without a name.
    """

    def __init__(self, of: Screening, directions: Sequence[str]) -> None:
        self.of = of
        quantities = [_quantity(name, way) for name, way in _named(of.objectives, directions)]
        self.objectives = tuple(one.name for one in quantities)
        limited = [described(name) for name in of.constraints if name not in self.objectives]
        self.counted = frozenset(one.name for one in (*quantities, *limited) if one.counted and one.count)
        self.wanted = tuple(dict.fromkeys((*COUNTED, *(o for o in self.objectives if o in self.counted))))
        self.free = {name: d for name, d in of.screen.space.distributions().items() if not d.single()}
        self.encoder = encoder_of(of.screen, of.seed)
        self.chooser = Chooser(
            [self._goal(one) for one in quantities], [self._goal(one) for one in limited], counted=self.counted,
            errors={} if of.latency is None else {"latency_ms": of.latency.error}, seed=of.seed,
        )  # fmt: skip
        self._latencies: dict[ArchSpec, float] = {}
        self._seen: dict[ArchSpec, tuple[dict[str, float], Floats]] = {}

    def _goal(self, one: Quantity) -> Goal:
        bound = self.of.constraints.get(one.name)
        low, high = (None, None) if bound is None or one.name in self.counted else (bound.min, bound.max)
        return Goal(one.name, one.direction == "maximize", low, high)

    def networks(self, ended: Sequence[Ended]) -> Networks:
        """Returns trained networks as the chooser sees them."""
        specs = [one.spec for one in ended]
        self._see(specs)
        counted = [self._seen[spec][0] for spec in specs]
        values = {
            name: np.array([
                count[name] if name in count else one.values.get(name, math.nan)
                for one, count in zip(ended, counted, strict=True)
            ])
            for name in (*self.objectives, *(goal.name for goal in self.chooser.guessed))
        }  # fmt: skip
        table = np.array([self._seen[spec][1] for spec in specs])
        feasible = np.array([one.feasible for one in ended], dtype=np.bool_)
        return Networks(table, values, feasible, self.foretell(specs))

    def candidates(self, pool: Sequence[Candidate]) -> Networks:
        """Returns untrained networks as the chooser sees them."""
        values = {
            name: np.array([one.counts[name] for one in pool]) for name in self.counted if name in self.wanted
        }
        specs = [one.spec for one in pool]
        table = self.encoder(specs, _counts(pool))
        return Networks(table, values, np.ones(len(pool), dtype=np.bool_), self.foretell(specs))

    def error_of(self, name: str) -> float:
        """Returns the relative error that the predictor of a quantity states; 0 without one."""
        return self.of.latency.error if self.of.latency is not None and name == "latency_ms" else 0.0

    def _see(self, specs: Sequence[ArchSpec]) -> None:
        """Counts trained networks and makes features of them, each once."""
        new = [spec for spec in dict.fromkeys(specs) if spec not in self._seen]
        if new:
            counted = [{name: QUANTITIES[name].value_of(spec) for name in self.wanted} for spec in new]
            table = self.encoder(new, np.array([[count[name] for name in COUNTED] for count in counted]))
            self._seen |= zip(new, zip(counted, table, strict=True), strict=True)

    def foretell(self, specs: Sequence[ArchSpec]) -> dict[str, Floats]:
        """Returns by quantity (N,) what a predictor of another kind says of networks, each asked for once."""
        asked = any(goal.name == "latency_ms" for goal in self.chooser.guessed)
        if self.of.latency is None or not asked:
            return {}
        new = [spec for spec in dict.fromkeys(specs) if spec not in self._latencies]
        if new:
            self._latencies |= dict(zip(new, self.of.latency.latencies(new).tolist(), strict=True))
        return {"latency_ms": np.array([self._latencies[spec] for spec in specs])}

    def pool(self, count: int, mutated: float, parents: Sequence[Mapping[str, Any]], rng: np.random.Generator
             ) -> list[Candidate]:  # fmt: skip
        """Returns different networks that keep the counted limits, at most ``count``, drawn and mutated."""
        found: dict[ArchSpec, Candidate] = {}
        for _ in range(count):
            if parents and rng.random() < mutated:
                drawn = changed(parents[int(rng.integers(len(parents)))], self.free, rng)
            else:
                drawn = self.of.screen.draw(rng)
            one = self.of.screen.candidate(drawn, self.wanted)
            if one is not None and self.of.screen.excess(one) <= 0:
                found.setdefault(one.spec, one)
        return list(found.values())

    def front(self, ended: Sequence[Ended]) -> list[Ended]:
        """Returns the trained networks that no other beats, of those that may be on a front."""
        known = self.networks(ended)
        points = np.column_stack([
            goal.scaled(known.values[goal.name]) for goal in self.chooser.objectives
        ])  # fmt: skip
        usable = np.flatnonzero(known.feasible & np.isfinite(points).all(axis=1))
        if not len(usable):
            return list(ended)
        return [ended[i] for i, rank in zip(usable.tolist(), ranks(points[usable]), strict=True) if rank == 0]


def encoder_of(screen: Screen, seed: int) -> Encoder:
    """Returns how networks of a space become numbers; what random ones cost says the scale of the counts."""
    free = {name: d for name, d in screen.space.distributions().items() if not d.single()}
    axes = axes_of({name: values_of(d, ENDS) for name, d in free.items()})
    some = [one for one in screen.drawn(RANGED, seed, COUNTED) if one is not None]
    return Encoder(axes).ranged(_counts(some)) if some else Encoder(axes)


def _named(objectives: Sequence[str], directions: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(objectives or [f"objective {i}" for i in range(len(directions))], directions, strict=True)


def _quantity(name: str, direction: str) -> Quantity:
    if name in QUANTITIES:
        return QUANTITIES[name]
    way: Any = direction
    return Quantity(name=name, unit="", direction=way, title=name, short=name, source="unknown")


def _counts(networks: Sequence[Candidate]) -> Floats:
    return np.array([[one.counts[name] for name in COUNTED] for one in networks], dtype=np.float64)
