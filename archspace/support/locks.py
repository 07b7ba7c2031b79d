"""File locks that the kernel lets go when their process dies, however it dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class Held:
    """A lock that is held until :meth:`release` or the end of the process."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Lets go, from whichever thread; a second time does nothing."""
        self._lock.release()


def try_lock(path: Path) -> Held | None:
    """Returns the lock of ``path`` if nobody holds it: no other process, no other thread, nor this one.

    Raises:
        OSError: the file cannot be made, or its file system has no locks.
    """
    lock = _lock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return Held(lock)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of ``path``, waiting for it.

    Raises:
        OSError: the file cannot be made, or its file system has no locks.
    """
    with _lock(path):
        yield


def _lock(path: Path) -> FileLock:
    """A lock of its own on every call, so that two callers in one process exclude each other.

    ``preserve_lock_file``: the file stays, and where the kernel has no lock for it that is an error, instead of a
    marker file which would outlive a killed process. ``thread_local``: off, as one thread may end what another began.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, thread_local=False, preserve_lock_file=True)
