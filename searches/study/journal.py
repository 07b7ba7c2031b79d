"""Optuna's journal file, with transactions over several of its calls."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.storages.journal._file import BaseJournalFileLock, get_lock_file

from searches.study.outages import OpenFile
from searches.study.transactional import Param, enter_each

JOURNAL_GRACE_S, JOURNAL_HELD_S = 30, 25.0
"""After so long others break the lock of a journal file; who has held it nearly so long writes no more under it."""


class JournalFile(JournalStorage):
    """A journal file; a transaction holds the file's lock, and what ends a trial is the last that it writes.

    Attributes:
        file: as it was opened; where it was removed, a new one would begin in the middle.
    """

    file: OpenFile | None = None

    def __init__(self, path: str) -> None:
        self._journal = _Journal(path)
        super().__init__(self._journal)

    def transaction(self, study_id: int) -> AbstractContextManager[None]:
        """See :class:`Transactional`; it is one file, so that studies in it wait for each other.

        Raises:
            InputError: the file was removed.
        """
        if self.file is not None:
            self.file.check()
        return self._journal.transaction()

    def attribute(self, trial_id: int, name: str) -> Any:
        """See :class:`Transactional`."""
        return self.get_trial_user_attrs(trial_id).get(name)

    def enter(
        self, trial_id: int, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """See :class:`Transactional`."""
        enter_each(self, trial_id, attributes, params)


class _JournalLock(BaseJournalFileLock):
    """Optuna's lock of a journal file, which a thread may take again while it has it.

    Optuna's own is beside it, not above: it breaks one that is old by calling its ``release``.
    """

    def __init__(self, path: str) -> None:
        self._link = JournalFileSymlinkLock(path, grace_period=JOURNAL_GRACE_S)
        self._threads, self._since = threading.RLock(), 0.0
        self.depth = 0

    def acquire(self) -> bool:
        self._threads.acquire()
        if self.depth == 0:
            try:
                self._link.acquire()
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
                self._link.release()
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
