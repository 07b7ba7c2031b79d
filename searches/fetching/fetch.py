"""Fetching one data set: plan, ask, download, unpack, put in place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from archspace.support.errors import InputError
from archspace.support.files import unwritable
from archspace.support.locks import try_lock
from archspace.support.numbers import number
from searches.fetching.bars import Bars
from searches.fetching.catalogue import DataSet, RemoteFile, host_of
from searches.fetching.download import Download, Policy
from searches.fetching.place import Place
from searches.fetching.unpack import unpack
from searches.fetching.web import Web

NO_CHECKSUM = "no published checksum: size and archive integrity are checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is about to happen.

    Attributes:
        name, data, place: which data set, and where.
        download_bytes: still to come over the network; sizes that are not known are not in it.
        needed_bytes: on the disk: that, and what the archives unpack to.
        free_bytes: on the disk.
        unknown: files whose size the catalogue does not know.
    """

    name: str
    data: DataSet
    place: Place
    download_bytes: int
    needed_bytes: int
    free_bytes: int
    unknown: tuple[str, ...]

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yields what a person should know before saying yes, as (title, text)."""
        data = self.data
        yield "what", data.about
        yield "page", data.page
        for file in self.place.pending():
            size = f"{number(file.bytes, 'bytes')} ({file.bytes:,} bytes)" if file.bytes else "size not known"
            yield "file", f"{file.name}, {size}, from {host_of(file.urls[0])}; {checked_by(file)}"
        yield "terms", data.terms
        yield "into", f"{self.place.folder} ({', '.join(data.ready)}; layout {', '.join(data.layouts)})"
        more = f", and the unknown size of {', '.join(self.unknown)}" if self.unknown else ""
        to_come, needed = (number(one, "bytes") for one in (self.download_bytes, self.needed_bytes))
        yield (
            "space",
            f"{to_come} to download, about {needed} on the disk{more}; {number(self.free_bytes, 'bytes')} are free",
        )


def checked_by(file: RemoteFile) -> str:
    """Returns how a file is known to be right."""
    if not file.has_checksum:
        return NO_CHECKSUM
    return f"{'sha256' if file.sha256 else 'md5'} by {file.checksum_source}"


def make_plan(name: str, data: DataSet, folder: Path) -> Plan:
    """Looks at the folder and the disk.

    Raises:
        InputError: the disk has not the space.
    """
    place = Place(data, folder)
    pending, to_come, needed = place.pending(), 0, 0
    for file in pending:
        archive, part = place.downloads / file.name, place.downloads / f"{file.name}.part"
        there = next((path.stat().st_size for path in (archive, part) if path.is_file()), 0)
        missing = 0 if archive.is_file() else max(0, (file.bytes or 0) - there)
        to_come += missing
        needed += missing + (file.unpacked_bytes or file.bytes or 0)
    home = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(home).free
    if needed > free:
        text = f"{name} needs about {number(needed, 'bytes')}, {number(free, 'bytes')} are free"
        raise InputError(f"{folder}: {text}; free some space or give another folder with --out")
    unknown = tuple(file.name for file in pending if not file.bytes)
    return Plan(
        name=name, data=data, place=place, download_bytes=to_come, needed_bytes=needed, free_bytes=free,
        unknown=unknown,
    )  # fmt: skip


def carry_out(plan: Plan, *, keep: bool, bars: Bars, policy: Policy) -> dict[str, Any]:
    """Downloads, unpacks and puts in place all that is missing.

    Returns:
        ``files`` (what was downloaded, with checksums), ``content`` (files and bytes of each entry), ``seconds``.

    Raises:
        InputError: the disk is full, credentials are missing or refused, or another process works in the folder.
        FetchError: a host or an archive is not as it should be.
    """
    began, place = time.monotonic(), plan.place
    web, files = Web(policy.timeout_s), {}
    with _alone(place):
        for file in place.pending():
            with bars.task(f"{file.name}", file.bytes) as meter:
                load = Download(
                    web, file, place.downloads, login=plan.data.login, policy=policy, meter=meter.show
                )
                done = load.run()
            files[file.name] = {"name": file.name, **asdict(done), "path": str(done.path) if keep else None}
            text = f"{done.algorithm} as published" if done.published else NO_CHECKSUM
            bars.say(f"{file.name}: {number(done.bytes, 'bytes')}, {text}")
            with bars.task(f"unpacking {file.name}", file.unpacked_bytes) as meter:
                unpack(done.path, file.take, place.tree(file), meter.advance, _finish(file, meter.advance))
            if not keep:
                done.path.unlink()
        content = place.install(files)
    if not keep:
        with suppress(OSError):
            shutil.rmtree(place.downloads)
    return {
        "files": list(files.values()),
        "content": {entry: counts._asdict() for entry, counts in content.items()},
        "seconds": round(time.monotonic() - began, 3),
    }


def _finish(file: RemoteFile, advance: Callable[[int], None]) -> Callable[[Path], None] | None:
    if file.convert is None:
        return None
    from searches.fetching.convert import convert_cifar10

    return partial(convert_cifar10, advance=advance)


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Keeps a second process out of the folder."""
    try:
        lock = try_lock(place.downloads / ".lock")
    except OSError as error:
        raise unwritable(place.downloads, error) from None
    if lock is None:
        raise InputError(
            f"{place.folder}: another process fetches into it; wait for it or give another folder"
        )
    try:
        yield
    finally:
        (place.downloads / ".lock").unlink(missing_ok=True)
        lock.release()
