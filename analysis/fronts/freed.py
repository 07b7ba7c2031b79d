"""What mattered in a study: the importance of the fields that its space frees, for pages, figures and ``narrow`` alike.

A field that follows from others (K from the unit) would take their weight, so none is weighed that the space does not
free; nor does a free one count where it does not stand in a network.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.fronts.importance import ABSENT, Importance, importance
from analysis.quantities import Quantity
from analysis.store.records import TrialRecord
from archspace.plan.design import NETWORKS

_NOT_SEARCHED = ("version", "task", "classes")


def free_fields(space: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the fields that a study's ``space`` frees, in its order."""
    return tuple(name for name, value in space.items() if isinstance(value, Mapping))


def networks(space: Mapping[str, Any], records: Sequence[TrialRecord]) -> list[list[TrialRecord]]:
    """Returns the complete trials of each network that was drawn from ``space``; of an empty one, of every network."""
    groups: dict[str, list[TrialRecord]] = {}
    for record in records:
        if record.state == "complete" and record.arch_id is not None and (record.params or not space):
            groups.setdefault(record.arch_id, []).append(record)
    return list(groups.values())


def weighed(
    space: Mapping[str, Any], records: Sequence[TrialRecord], objectives: Sequence[Quantity]
) -> tuple[Importance, ...]:
    """Returns what mattered for each objective over the distinct networks of a study.

    Networks trained with several seeds count once, with their mean. What a network takes spans orders of magnitude, so
    its logarithm counts.

    Args:
        space: of the study; of an empty one every field of the specs is weighed.
        records: its trials.
        objectives: what to say it of.
    """
    groups = networks(space, records)
    first = [group[0] for group in groups]
    if space:
        columns = {name: [entry(space, name, record) for record in first] for name in free_fields(space)}
    else:
        names = dict.fromkeys(
            name for record in first for name in record.spec or {} if name not in _NOT_SEARCHED
        )
        columns = {name: [(record.spec or {}).get(name) for record in first] for name in names}
    return tuple(
        importance(one.name, columns, [_mean(group, one.name) for group in groups], log=not one.quality)
        for one in objectives
    )


def entry(space: Mapping[str, Any], name: str, record: TrialRecord) -> object:
    """Returns what a trial's network has for a field of ``space``, or one entry a level from level 1 on.

    :data:`analysis.fronts.importance.ABSENT` stands where the field does not: its condition does not hold, or the
    network has not what was drawn, since it cannot honour it.
    """
    spec, params, free = record.spec or {}, record.params, space.get(name)
    where = free.get("where") or {} if isinstance(free, Mapping) else {}
    if not all(_has(entry(space, other, record), wanted) for other, wanted in where.items()):
        return ABSENT
    if name == "network":  # a spec has another name for one without its decoder
        return params.get(name, spec.get(name))
    value = spec.get(name)
    if not isinstance(value, list | tuple):
        return _standing(value, params.get(name, value))
    network = str(spec.get("network"))
    above = NETWORKS[network].first - 1 if network in NETWORKS and name != "receptive_field" else 0
    levels = (
        _standing(one, params.get(f"{name}.{level}", params.get(name, one)))
        for level, one in enumerate(value, start=above + 1)
    )
    return [*[ABSENT] * above, *levels]


def _has(value: object, wanted: object) -> bool:
    """Whether a field, or one of its levels, has one of the wanted values."""
    allowed = wanted if isinstance(wanted, list) else [wanted]
    return any(one in allowed for one in (value if isinstance(value, list) else [value]))


def _standing(value: object, drawn: object) -> object:
    """What a network has, if that is what was drawn; a width is rounded in its spec."""
    rounded = (
        isinstance(value, float) and isinstance(drawn, float) and math.isclose(value, drawn, abs_tol=1e-6)
    )
    return value if value is not None and (value == drawn or rounded) else ABSENT


def _mean(group: Sequence[TrialRecord], name: str) -> float:
    """The mean of a number over a network's trials that have it; NaN where none has."""
    known = [value for value in (record.value(name) for record in group) if math.isfinite(value)]
    return statistics.fmean(known) if known else math.nan
