"""Hashes of files, kept in the cache as long as a file is surely what it was."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from analysis.store.fingerprint import hashed
from archspace.support.errors import InputError
from archspace.support.files import cache_root, write_text

FOLDER = "fingerprints"
SETTLED_SECONDS = 2.0
"""A file that changed later than this before it was read may change again within the clock's tick; it is not kept."""


class FileHashes:
    """Hashes of the files of a data set, remembered by path, bytes, times of the content and of the inode.

    The time of the inode (``ctime``) cannot be set, so a file of equal size whose modification time was put back is
    read again.

    Args:
        root: the data set's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._path = cache_root() / FOLDER / f"{hashed(str(root))}.json"
        self._known: dict[str, list[object]] = {}
        self._made: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            known = json.loads(self._path.read_text(encoding="utf-8"))
            self._known = known if isinstance(known, dict) else {}

    def of(self, path: Path) -> tuple[str, int]:
        """Returns hash and bytes of a file.

        Raises:
            InputError: it cannot be read.
        """
        try:
            status = path.stat()
            stamp = _stamp(status)
            name = os.path.relpath(path, self.root)
            known = self._known.get(name)
            if known is not None and known[:-1] == stamp:
                return str(known[-1]), status.st_size
            content = path.read_bytes()
            digest = hashed(content)
            if _stamp(path.stat()) == stamp and time.time() - _changed(status) > SETTLED_SECONDS:
                self._made[name] = [*stamp, digest]
            return digest, len(content)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error

    def part(self, key: str, make: Callable[[], tuple[str, int]]) -> tuple[str, int]:
        """Returns hash and bytes of what lies in a file with others; ``key`` names it and has the file's hash."""
        known = self._known.get(key)
        if known is None:
            digest, size = make()
            self._made[key] = known = [size, digest]
        return str(known[1]), int(str(known[0]))

    def save(self) -> None:
        """Keeps what was hashed; a cache that cannot be written costs time, nothing else."""
        if not self._made:
            return
        self._known |= self._made
        self._made = {}
        with suppress(InputError):
            write_text(self._path, json.dumps(self._known))


def _stamp(status: os.stat_result) -> list[object]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _changed(status: os.stat_result) -> float:
    return max(status.st_mtime, status.st_ctime)
