"""The study's Optuna storage: a SQLite file in the run folder, any database URL, or a journal file.

Each has :meth:`transaction`, in which the calls of one thread to Optuna's own methods hold a lock that all processes
share. What is read there is still so when it is written: with it a trial is claimed, taken up and ended, each at once.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, runtime_checkable

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.storages.journal._file import get_lock_file
from optuna.trial import TrialState
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from analysis.store.listing import STORAGE
from archspace.support.errors import FieldError
from searches.config.study import StudyConfig

log = logging.getLogger(__name__)

LOCK_SECONDS = 60
"""How long a worker waits for another one's write to a SQLite storage."""

JOURNAL = "journal://"
JOURNAL_GRACE_S, JOURNAL_HELD_S = 30, 25.0
"""After so long others break the lock of a journal file; who has held it nearly so long writes no more under it."""

LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay"})
"""File systems that one kernel has for itself."""

CREATE_TRIES = 5
"""Processes that begin on a new storage at one moment make its tables at once: all but one fail, and try again."""


Param: TypeAlias = tuple[Any, BaseDistribution]
"""The value of a parameter and where it was drawn from."""


@runtime_checkable
class Transactional(Protocol):
    """A storage whose calls can be made one step that no other process interrupts."""

    def transaction(self, study_id: int) -> AbstractContextManager[None]:
        """Makes the calls of this thread in a block one step; within another such block it is part of that one."""

    def attribute(self, trial_id: int, name: str) -> Any:
        """Returns an attribute of a trial as it is now, ``None`` where it has none."""

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """Writes attributes and parameters of a running trial, all at once; those that stand there are replaced.

        Raises:
            UpdateFinishedTrialError: it has ended.
        """


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
    """Optuna's tables in a database; a transaction is one of the database, and holds the row of its study."""

    def __init__(self, url: str, engine_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__(url, engine_kwargs)
        self._join()

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._join()

    def _join(self) -> None:
        self.scoped_session = scoped_session(sessionmaker(bind=self.engine, class_=_Session))

    @contextmanager
    def transaction(self, study_id: int) -> Iterator[None]:
        """See :class:`Transactional`; an error within undoes all of it."""
        session = self.scoped_session()
        assert isinstance(session, _Session)
        if session.joined:
            yield
            return
        try:
            if self.engine.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            else:
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


_STATE = sqlalchemy.text("SELECT state FROM trials WHERE trial_id = :trial")
_USER, _PARAMS = (
    sqlalchemy.table(name, *map(sqlalchemy.column, columns))
    for name, columns in (
        ("trial_user_attributes", ("trial_id", "key", "value_json")),
        ("trial_params", ("trial_id", "param_name", "param_value", "distribution_json")),
    )
)
_TRIAL, _NAME, _VALUE, _OF = (sqlalchemy.bindparam(name) for name in ("trial", "name", "value", "of"))
_DELETE_ATTRIBUTE = sqlalchemy.delete(_USER).where(_USER.c.trial_id == _TRIAL, _USER.c.key == _NAME)
_ATTRIBUTE = sqlalchemy.select(_USER.c.value_json).where(_USER.c.trial_id == _TRIAL, _USER.c.key == _NAME)
_INSERT_ATTRIBUTE = sqlalchemy.insert(_USER).values(trial_id=_TRIAL, key=_NAME, value_json=_VALUE)
_DELETE_PARAM = sqlalchemy.delete(_PARAMS).where(_PARAMS.c.trial_id == _TRIAL, _PARAMS.c.param_name == _NAME)
_INSERT_PARAM = sqlalchemy.insert(_PARAMS).values(
    trial_id=_TRIAL, param_name=_NAME, param_value=_VALUE, distribution_json=_OF
)


class JournalFile(JournalStorage):
    """A journal file; a transaction holds the file's lock, and what ends a trial is the last that it writes."""

    def __init__(self, path: str) -> None:
        self._file = _Journal(path)
        super().__init__(self._file)

    def transaction(self, study_id: int) -> AbstractContextManager[None]:
        """See :class:`Transactional`; it is one file, so that studies in it wait for each other."""
        return self._file.transaction()

    def attribute(self, trial_id: int, name: str) -> Any:
        """See :class:`Transactional`."""
        return self.get_trial_user_attrs(trial_id).get(name)

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """See :class:`Transactional`."""
        _enter(self, trial_id, attributes, params)


class _JournalLock(JournalFileSymlinkLock):
    """Optuna's lock of a journal file, which a thread may take again while it has it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, grace_period=JOURNAL_GRACE_S)
        self._threads, self._since = threading.RLock(), 0.0
        self.depth = 0

    def acquire(self) -> bool:
        self._threads.acquire()
        if self.depth == 0:
            try:
                super().acquire()
            except BaseException:
                self._threads.release()
                raise
            self._since = time.monotonic()
        self.depth += 1
        return True

    def release(self) -> None:
        self.depth -= 1
        try:
            if self.depth == 0 and not self.late:
                super().release()
        finally:
            self._threads.release()

    @property
    def late(self) -> bool:
        """Whether others may have broken the lock since: its process stood still."""
        return time.monotonic() - self._since > JOURNAL_HELD_S


class _Journal(JournalFileBackend):
    """The file itself; the lines of a transaction are on the disk when it ends."""

    def __init__(self, path: str) -> None:
        self._shared = _JournalLock(path)
        super().__init__(path, lock_obj=self._shared)
        self._path, self._pending = path, False

    def __reduce__(self) -> tuple[Any, ...]:
        return _Journal, (self._path,)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Holds the lock of the file."""
        with get_lock_file(self._shared):
            try:
                yield
            finally:
                if self._pending and self._shared.depth == 1:
                    self._write(b"")

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends lines, under the lock."""
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in logs)
        with get_lock_file(self._shared):
            if self._shared.late:
                raise optuna.exceptions.StorageInternalError(f"{self._path}: its lock was lost")
            self._write(text.encode())

    def _write(self, content: bytes) -> None:
        with Path(self._path).open("ab") as file:
            file.write(content)
            file.flush()
            self._pending = self._shared.depth > 1 and bool(content)
            if not self._pending:
                os.fsync(file.fileno())


class Alone:
    """A storage that one process has for itself, in memory: its threads wait for each other."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage, self._lock = storage, threading.RLock()

    @contextmanager
    def transaction(self, study_id: int) -> Iterator[None]:
        """See :class:`Transactional`."""
        with self._lock:
            yield

    def attribute(self, trial_id: int, name: str) -> Any:
        """See :class:`Transactional`."""
        return self._storage.get_trial_user_attrs(trial_id).get(name)

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """See :class:`Transactional`."""
        _enter(self._storage, trial_id, attributes, params)


def _enter(
    storage: BaseStorage, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param]
) -> None:
    for name, value in attributes.items():
        storage.set_trial_user_attr(trial_id, name, value)
    for name, (value, distribution) in params.items():
        storage.set_trial_param(trial_id, name, distribution.to_internal_repr(value), distribution)


