"""A folder that takes its place whole, by one rename, or not at all. No torch."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archspace.export.card import CARD_FORMAT, CARD_JSON, CARD_MARKDOWN
from archspace.support.errors import InputError
from archspace.support.files import unwritable
from archspace.support.locks import Held, try_lock
from archspace.support.text_files import parse_json


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its place when the block ends well, else is removed.

    Raises:
        InputError: ``target`` holds something that is no export, or cannot be written.
    """
    _check_replaceable(target)
    made = [parent for parent in target.absolute().parents if not parent.exists()]
    temporary: Path | None = None
    held: Held | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(target)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=_PART))
        with contextlib.suppress(OSError):  # a file system without locks
            held = try_lock(temporary / _LOCK)
        yield temporary
        (temporary / _LOCK).unlink(missing_ok=True)
        temporary.chmod(0o755)
        _take_place(temporary, target)
        made = []
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if held is not None:
            held.release()
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()


_PART, _LOCK = ".part", ".lock"
"""How the temporary folder's name ends, and the file in it whose lock says that its process lives."""


def _remove_orphans(target: Path) -> None:
    """Removes the temporary folders of exports to ``target`` that were killed."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{_PART}"):
        if not (left / _LOCK).is_file():  # perhaps one that begins at this moment
            continue
        with contextlib.suppress(OSError):
            held = try_lock(left / _LOCK)
            if held is not None:
                shutil.rmtree(left, ignore_errors=True)
                held.release()


def _check_replaceable(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target}: is a file; an export is a folder: choose another name")
    there = {path.name for path in target.iterdir()} - _BYWORK
    own = _own_files(target)
    if there and own is None:
        raise InputError(f"{target}: holds something that is no export of archspace: choose another folder")
    others = sorted(there - (own or set()))
    if others:
        named = others[0] if len(others) == 1 else f"{others[0]} and {len(others) - 1} more"
        raise InputError(f"{target}: holds {named} beside an older export: move it or choose another folder")


_BYWORK = {"__pycache__", ".DS_Store"}
"""Left behind by ``import standalone`` and by file managers."""


def _own_files(folder: Path) -> set[str] | None:
    """The files that an export's card lists, and the card; ``None`` where the folder is no export."""
    try:
        card = parse_json((folder / CARD_JSON).read_text(encoding="utf-8"), "JSON")
    except (OSError, ValueError):
        return None
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        return None
    return {CARD_JSON, CARD_MARKDOWN, *card.get("files", ())}


def _take_place(temporary: Path, target: Path) -> None:
    """Rename ``temporary`` to ``target``; what was there is moved away first and comes back if that fails."""
    if not target.is_dir() or not any(target.iterdir()):
        temporary.rename(target)
        return
    old = Path(f"{temporary}.old")
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
