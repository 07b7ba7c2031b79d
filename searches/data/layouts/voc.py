"""``voc``: the layout of PASCAL VOC: ``JPEGImages``, ``Annotations/*.xml``, ``SegmentationClass/*.png``, ``ImageSets``.

ROOT is the folder that holds these, or one with ``VOC2007``, ``VOC2012``, ... or with a ``VOCdevkit`` of them; the
lists of several years are put together. ``ImageSets/Main`` lists the splits of detection and multi-label
classification, ``ImageSets/Segmentation`` those of segmentation, one name a line.

Without a list of train, ``trainval`` is taken for it, or every annotated picture where there is no list at all;
without one of val, val is then a fixed 10 % of it and train is the rest. A test split needs a list of its own.

``voc-trainval`` is the protocol of the published detectors: train is ``trainval`` of all years together, val and
test are the years' ``test`` (VOC 2007 has one).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archspace.support.errors import InputError
from searches.data.dataset import VOID, Request, Sign, some
from searches.data.dividing import held_out_index
from searches.data.images import IMAGE_SUFFIXES
from searches.data.layouts.maskfiles import mask_pictures, plain_values
from searches.data.layouts.voc_xml import Annotation, read_annotation
from searches.data.listing import Listing, OnFault, passed, picture_file
from searches.data.reading import listed

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
TASKS = ("detection", "segmentation", "multilabel")
LISTS = {
    "voc": {"train": "train", "val": "val", "test": "test"},
    "voc-trainval": {"train": "trainval", "val": "test", "test": "test"},
}
"""Layout -> split -> name of the list."""


class Member(NamedTuple):
    """A picture's name and the year's folder that it is in."""

    year: Path
    stem: str


SIGN = Sign(
    lambda root: some(
        root, "JPEGImages", "VOC*/JPEGImages", "VOCdevkit/JPEGImages", "VOCdevkit/VOC*/JPEGImages"
    ),
    "JPEGImages, VOC2012 or VOCdevkit",
    rank=50,
)


@listed("voc", tasks=TASKS, sign=SIGN)
def list_voc(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split of the years' train, val and test lists.

    Raises:
        InputError: a folder or list is missing.
    """
    years, kind = _years(request.folder), _kind(request.task)
    name = LISTS["voc"][request.split]
    if _lists(years, kind, name) and (name != "train" or _lists(years, kind, "val")):
        members = _listed(years, kind, name, on_fault)
    elif name == "test":
        raise _no_list(request, kind, name)
    else:
        members = _held_out(request, years, kind, on_fault)
    return _listing(request, members, years, on_fault)


@listed("voc-trainval", tasks=TASKS)
def list_voc_trainval(request: Request, on_fault: OnFault) -> Listing:
    """Lists all years' trainval as train, and their test as val and test.

    Raises:
        InputError: a folder or list is missing.
    """
    years, kind = _years(request.folder), _kind(request.task)
    name = LISTS["voc-trainval"][request.split]
    if not _lists(years, kind, name):
        raise _no_list(request, kind, name)
    return _listing(request, _listed(years, kind, name, on_fault), years, on_fault)


def _kind(task: str) -> str:
    return "Segmentation" if task == "segmentation" else "Main"


def _no_list(request: Request, kind: str, name: str) -> InputError:
    inner = f"ImageSets/{kind}"
    files = (path for year in _years(request.folder) for path in (year / inner).glob("*.txt"))
    there = sorted({path.stem for path in files if "_" not in path.stem})  # cat_train.txt lists one class
    return InputError(
        f"{request.root}: split {request.split!r} has no list {inner}/{name}.txt"
        f" (lists here: {', '.join(there) or 'none'})"
    )  # fmt: skip


def _years(root: Path) -> list[Path]:
    """The folders that hold JPEGImages.

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


def _lists(years: Sequence[Path], kind: str, name: str) -> list[tuple[Path, Path]]:
    """The years' lists of that name that are there: (year, file)."""
    files = [(year, year / "ImageSets" / kind / f"{name}.txt") for year in years]
    return [(year, file) for year, file in files if file.is_file()]


