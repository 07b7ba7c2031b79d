"""The study's Optuna storage: a SQLite file in the run folder, any database URL, or a journal file.

Each has transactions (:class:`searches.study.transactional.Transactional`), in which the calls of one thread to
Optuna's own methods hold a lock that all processes share. What is read there is still so when it is written: with it a
trial is claimed, taken up and ended, each at once.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import sqlalchemy
from optuna.storages import BaseStorage

from analysis.store.listing import STORAGE
from archspace.support.errors import FieldError
from searches.config.study import StudyConfig
from searches.study.journal import JournalFile
from searches.study.outages import OpenFile
from searches.study.tables import TableStorage

LOCK_SECONDS = 60
"""How long a worker waits for another one's write to a SQLite storage."""

JOURNAL = "journal://"

LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay"})
"""File systems that one kernel has for itself."""

CREATE_TRIES = 5
"""Processes that begin on a new storage at one moment make its tables at once: all but one fail, and try again."""


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
        journal = JournalFile(path := url.removeprefix(JOURNAL))
        journal.file = opened_file(Path(path))
        return journal
    sqlite = url.startswith("sqlite")
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True}
    storage = TableStorage(url, options)
    file = storage.engine.url.database
    if sqlite and file and file != ":memory:" and not file.startswith("file:"):
        storage.file = opened_file(Path(file))
    return storage


def _in_folder(folder: Path) -> TableStorage:
    """The file of a run folder, opened by its path: in a URL, a ``?``, ``%``, ``#`` or ``{`` of a name means more."""
    path = (folder / STORAGE).resolve()
    connect = partial(sqlite3.connect, str(path), timeout=LOCK_SECONDS, check_same_thread=False)
    storage = TableStorage(f"sqlite:///{STORAGE}", {"creator": connect})
    if is_local(path):
        _journal_mode(storage, "WAL")
    storage.file = opened_file(path)
    return storage


def close_storage(storage: BaseStorage) -> None:
    """Closes a storage; a SQLite file that nobody else has open is one file again, which can be copied alone."""
    if isinstance(storage, TableStorage):
        if storage.engine.name == "sqlite":
            storage.remove_session()
            storage.engine.dispose()
            if storage.file is None or storage.file.there:
                _journal_mode(storage, "DELETE")
        storage.engine.dispose()


def opened_file(path: Path) -> OpenFile:
    """Returns a storage's file as it is now."""
    return OpenFile(path, same=is_local(path))


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
