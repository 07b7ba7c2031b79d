"""A search among the networks of a supernet: each judged by its inherited weights, none trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.pareto import minimised, non_dominated
from analysis.quantities import QUANTITIES
from archspace.spec.archspec import ArchSpec
from archspace.support.csv_cells import csv_text
from archspace.support.files import write_text
from searches.study.screening import Candidate, Screen
from searches.supernet.inherited import PREDICTOR, Heir
from searches.supernet.weights import NotCovered

Method: TypeAlias = Literal["evolution", "random"]
OnJudged: TypeAlias = Callable[["Judged", int], None]

STARTS = 24
"""Random networks before the front's are changed."""
TRIES = 200
"""Candidates in a row that are known, break a limit, or that the supernet has not, before the space counts as seen."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A network of a supernet.

    Attributes:
        spec: the network.
        params: the values of the free fields that name it.
        values: by quantity: what the evaluation with inherited weights came to, and what is counted.
    """

    spec: ArchSpec
    params: Mapping[str, Any]
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Found:
    """All networks that a search judged, and which of them no other one beats.

    Attributes:
        objectives: names of the quantities that say so, the inherited metric among them.
    """

    objectives: tuple[str, ...]
    judged: tuple[Judged, ...]
    on_front: NDArray[np.bool_]


def objectives_of(heir: Heir) -> tuple[str, ...]:
    """Returns the study's objectives that are known without training and without a device; the metric is one always."""
    asked = [
        name for name in heir.config.study.objectives if QUANTITIES[name].source in ("counted", "evaluation")
    ]
    return tuple(dict.fromkeys((heir.task.metric, *asked)))


def search(
    heir: Heir, networks: int, *, method: Method = "evolution", seed: int = 0,
    on_judged: OnJudged = lambda judged, number: None,
) -> Found:  # fmt: skip
    """Judges so many different networks that keep the study's counted limits, or as many as there are.

    ``evolution`` begins with :data:`STARTS` random networks, then changes one field of a random network of the front.

    Args:
        on_judged: called with each and its number.
    """
    objectives, rng = objectives_of(heir), np.random.default_rng(seed)
    screen = Screen(heir.supernet.subnets.space, heir.config.study.constraints)
    wanted = tuple(dict.fromkeys(("macs", "params", *(o for o in objectives if QUANTITIES[o].counted))))
    judged: dict[str, Judged] = {}
    misses = 0
    while len(judged) < networks and misses < TRIES:
        candidate = _proposed(heir, method, list(judged.values()), objectives, rng)
        known = screen.candidate(candidate.params, wanted)
        misses += 1
        if known is None or known.spec.arch_id in judged or screen.excess(known) > 0:
            continue
        try:
            judgement = heir.judged(known.spec)
        except NotCovered:
            continue
        evaluated = {name: v for name, v in judgement.evaluation.values.items() if name in QUANTITIES}
        values = {**evaluated, heir.task.metric: judgement.expected, **known.counts}
        one = judged[known.spec.arch_id] = Judged(known.spec, candidate.params, values)
        misses = 0
        on_judged(one, len(judged))
    found = tuple(judged.values())
    return Found(objectives, found, front_of(found, objectives))


def front_of(judged: Sequence[Judged], objectives: Sequence[str]) -> NDArray[np.bool_]:
    """Returns which networks no other one beats."""
    if not judged:
        return np.zeros(0, bool)
    values = [[one.values[name] for name in objectives] for one in judged]
    return non_dominated(minimised(values, [QUANTITIES[name].direction for name in objectives]))


def _proposed(
    heir: Heir, method: Method, judged: list[Judged], objectives: Sequence[str], rng: np.random.Generator
) -> Candidate:
    subnets = heir.supernet.subnets
    if method == "random" or len(judged) < STARTS:
        return subnets.drawn(rng)
    front = np.flatnonzero(front_of(judged, objectives))
    return subnets.changed(judged[int(rng.choice(front))].params, rng)


def write_found(found: Found, path: Path) -> None:
    """Writes all judged networks as CSV, those of the front first, each value with its origin."""
    metric, *_ = found.objectives
    evaluated = [name for name in found.objectives if QUANTITIES[name].source == "evaluation"]
    counted = list(
        dict.fromkeys(name for one in found.judged for name in one.values if QUANTITIES[name].counted)
    )
    rows: list[Sequence[object]] = [
        (
            "network",
            "arch_id",
            *evaluated,
            f"{metric}_origin",
            f"{metric}_predictor",
            *counted,
            "on_front",
            "spec",
        )
    ]
    order = sorted(
        range(len(found.judged)), key=lambda i: (not found.on_front[i], found.judged[i].values[metric]), reverse=False
    )  # fmt: skip
    for index in order:
        one = found.judged[index]
        rows.append((
            one.spec.label, one.spec.arch_id, *(repr(one.values[name]) for name in evaluated), "predicted", PREDICTOR,
            *(f"{one.values[name]:.0f}" for name in counted), str(bool(found.on_front[index])).lower(),
            json.dumps(one.spec.to_dict()),
        ))  # fmt: skip
    write_text(path, csv_text(rows))


def write_front(found: Found, folder: Path) -> list[Path]:
    """Writes the spec of every network of the front, by its ``arch_id``."""
    paths = []
    for one, kept in zip(found.judged, found.on_front, strict=True):
        if kept:
            paths.append(folder / f"{one.spec.arch_id}.yaml")
            write_text(paths[-1], one.spec.to_yaml())
    return paths
