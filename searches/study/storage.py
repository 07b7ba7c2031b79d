"""The study's Optuna storage: a SQLite file in the run folder, any database URL, or a journal file."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from analysis.store.listing import STORAGE
from archspace.support.errors import FieldError
from searches.config.study import StudyConfig

LOCK_SECONDS = 60
"""How long a worker waits for another one's write to a SQLite storage."""

JOURNAL = "journal://"


def open_storage(config: StudyConfig, folder: Path) -> optuna.storages.BaseStorage:
    """Returns the study's storage.

    Raises:
        FieldError: the URL cannot be opened.
    """
    url = config.storage or f"sqlite:///{STORAGE}"
    try:
        if config.storage is None:
            return _in_folder(folder)
        if url.startswith(JOURNAL):
            backend = JournalFileBackend(url.removeprefix(JOURNAL))
            return JournalStorage(backend)
        options = {"connect_args": {"timeout": LOCK_SECONDS}} if url.startswith("sqlite") else {}
        return optuna.storages.RDBStorage(url, engine_kwargs=options)
    except Exception as error:
        if isinstance(error, OSError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FieldError("storage", url, f"cannot be opened: {reason}", "sqlite:///study.db") from error


def _in_folder(folder: Path) -> optuna.storages.RDBStorage:
    """The file of a run folder, opened by its path: in a URL, a ``?``, ``%``, ``#`` or ``{`` of a name means more."""
    path = str((folder / STORAGE).resolve())
    connect = partial(sqlite3.connect, path, timeout=LOCK_SECONDS, check_same_thread=False)
    return optuna.storages.RDBStorage(f"sqlite:///{STORAGE}", engine_kwargs={"creator": connect})
