"""``coco``: the layout of MS-COCO: ``annotations/instances_*.json`` and the folders of images they speak of.

``instances_train2017.json`` (or another that starts with ``instances_train``) is train, ``instances_val...`` is val;
their images are in ``train2017``, ``images/train2017``, ``train`` or ``images``. Classes are the file's categories in
the order of their ids, which may have gaps. Corners are ``x, y, x + width, y + height``, in pixels from 0.

A category called background is no class: masks have it anyway, and boxes do not. A *crowd* is ignored in detection,
void in segmentation, and present in multi-label classification. ``coco-voc`` is restricted to PASCAL VOC's 20 classes,
in VOC's order; pictures without any of them are left out.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archspace.class_names import BACKGROUNDS
from archspace.support.errors import InputError
from searches.data.class_list import class_list
from searches.data.dataset import Request, Sign, some
from searches.data.layouts import voc
from searches.data.layouts.coco_json import Instances, categories, read_instances
from searches.data.layouts.coco_masks import render
from searches.data.layouts.maskfiles import refuse_values
from searches.data.listing import Listing, NothingThereError, Objects, OnFault, Picture, picture_file
from searches.data.reading import listed
from searches.data.said import USUAL, divided
from searches.data.splits import SPLITS, VOID, split_of

TASKS = ("detection", "segmentation", "multilabel")
BACKGROUND = "background"
VOC_NAMES = {
    "airplane": "aeroplane", "dining table": "diningtable", "motorcycle": "motorbike",
    "potted plant": "pottedplant", "couch": "sofa", "tv": "tvmonitor",
}  # fmt: skip
"""COCO's name -> VOC's name, where they differ."""

log = logging.getLogger(__name__)


SIGN = Sign(lambda root: some(root, "annotations/instances_*.json"), "annotations/instances_*.json", rank=40)


@listed("coco", tasks=TASKS, sign=SIGN)
def list_coco(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split with all categories.

    Raises:
        InputError: a file or folder is missing, or the JSON is not as it must be.
    """
    if undivided(request.folder / "annotations") and not request.whole and request.split in ("train", *USUAL):
        return divided(list_coco(replace(request, split="train", whole=True), on_fault), request)
    path = annotation_file(request)
    known = _as_listed(request, _consistent(request, path))
    names = {identity: name for identity, name in known.items() if name.lower() != BACKGROUND} or known
    index = {identity: number for number, identity in enumerate(names)}
    if request.task == "segmentation":
        index |= {identity: -1 for identity in known if identity not in names}
    return _listing(request, path, index, tuple(names.values()), on_fault)


@listed("coco-voc", tasks=TASKS)
def list_coco_voc(request: Request, on_fault: OnFault) -> Listing:
    """Lists the pictures of one split that show any of VOC's classes, with those classes only.

    Raises:
        InputError: as :func:`list_coco`; or none of the categories is a class of VOC.
    """
    path = annotation_file(request)
    names = {i: VOC_NAMES.get(name, name) for i, name in _consistent(request, path).items()}
    index = {i: voc.CLASSES.index(name) for i, name in names.items() if name in voc.CLASSES}
    if not index:
        raise InputError(f"{path}: none of its categories is a class of PASCAL VOC")
    listing = _listing(request, path, index, voc.CLASSES, on_fault, only_shown=True)
    log.info("%s/%s: %d pictures show a class of VOC", request.layout, request.split, len(listing.pictures))
    return listing


def _as_listed(request: Request, names: dict[int, str]) -> dict[int, str]:
    """The categories that ``classes.txt`` lists, which must be all of them.

    Raises:
        InputError: it lists others.
    """
    listed = class_list([request.folder, request.folder / "annotations"])
    if listed is None:
        return names
    other = {identity: name for identity, name in names.items() if name not in listed.things}
    strange = [name for name in listed.things if name not in names.values()]
    if strange or any(name.lower() not in BACKGROUNDS for name in other.values()):
        there = ", ".join(names.values())
        raise InputError(f"{listed.source}: {', '.join(listed.names)}: contradicts the categories: {there}")
    by_name = {name: identity for identity, name in names.items()}
    return {by_name[name]: name for name in listed.things}


def annotation_file(request: Request) -> Path:
    """Returns the split's file; of several the last by name, and the log says so.

    Raises:
        InputError: there is none.
    """
    folder = request.folder / "annotations"
    files = _files(folder, request.split) or (
        undivided(folder) if request.whole and request.split == "train" else []
    )
    if not files:
        there = ", ".join(path.name for path in sorted(folder.glob("*.json"))) or "none"
        name = f"instances_{request.split}*.json"
        raise InputError(f"{folder}: split {request.split!r} has no {name} (files here: {there})")
    return files[-1]


def undivided(folder: Path) -> list[Path]:
    """Returns the one file of annotations of a folder whose pictures are not divided into splits (``default``)."""
    files = sorted(folder.glob("instances_*.json"))
    return files if len(files) == 1 and not any(_files(folder, split) for split in SPLITS) else []


