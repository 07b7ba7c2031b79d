"""A study's space narrowed by what a finished run of it says: fields that do not matter are fixed."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.fronts.freed import entry, free_fields, networks, weighed
from analysis.fronts.importance import ABSENT, LEAST, FieldWeight, Importance
from analysis.quantities import Quantity, objective
from analysis.store.records import TrialRecord
from archspace.support.errors import InputError, SpecError
from searches.config.beginning import stands
from searches.config.parts import fixed_by_data
from searches.config.source import read_study
from searches.config.study import StudyConfig, parse_config
from searches.study.front import front_of
from searches.study.space import SearchSpace

MATTERS = 0.05
"""A field of which the 95 % interval of its importance reaches so far, for any objective, stays free."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a free field.

    Attributes:
        field: its name in ``space``.
        weights: its importance by objective; ``None`` where it did not vary among the networks.
        fixed: whether it is fixed now.
        value: what it is fixed to; ``None`` leaves it to the network.
    """

    field: str
    weights: Mapping[str, FieldWeight | None]
    fixed: bool = False
    value: Any = None

    @property
    def said(self) -> str:
        """What it is fixed to, as YAML has it."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The narrowed study, and why it is so.

    Attributes:
        importances: of the free fields by objective, as pages and figures have them.
        counted: names of the objectives of which they say nothing, and whose weights are counted instead.
        networks: distinct networks that it is drawn from.
    """

    config: StudyConfig
    decisions: tuple[Decision, ...]
    importances: tuple[Importance, ...]
    counted: tuple[str, ...]
    networks: int


def narrow(run: Path, records: Sequence[TrialRecord]) -> Narrowed:
    """Returns a study on the space of a run without the fields that mattered for none of its objectives.

    A field is fixed to what it is most often on the front; numbers to their median there. One whose condition cannot
    hold with what is fixed is left to the network. Any field may matter for an objective that the fields do not
    predict, so none is fixed then; but where it is counted from a spec, what fixing a field changes is counted.

    Args:
        run: the run folder.
        records: its trials.

    Raises:
        InputError: too little was trained to say what matters, no field can be fixed, or none would be left.
    """
    config, _ = read_study(str(run), {}, None)
    free = free_fields(config.space)
    if not free:
        raise InputError(f"{run}: its study frees no field; there is nothing to narrow")
    done = [group[0] for group in networks(config.space, records)]
    goals = [objective(name) for name in config.objectives]
    found = weighed(config.space, records, goals)
    silent = [(goal, one) for goal, one in zip(goals, found, strict=True) if one.reason is not None]
    unknown = [f"{goal.name}: {one.reason}" for goal, one in silent if len(done) < LEAST or not goal.count]
    if unknown:
        raise InputError(
            f"{run}: nothing can be said of what mattered for {'; nor for '.join(unknown)}; no field is fixed"
        )
    counted = [goal for goal, _ in silent]
    front = [record for record in front_of(config, list(records)) if record.params]
    decisions = []
    for name in free:
        value = _usual(_values(config.space, name, front) or _values(config.space, name, done))
        weights = {one.name: next((w for w in one.fields if w.field == name), None) for one in found}
        if value is not None:
            weights |= {goal.name: _counted(config, name, value, goal, done) for goal in counted}
        decisions.append(_decided(name, weights, value))
    narrower = {**config.space, **_fixed(config, decisions)}
    decisions = [
        one if stands(config.space[one.field], narrower) else replace(one, fixed=True, value=None)
        for one in decisions
    ]
    fixed = _fixed(config, decisions)
    if not fixed:
        raise InputError(f"{run}: every free field mattered for an objective; nothing is fixed")
    if len(fixed) == len(free):
        raise InputError(f"{run}: no free field mattered; a narrower space would hold one network")
    fields = config.model_dump(mode="json")
    fields |= {"name": f"{config.name}-narrow", "space": {**fields["space"], **fixed}}
    return Narrowed(
        parse_config(fields), tuple(decisions), found, tuple(goal.name for goal in counted), len(done)
    )


def _fixed(config: StudyConfig, decisions: Sequence[Decision]) -> dict[str, Any]:
    return {one.field: _plain(config.space[one.field], one.value) for one in decisions if one.fixed}


def _decided(name: str, weights: Mapping[str, FieldWeight | None], value: Any) -> Decision:
    known = [weight for weight in weights.values() if weight is not None]
    if not known or any(weight.high >= MATTERS for weight in known):
        return Decision(name, weights)
    return Decision(name, weights, True, value)


def _counted(
    config: StudyConfig, name: str, value: Any, goal: Quantity, records: Sequence[TrialRecord]
) -> FieldWeight:
    """How far fixing a field moves a number that is counted: the mean square, as a share of the number's variance.

    It is what shuffling costs a forest that predicts perfectly, but for the one value. Networks that cannot be built
    with the value are left out.
    """
    task = (records[0].spec or {}).items()
    space = SearchSpace(config.space, {key: one for key, one in task if key in fixed_by_data(config.task)})
    own = [key for key in space.distributions() if key.partition(".")[0] == name]
    before, after = [], []
    for record in records:
        try:
            spec = space.spec(space.fields({**record.params, **dict.fromkeys(own, value)}))
        except SpecError:
            continue
        before.append(record.value(goal.name))
        after.append(goal.value_of(spec))
    pairs = np.array([before, after])
    pairs = np.log(pairs) if not goal.quality and (pairs > 0).all() else pairs
    moved = float(np.mean((pairs[1] - pairs[0]) ** 2)) if before else 1.0
    share = moved / max(float(pairs[0].var()) if before else 1.0, 1e-12)
    return FieldWeight(field=name, mean=share, low=share, high=share)


def _values(space: Mapping[str, Any], name: str, records: Sequence[TrialRecord]) -> list[Any]:
    """What the networks have for a field, every level of each."""
    entries = [entry(space, name, record) for record in records]
    return [v for one in entries for v in (one if isinstance(one, list) else [one]) if v is not ABSENT]


def _usual(values: Sequence[Any]) -> Any:
    """The value that stands for those of the front; ``None`` where there is none."""
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return statistics.median_low(values)
    return Counter(values).most_common(1)[0][0] if values else None


def _plain(free: Mapping[str, Any], value: Any) -> Any:
    """A field fixed in a space: plain, or the same at every level, or where it was searched at all."""
    kept = {key: free[key] for key in ("per_level", "where") if free.get(key)}
    return {"choices": [value], **kept} if kept and value is not None else value
