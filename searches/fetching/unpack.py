"""Archives unpacked safely: files and folders only, each inside the target folder, the whole archive or nothing.

A link, a device, an absolute name, ``..`` or a name twice makes the archive refused before anything is kept.
"""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from archspace.support.errors import InputError
from archspace.support.files import unwritable
from searches.fetching.web import FetchError

_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
)  # fmt: skip
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name there, its size in bytes, and how to read it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(
    archive: Path,
    take: Mapping[str, str],
    folder: Path,
    advance: Callable[[int], None],
    finish: Callable[[Path], None] | None = None,
) -> None:
    """Unpacks the members that ``take`` names into ``folder``, which must not exist yet.

    Args:
        archive: a zip or tar file, compressed or not.
        take: beginning of a member's name -> beginning of its name in ``folder``.
        folder: is there afterwards with everything in it, or not at all.
        advance: is told how many bytes were written.
        finish: works on the unpacked files before the folder takes its name.

    Raises:
        FetchError: the archive is damaged, or a member must not be unpacked; the message names it.
        InputError: the disk is full or cannot be written.
    """
    unfinished = folder.with_name(f".{folder.name.lstrip('.')}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        written: set[str] = set()
        for member in _members(archive, unfinished):
            place = _place(member.name, take)
            if place is None:
                continue
            if place in written:
                raise FetchError(f"{archive.name}: has {member.name!r} twice")
            written.add(place)
            _write(member, unfinished / place, archive, advance)
        missing = [start for start, place in take.items() if not (unfinished / place).exists()]
        if missing or not written:
            raise FetchError(f"{archive.name}: holds no {(missing or list(take))[0]}: it is another file")
        if finish is not None:
            finish(unfinished)
        unfinished.replace(folder)
    except _BROKEN as error:
        raise FetchError(f"{archive.name}: is damaged: {' '.join(str(error).split())}") from None
    except OSError as error:
        if error.errno is None:  # not from the disk: how gzip and bz2 say that their content is broken
            raise FetchError(f"{archive.name}: is damaged: {error}") from None
        raise unwritable(folder, error) from None
    finally:
        with suppress(OSError):
            shutil.rmtree(unfinished)


def _write(member: Member, path: Path, archive: Path, advance: Callable[[int], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with member.open() as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            if done > member.size:
                break
            target.write(chunk)
            advance(len(chunk))
    if done != member.size:
        raise FetchError(f"{archive.name}: is damaged: {member.name!r} is not as large as it says")


def _place(name: str, take: Mapping[str, str]) -> str | None:
    """Where a member goes; None where it is not wanted. A beginning without a final slash is a whole name."""
    for start, place in take.items():
        if name == start and not start.endswith("/"):
            return place
        if start.endswith("/") and name.startswith(start):
            return place + name[len(start) :]
    return None


def _members(archive: Path, folder: Path) -> Iterator[Member]:
    """The archive's files, each with a name that stays inside any folder."""
    with archive.open("rb") as file:
        begins_as_zip = file.read(2) == b"PK"  # a tar that ends with a zip would pass for one by its end
    if begins_as_zip:
        yield from _zip_members(archive, folder)
    elif tarfile.is_tarfile(archive):
        yield from _tar_members(archive)
    else:
        raise FetchError(f"{archive.name}: is neither a zip nor a tar file")


def _zip_members(archive: Path, folder: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(folder).free
        if needed > free:
            raise InputError(
                f"{folder.parent}: {archive.name} unpacks to {needed:,} bytes, {free:,} are free"
            )
        for entry in entries:
            name, mode = _inside(entry.orig_filename, archive), entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise FetchError(f"{archive.name}: {name!r} is a link or device; not unpacked")
            if not entry.is_dir():
                yield Member(name, entry.file_size, lambda entry=entry: opened.open(entry))  # type: ignore[misc]


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive) as opened:
        for entry in opened:
            name = _inside(entry.name, archive)
            if not (entry.isreg() or entry.isdir()):
                raise FetchError(f"{archive.name}: {name!r} is a link or device; not unpacked")
            if entry.isreg():
                yield Member(name, entry.size, lambda entry=entry: _reader(opened, entry))  # type: ignore[misc]
        while opened.fileobj is not None and opened.fileobj.read(_CHUNK):
            pass  # the checksum at the end of a compressed file is compared when its end is read


def _reader(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    source = archive.extractfile(entry)
    if source is None:
        raise tarfile.ReadError(f"{entry.name!r} cannot be read")
    return source


def _inside(name: str, archive: Path) -> str:
    """The name without a leading ``./``, refused where it could leave the folder on any system."""
    plain = re.sub(r"^(\./)+", "", name) if name not in (".", "./") else ""
    parts = plain.rstrip("/").split("/")
    bad = "\\" in plain or "\0" in plain or plain.startswith("/") or re.match(r"[A-Za-z]:", plain)
    if bad or ".." in parts or (plain and "" in parts):
        raise FetchError(f"{archive.name}: {name!r} points outside the folder; not unpacked")
    return plain
