"""The study's Optuna storage: a SQLite file in the run folder, any database URL, or a journal file."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from archspace.support.errors import FieldError
from searches.config.study import StudyConfig

LOCK_SECONDS = 60
"""How long a worker waits for another one's write to a SQLite storage."""

JOURNAL = "journal://"
SQLITE_FILE = "study.db"


def open_storage(config: StudyConfig, folder: Path) -> optuna.storages.BaseStorage:
    """Returns the study's storage.

    Raises:
        FieldError: the URL cannot be opened.
    """
    url = config.storage or f"sqlite:///{(folder / SQLITE_FILE).resolve()}"
    try:
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
