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
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import optuna
import sqlalchemy
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.storages.journal._file import get_lock_file
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

CREATE_TRIES = 5
"""Processes that begin on a new storage at one moment make its tables at once: all but one fail, and try again."""


@runtime_checkable
class Transactional(Protocol):
    """A storage whose calls can be made one step that no other process interrupts."""

    def transaction(self, study_id: int) -> AbstractContextManager[None]:
        """Makes the calls of this thread in a block one step; within another such block it is part of that one."""

    def remove_session(self) -> None:
        """Closes what this thread holds open."""


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


class JournalFile(JournalStorage):
    """A journal file; a transaction holds the file's lock, and what ends a trial is the last that it writes."""

    def __init__(self, path: str) -> None:
        self._file = _Journal(path)
        super().__init__(self._file)

    def transaction(self, study_id: int) -> AbstractContextManager[None]:
        """See :class:`Transactional`; it is one file, so that studies in it wait for each other."""
        return self._file.transaction()


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


@contextmanager
def transaction(study: optuna.Study, storage: object) -> Iterator[None]:
    """Makes the calls of this thread to a study one step; a storage in memory has one process, which is alone."""
    with storage.transaction(study._study_id) if isinstance(storage, Transactional) else _ALONE:
        yield


_ALONE = threading.RLock()


def open_storage(config: StudyConfig, folder: Path) -> optuna.storages.BaseStorage:
    """Returns the study's storage.

    Raises:
        FieldError: the URL cannot be opened.
    """
    return storage_at(config.storage, folder)


def storage_at(url: str | None, folder: Path) -> optuna.storages.BaseStorage:
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


def _opened(url: str | None, folder: Path) -> optuna.storages.BaseStorage:
    if url is None:
        return _in_folder(folder)
    if url.startswith(JOURNAL):
        return JournalFile(url.removeprefix(JOURNAL))
    sqlite = url.startswith("sqlite")
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True}
    return TableStorage(url, options)


def _in_folder(folder: Path) -> TableStorage:
    """The file of a run folder, opened by its path: in a URL, a ``?``, ``%``, ``#`` or ``{`` of a name means more."""
    path = str((folder / STORAGE).resolve())
    connect = partial(sqlite3.connect, path, timeout=LOCK_SECONDS, check_same_thread=False)
    return TableStorage(f"sqlite:///{STORAGE}", {"creator": connect})
