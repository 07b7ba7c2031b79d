"""Tiny data sets in the layouts of the public ones, written by the tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from archspace.support.errors import InputError
from searches.data.dataset import Split, load_split

Box = tuple[str, float, float, float, float]

CURB = {"name": "construction--barrier--curb", "readable": "Curb", "evaluate": True}
SKY = {"name": "nature--sky", "readable": "Sky", "evaluate": True}
NOTHING = {"name": "void--unlabeled", "readable": "Unlabeled", "evaluate": False}


def loaded(layout: str, root: Path, split: str = "train", *, task: str, **more: Any) -> Split:
    return load_split(layout, split, root=root, task=task, **{"input_size": (8, 12), **more})


def refused(text: str, layout: str, root: Path, split: str = "train", *, task: str, **more: Any) -> str:
    """The message of the refusal: one line that holds ``text``."""
    with pytest.raises(InputError) as caught:
        loaded(layout, root, split, task=task, **more)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def photo(path: Path, size: tuple[int, int] = (8, 12), orientation: int = 1, mode: str = "RGB") -> Path:
    """An image file whose stored pixels are ``size`` = (H, W), its upper left quarter bright."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(size, 30, np.uint8)
    pixels[: size[0] // 2, : size[1] // 2] = 220
    image = (
        Image.fromarray(pixels.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(pixels).convert(mode)
    )
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def mask(path: Path, values: NDArray[Any] | Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)
    return path


def voc_xml(
    path: Path,
    boxes: Sequence[Box],
    size: tuple[int, int] | None = (8, 12),
    difficult: Sequence[int] = (),
    source: str = "The VOC2007 Database",
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    stated = "" if size is None else f"<size><height>{size[0]}</height><width>{size[1]}</width></size>"
    objects = "".join(
        f"<object><name>{name}</name><difficult>{int(i in difficult)}</difficult>"
        f"<part><name>head</name></part><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for i, (name, a, b, c, d) in enumerate(boxes)
    )
    path.write_text(
        f"<annotation><source><database>{source}</database></source>{stated}{objects}</annotation>"
    )
    return path


def voc_picture(year: Path, stem: str, boxes: Sequence[Box], **more: Any) -> None:
    photo(year / "JPEGImages" / f"{stem}.jpg")
    voc_xml(year / "Annotations" / f"{stem}.xml", boxes, **more)


def voc_list(year: Path, name: str, stems: Sequence[str], kind: str = "Main") -> None:
    path = year / "ImageSets" / kind / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{stem}\n" for stem in stems))


CATEGORIES = ((3, "car"), (1, "person"), (17, "cat"))


def coco(
    root: Path, annotations: Sequence[dict[str, Any]], *, split: str = "train",
    sizes: Sequence[tuple[int, int]] = ((8, 12),),
    categories: Sequence[tuple[int, str]] = CATEGORIES, folder: str | None = None, **more: Any,
) -> Path:  # fmt: skip
    """A split of ``len(sizes)`` images 1.jpg, 2.jpg, ... with ids 1, 2, ...; annotations get what they lack."""
    folder = f"{split}2017" if folder is None else folder
    images = []
    for number, (height, width) in enumerate(sizes, 1):
        photo(root / folder / f"{number}.jpg", (height, width))
        images.append({"id": number, "file_name": f"{number}.jpg", "height": height, "width": width})
    items = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "iscrowd": 0, **item}
        for i, item in enumerate(annotations, 1)
    ]
    data = {
        "info": {}, "images": images, "annotations": items,
        "categories": [{"id": i, "name": name, "supercategory": "thing"} for i, name in categories], **more,
    }  # fmt: skip
    path = root / "annotations" / f"instances_{split}2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def city(root: Path, name: str, values: Any, split: str = "train", kind: str = "labelIds") -> Path:
    values = np.array(values, np.uint8)
    town = name.split("_")[0]
    photo(root / "leftImg8bit" / split / town / f"{name}_leftImg8bit.png", values.shape)
    return mask(root / "gtFine" / split / town / f"{name}_gtFine_{kind}.png", values)


def vistas(root: Path, version: str | None, labels: list[dict[str, Any]], values: Any) -> Path:
    config = root / ("config.json" if version is None else f"config_v{version}.json")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps({"labels": labels}))
    values = np.array(values, np.uint8)
    photo(root / "training" / "images" / "a.jpg", values.shape)
    inner = "labels" if version is None else f"v{version}/labels"
    path = root / "training" / inner / "a.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.frombytes("P", values.shape[::-1], values.tobytes())
    picture.putpalette([value for i in range(256) for value in (i, 255 - i, 7)])
    picture.save(path)
    return path


def described(root: Path, **more: Any) -> None:
    about = {
        "images": "images/{split}", "masks": "labels/{split}", "classes": ["road", "sky"],
        "splits": {"train": "training"}, **more,
    }  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.yaml").write_text(yaml.safe_dump({k: v for k, v in about.items() if v != "absent"}))