def _listed(years: Sequence[Path], kind: str, name: str, on_fault: OnFault) -> list[Member]:
    """The members of the years' lists; a name twice in a list is told as a fault."""
    members: list[Member] = []
    for year, file in _lists(years, kind, name):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read as a list of names: {error}") from error
        seen: set[str] = set()
        for stem in (line.split()[0] for line in lines if line.strip()):
            if stem in seen:
                on_fault(InputError(f"{file}: lists {stem!r} twice"))
            else:
                members.append(Member(year, stem))
            seen.add(stem)
    return members


def _held_out(request: Request, years: Sequence[Path], kind: str, on_fault: OnFault) -> list[Member]:
    """Train or val where the list of val is missing: parts of train, of trainval, or of all that is annotated."""
    members = next((m for name in ("train", "trainval") if (m := _listed(years, kind, name, on_fault))), [])
    if not members:
        members = [Member(year, stem) for year in years for stem in _annotated(year, kind)]
    if _lists(years, kind, "val"):  # train is missing, not val
        val = set(_listed(years, kind, "val", on_fault))
        return [member for member in members if member not in val]
    if len(members) < 2:
        raise _no_list(request, kind, request.split)
    index = held_out_index(np.zeros(len(members), np.int64), held_out=request.split == "val")
    return [members[i] for i in index]


def _annotated(year: Path, kind: str) -> list[str]:
    folder, suffix = ("SegmentationClass", ".png") if kind == "Segmentation" else ("Annotations", ".xml")
    tested = {member.stem for member in _listed([year], kind, "test", passed)}
    return [path.stem for path in sorted((year / folder).glob(f"*{suffix}")) if path.stem not in tested]


class Annotations:
    """The XML files of all that the lists name, each parsed once; a fault is kept until its picture is listed."""

    def __init__(self, years: Sequence[Path]) -> None:
        lists = ("train", "val", "trainval", "test")
        members = {member for name in lists for member in _listed(years, "Main", name, passed)}
        paths = [_xml(member) for member in members]
        if not paths:
            paths = [path for year in years for path in (year / "Annotations").glob("*.xml")]
        self._read = {path: _read(path) for path in paths}

    def of(self, member: Member) -> Annotation:
        """Returns a picture's annotation.

        Raises:
            InputError: it is missing or wrong.
        """
        path = _xml(member)
        annotation = self._read.get(path) or _read(path)
        if isinstance(annotation, InputError):
            raise annotation
        return annotation

    def classes(self) -> tuple[str, ...]:
        """VOC's classes where all names fit, else the sorted names found in all lists' annotations."""
        read = (entry for entry in self._read.values() if isinstance(entry, Annotation))
        names = {name for annotation in read for name, *_ in annotation.objects}
        return CLASSES if names <= set(CLASSES) else tuple(sorted(names))


def _read(path: Path) -> Annotation | InputError:
    try:
        return read_annotation(path)
    except InputError as error:
        return error


def _xml(member: Member) -> Path:
    return member.year / "Annotations" / f"{member.stem}.xml"


def _listing(
    request: Request, members: Sequence[Member], years: Sequence[Path], on_fault: OnFault
) -> Listing:
    images = [(member, image) for member in members if (image := _image(member, on_fault))]
    several = len(years) > 1
    names = {image: f"{m.year.name}/{m.stem}" if several else m.stem for m, image in images}
    if request.task == "segmentation":
        pairs = [(image, m.year / "SegmentationClass" / f"{m.stem}.png") for m, image in images]
        values = plain_values(len(CLASSES) + 1)
        return Listing(
            pictures=mask_pictures(request.folder, pairs, values, on_fault, names),
            classes=("background", *CLASSES),
            void=VOID,
            key={"values": values.key},
        )
    annotations = Annotations(years)
    classes = annotations.classes()
    pictures = []
    for member, image in images:
        try:
            objects = annotations.of(member).named(classes)
        except InputError as error:
            on_fault(error)
            continue
        pictures.append(picture_file(image, names[image], objects=objects))
    return Listing(pictures=pictures, classes=classes)


def _image(member: Member, on_fault: OnFault) -> Path | None:
    """The picture of that name, .jpg before others."""
    path = member.year / "JPEGImages" / f"{member.stem}.jpg"
    if path.is_file():
        return path
    for candidate in sorted(path.parent.glob(f"{member.stem}.*")):
        if candidate.stem == member.stem and candidate.suffix.lower() in IMAGE_SUFFIXES:
            return candidate
    on_fault(InputError(f"{path}: no such image, though ImageSets lists it"))
    return None
