"""COCO's ``instances_*.json``, read and checked."""

from __future__ import annotations

import math
import mmap
from pathlib import Path
from typing import Any, NamedTuple

from archspace.support.errors import InputError
from archspace.support.text_files import parse_json, read_json
from searches.data.listing import OnFault, in_shares

_MARK = b'"categories"'

LARGEST = 1_000_000
"""Rows or columns of the largest picture that is believed."""


class Instances(NamedTuple):
    """Images and annotations whose fields have been checked; each annotation's image and category are known."""

    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]


def read_instances(path: Path, on_fault: OnFault) -> Instances:
    """Reads images and annotations, sorted by the images' ids as they stand in the file.

    An image or annotation that cannot be used is told as a fault and left out.

    Raises:
        InputError: the file is missing, not JSON, or lacks one of its three lists.
    """
    data = _load(path)
    known = set(categories_in(data, path))
    images: dict[int, dict[str, Any]] = {}
    for number, image in enumerate(_list(data, "images", path)):
        fault = _image_fault(image) or ("its id occurs twice" if image["id"] in images else "")
        if fault:
            on_fault(InputError(f"{path}: images[{number}]: {fault}"))
        else:
            images[image["id"]] = image
    annotations = []
    for number, item in enumerate(_list(data, "annotations", path)):
        fault = _annotation_fault(item)
        if not fault and item["image_id"] not in images:
            fault = f"image_id {item['image_id']} is no image of the file"
        if not fault and item["category_id"] not in known:
            fault = f"category_id {item['category_id']} is no category of the file"
        if fault:
            on_fault(InputError(f"{path}: annotations[{number}]: {fault}"))
        else:
            annotations.append({**item, "iscrowd": int(item.get("iscrowd", 0))})
    return Instances(list(images.values()), annotations)


def categories(path: Path) -> dict[int, str]:
    """Returns the categories, id -> name, in the order of their ids.

    The list is looked for in the file first: reading all of COCO's annotations for it takes minutes.

    Raises:
        InputError: the file is missing, not JSON, or has no such list.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            start = text.find(b"[", max(text.rfind(_MARK), 0))
            end = text.find(b"]", start)
            items = parse_json(text[start : end + 1].decode(), str(path)) if start > 0 else None
        if isinstance(items, list) and items:
            return categories_in({"categories": items}, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, InputError):
        pass  # the whole file tells what is wrong
    return categories_in(_load(path), path)


def categories_in(data: dict[str, Any], path: Path) -> dict[int, str]:
    """Returns the categories of a read file."""
    names: dict[int, str] = {}
    for number, item in enumerate(_list(data, "categories", path)):
        if not isinstance(item, dict) or not _whole(item.get("id")) or not isinstance(item.get("name"), str):
            raise InputError(f"{path}: categories[{number}]: must have a whole 'id' and a 'name'")
        if item["id"] in names or item["name"] in names.values():
            raise InputError(f"{path}: categories[{number}]: id or name {item['name']!r} occurs twice")
        names[item["id"]] = item["name"]
    if not names:
        raise InputError(f"{path}: has no categories")
    return dict(sorted(names.items()))


def _load(path: Path) -> dict[str, Any]:
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be an object with images, annotations and categories")
    return data


def _list(data: dict[str, Any], name: str, path: Path) -> list[Any]:
    if not isinstance(data.get(name), list):
        raise InputError(f"{path}: has no list {name!r}")
    return data[name]  # type: ignore[no-any-return]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _image_fault(image: Any) -> str:
    """What is wrong with an image's entry; empty when nothing is."""
    if not isinstance(image, dict) or not _whole(image.get("id")):
        return "must have a whole 'id'"
    if not isinstance(image.get("file_name"), str) or not image["file_name"]:
        return "must have a 'file_name'"
    parts = Path(image["file_name"]).parts
    if ".." in parts or parts[0] == "/":
        return f"file_name {image['file_name']!r} must lie below the folder of images"
    if not all(_whole(image.get(side)) and 0 < image[side] <= LARGEST for side in ("height", "width")):
        return f"height and width of {image['file_name']} must be whole numbers from 1 to {LARGEST}"
    return ""


def _annotation_fault(item: Any) -> str:
    """What is wrong with an annotation's own fields; empty when nothing is."""
    if not isinstance(item, dict) or not _whole(item.get("image_id")) or not _whole(item.get("category_id")):
        return "must have a whole 'image_id' and 'category_id'"
    box = item.get("bbox")
    numbers = isinstance(box, list) and all(map(_finite, box))
    if not numbers or len(box) != 4:  # type: ignore[arg-type]
        return f"bbox {box!r} must be four numbers: x, y, width, height"
    if in_shares(*box):  # type: ignore[misc]
        return f"bbox {box!r} looks like shares of the picture; must be pixels"
    if item.get("iscrowd", 0) not in (0, 1) or isinstance(item.get("iscrowd"), str):
        return f"iscrowd {item['iscrowd']!r} must be 0 or 1"
    return ""
