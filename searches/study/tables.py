"""Optuna's tables in a database, with transactions over several of its calls."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from searches.study.outages import OpenFile
from searches.study.table_rows import ONE_TRIAL, TRIALS, TRIALS_OF, read_trials, slices
from searches.study.transactional import Param

FROZEN_S = 60
"""How long a process that stands still in the middle of a transaction holds up the others."""


class _Session(Session):
    """A session that leaves it to the block around it to commit and to close."""

    joined = broken = False

    def commit(self) -> None:
        if not self.joined:
            super().commit()
        elif not self.broken:
            self.flush()

    def rollback(self) -> None:
        self.broken = self.joined
        super().rollback()

    def close(self) -> None:
        if self.joined:
            self.expunge_all()  # what is read next is read anew, as after a commit
        else:
            super().close()


class TableStorage(RDBStorage):
    """Optuna's tables in a database; a transaction is one of the database, and holds the row of its study.

    Attributes:
        file: of a SQLite database: what is written after it was removed is lost with the last who has it open.
    """

    file: OpenFile | None = None

    def __init__(self, url: str, engine_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__(url, engine_kwargs)
        self._join()

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._join()

    def _check_file(self) -> None:
        if self.file is not None:
            self.file.check()

    def _join(self) -> None:
        self.scoped_session = scoped_session(sessionmaker(bind=self.engine, class_=_Session))

    @contextmanager
    def transaction(self, study_id: int) -> Iterator[None]:
        """See :class:`Transactional`; an error within undoes all of it.

        Raises:
            InputError: the file was removed.
        """
        self._check_file()
        session = self.scoped_session()
        assert isinstance(session, _Session)
        if session.joined:
            yield
            return
        try:
            if self.engine.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            else:
                if (
                    self.engine.name == "postgresql"
                ):  # one that stands still within it holds up the others so long
                    session.execute(
                        sqlalchemy.text(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_S}s'")
                    )
                row = sqlalchemy.text("SELECT study_id FROM studies WHERE study_id = :id FOR UPDATE")
                session.execute(row, {"id": study_id})
            session.joined, session.broken = True, False
            yield
            if session.broken:
                raise optuna.exceptions.StorageInternalError("a write within a transaction failed")
            session.joined = False
            session.commit()
        except BaseException as error:
            session.joined = False
            session.rollback()
            if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
                raise optuna.exceptions.StorageInternalError(str(error)) from error
            raise
        finally:
            session.joined = False
            session.close()

    def _get_trials(
        self, study_id: int, states: Container[TrialState] | None, included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:  # fmt: skip
        """As Optuna's, a slice at a time and without objects for every row, which took half a gigabyte."""
        with self.reading() as connection:
            if connection.scalar(_STUDY, {"study": study_id}) is None:
                raise KeyError(study_id)
            earlier = [one for one in included_trial_ids if one <= trial_id_greater_than]
            rows = list(connection.execute(TRIALS, {"study": study_id, "after": trial_id_greater_than}))
            for some in slices(sorted(earlier)):
                rows += connection.execute(TRIALS_OF, {"study": study_id, "some": some})
            wanted = [row for row in rows if states is None or row.state in states]
            return read_trials(connection, wanted)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna's, without a statement for each kind of row of an object that is thrown away."""
        with self.reading() as connection:
            rows = connection.execute(ONE_TRIAL, {"trial": trial_id}).all()
            if not rows:
                raise KeyError(trial_id)
            return read_trials(connection, rows)[0]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As Optuna's, in one statement."""
        return self._study_attributes(_STUDY_USER, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As Optuna's, in one statement."""
        return self._study_attributes(_STUDY_SYSTEM, study_id)

    def _study_attributes(self, statement: sqlalchemy.Select[Any], study_id: int) -> dict[str, Any]:
        with self.reading() as connection:
            found = {
                row.key: json.loads(row.value_json)
                for row in connection.execute(statement, {"study": study_id})
            }
            if not found and connection.scalar(_STUDY, {"study": study_id}) is None:
                raise KeyError(study_id)
            return found

    @contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """A connection to read with: that of the transaction of this thread, if it is within one.

        Raises:
            InputError: the file was removed.
        """
        self._check_file()
        session = self.scoped_session()
        assert isinstance(session, _Session)
        try:
            yield session.connection()
            if not session.joined:
                session.commit()
        except sqlalchemy.exc.SQLAlchemyError as error:
            session.rollback()
            raise optuna.exceptions.StorageInternalError(str(error)) from error
        finally:
            session.close()

    def attribute(self, trial_id: int, name: str) -> Any:
        """See :class:`Transactional`."""
        value = self.scoped_session().scalar(_ATTRIBUTE, {"trial": trial_id, "name": name})
        return None if value is None else json.loads(value)

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """See :class:`Transactional`; Optuna's own methods need five statements for each."""
        session = self.scoped_session()
        state = session.scalar(_STATE, {"trial": trial_id})
        if state is None:
            raise KeyError(trial_id)
        self.check_trial_is_updatable(trial_id, TrialState[state])
        rows = [{"trial": trial_id, "name": k, "value": json.dumps(v)} for k, v in attributes.items()]
        drawn = [
            {"trial": trial_id, "name": k, "value": d.to_internal_repr(v), "of": distribution_to_json(d)}
            for k, (v, d) in params.items()
        ]
        for delete, insert, values in (
            (_DELETE_ATTRIBUTE, _INSERT_ATTRIBUTE, rows), (_DELETE_PARAM, _INSERT_PARAM, drawn)
        ):  # fmt: skip
            if values:
                connection = session.connection()
                connection.execute(delete, values)
                connection.execute(insert, values)


_STUDY = sqlalchemy.text("SELECT study_id FROM studies WHERE study_id = :study")
_STATE = sqlalchemy.text("SELECT state FROM trials WHERE trial_id = :trial")
_USER, _PARAMS = (
    sqlalchemy.table(name, *map(sqlalchemy.column, columns))
    for name, columns in (
        ("trial_user_attributes", ("trial_id", "key", "value_json")),
        ("trial_params", ("trial_id", "param_name", "param_value", "distribution_json")),
    )
)
_STUDY_USER, _STUDY_SYSTEM = (
    sqlalchemy.select(model.key, model.value_json).where(model.study_id == sqlalchemy.bindparam("study"))
    for model in (models.StudyUserAttributeModel, models.StudySystemAttributeModel)
)
_TRIAL = sqlalchemy.bindparam("trial", type_=sqlalchemy.Integer)
_NAME = sqlalchemy.bindparam("name", type_=sqlalchemy.String)
_VALUE: sqlalchemy.BindParameter[Any] = sqlalchemy.bindparam("value")
_OF = sqlalchemy.bindparam("of", type_=sqlalchemy.String)
_DELETE_ATTRIBUTE = sqlalchemy.delete(_USER).where(_USER.c.trial_id == _TRIAL, _USER.c.key == _NAME)
_ATTRIBUTE = sqlalchemy.select(_USER.c.value_json).where(_USER.c.trial_id == _TRIAL, _USER.c.key == _NAME)
_INSERT_ATTRIBUTE = sqlalchemy.insert(_USER).values(trial_id=_TRIAL, key=_NAME, value_json=_VALUE)
_DELETE_PARAM = sqlalchemy.delete(_PARAMS).where(_PARAMS.c.trial_id == _TRIAL, _PARAMS.c.param_name == _NAME)
_INSERT_PARAM = sqlalchemy.insert(_PARAMS).values(
    trial_id=_TRIAL, param_name=_NAME, param_value=_VALUE, distribution_json=_OF
)
