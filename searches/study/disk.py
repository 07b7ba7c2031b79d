"""A disk that fills while a study runs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archspace.support.errors import InputError


@contextmanager
def full_disk_as_one_line(folder: Path) -> Iterator[None]:
    """Turns a full disk, wherever it is noticed, into one line; the study stays resumable."""
    import sqlalchemy.exc

    reason = InputError(
        f"{folder}: the disk is full; free some space and run the same command: the study goes on"
    )
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise reason from error
        raise InputError(f"{error.filename or folder}: {error.strerror or error}") from error
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            text = str(cause)
            full = "disk is full" in text or "disk I/O error" in text or os.strerror(errno.ENOSPC) in text
            if full and isinstance(cause, OSError | sqlalchemy.exc.OperationalError | RuntimeError):
                raise reason from error
            cause = cause.__cause__ or cause.__context__
        raise