def open_storage(config: StudyConfig, folder: Path) -> BaseStorage:
    """Returns the study's storage.

    Raises:
        FieldError: the URL cannot be opened.
    """
    return storage_at(config.storage, folder)


def storage_at(url: str | None, folder: Path) -> BaseStorage:
    """Returns the storage of a URL, or that of a run folder.

    Raises:
        FieldError: the URL cannot be opened.
    """
    for attempt in range(CREATE_TRIES):
        try:
            return _opened(url, folder)
        except OSError:
            raise
        except Exception as error:
            if attempt + 1 < CREATE_TRIES and isinstance(_root(error), _MADE_AT_ONCE):
                time.sleep(random.random())
                continue
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FieldError("storage", url, f"cannot be opened: {reason}", "sqlite:///study.db") from error
    raise AssertionError("the last try returns or raises")


_MADE_AT_ONCE = (
    sqlalchemy.exc.IntegrityError,
    sqlalchemy.exc.ProgrammingError,
    sqlalchemy.exc.OperationalError,
)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None and not isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        error = error.__cause__
    return error


def _opened(url: str | None, folder: Path) -> BaseStorage:
    if url is None:
        return _in_folder(folder)
    if url.startswith(JOURNAL):
        return JournalFile(url.removeprefix(JOURNAL))
    sqlite = url.startswith("sqlite")
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True}
    return TableStorage(url, options)


def _in_folder(folder: Path) -> TableStorage:
    """The file of a run folder, opened by its path: in a URL, a ``?``, ``%``, ``#`` or ``{`` of a name means more."""
    path = (folder / STORAGE).resolve()
    connect = partial(sqlite3.connect, str(path), timeout=LOCK_SECONDS, check_same_thread=False)
    storage = TableStorage(f"sqlite:///{STORAGE}", {"creator": connect})
    if is_local(path):
        _journal_mode(storage, "WAL")
    return storage


def close_storage(storage: BaseStorage) -> None:
    """Closes a storage; a SQLite file that nobody else has open is one file again, which can be copied alone."""
    if isinstance(storage, TableStorage):
        if storage.engine.name == "sqlite":
            storage.remove_session()
            storage.engine.dispose()
            _journal_mode(storage, "DELETE")
        storage.engine.dispose()


def _journal_mode(storage: TableStorage, mode: str) -> None:
    """Asks for a mode of writing, which cannot be had while others are at work.

    With a log that is written ahead (WAL) a commit waits once for the disk, with a journal of what was there before
    several times. Both outlast a crash of the process and of the machine.
    """
    with suppress(sqlalchemy.exc.OperationalError), storage.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1000")
        connection.exec_driver_sql(f"PRAGMA journal_mode = {mode}")


def is_local(path: Path) -> bool:
    """Whether a file is on a disk of this machine, as far as is known: SQLite's log needs memory that is shared."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    kinds = {
        Path(words[1].replace("\\040", " ")): words[2] for line in lines if len(words := line.split()) > 2
    }
    return next((kinds[place] for place in path.parents if place in kinds), "") in LOCAL