def _files(folder: Path, split: str) -> list[Path]:
    """The annotations of a split, in any case of letters, sorted by name."""
    start = f"instances_{split}"
    return sorted(path for path in folder.glob("*.json") if path.name.lower().startswith(start))


def _consistent(request: Request, path: Path) -> dict[int, str]:
    """The categories, id -> name; the same as those of train, or class indices would mean two things."""
    names = categories(path)
    if request.split != "train":
        for other in _files(path.parent, "train")[-1:]:
            if categories(other) != names:
                raise InputError(f"{path}: its categories differ from those of {other.name}")
    return names


def image_folder(root: Path, path: Path, example: str) -> Path:
    """Returns the folder with the images of an annotation file: the first in which ``example`` lies.

    Raises:
        InputError: it is in none of them.
    """
    label = path.stem.removeprefix("instances_")
    plain = "".join(letter for letter in label if not letter.isdigit()).rstrip("_")
    folders = [label, f"images/{label}", plain, f"images/{plain}", "images", "."]
    for parent in (root, root / "images"):
        others = sorted(parent.iterdir()) if parent.is_dir() else []
        folders += [other.relative_to(root).as_posix() for other in others if _is_of(other, label, plain)]
    for folder in folders:
        if (root / folder / example).is_file():
            return root / folder
    raise InputError(f"{root}: {example} of {path.name} is in none of the folders {', '.join(folders)}")


def _is_of(folder: Path, label: str, plain: str) -> bool:
    """Whether a folder is called as the annotations are, in any case of letters, or by a name of their split."""
    split = split_of(plain)
    return folder.name.lower() == label.lower() or (split is not None and split_of(folder.name) == split)


def _listing(
    request: Request, path: Path, index: dict[int, int], classes: tuple[str, ...], on_fault: OnFault, *,
    only_shown: bool = False,
) -> Listing:  # fmt: skip
    """The pictures with the annotations of the categories in ``index`` (id -> class index)."""
    instances = read_instances(path, on_fault)
    objects: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for item in instances.annotations:
        if item["category_id"] in index:
            objects[item["image_id"]].append(item)
    images = [image for image in instances.images if not only_shown or image["id"] in objects]
    masks = request.task == "segmentation"
    if masks:
        refuse_values(request.own, path)
        if objects and not any(item.get("segmentation") for items in objects.values() for item in items):
            raise NothingThereError(f"{path}: has boxes alone: no annotation has a segmentation")
    key = {"rendered": 1, "classes": sorted(index.items())} if masks else {}
    pictures = _pictures(request, path, instances, images, objects, index, on_fault) if images else []
    return Listing(
        pictures=pictures,
        classes=(BACKGROUND, *classes) if masks else classes,
        void=VOID if masks else None,
        files=(path,) if masks else (),
        key=key,
        void_values=[VOID] if masks else (),
        remarks=_several(path, request.split),
    )


def _several(path: Path, split: str) -> list[str]:
    """A remark where a split has several files of annotations."""
    others = [other.name for other in _files(path.parent, split) if other != path]
    return [f"{path.name} is used for {split}, not {', '.join(others)}"] if others else []


def _pictures(
    request: Request, path: Path, instances: Instances, images: Sequence[dict[str, Any]],
    objects: dict[int, list[dict[str, Any]]], index: dict[int, int], on_fault: OnFault,
) -> list[Picture]:  # fmt: skip
    folder = _folder_of_any(request.folder, path, [image["file_name"] for image in images])
    pictures = []
    for image in images:
        file, items = folder / image["file_name"], objects.get(image["id"], [])
        size = (image["height"], image["width"])
        source = f"{path}: image {image['file_name']}"
        if request.task == "segmentation":
            more: dict[str, Any] = {
                "mask": partial(render, items, index, size, source), "mask_source": source
            }  # fmt: skip
        else:
            more = {
                "objects": objects_of(items, index, size, source, crowds_count=request.task == "multilabel")
            }
        if file.is_file():
            pictures.append(picture_file(file, image["file_name"], **more))
        else:
            on_fault(InputError(f"{file}: no such image, though {path.name} lists it"))
    return pictures


def _folder_of_any(root: Path, path: Path, names: Sequence[str], tries: int = 20) -> Path:
    """The images' folder by the first of ``names`` that is found, so that one missing file hides no others."""
    for name in names[1:tries]:
        try:
            return image_folder(root, path, name)
        except InputError:
            continue
    return image_folder(root, path, names[0])


def objects_of(
    items: Sequence[dict[str, Any]], index: dict[int, int], size: tuple[int, int], source: str, *, crowds_count: bool
) -> Objects:  # fmt: skip
    """Returns the boxes of one picture's annotations."""
    boxes = np.array([item["bbox"] for item in items], np.float64).reshape(-1, 4)
    crowd = np.array([item.get("iscrowd", 0) == 1 for item in items], np.bool_)
    return Objects(
        edges=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        labels=np.array([index[item["category_id"]] for item in items], np.int64),
        ignored=crowd & (not crowds_count),
        size=size,
        source=source,
    )
