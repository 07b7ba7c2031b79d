"""``voc``: the layout of PASCAL VOC: ``JPEGImages``, ``Annotations/*.xml``, ``SegmentationClass/*.png``, ``ImageSets``.

ROOT is the folder that holds these, or one with ``VOC2007``, ``VOC2012``, ... or with a ``VOCdevkit`` of them; the
lists of several years are put together. ``ImageSets/Main`` lists the splits of detection and multi-label
classification, ``ImageSets/Segmentation`` those of segmentation, one name a line.

Without a list of train, ``trainval`` is taken for it, or every annotated picture where there is no list at all;
without one of val, val is then a fixed 10 % of it and train is the rest. A test split needs a list of its own.

Own classes are listed in ``classes.txt`` or ``labelmap.txt`` in ROOT or a year's folder
(:mod:`searches.data.class_list`); without these, boxes have the classes that their files name. VOC's own annotations,
known by the name of their folder (``VOC2012``) or what the files say of their source, have VOC's 20 classes, their
masks these and the background.

``voc-trainval`` is the protocol of the published detectors: train is ``trainval`` of all years together, val and
test are the years' ``test`` (VOC 2007 has one).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

import numpy as np

from archspace.class_names import voc_colour
from archspace.support.errors import InputError
from searches.data.class_list import SAID, own_classes
from searches.data.dataset import Request, Sign, some
from searches.data.dividing import held_out_index
from searches.data.image_names import ImageNames
from searches.data.layouts.maskfiles import Values, mask_pictures, own_values, usual_values
from searches.data.layouts.voc_lists import (
    Member,
    annotated,
    list_files,
    listed_members,
    unannotated,
    year_folders,
)
from searches.data.layouts.voc_xml import Annotation, is_vocs, read_annotation
from searches.data.listing import Listing, NothingThereError, OnFault, passed, picture_file
from searches.data.reading import listed
from searches.data.splits import VOID, in_any_case

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


HELD_OUT = "there is no list of val: a fixed 10 % of train stands in for it"


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
    years, kind = year_folders(request.folder), _kind(request.task)
    name = LISTS["voc"][request.split]
    remarks: Sequence[str] = ()
    if request.whole and name == "train":
        return _listing(
            request, _all_of_train(years, kind, on_fault), years, on_fault, unannotated(years, kind)
        )
    if list_files(years, kind, name) and (name != "train" or list_files(years, kind, "val")):
        members = listed_members(years, kind, name, on_fault)
    elif name == "test" or request.whole:
        raise _no_list(request, kind, name)
    else:
        members = _held_out(request, years, kind, on_fault)
        remarks = () if list_files(years, kind, "val") else (HELD_OUT, *unannotated(years, kind))
    return _listing(request, members, years, on_fault, remarks)


@listed("voc-trainval", tasks=TASKS)
def list_voc_trainval(request: Request, on_fault: OnFault) -> Listing:
    """Lists all years' trainval as train, and their test as val and test.

    Raises:
        InputError: a folder or list is missing.
    """
    years, kind = year_folders(request.folder), _kind(request.task)
    name = LISTS["voc-trainval"][request.split]
    if not list_files(years, kind, name):
        raise _no_list(request, kind, name)
    return _listing(request, listed_members(years, kind, name, on_fault), years, on_fault)


def _kind(task: str) -> str:
    return "Segmentation" if task == "segmentation" else "Main"


def _no_list(request: Request, kind: str, name: str) -> InputError:
    inner = f"ImageSets/{kind}"
    annotations = "SegmentationClass" if kind == "Segmentation" else "Annotations"
    folders = (inner.split("/"), [annotations])
    there = any(
        in_any_case(year, *names).is_dir() for year in year_folders(request.folder) for names in folders
    )
    error = InputError if there else NothingThereError
    files = (path for year in year_folders(request.folder) for path in (year / inner).glob("*.txt"))
    stems = sorted({path.stem for path in files if "_" not in path.stem})  # cat_train.txt lists one class
    return error(
        f"{request.root}: split {request.split!r} has no list {inner}/{name}.txt"
        f" (lists here: {', '.join(stems) or 'none'})"
    )  # fmt: skip


def _held_out(request: Request, years: Sequence[Path], kind: str, on_fault: OnFault) -> list[Member]:
    """Train or val where the list of val is missing: parts of train, of trainval, or of all that is annotated."""
    members = _all_of_train(years, kind, on_fault)
    if list_files(years, kind, "val"):  # train is missing, not val
        val = set(listed_members(years, kind, "val", on_fault))
        return [member for member in members if member not in val]
    if len(members) < 2:
        raise _no_list(request, kind, request.split)
    index = held_out_index(np.zeros(len(members), np.int64), held_out=request.split == "val")
    return [members[i] for i in index]


def _all_of_train(years: Sequence[Path], kind: str, on_fault: OnFault) -> list[Member]:
    """What the list of train names, else that of trainval, else all that is annotated."""
    listed = (listed_members(years, kind, name, on_fault) for name in ("train", "trainval"))
    named = next((members for members in listed if members), [])
    return named or [Member(year, stem) for year in years for stem in annotated(year, kind)]


class Annotations:
    """The XML files of all that the lists name, each parsed once; a fault is kept until its picture is listed."""

    def __init__(self, years: Sequence[Path]) -> None:
        self._years = years
        lists = ("train", "val", "trainval", "test")
        members = {member for name in lists for member in listed_members(years, "Main", name, passed)}
        paths = [_xml(member) for member in members]
        if not paths:
            paths = [path for year in years for path in in_any_case(year, "Annotations").glob("*.xml")]
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
        """VOC's classes where the annotations are VOC's, else the sorted names found in all lists' annotations."""
        read = (entry for entry in self._read.values() if isinstance(entry, Annotation))
        names = {name for annotation in read for name, *_ in annotation.objects}
        return CLASSES if names <= set(CLASSES) and is_vocs(self._years) else tuple(sorted(names))


