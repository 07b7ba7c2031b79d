"""A storage that does not answer for a while: a server that is restarted, a network that drops."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import sqlalchemy.exc
from optuna.exceptions import StorageInternalError

from archspace.support.errors import InputError

log = logging.getLogger(__name__)

T = TypeVar("T")
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0, 30.0)
"""Between two tries, two and a half minutes in all."""

TRANSIENT = (StorageInternalError, sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
FULL = ("disk is full", "disk I/O error", "No space left")
GONE = ("no such table", "unable to open", "readonly database")
"""What waiting does not mend: a full disk, and a file that was deleted."""


def enduring(call: Callable[[], T], pauses: tuple[float, ...] = PAUSES_S) -> T:
    """Returns what a call to the storage returns, which is made again for a while where the storage does not answer.

    Raises:
        InputError: it did not answer all the time.
    """
    failed = False
    for pause in (*pauses, None):
        try:
            result = call()
        except TRANSIENT as error:
            reason = _reason(error)
            if any(text in reason for text in FULL):
                raise
            if any(text in reason for text in GONE):
                raise InputError(
                    f"storage: cannot be written any more: {reason}; was its file removed?"
                ) from error
            if pause is None:
                rule = "does not answer; when it does, run the same command: the study goes on"
                raise InputError(f"storage: {rule} ({reason})") from error
            if not failed:
                log.warning("the storage does not answer (%s); trying on", reason)
            failed = True
            time.sleep(pause)
        else:
            if failed:
                log.info("the storage answers again")
            return result
    raise AssertionError("the last try returns or raises")


class OpenFile:
    """A file of a storage, as it was when it was opened.

    Args:
        path: the file, which is there.
        same: whether its number says that it is the same file; some file systems of a network give new ones.
    """

    def __init__(self, path: Path, *, same: bool) -> None:
        self._path, self._same = path.absolute(), same
        self._known = self._now()

    @property
    def there(self) -> bool:
        """Whether it still is the file of its name."""
        return self._now() == self._known

    def check(self) -> None:
        """Refuses to go on without it.

        Raises:
            InputError: it was removed, or another one has its name.
        """
        if not self.there:
            rule = "was removed or replaced while the study ran"
            raise InputError(f"{self._path}: {rule}; the same command takes over what has been trained")

    def _now(self) -> tuple[int, int] | None:
        try:
            held = self._path.stat()
        except OSError:
            return None
        return (held.st_dev, held.st_ino) if self._same else (0, 0)


def _reason(error: BaseException) -> str:
    """The first line of what a database said."""
    for one in _causes(error):
        if isinstance(one, sqlalchemy.exc.DBAPIError):
            return str(one.orig).strip().splitlines()[0]
    return (str(error).splitlines() or [type(error).__name__])[0]


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
