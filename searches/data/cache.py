"""Decode once: arrays of equal items, kept as ``.npy`` files and opened as read-only memory maps.

A finished folder appears by one rename, so a reader never sees half of one. Items are written in order by
ordinary writes and not through a map: on a full disk a write raises, where a map would kill the process.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from archspace.support.caches import CACHES, CacheKind
from archspace.support.errors import InputError
from archspace.support.files import CACHE_VARIABLE, cache_root
from archspace.support.numbers import number

FORMAT_VERSION = 1
STALE_SECONDS = 24 * 3600.0
_WINDOW = 256
_PREFIX = ".writing-"
_NAME_LENGTH = 64

log = logging.getLogger(__name__)


class Item(NamedTuple):
    """Shape and dtype that every item of one cached array has."""

    shape: tuple[int, ...]
    dtype: str


Fill = Callable[[int], Sequence[NDArray[Any]]]
Stamp = tuple[str, int, int, int]
T = TypeVar("T")


def stamp(path: Path, root: Path) -> Stamp:
    """Returns what identifies a source file's content: name relative to ``root``, bytes, and two times in ns.

    These are of the content and of the inode: archives and copies set the first one back, nobody sets the second.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return path.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns, status.st_ctime_ns


def cached(
    key: Mapping[str, object], count: int, arrays: Mapping[str, Item], fill: Fill
) -> dict[str, NDArray[Any]]:
    """Opens the arrays stored under ``key``; makes and stores them first where they are not there yet.

    Args:
        key: all that the content depends on, as JSON values (``layout`` and ``split`` are used in log lines).
        count: number of items N, at least 1.
        arrays: name -> shape and dtype of one item.
        fill: index -> that item's arrays, in the order of ``arrays``; called from several threads.

    Returns:
        name -> read-only memory map of shape (N, *item shape).

    Raises:
        InputError: the cache cannot be written (no space, no permission); what ``fill`` raises passes.
        ValueError: ``fill`` gave an item of another shape or dtype than announced.
    """
    identity = {**key, "count": count, "arrays": arrays, "format": FORMAT_VERSION}
    text = json.dumps(identity, sort_keys=True, default=str)
    folder = cache_root() / hashlib.sha256(text.encode()).hexdigest()
    stored = _open(folder, count, arrays)
    if stored is not None:
        return stored
    label = f"{key.get('layout', 'data')}/{key.get('split', 'all')}"
    log.info("decoding %s: %d items into %s", label, count, folder)
    start = time.perf_counter()
    try:
        _write(folder, text, count, arrays, fill)
    except OSError as error:
        raise InputError(_explain(error, count, arrays)) from error
    log.info("decoded %s: %d items in %.1f s", label, count, time.perf_counter() - start)
    stored = _open(folder, count, arrays)
    if stored is None:
        raise InputError(f"{CACHE_VARIABLE}: {folder}: what was just written cannot be read back")
    return stored


def _open(folder: Path, count: int, arrays: Mapping[str, Item]) -> dict[str, NDArray[Any]] | None:
    """The folder's arrays, or None where they are missing or not whole (as after a power cut)."""
    opened: dict[str, NDArray[Any]] = {}
    for name, item in arrays.items():
        try:
            array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if array.shape != (count, *item.shape) or array.dtype != np.dtype(item.dtype):
            return None
        opened[name] = array
    return opened


def _write(folder: Path, text: str, count: int, arrays: Mapping[str, Item], fill: Fill) -> None:
    """Writes a temporary folder beside ``folder`` and renames it; a writer that comes second gives way."""
    parent = folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(parent)
    temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        (temporary / "key.json").write_text(text, encoding="utf-8")
        with ExitStack() as stack:
            files = [stack.enter_context((temporary / f"{name}.npy").open("wb")) for name in arrays]
            _write_items(files, count, list(arrays.values()), fill)
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        _publish(temporary, folder, count, arrays)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_items(files: Sequence[BinaryIO], count: int, items: Sequence[Item], fill: Fill) -> None:
    """Writes the ``.npy`` headers, then item after item as the threads deliver them."""
    for file, item in zip(files, items, strict=True):
        description = np.lib.format.dtype_to_descr(np.dtype(item.dtype))
        header = {"descr": description, "fortran_order": False, "shape": (count, *item.shape)}
        np.lib.format.write_array_header_1_0(file, header)
    with closing(in_threads(fill, count)) as filled:
        for index, values in enumerate(filled):
            for file, item, value in zip(files, items, values, strict=True):
                if value.shape != item.shape or value.dtype != np.dtype(item.dtype):
                    raise ValueError(f"item {index} is {value.dtype}{value.shape}, announced {item}")
                _write_bytes(file, np.ascontiguousarray(value).data)


def _write_bytes(file: BinaryIO, data: memoryview) -> None:
    file.write(data)


def in_threads(fill: Callable[[int], T], count: int) -> Generator[T, None, None]:
    """``fill(0), fill(1), ...`` in order; a window at a time, so that few finished items wait in memory."""
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1), thread_name_prefix="decode") as pool:
        for start in range(0, count, _WINDOW):
            yield from pool.map(fill, range(start, min(start + _WINDOW, count)))


def _publish(temporary: Path, folder: Path, count: int, arrays: Mapping[str, Item]) -> None:
    """Renames ``temporary`` to ``folder``, unless another writer's whole folder stands there already."""
    if folder.exists() and _open(folder, count, arrays) is None:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        temporary.rename(folder)
    except OSError:
        if _open(folder, count, arrays) is None:
            raise


def _remove_stale(parent: Path) -> None:
    """Removes what killed writers left behind: temporary folders older than a day."""
    for left in parent.glob(f"{_PREFIX}*"):
        try:
            stale = time.time() - left.stat().st_mtime > STALE_SECONDS
        except OSError:
            continue
        if stale:
            shutil.rmtree(left, ignore_errors=True)


def _explain(error: OSError, count: int, arrays: Mapping[str, Item]) -> str:
    place = f"{CACHE_VARIABLE}: {cache_root()}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = number(_bytes(count, arrays.values()), "bytes")
        return f"{place}: no space left for {needed}; free some or set {CACHE_VARIABLE}"
    return f"{place}: cannot be written: {error.strerror or error}; set {CACHE_VARIABLE} to a folder that can"


def _bytes(count: int, items: Iterable[Item]) -> int:
    return count * sum(int(np.prod(item.shape)) * np.dtype(item.dtype).itemsize for item in items)


def _kept(root: Path) -> Iterable[Path]:
    """The folders of arrays in the cache; those that writers are at are theirs."""
    return [path.parent for path in root.glob("*/key.json") if len(path.parent.name) == _NAME_LENGTH]


def _label(path: Path) -> str:
    key = json.loads((path / "key.json").read_text(encoding="utf-8"))
    size = key.get("input_size")
    parts = (f"{key.get('layout', 'data')}, {key.get('split', 'all')}: {key['count']:,} items",
             "" if size is None else f"at {size[0]}x{size[1]}")  # fmt: skip
    return " ".join(filter(None, parts))


CACHES.register("data")(
    CacheKind(about="decoded images and texts, as arrays that training maps", paths=_kept, label=_label)
)