def _read(path: Path) -> Annotation | InputError:
    try:
        return read_annotation(path)
    except InputError as error:
        return error


def _xml(member: Member) -> Path:
    path = member.year / "Annotations" / f"{member.stem}.xml"
    if path.is_file():
        return path
    folder = in_any_case(member.year, "Annotations")
    forms = (folder / normalize("NFC", path.name), folder / normalize("NFD", path.name))
    return next((form for form in forms if form.is_file()), folder / path.name)


def _listing(
    request: Request,
    members: Sequence[Member],
    years: Sequence[Path],
    on_fault: OnFault,
    remarks: Sequence[str] = (),
) -> Listing:
    finder = {year: ImageNames(year / "JPEGImages") for year in years}
    images = [(member, image) for member in members if (image := _image(member, finder, on_fault))]
    several = len(years) > 1
    names = {image: f"{m.year.name}/{m.stem}" if several else m.stem for m, image in images}
    own = own_classes(request.own, list(dict.fromkeys([request.folder, *years])))
    if request.task == "segmentation":
        masks = {year: in_any_case(year, "SegmentationClass") for year in years}
        pairs = [(image, masks[m.year] / f"{m.stem}.png") for m, image in images]
        values = _vocs_values(request, years) if own is None else own_values(request.own, own, (VOID,))
        return Listing(
            pictures=mask_pictures(request.folder, pairs, values, on_fault, names),
            classes=("background", *CLASSES) if own is None else own.names,
            void=VOID,
            colours=() if own is None else own.palette,
            key={"values": values.key},
            void_values=values.void,
            remarks=remarks,
        )
    annotations = Annotations(years)
    classes = annotations.classes() if own is None else own.things
    pictures = []
    for member, image in images:
        try:
            objects = annotations.of(member).named(classes)
        except InputError as error:
            on_fault(error)
            continue
        pictures.append(picture_file(image, names[image], objects=objects))
    return Listing(pictures=pictures, classes=classes, remarks=remarks)


def _vocs_values(request: Request, years: Sequence[Path]) -> Values:
    """VOC's 21 classes and its void, where the annotations are VOC's.

    Raises:
        InputError: they are not, and nothing says what their values mean.
    """
    if not is_vocs(years):
        rule = "nothing says which class a value of the masks is: classes.txt in the folder names them in their order"
        raise InputError(
            f"{request.root}: {rule}, or {SAID} of the study (PASCAL VOC's own are known by VOC2012)"
        )
    values = usual_values(request.own, ("background", *CLASSES))
    rule = f"{values.rule} (PASCAL VOC's; own classes are listed in classes.txt)"
    colours = {voc_colour(index): index for index in (*range(len(CLASSES) + 1), VOID)}
    return values._replace(rule=rule, colours=colours)


def _image(member: Member, finder: Mapping[Path, ImageNames], on_fault: OnFault) -> Path | None:
    """The picture of that name; one that is not there, or there twice, is told as a fault."""
    try:
        image = finder[member.year].one(member.stem)
    except InputError as error:
        on_fault(error)
        return None
    if image is None:
        path = member.year / "JPEGImages" / f"{member.stem}.jpg"
        on_fault(InputError(f"{path}: no such image, though ImageSets lists it"))
    return image
