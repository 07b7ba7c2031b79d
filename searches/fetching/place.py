"""A data set's folder: what is in it, what is still missing, and how new parts get their names in it.

Everything unfinished lives in ``FOLDER/downloads``; ``FOLDER/.fetched.json`` is written last and says what was put.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archspace.support.errors import InputError
from archspace.support.files import unwritable, write_text
from archspace.support.text_files import parse_json
from searches.fetching.catalogue import DataSet, RemoteFile

MARK = ".fetched.json"
MARK_FORMAT = 1


class Content(NamedTuple):
    """Number of files and bytes of a file or of a folder with all that is in it."""

    files: int
    bytes: int


def measured(path: Path) -> Content:
    """Returns what is at ``path``."""
    if path.is_file():
        return Content(1, path.stat().st_size)
    files = total = 0
    for folder, _, names in os.walk(path):
        files += len(names)
        total += sum(Path(folder, name).lstat().st_size for name in names)
    return Content(files, total)


class Place:
    """The folder of one data set.

    Args:
        data: the data set.
        folder: its folder; need not exist.
    """

    def __init__(self, data: DataSet, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.downloads = folder / "downloads"
        self._whole, self._merging = self.downloads / ".whole", self.downloads / ".merging"

    def tree(self, file: RemoteFile) -> Path:
        """Returns where an archive is unpacked until all of them are."""
        return self.downloads / f".{file.name}.unpacked"

    @property
    def merging(self) -> bool:
        """Whether everything is unpacked and only waits for its final name."""
        return self._merging.is_file()

    def pending(self) -> list[RemoteFile]:
        """Returns the archives that are not unpacked yet."""
        return [] if self.merging else [file for file in self.data.files if not self.tree(file).is_dir()]

    def mark(self) -> dict[str, Any] | None:
        """Returns what an earlier run put here."""
        try:
            mark = parse_json((self.folder / MARK).read_text(encoding="utf-8"), "JSON")
        except (OSError, ValueError):
            return None
        return mark if isinstance(mark, dict) and isinstance(mark.get("content"), dict) else None

    def is_whole(self) -> bool:
        """Returns whether nothing needs to be fetched.

        Raises:
            InputError: something is in the way: a part that lost files, or entries that this command did not put.
        """
        present = [entry for entry in self.data.ready if (self.folder / entry).exists()]
        mark = self.mark()
        if mark is not None:
            for entry in present:
                files, size = mark["content"].get(entry, (0, 0))
                actual = measured(self.folder / entry)
                if actual.files < files or actual.bytes < size:
                    contents = (
                        f"{actual.files:,} files ({actual.bytes:,} bytes), fetched were {files:,} ({size:,})"
                    )
                    raise InputError(
                        f"{self.folder / entry}: holds {contents}; delete it and run the same command again"
                    )
        elif present and len(present) < len(self.data.ready) and not self.merging:
            raise InputError(
                f"{self.folder / present[0]}: is there already, and was not put there by this command; "
                "give another folder with --out"
            )
        return len(present) == len(self.data.ready)

    def install(self, files: Mapping[str, Any]) -> dict[str, Content]:
        """Gives everything that was unpacked its place in the folder, then marks the folder as whole.

        Killed at any time, the next run goes on with what is left to do.

        Args:
            files: what was downloaded, kept in the mark.

        Raises:
            InputError: something that this command did not put is in the way, or the disk cannot be written.
        """
        write_text(self._merging, "")
        try:
            for file in self.data.files:
                if self.tree(file).is_dir():
                    _merge(self.tree(file), self._whole)
                    shutil.rmtree(self.tree(file))
            self._move()
            content = {entry: measured(self.folder / entry) for entry in self.data.ready}
            mark = {"format": MARK_FORMAT, "content": content, "files": dict(files)}
            write_text(self.folder / MARK, json.dumps(mark, indent=1))
            self._merging.unlink()
        except OSError as error:
            raise unwritable(self.folder, error) from None
        return content

    def _move(self) -> None:
        entries = sorted(self._whole.iterdir()) if self._whole.is_dir() else []
        taken = [self.folder / entry.name for entry in entries if (self.folder / entry.name).exists()]
        if taken and self.mark() is None:
            raise InputError(
                f"{taken[0]}: is in the way, and was not put there by this command; move it and run the same again"
            )
        for entry in entries:
            if not (self.folder / entry.name).exists():
                entry.replace(self.folder / entry.name)
        missing = [entry for entry in self.data.ready if not (self.folder / entry).exists()]
        if missing:
            raise InputError(
                f"{self.folder}: the archives hold no {missing[0]}; the catalogue does not fit them"
            )
        shutil.rmtree(self._whole, ignore_errors=True)


def _merge(source: Path, target: Path) -> None:
    """Moves ``source`` into ``target``: folders are merged, a file of the same name is replaced."""
    if not target.exists():
        source.replace(target)
        source.mkdir()
        return
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and (target / entry.name).is_dir():
            _merge(entry, target / entry.name)
        else:
            entry.replace(target / entry.name)
