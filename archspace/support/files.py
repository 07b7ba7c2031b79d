"""Files that are there whole or not at all. No torch."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archspace.support.errors import InputError

CACHE_VARIABLE = "ARCHSPACE_CACHE"


def cache_root() -> Path:
    """Returns the cache's folder: ``$ARCHSPACE_CACHE``, or ``~/.cache/archspace``."""
    return Path(os.environ.get(CACHE_VARIABLE) or "~/.cache/archspace").expanduser().absolute()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its name when the block ends well, and is removed otherwise.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            on_disk(temporary)
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def on_disk(path: Path) -> None:
    """Waits until a file is on the disk: a name that takes its place before that names an empty file after a crash."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, error: OSError) -> InputError:
    """Returns why ``path`` could not be written, as a line for the user."""
    if error.errno == errno.ENOSPC:
        return InputError(f"{path}: the disk is full; free some space and run the same command again")
    return InputError(f"{path}: cannot be written: {error.strerror or error}")


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
