"""Cityscapes, Mapillary Vistas and folders described by a file: what the values in their masks become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from searches.data.layouts.cityscapes import CATEGORIES, CLASSES
from tests.searches.data.layout_files import (
    CURB,
    NOTHING,
    SKY,
    city,
    described,
    loaded,
    mask,
    photo,
    refused,
    vistas,
)

pytestmark = pytest.mark.usefixtures("cache_folder")
SEG = {"task": "segmentation"}


def test_cityscapes_has_nineteen_classes_in_seven_categories(tmp_path: Path) -> None:
    city(tmp_path, "ulm_000001_000019", np.arange(36).reshape(6, 6).clip(0, 33))
    split = loaded("cityscapes", tmp_path, input_size=(6, 6), **SEG)
    learnt = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    expected = np.full(36, 255)
    expected[learnt] = range(19)
    expected[34:] = 18
    np.testing.assert_array_equal(np.ravel(split.targets[0]), expected)  # type: ignore[arg-type]
    assert split.classes == CLASSES
    assert (split.classes[0], split.classes[13], split.classes[18]) == ("road", "car", "bicycle")
    assert split.categories == CATEGORIES
    assert len(split.categories) == 19
    assert len(set(split.categories)) == 7
    assert split.names == ("leftImg8bit/train/ulm/ulm_000001_000019_leftImg8bit.png",)


def test_cityscapes_takes_train_ids_and_prefers_label_ids(tmp_path: Path) -> None:
    city(tmp_path, "aachen_1_1", [[0, 18], [255, 13]], kind="labelTrainIds")
    city(tmp_path, "bonn_1_1", [[7, 33], [0, 26]])
    split = loaded("cityscapes", tmp_path, input_size=(2, 2), **SEG)
    np.testing.assert_array_equal(split.targets, [[[0, 18], [255, 13]]] * 1 + [[[0, 18], [255, 13]]])  # type: ignore[arg-type]
    city(tmp_path, "aachen_1_1", [[7, 7], [7, 7]])
    assert (np.asarray(loaded("cityscapes", tmp_path, input_size=(2, 2), **SEG).targets[0]) == 0).all()  # type: ignore[arg-type]


def test_what_is_wrong_with_cityscapes_is_named(tmp_path: Path) -> None:
    refused("leftImg8bit/train: no such folder (splits here: none)", "cityscapes", tmp_path, **SEG)
    path = city(tmp_path, "ulm_1_1", [[7, 34], [0, 0]])
    refused(
        "labelIds.png: has value 34 in 1 pixels; must be a labelId 0..33, or 255",
        "cityscapes",
        tmp_path,
        **SEG,
    )
    path.unlink()
    refused("leftImg8bit.png: has no mask", "cityscapes", tmp_path, **SEG)
    city(tmp_path, "ulm_1_1", [[19, 0], [0, 0]], kind="labelTrainIds")
    refused("has value 19 in 1 pixels; must be a class 0..18, or void 255", "cityscapes", tmp_path, **SEG)
    mask(path, np.zeros((3, 2)))
    refused("labelIds.png: is 3x2, its image 2x2", "cityscapes", tmp_path, **SEG)
    refused("splits here: train", "cityscapes", tmp_path, "val", **SEG)


def test_mapillary_in_both_versions(tmp_path: Path) -> None:
    old = tmp_path / "old"
    vistas(old, None, [CURB, NOTHING, SKY], [[0, 1], [2, 2]])
    split = loaded("mapillary", old, input_size=(2, 2), **SEG)
    np.testing.assert_array_equal(split.targets[0], [[0, 255], [1, 1]])  # type: ignore[arg-type]
    assert split.classes == ("Curb", "Sky")
    assert split.categories == ("construction", "nature")
    refused("has no folder v2.0/labels", "mapillary-v2", old, **SEG)
    both = tmp_path / "both"
    vistas(both, "2.0", [NOTHING, SKY], [[0, 1], [1, 1]])
    assert loaded("mapillary", both, **SEG).classes == ("Sky",)
    vistas(both, "1.2", [CURB, SKY], [[0, 1], [1, 1]])
    assert loaded("mapillary", both, **SEG).classes == ("Curb", "Sky")
    assert loaded("mapillary-v2", both, **SEG).classes == ("Sky",)
    refused("Mapillary Vistas has no labels for it", "mapillary", both, "test", **SEG)


def test_what_is_wrong_with_mapillary_is_named(tmp_path: Path) -> None:
    vistas(tmp_path, None, [CURB, SKY], [[0, 1], [2, 2]])
    refused(
        "a.png: has value 2 in 2 pixels; must be an index 0..1 into config.json", "mapillary", tmp_path, **SEG
    )
    (tmp_path / "config.json").write_text('{"labels": [{"readable": "x"}]}')
    refused("config.json: must hold a list 'labels' of objects with a 'name'", "mapillary", tmp_path, **SEG)
    (tmp_path / "config.json").write_text(json.dumps({"labels": [NOTHING]}))
    refused("has 0 labels to evaluate", "mapillary", tmp_path, **SEG)
    (tmp_path / "config.json").unlink()
    refused("config.json: cannot be read", "mapillary", tmp_path, **SEG)


def test_described_folders(tmp_path: Path) -> None:
    described(tmp_path, categories=["flat", "sky"])
    photo(tmp_path / "images" / "training" / "a.jpg", (2, 2))
    mask(tmp_path / "labels" / "training" / "a.png", [[0, 1], [255, 1]])
    split = loaded("masks", tmp_path, input_size=(2, 2), **SEG)
    assert np.asarray(split.targets).tolist() == [[[0, 1], [255, 1]]]
    assert (split.classes, split.categories) == (("road", "sky"), ("flat", "sky"))


def test_described_lists_labels_and_suffixes(tmp_path: Path) -> None:
    described(
        tmp_path, images="rgb", masks="gt", mask_suffix="_L", labels={10: 0, 300: 1}, void=[0, 11],
        splits={"train": "lists/train.txt", "val": ["deep/b.jpg"]},
    )  # fmt: skip
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text("c\na\n\n")
    for name in ("a", "c", "deep/b"):
        photo(tmp_path / "rgb" / f"{name}.jpg", (2, 2))
        path = tmp_path / "gt" / f"{name}_L.png"
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.array([[10, 300], [0, 11]], np.uint16)).save(path)
    split = loaded("masks", tmp_path, input_size=(2, 2), **SEG)
    assert split.names == ("rgb/c.jpg", "rgb/a.jpg")
    assert np.asarray(split.targets).tolist() == [[[0, 1], [255, 255]]] * 2
    assert loaded("masks", tmp_path, "val", **SEG).names == ("rgb/deep/b.jpg",)
    refused("has no such split (here: train, val)", "masks", tmp_path, "test", **SEG)
    mask(tmp_path / "gt" / "a_L.png", [[10, 12], [0, 0]])
    refused("has value 12 in 1 pixels; must be one of 0, 10, 11, 300", "masks", tmp_path, **SEG)
    (tmp_path / "lists" / "train.txt").write_text("lost\n")
    refused("rgb/lost: no such image", "masks", tmp_path, **SEG)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": "absent"}, "classes: missing"),
        ({"clases": ["a"]}, "clases: ['a']: unknown field; nearest valid: classes"),
        ({"classes": ["a", "a"]}, "classes: a name occurs twice"),
        ({"categories": ["a"]}, "categories: has 1 names for 2 classes"),
        ({"splits": {"trian": "x"}}, "splits.trian: unknown split"),
        ({"labels": {3: 2}}, "labels: 3: 2: must map a value 0..65535 to a class 0..1"),
        ({"void": 1}, "void: 1: must be 0..65535 and no class's value"),
        ({"images": "../elsewhere"}, "must be a path below the folder"),
        ({"splits": {"train": "none.txt"}}, "none.txt: cannot be read"),
        ({}, "images/training: cannot be listed"),
    ],
)
def test_a_wrong_description_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    described(tmp_path, **change)
    refused(words, "masks", tmp_path, **SEG)


def test_a_description_that_is_no_yaml_or_missing(tmp_path: Path) -> None:
    refused("dataset.yaml: cannot be read", "masks", tmp_path, **SEG)
    (tmp_path / "dataset.yaml").write_text("images: [")
    refused("dataset.yaml: not YAML", "masks", tmp_path, **SEG)
    (tmp_path / "dataset.yaml").write_text("- a\n")
    refused("dataset.yaml: ", "masks", tmp_path, **SEG)


def test_two_images_of_one_mask_and_an_empty_split(tmp_path: Path) -> None:
    described(tmp_path)
    for name in ("a.jpg", "a.png"):
        photo(tmp_path / "images" / "training" / name, (2, 2))
    mask(tmp_path / "labels" / "training" / "a.png", [[0, 1], [1, 1]])
    refused("a.png: shares its mask a.png with a.jpg", "masks", tmp_path, **SEG)
    for path in (tmp_path / "images" / "training").iterdir():
        path.unlink()
    refused("split 'train' holds no image", "masks", tmp_path, **SEG)


def test_a_key_twice_in_a_description_is_one_line(tmp_path: Path) -> None:
    described(tmp_path)
    file = tmp_path / "dataset.yaml"
    file.write_text(file.read_text() + "labels: {0: 0, 1: 1, 1: 0}\n")
    line = len(file.read_text().splitlines())
    assert refused(f"line {line}: key '1' occurs twice", "masks", tmp_path, **SEG).startswith(str(file))


def test_loading_says_what_never_occurs_and_how_much_is_void(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    described(tmp_path, classes=["background", "crack"])
    photo(tmp_path / "images" / "training" / "a.png", (4, 4))
    photo(tmp_path / "images" / "training" / "more" / "b.png", (4, 4))
    mask(tmp_path / "labels" / "training" / "a.png", np.repeat([[0], [255]], 2, 0) * np.ones((1, 4), int))
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        loaded("masks", tmp_path, **SEG)
        said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert said[0].endswith("more: is a folder among the images: the image in it is not used")
        assert said[1] == "masks/train: class 'crack' occurs in no mask"
        assert said[2].startswith(
            "masks/train: void (value 255 in the masks) is 50.00 % of all pixels of train"
        )
        assert len(said) == 3
