"""The lists of PASCAL VOC: ``ImageSets/Main`` and ``ImageSets/Segmentation``, a name a line, of one year or several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path
from typing import NamedTuple

from archspace.support.errors import InputError
from archspace.support.text_files import listed_names
from searches.data.image_names import is_image_name, list_images
from searches.data.listing import OnFault, passed
from searches.data.splits import SPLITS, in_any_case, named


class Member(NamedTuple):
    """A picture's name and the year's folder that it is in."""

    year: Path
    stem: str


def year_folders(root: Path) -> list[Path]:
    """Returns the folders that hold JPEGImages.

    Raises:
        InputError: there is none.
    """
    for folder in (root, root / "VOCdevkit"):
        if (folder / "JPEGImages").is_dir():
            return [folder]
        years = sorted(path.parent for path in folder.glob("VOC*/JPEGImages"))
        if years:
            return years
    raise InputError(f"{root}: has no folder JPEGImages, nor VOC2007, VOC2012, ... with one")


def list_files(years: Sequence[Path], kind: str, name: str) -> list[tuple[Path, Path]]:
    """Returns the years' lists of that name that are there, ``valid.txt`` for val: (year, file)."""
    lists = []
    for year in years:
        folder = in_any_case(year, "ImageSets", kind)
        file: Path | None = in_any_case(folder, f"{name}.txt")
        if name in SPLITS:
            file = named(folder, name, ".txt", files=True)
        if file is not None and file.is_file():
            lists.append((year, file))
    return lists


def listed_members(years: Sequence[Path], kind: str, name: str, on_fault: OnFault) -> list[Member]:
    """Returns the members of the years' lists; a name twice in a list is told as a fault."""
    members: list[Member] = []
    for year, file in list_files(years, kind, name):
        seen: set[str] = set()
        for stem in (_stem(year, line) for line in listed_names(file)):
            if stem in seen:
                on_fault(InputError(f"{file}: lists {stem!r} twice"))
            else:
                members.append(Member(year, stem))
            seen.add(stem)
    return members


def _stem(year: Path, line: str) -> str:
    """The picture that a list's line names: all of it, but for a suffix, or VOC's flag of a class list (1, 0, -1)."""
    flagged = re.fullmatch(r"(.*\S)\s+(?:-1|0|1)", line)
    if flagged and not any(_beside(year, line)):
        line = flagged[1]
    return Path(line).stem if is_image_name(line) and (year / "JPEGImages" / line).is_file() else line


def _beside(year: Path, stem: str) -> Iterator[Path]:
    """The files of a picture's name, whatever its suffix."""
    yield from (year / "JPEGImages").glob(f"{escape(stem)}.*")


def unannotated(years: Sequence[Path], kind: str) -> list[str]:
    """Returns a remark on the pictures without annotation, where no list says which are meant."""
    if any(list_files(years, kind, name) for name in ("train", "trainval")):
        return []
    count = sum(
        image.stem not in known
        for year in years
        for known in [set(annotated(year, kind))]
        for image in list_images(year / "JPEGImages")
    )
    return [f"there is no list of train, and {count} images without annotation are not used"] if count else []


def annotated(year: Path, kind: str) -> list[str]:
    """Returns the names of what is annotated and not listed as test."""
    folder, suffix = ("SegmentationClass", ".png") if kind == "Segmentation" else ("Annotations", ".xml")
    tested = {member.stem for member in listed_members([year], kind, "test", passed)}
    return [
        path.stem for path in sorted(in_any_case(year, folder).glob(f"*{suffix}")) if path.stem not in tested
    ]
