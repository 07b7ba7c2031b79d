"""A study's space narrowed by what a finished run of it says: fields that do not matter are fixed."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.fronts.importance import FieldWeight, Importance, importance
from analysis.store.records import TrialRecord
from archspace.support.errors import InputError
from searches.config.beginning import stands
from searches.config.source import read_study
from searches.config.study import StudyConfig, parse_config
from searches.study.front import front_of

MATTERS = 0.05
"""A field of which the 95 % interval of its importance reaches so far, for any objective, stays free."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a free field.

    Attributes:
        field: its name in ``space``.
        weights: its importance by objective; ``None`` where it did not vary among the networks.
        fixed: whether it is fixed now.
        value: what it is fixed to, which may be ``None``.
    """

    field: str
    weights: Mapping[str, FieldWeight | None]
    fixed: bool = False
    value: Any = None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The narrowed study, and why it is so.

    Attributes:
        networks: distinct networks that it is drawn from.
    """

    config: StudyConfig
    decisions: tuple[Decision, ...]
    networks: int


def narrow(run: Path, records: Sequence[TrialRecord]) -> Narrowed:
    """Returns a study on the space of a run without the fields that mattered for none of its objectives.

    A field is fixed to what it is most often on the front; numbers to their median there. One whose condition cannot
    hold with what is fixed is left to the network.

    Args:
        run: the run folder.
        records: its trials.

    Raises:
        InputError: too little was trained to say what matters, no field can be fixed, or none would be left.
    """
    config, _ = read_study(str(run), {}, None)
    free = [name for name, value in config.space.items() if isinstance(value, Mapping)]
    done = {
        str(one.arch_id): one
        for one in records if one.values and one.params and one.duplicate_of is None
    }  # fmt: skip
    found = [_importance(name, free, list(done.values())) for name in config.objectives]
    for one in found:
        if one.reason is not None:
            raise InputError(f"{run}: nothing can be said of what mattered for {one.name}: {one.reason}")
    front = [record for record in front_of(config, list(records)) if record.params] or list(done.values())
    decisions = tuple(_decided(name, found, front) for name in free)
    narrower = {**config.space, **_fixed(config, decisions)}
    decisions = tuple(
        one if stands(config.space[one.field], narrower) else replace(one, fixed=True, value=None)
        for one in decisions
    )
    fixed = _fixed(config, decisions)
    if not fixed:
        raise InputError(f"{run}: every free field mattered for an objective; nothing is fixed")
    if len(fixed) == len(free):
        raise InputError(f"{run}: no free field mattered; a narrower space would hold one network")
    fields = config.model_dump(mode="json")
    fields |= {"name": f"{config.name}-narrow", "space": {**fields["space"], **fixed}}
    return Narrowed(parse_config(fields), decisions, len(done))


def _fixed(config: StudyConfig, decisions: Sequence[Decision]) -> dict[str, Any]:
    return {one.field: _plain(config.space[one.field], one.value) for one in decisions if one.fixed}


def _importance(objective: str, free: Sequence[str], records: Sequence[TrialRecord]) -> Importance:
    columns = {name: [_drawn(record, name) for record in records] for name in free}
    return importance(objective, columns, [record.value(objective) for record in records])


def _drawn(record: TrialRecord, name: str) -> Any:
    """What a trial drew for a field: a value, or a list of one a level."""
    if name in record.params:
        return record.params[name]
    levels = {
        int(key.partition(".")[2]): value
        for key, value in record.params.items()
        if key.startswith(f"{name}.")
    }
    return [levels[level] for level in sorted(levels)]


def _decided(name: str, found: Sequence[Importance], front: Sequence[TrialRecord]) -> Decision:
    weights = {one.name: next((w for w in one.fields if w.field == name), None) for one in found}
    known = [weight for weight in weights.values() if weight is not None]
    if not known or any(weight.high >= MATTERS for weight in known):
        return Decision(name, weights)
    drawn = [_drawn(record, name) for record in front]
    return Decision(
        name, weights, True, _usual([v for one in drawn for v in (one if isinstance(one, list) else [one])])
    )


def _usual(values: Sequence[Any]) -> Any:
    """The value that stands for those of the front."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return statistics.median_low(values)
    return Counter(values).most_common(1)[0][0]


def _plain(free: Mapping[str, Any], value: Any) -> Any:
    """A field fixed in a space: plain, or the same at every level."""
    return {"choices": [value], "per_level": True} if free.get("per_level") and value is not None else value
