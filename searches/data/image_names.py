"""Which files of a folder are pictures, which of them bears a name, and which files nobody reads."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeAlias
from unicodedata import normalize

from archspace.support.errors import InputError

IMAGE_SUFFIXES = frozenset((
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm",
    ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
))  # fmt: skip

IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "labels", "label", "annotations", "segmentation")
"""What people call a folder of pictures, and one of masks; in lower case."""

NOTES = frozenset((
    "", ".cache", ".cfg", ".csv", ".db", ".doc", ".docx", ".htm", ".html", ".ini", ".json", ".lnk", ".log", ".md",
    ".names", ".pdf", ".py", ".rst", ".sha256", ".tsv", ".txt", ".url", ".xls", ".xlsx", ".xml", ".yaml", ".yml",
))  # fmt: skip
"""Suffixes of what lies beside pictures and is none."""

Unread: TypeAlias = tuple[Path, str]
"""A file or folder that is not read, and why."""


def is_image_name(name: str) -> bool:
    """Returns whether a file of this name is taken for an image: a known suffix, not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def list_images(folder: Path) -> list[Path]:
    """Returns the image files directly in ``folder``, sorted by name; other and hidden files are left out.

    Raises:
        InputError: the folder is missing or cannot be listed.
    """
    try:
        return sorted(path for path in folder.iterdir() if is_image_name(path.name) and path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error.strerror}") from error


def holds_images(folder: Path) -> bool:
    """Returns whether image files lie directly in a folder; only names are looked at."""
    return any(is_image_name(path.name) for path in folder.iterdir())


def unread_in(folder: Path) -> list[Unread]:
    """Returns what :func:`list_images` leaves out though it may be a picture, or holds some."""
    unread: list[Unread] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            inner = 0 if path.name.startswith(".") else sum(1 for _ in images_below(path))
            if inner:
                unread.append((path, f"is a folder among the images: {_not_used(inner)}"))
        elif reason := why_unread(path):
            unread.append((path, reason))
    return unread


def images_below(folder: Path) -> Iterator[Path]:
    """The image files in ``folder`` and in the folders below it, those that are hidden left out."""
    for place, _, names in _walk(folder):
        yield from (
            path for name in sorted(names) if is_image_name(name) and (path := place / name).is_file()
        )


def unpaired(folder: Path, masks: Iterable[Path]) -> list[Unread]:
    """Returns the images in a folder of masks that are no picture's mask."""
    known = set(masks)
    return [(path, "is no picture's mask: not used") for path in list_images(folder) if path not in known]


def folder_unused(path: Path, rule: str) -> list[Unread]:
    """Returns a folder as unread where it holds pictures."""
    count = sum(1 for _ in images_below(path))
    return [(path, f"{rule}: {_not_used(count)}")] if count else []


def _not_used(count: int) -> str:
    return "the image in it is not used" if count == 1 else f"the {count} images in it are not used"


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        yield Path(place), folders, names


def why_unread(path: Path) -> str:
    """Returns why a file is not read that may be a picture; empty for one that is read, or is surely none."""
    name, suffix = path.name, path.suffix.lower()
    if name.startswith("."):  # ._a.jpg is how macOS keeps attributes of a.jpg
        return "is hidden" if suffix in IMAGE_SUFFIXES and not name.startswith("._") else ""
    if suffix in IMAGE_SUFFIXES:
        return "" if path.is_file() else "is a link to nothing" if path.is_symlink() else "is no file"
    if suffix in NOTES and not (suffix == "" and _looks_like_image(path)):
        return ""
    return (
        f"is not read: {suffix!r} is no suffix of an image that is known"
        if suffix
        else "is not read: has no suffix"
    )


def _looks_like_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*"))
        or head[8:] == b"WEBP"
    )


class ImageNames:
    """The image files of a folder, by name with or without suffix, in any form of Unicode.

    Args:
        folder: may be missing; then it has none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        files: dict[str, list[Path]] = defaultdict(list)
        for path in list_images(self.folder) if self.folder.is_dir() else ():
            files[normalize("NFC", path.name)].append(path)
            files[normalize("NFC", path.stem)].append(path)
        return files

    def of(self, name: str) -> list[Path]:
        """Returns the files of that name; several where a stem has several suffixes."""
        return self._files.get(normalize("NFC", name), [])

    def one(self, name: str) -> Path | None:
        """Returns the only file of that name, or ``None``.

        Raises:
            InputError: there are several.
        """
        files = self.of(name)
        if len(files) > 1:
            both = " and ".join(path.name for path in files)
            raise InputError(f"{files[0]}: {both} have one name; which is meant is not said")
        return files[0] if files else None
