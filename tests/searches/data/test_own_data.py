"""What a study says of a folder: names of classes, void, and parts of train as splits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from archspace.support.errors import InputError
from searches.config.data import DataConfig
from searches.config.errors import first_error
from searches.config.training import TrainData
from searches.data.dataset import Split
from searches.data.own import Own, own_of
from tests.searches.data.layout_files import (
    city,
    coco,
    described,
    loaded,
    mask,
    photo,
    refused,
    voc_list,
    voc_picture,
)

pytestmark = pytest.mark.usefixtures("cache_folder")

FIFTH = Own(splits={"val": 0.2})


def class_folders(root: Path, *counts: int) -> Path:
    for name, count in zip("abc", counts, strict=False):
        for i in range(count):
            photo(root / name / f"{i}.png")
    return root


def picture_pairs(root: Path, count: int = 10, suffix: str = "", top: int = 2) -> Path:
    for i in range(count):
        photo(root / "images" / f"{i}.jpg", (4, 4))
        mask(root / "masks" / f"{i}{suffix}.png", np.full((4, 4), i % (top + 1)))
    return root


def both(layout: str, root: Path, task: str, own: Own, *splits: str) -> list[Split]:
    return [loaded(layout, root, split, task=task, own=own) for split in splits or ("train", "val")]


def test_folders_of_classes_are_divided_in_their_proportions(tmp_path: Path) -> None:
    own = Own(splits={"val": 0.25, "test": 0.125})
    root = class_folders(tmp_path / "data", 8, 16)
    splits = both("imagefolder", root, "classification", own, "train", "val", "test")
    assert [dict(Counter(np.asarray(split.targets).tolist())) for split in splits] == [
        {0: 5, 1: 10}, {0: 2, 1: 4}, {0: 1, 1: 2},
    ]  # fmt: skip
    names = [name for split in splits for name in split.names]
    assert len(names) == len(set(names)) == 24 and "a/0.png" in names
    again = both("imagefolder", root, "classification", own, "train", "val", "test")
    assert [split.names for split in again] == [split.names for split in splits]
    other = loaded("imagefolder", root, "val", task="classification", own=replace(own, seed=1))
    assert other.names != splits[1].names


def test_a_part_of_train_goes_before_the_folders_own_and_a_split_that_is_none_stays_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "ab":
        class_folders(tmp_path / "train", 5, 5)
        photo(tmp_path / "val" / name / "own.png")
    train, val = both("imagefolder", tmp_path, "classification", FIFTH)
    assert (len(train), len(val)) == (8, 2) and all(name.startswith("train/") for name in val.names)
    assert caplog.text.count("data.splits takes val from train: its own val, 2 images, is not used") == 1
    tested = Own(splits={"test": 0.2})
    assert len(loaded("imagefolder", tmp_path, task="classification", own=tested)) == 8
    assert len(loaded("imagefolder", tmp_path, "val", task="classification", own=tested)) == 2
    root = class_folders(tmp_path / "none", 5, 5)
    refused("neither a folder val", "imagefolder", root, "val", task="classification", own=tested)


def test_boxes_are_divided(tmp_path: Path) -> None:
    for i in range(10):
        voc_picture(tmp_path / "voc", str(i), [("cat", 1, 1, 4, 4)])
    train, val = both("voc", tmp_path / "voc", "detection", FIFTH)
    assert (len(train), len(val)) == (8, 2) and not set(train.names) & set(val.names)
    coco(tmp_path / "coco", [{}], split="default", sizes=[(8, 12)] * 10, folder="images")
    (tmp_path / "coco" / "annotations" / "instances_default2017.json").rename(
        tmp_path / "coco" / "annotations" / "instances_default.json"
    )
    usual = both("coco", tmp_path / "coco", "detection", Own())
    said = both("coco", tmp_path / "coco", "detection", FIFTH)
    assert [len(split) for split in usual] == [8, 2]
    assert [split.names for split in usual] == [split.names for split in said]


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_images_and_masks_need_no_lists(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = picture_pairs(tmp_path, suffix=suffix)
    refused("nothing names the classes of the masks: classes.txt", "pairs", root, task="segmentation")
    (root / "classes.txt").write_text("ground\ndisc\nbar\n")
    train, val = both("pairs", root, "segmentation", Own())
    assert (len(train), len(val), train.classes) == (8, 2, ("ground", "disc", "bar"))
    assert "there are no splits: 20 % for val by chance (seed 0)" in caplog.text
    for split in (train, val):
        values = [int(Path(name).stem) % 3 for name in split.names]
        assert np.asarray(split.targets)[:, 0, 0].tolist() == values
    refused("images/test: no such folder", "pairs", root, "test", task="segmentation")


def test_values_have_names_and_void_of_the_study(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for i, value in enumerate((0, 255, 7, 0)):
        photo(root / "images" / f"{i}.jpg", (4, 4))
        mask(root / "masks" / f"{i}.png", np.full((4, 4), value))
    own = own_of(DataConfig(layout="pairs", input_size=(32, 32), classes={255: "disc", 0: "ground"}, void=7))
    splits = both("pairs", root, "segmentation", replace(own, splits={"val": 0.25}))
    assert splits[0].classes == ("ground", "disc")
    seen = {
        name: int(np.asarray(split.targets)[i, 0, 0])
        for split in splits
        for i, name in enumerate(split.names)
    }
    assert seen == {"images/0.jpg": 0, "images/1.jpg": 1, "images/2.jpg": 255, "images/3.jpg": 0}
    words = "has value 7 in 16 pixels; must be one of 0, 255"
    refused(
        words,
        "pairs",
        root,
        "val",
        task="segmentation",
        own=Own(classes=("a", "b"), values=(0, 255), void=()),
    )


def test_own_classes_in_the_layouts_of_public_data(tmp_path: Path) -> None:
    city(tmp_path / "city", "ulm_1_1", [[0, 1]])
    (tmp_path / "city" / "labelmap.txt").write_text("ground:9,9,9::\nroof:8,8,8::\n")
    split = loaded("cityscapes", tmp_path / "city", task="segmentation", input_size=(1, 2))
    assert split.colours == ((9, 9, 9), (8, 8, 8))
    assert split.classes == ("ground", "roof") and np.asarray(split.targets).tolist() == [[[0, 1]]]
    described(tmp_path / "masks", classes="absent")
    photo(tmp_path / "masks" / "images" / "training" / "a.png", (1, 2))
    mask(tmp_path / "masks" / "labels" / "training" / "a.png", [[0, 1]])
    refused("classes: missing", "masks", tmp_path / "masks", task="segmentation")
    (tmp_path / "masks" / "classes.txt").write_text("ground\nroof\n")
    assert loaded("masks", tmp_path / "masks", task="segmentation").classes == ("ground", "roof")
    for name in ("own", "VOC2012"):
        voc_picture(tmp_path / name, "a", [("person", 1, 1, 4, 4)], source="Unknown")
        voc_list(tmp_path / name, "train", ["a"])
        voc_list(tmp_path / name, "val", [])
    assert loaded("voc", tmp_path / "own", task="detection").classes == ("person",)
    assert len(loaded("voc", tmp_path / "VOC2012", task="detection").classes) == 20


def test_the_order_of_classes_is_the_studys(tmp_path: Path) -> None:
    box = {"category_id": 3, "segmentation": [[0, 0, 12, 0, 12, 8, 0, 8]], "bbox": [0, 0, 12, 8]}
    coco(tmp_path, [box])
    own = Own(classes=("cat", "car", "person"))
    split = loaded("coco", tmp_path, task="detection", own=own)
    assert split.classes == own.classes and split.targets.labels.tolist() == [1]  # type: ignore[union-attr]
    masks = loaded("coco", tmp_path, task="segmentation", own=own)
    assert masks.classes == ("background", *own.classes) and (np.asarray(masks.targets) == 2).all()
    refused("says what the masks' values are", "coco", tmp_path, task="segmentation", own=Own(void=(3,)))
    plain = loaded("coco", tmp_path, task="segmentation")
    assert (np.asarray(plain.targets) == plain.classes.index("car")).all()
    folders = class_folders(tmp_path / "folders" / "train", 2, 3).parent
    named = loaded(
        "imagefolder", folders, task="classification", own=Own(classes=("b", "a"), splits={"val": 0.2})
    )
    assert named.classes == ("b", "a")
    assert [named.classes[i] for i in np.asarray(named.targets)] == [
        name.split("/")[1] for name in named.names
    ]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (Own(classes=("ground", "disc")), "contradicts"),
        (Own(void=(1,)), "data.void: 1: is the value of class 'disc'"),
        (Own(splits={"val": 0.9}), "too few to divide into train, val"),
    ],
)
def test_what_contradicts_the_folder_is_refused(tmp_path: Path, own: Own, words: str) -> None:
    root = picture_pairs(tmp_path, 4)
    (root / "classes.txt").write_text("ground\ndisc\nbar\n")
    refused(words, "pairs", root, task="segmentation", own=own)


def test_names_that_are_not_the_datas_are_refused(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "train", 2, 2).parent
    own = Own(classes=("a", "z"))
    refused("the data have a, b: class 'b' is missing", "imagefolder", root, task="classification", own=own)
    refused("none of", "imagefolder", root, task="classification", own=Own(void=(3,)))
    with pytest.raises(InputError, match=r"data\.splits: .*knows its own"):
        loaded("digits", None, task="classification", own=FIFTH)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"splits": {"val": 0}}, "data.splits.val: 0.0: must be a share of train between 0 and 1"),
        ({"splits": {"val": 1}}, "data.splits.val: 1.0: must be a share"),
        ({"splits": {"val": 0.6, "test": 0.5}}, "add up to 1.1"),
        ({"splits": {"train": 0.5}}, "data.splits.train"),
        ({"splits": {"vall": 0.5}}, "nearest valid: val"),
        ({"classes": ["a", "a"]}, "data.classes: 'a': is named twice"),
        ({"classes": []}, "must be 1 to 255 names"),
        ({"void": -1}, "data.void: -1"),
    ],
)
@pytest.mark.parametrize("kind", [DataConfig, TrainData])
def test_fields_that_are_wrong(kind: type[Any], fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate({"layout": "pairs", "input_size": [32, 32], **fields})
    assert words in str(first_error(caught.value, kind))


def test_a_text_has_files_and_pictures_have_shares() -> None:
    assert TrainData.model_validate({"splits": {"train": "valid"}}).files == {"train": "valid"}
    data = TrainData.model_validate({"splits": {"val": 0.25}, "seed": 3})
    assert data.files == {} and own_of(data) == Own(splits={"val": 0.25}, seed=3)
