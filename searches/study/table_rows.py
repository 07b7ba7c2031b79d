"""Trials read from Optuna's tables row by row: ten thousand of them in a tenth of the memory of mapped objects."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial

from searches.study.known import RECORD_ATTR

SLICE = 200
"""Trials whose rows are read at once."""

_TRIAL = models.TrialModel.__table__
_COLUMNS = [_TRIAL.c[name] for name in ("trial_id", "number", "state", "datetime_start", "datetime_complete")]
_OF_STUDY = sqlalchemy.select(*_COLUMNS).where(_TRIAL.c.study_id == sqlalchemy.bindparam("study"))
_SOME: sqlalchemy.BindParameter[Any] = sqlalchemy.bindparam("some", expanding=True)
TRIALS = _OF_STUDY.where(_TRIAL.c.trial_id > sqlalchemy.bindparam("after")).order_by(_TRIAL.c.trial_id)
"""Trials of the study ``study`` after the id ``after``."""
ONE_TRIAL = sqlalchemy.select(*_COLUMNS).where(_TRIAL.c.trial_id == sqlalchemy.bindparam("trial"))
"""The trial of the id ``trial``."""
TRIALS_OF = _OF_STUDY.where(_TRIAL.c.trial_id.in_(_SOME)).order_by(_TRIAL.c.trial_id)
"""Trials of the study ``study`` of the ids ``some``."""


def _of(model: Any, *names: str) -> sqlalchemy.Select[Any]:
    table = model.__table__
    columns = [table.c[name] for name in ("trial_id", *names)]
    return sqlalchemy.select(*columns).where(table.c.trial_id.in_(_SOME))


_PARAMS = _of(models.TrialParamModel, "param_name", "param_value", "distribution_json").order_by(
    models.TrialParamModel.__table__.c.param_id
)
_VALUES = _of(models.TrialValueModel, "objective", "value", "value_type").order_by(
    models.TrialValueModel.__table__.c.objective
)
_USER = _of(models.TrialUserAttributeModel, "key", "value_json")
_SYSTEM = _of(models.TrialSystemAttributeModel, "key", "value_json")
_STEPS = _of(models.TrialIntermediateValueModel, "step", "intermediate_value", "intermediate_value_type")


def slices(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yields ids, so many at a time as a statement may name."""
    for first in range(0, len(ids), SLICE):
        yield list(ids[first : first + SLICE])


def read_trials(connection: sqlalchemy.Connection, rows: Sequence[Any]) -> list[FrozenTrial]:
    """Returns trials of which their own rows are known, by id; a record among their attributes stays text.

    Args:
        connection: to the tables.
        rows: of :data:`TRIALS`, each once.
    """
    found: dict[int, FrozenTrial] = {}
    by_id = {row.trial_id: row for row in rows}
    for some in slices(sorted(by_id)):
        found |= _read(connection, [by_id[one] for one in some])
    return [found[one] for one in sorted(found)]


def _read(connection: sqlalchemy.Connection, rows: Sequence[Any]) -> dict[int, FrozenTrial]:
    some = {"some": [row.trial_id for row in rows]}
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    drawn_from: dict[int, dict[str, BaseDistribution]] = defaultdict(dict)
    for row in connection.execute(_PARAMS, some):
        distribution = _distribution(row.distribution_json)
        params[row.trial_id][row.param_name] = distribution.to_external_repr(row.param_value)
        drawn_from[row.trial_id][row.param_name] = distribution
    values: dict[int, list[float]] = defaultdict(list)
    for row in connection.execute(_VALUES, some):
        values[row.trial_id].append(models.TrialValueModel.stored_repr_to_value(row.value, row.value_type))
    attributes: list[dict[int, dict[str, Any]]] = []
    for statement in (_USER, _SYSTEM):
        held: dict[int, dict[str, Any]] = defaultdict(dict)
        for row in connection.execute(statement, some):
            record = row.key == RECORD_ATTR and statement is _USER
            held[row.trial_id][_shared(row.key)] = row.value_json if record else _plain(row.value_json)
        attributes.append(held)
    steps: dict[int, dict[int, float]] = defaultdict(dict)
    for row in connection.execute(_STEPS, some):
        steps[row.trial_id][row.step] = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(
            row.intermediate_value, row.intermediate_value_type
        )
    return {
        row.trial_id: FrozenTrial(
            number=row.number, state=row.state, value=None, values=values.get(row.trial_id),
            datetime_start=row.datetime_start, datetime_complete=row.datetime_complete,
            params=params[row.trial_id], distributions=drawn_from[row.trial_id],
            user_attrs=attributes[0][row.trial_id], system_attrs=attributes[1][row.trial_id],
            intermediate_values=steps[row.trial_id], trial_id=row.trial_id,
        )
        for row in rows
    }  # fmt: skip


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    """One object for all trials that drew from the same; nobody changes it."""
    return json_to_distribution(text)


@lru_cache(maxsize=4096)
def _shared(name: str) -> str:
    return name


@lru_cache(maxsize=4096)
def _scalar(text: str) -> Any:
    return json.loads(text)


def _plain(text: str) -> Any:
    """A value; those that cannot change are one object for all trials."""
    return json.loads(text) if text[:1] in ("{", "[") else _scalar(text)
