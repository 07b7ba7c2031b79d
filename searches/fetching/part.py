"""A file on its way: ``NAME.part`` holds what has come, ``NAME.part.json`` what the host said of that version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from archspace.support.files import write_text

_CHUNK = 1 << 20


class Meter(Protocol):
    """What shows how far one file is."""

    def __call__(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there; ``total`` is None where the host does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a host says of a file.

    Attributes:
        url: the address that was asked.
        version: a strong ETag, or the date of the last change: what an If-Range header may name.
        bytes: the size of the whole file.
    """

    url: str
    version: str | None
    bytes: int | None


class Part:
    """A file that grows, with the checksum of what was seen of it so far.

    Args:
        path: of the file.
        meter: is told how far reading it again is.
        algorithm: of the checksum.
    """

    def __init__(self, path: Path, meter: Meter, algorithm: str = "sha256") -> None:
        self.path, self._meter = path, meter
        self._note = path.with_name(f"{path.name}.json")
        self.algorithm = algorithm

    @property
    def algorithm(self) -> str:
        """Of the checksum; setting it begins the checksum anew."""
        return self._algorithm

    @algorithm.setter
    def algorithm(self, name: str) -> None:
        self._algorithm, self.summed = name, 0
        self._hash = hashlib.new(name, usedforsecurity=False)

    @property
    def size(self) -> int:
        """Bytes that are there; 0 without a file."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def digest(self) -> str:
        """The checksum of the first ``summed`` bytes, in hex digits."""
        return self._hash.hexdigest()

    def note(self, url: str) -> Note | None:
        """Returns what the host at ``url`` said when the part was begun; None where there is none from there."""
        try:
            note = Note(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return note if note.url == url and self.path.is_file() else None

    def begin(self, note: Note) -> None:
        """Nothing is there yet of the version in ``note``."""
        self.forget()
        write_text(self._note, json.dumps(asdict(note)))

    def grown(self, chunk: bytes) -> None:
        """``chunk`` was written at the end."""
        self._hash.update(chunk)
        self.summed += len(chunk)

    def sum_up(self) -> None:
        """Takes what was not seen yet into the checksum: what an earlier run left."""
        size = self.size
        with self.path.open("rb") as file:
            file.seek(self.summed)
            while chunk := file.read(_CHUNK):
                self.grown(chunk)
                self._meter(self.summed, size)

    def become(self, path: Path) -> None:
        """The part is the whole: it takes its final name."""
        self.path.replace(path)
        self._note.unlink(missing_ok=True)

    def forget(self) -> None:
        """Deletes what has come."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.algorithm = self._algorithm
