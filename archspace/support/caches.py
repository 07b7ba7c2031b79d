"""What archspace keeps so as not to do it twice: every kind of cache, to be listed and cleared. No torch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.support.files import cache_root
from archspace.support.registry import Registry

DAY_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing in the cache.

    Attributes:
        kind: of which cache it is, by its name in :data:`CACHES`.
        path: a file or a folder.
        label: what it is, for people.
        size_bytes: of all its files.
        made: when it was written last, in seconds since 1970.
    """

    kind: str
    path: Path
    label: str
    size_bytes: int
    made: float

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return max(0.0, time.time() - self.made)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "kind": self.kind, "path": str(self.path), "label": self.label, "bytes": self.size_bytes,
            "made": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.made)),
            "age_s": round(self.age_s),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKind:
    """A kind of cache.

    Attributes:
        about: what it holds and what it saves, in a line.
        paths: its entries below the cache's folder, a file or folder each.
        label: what an entry is, for people; its name if that cannot be read.
        remade: whether what needs an entry makes it again by itself; one that a command of the user's made is cleared
            only by its name.
    """

    about: str
    paths: Callable[[Path], Iterable[Path]]
    label: Callable[[Path], str]
    remade: bool = True


CACHES: Registry[CacheKind] = Registry("cache")
"""Every kind of cache by name; whoever keeps one enters it."""


def entries(kinds: Sequence[str] = ()) -> Iterator[Entry]:
    """Yields what is in the cache's folder, kind by kind, the newest first.

    Raises:
        FieldError: there is no such kind.
    """
    for name in kinds or list(CACHES):
        kind = CACHES[name]
        found = [one for path in kind.paths(cache_root()) if (one := _entry(name, kind, path)) is not None]
        yield from sorted(found, key=lambda one: (-one.made, one.label))


def clear(kinds: Sequence[str] = (), *, older_than_s: float = 0.0) -> list[Entry]:
    """Removes entries, and returns those that are gone; locks stay, as somebody may hold one.

    Args:
        kinds: names of caches; all that are made again by themselves if left out.
        older_than_s: leave what is younger.

    Raises:
        FieldError: there is no such kind.
    """
    chosen = kinds or [name for name, kind in CACHES.items() if kind.remade]
    gone = []
    for one in [entry for entry in entries(chosen) if entry.age_s >= older_than_s]:
        if one.path.is_dir():
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            with suppress(OSError):
                one.path.unlink()
        if not one.path.exists():
            gone.append(one)
            with suppress(OSError):
                one.path.parent.rmdir()  # succeeds where nothing else is in it
    return gone


def _entry(name: str, kind: CacheKind, path: Path) -> Entry | None:
    """What is at ``path`` now, or ``None``: others may remove it meanwhile."""
    try:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        made = max((file.stat().st_mtime for file in files), default=path.stat().st_mtime)
    except OSError:
        return None
    try:
        label = kind.label(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        label = f"{path.name} (cannot be read)"
    return Entry(kind=name, path=path, label=label, size_bytes=size, made=made)
