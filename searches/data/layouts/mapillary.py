"""``mapillary``: Mapillary Vistas, version 1.2 or 2.0; ``mapillary-v2`` asks for version 2.0 where both are there.

Version 1.2 alone: ``config.json``, ``training/images``, ``training/labels``. The package of version 2.0 holds both:
``config_v1.2.json``, ``config_v2.0.json``, ``training/images``, ``training/v1.2/labels``, ``training/v2.0/labels``.
Masks are palette or grey PNGs of indices into the configuration's list. What it marks ``evaluate: false`` is void.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspace.support.errors import FieldError, InputError
from archspace.support.palette import Colour, is_colour
from archspace.support.text_files import read_json
from searches.data.dataset import Request, Sign, some
from searches.data.image_names import list_images, unread_in
from searches.data.layouts.maskfiles import mask_pictures, refuse_values, values_of
from searches.data.listing import Listing, OnFault
from searches.data.reading import listed
from searches.data.splits import VOID, named

FOLDERS = {"train": "training", "val": "validation"}
VERSIONS = ("1.2", "2.0")


SIGN = Sign(
    lambda root: (
        some(root, "config*.json")
        and any((root / name / "images").is_dir() for name in ("training", "Training"))
    ),
    "config.json and training/images",
    rank=30,
)


@listed("mapillary", tasks=("segmentation",), sign=SIGN)
def list_mapillary(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split in version 1.2 where it is there, as the papers use it, else in 2.0.

    Raises:
        InputError: a folder or the configuration is missing or wrong.
    """
    return _listing(request, on_fault, VERSIONS)


@listed("mapillary-v2", tasks=("segmentation",))
def list_mapillary_v2(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split in version 2.0.

    Raises:
        InputError: a folder or the configuration is missing or wrong.
    """
    return _listing(request, on_fault, ("2.0",))


def _listing(request: Request, on_fault: OnFault, versions: tuple[str, ...]) -> Listing:
    root = request.folder
    if request.split not in FOLDERS:
        rule = "Mapillary Vistas has no labels for it (splits: train, val)"
        raise FieldError("data.split", request.split, rule, "val")
    folder = named(root, request.split) or root / FOLDERS[request.split]
    config, masks = _version(root, folder, versions)
    refuse_values(request.own, config)
    labels = read_labels(config)
    learnt = {value: label for value, label in enumerate(labels) if label["evaluate"]}
    meaning = dict.fromkeys(range(len(labels)), VOID) | {value: i for i, value in enumerate(learnt)}
    values = values_of(meaning | {VOID: VOID}, f"an index 0..{len(labels) - 1} into {config.name}")
    images = list_images(folder / "images")
    return Listing(
        pictures=mask_pictures(
            root, [(image, masks / f"{image.stem}.png") for image in images], values, on_fault
        ),
        classes=_names(list(learnt.values())),
        void=VOID,
        categories=tuple(_category(label) for label in learnt.values()),
        colours=_colours(list(learnt.values())),
        key={"values": values.key},
        void_values=[] if len(learnt) < len(labels) else values.void,
        unread=unread_in(folder / "images"),
    )


def _version(root: Path, folder: Path, versions: tuple[str, ...]) -> tuple[Path, Path]:
    """The configuration and the folder of masks of the first version that is there."""
    for version in versions:
        masks = folder / f"v{version}" / "labels"
        if masks.is_dir():
            return root / f"config_v{version}.json", masks
    if "1.2" in versions and (folder / "labels").is_dir():
        return root / "config.json", folder / "labels"
    wanted = " or ".join(f"v{version}/labels" for version in versions)
    raise InputError(f"{folder}: has no folder {wanted}")


def read_labels(path: Path) -> list[dict[str, Any]]:
    """Returns the configuration's labels: ``name``, ``readable``, ``evaluate`` and ``color`` of each.

    Raises:
        InputError: the file is missing, not JSON, or has no list of such labels.
    """
    data = read_json(path)
    try:
        labels = data["labels"]
        entries: list[dict[str, Any]] = [
            {"name": str(label["name"]), "readable": str(label.get("readable", label["name"])),
             "evaluate": label.get("evaluate", True), "color": tuple(map(int, label.get("color", ())))}
            for label in labels
        ]  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: must hold a list 'labels' of objects with a 'name': {error}") from error
    for number, label in enumerate(entries):
        if not isinstance(label["evaluate"], bool):
            raise InputError(
                f"{path}: labels[{number}].evaluate: {label['evaluate']!r}: must be true or false"
            )
    learnt = sum(1 for label in entries if label["evaluate"])
    if not 1 <= learnt <= VOID:
        raise InputError(f"{path}: has {learnt} labels to evaluate; must be 1 to {VOID}")
    return entries


def _names(labels: list[dict[str, Any]]) -> tuple[str, ...]:
    """The readable names, or the full ones where those are not unique."""
    readable = tuple(label["readable"] for label in labels)
    return readable if len(set(readable)) == len(readable) else tuple(label["name"] for label in labels)


def _colours(labels: list[dict[str, Any]]) -> tuple[Colour, ...]:
    """The colours of the labels, where every one has red, green and blue."""
    colours = [label["color"] for label in labels]
    return tuple(colours) if all(is_colour(colour) for colour in colours) else ()


def _category(label: dict[str, Any]) -> str:
    """``construction`` of ``construction--barrier--curb``."""
    return str(label["name"]).split("--")[0]
