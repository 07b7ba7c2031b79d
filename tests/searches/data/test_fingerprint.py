"""Fingerprints of data in every kind of layout: the same content is the same wherever and however it lies."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.store.fingerprint import DataFingerprint, read_fingerprint, write_fingerprint
from archspace.support.errors import InputError
from searches.data.dataset import checked_request
from searches.data.filehash import FileHashes
from searches.data.fingerprint import Source, fingerprint_of
from tests.searches.data.layout_files import coco, photo, voc_list, voc_picture
from tests.searches.own_data import write_data


def fingerprint(layout: str, root: Path | None, task: str, *splits: str, seed: int = 0) -> DataFingerprint:
    sources = {
        split: Source(
            checked_request(layout, split, root=root, input_size=(32, 32), channels=3, task=task, seed=seed)
        )
        for split in splits or ("train", "val")
    }
    return fingerprint_of(sources, None)


def _folders(root: Path) -> Path:
    for split in ("train", "val"):
        for place, name in enumerate(("cat", "dog")):
            for i in range(2):
                photo(root / split / name / f"{i}.png", (8 + place, 12 + i))
    return root


def test_a_folder_and_its_zips_are_the_same_data(tmp_path: Path) -> None:
    root, zipped = _folders(tmp_path / "plain"), tmp_path / "zipped"
    zipped.mkdir()
    for split in ("train", "val"):
        with zipfile.ZipFile(zipped / f"{split}.zip", "w") as archive:
            for path in sorted((root / split).rglob("*.png")):
                archive.write(path, path.relative_to(root))
    one, two = (fingerprint("imagefolder", folder, "classification") for folder in (root, zipped))
    assert one.compare(two) == [] and one.short == two.short
    assert (one.name, two.name) == ("plain", "zipped")
    assert {name: split.count for name, split in one.splits.items()} == {"train": 4, "val": 4}


def test_a_picture_in_another_class_has_another_label(tmp_path: Path) -> None:
    one = fingerprint("imagefolder", _folders(tmp_path / "a"), "classification")
    other = tmp_path / "b"
    shutil.copytree(tmp_path / "a", other)
    (other / "val" / "cat" / "1.png").rename(other / "val" / "dog" / "9.png")
    assert one.compare(fingerprint("imagefolder", other, "classification")) == [
        "val: 1 image more, the first is val/dog/9.png",
        "val: 1 image fewer, the first is val/cat/1.png",
    ]


def test_boxes_are_labels(tmp_path: Path) -> None:
    box = {"bbox": [1, 1, 4, 4], "segmentation": [[1, 1, 5, 1, 5, 5]]}
    for name, changed in (("a", box), ("b", {**box, "bbox": [1, 1, 5, 4]}), ("c", {**box, "category_id": 3})):
        coco(tmp_path / name, [changed])
    held, wider, other = (fingerprint("coco", tmp_path / name, "detection", "train") for name in "abc")
    assert (
        held.compare(wider) == ["train: labels of 1 image differ, the first is 1.jpg"] == held.compare(other)
    )
    drawn = [fingerprint("coco", tmp_path / name, "segmentation", "train") for name in "abc"]
    assert drawn[0].compare(drawn[1]) == [], "a box is no part of what is drawn"
    assert drawn[0].compare(drawn[2]) == ["train: labels of 1 image differ, the first is 1.jpg"]
    assert held.compare(drawn[0])[0] == "the labels of segmentation, not of detection"


def test_a_difficult_object_is_another_label(tmp_path: Path) -> None:
    for name, difficult in (("a", ()), ("b", (0,))):
        for stem in ("1", "2"):
            voc_picture(
                tmp_path / name, stem, [("cat", 1, 1, 5, 5)], difficult=difficult if stem == "2" else ()
            )
        voc_list(tmp_path / name, "train", ["1"])
        voc_list(tmp_path / name, "val", ["2"])
    one, two = (fingerprint("voc", tmp_path / name, "detection") for name in "ab")
    (what,) = one.compare(two)
    assert what.startswith("val: labels of 1 image differ, the first is ")


@pytest.mark.slow
def test_generated_data_are_their_seed(tmp_path: Path) -> None:
    one, two = (fingerprint("scenes", None, "segmentation", "val", seed=seed) for seed in (0, 1))
    assert one.compare(two) == ["scenes, generator 1, seed 1, not scenes, generator 1, seed 0"]
    assert one.compare(replace(one, name="mine")) == [] and replace(one, name="mine").short == one.short


def test_it_is_the_same_after_a_file_and_a_difference_is_said_without_single_images(tmp_path: Path) -> None:
    known = fingerprint("masks", write_data(tmp_path / "data"), "segmentation")
    write_fingerprint(tmp_path / "run", known)
    assert read_fingerprint(tmp_path / "run", items=True) == known
    plain = read_fingerprint(tmp_path / "run")
    assert plain == known and plain is not None and plain.splits["val"].items is None
    (tmp_path / "data" / "images" / "val" / "0.png").unlink()
    fewer = fingerprint("masks", tmp_path / "data", "segmentation")
    assert plain.compare(fewer) == ["val: 1 image fewer"]
    assert known.compare(fewer) == ["val: 1 image fewer, the first is images/val/0.png"]
    (tmp_path / "run" / "data.json").write_text("{}")
    with pytest.raises(InputError, match=r"data\.json: cannot be read"):
        read_fingerprint(tmp_path / "run")


def test_splits_that_only_one_has_are_not_compared(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    both, val, train = (
        fingerprint("masks", root, "segmentation", *splits)
        for splits in (("train", "val"), ("val",), ("train",))
    )
    assert both.compare(val) == [] == val.compare(both)
    assert train.compare(val) == ["split val, not train"]
    assert both.record_of("val")["fingerprint"] == val.record_of("val")["fingerprint"]


@pytest.mark.slow
def test_a_file_is_read_once_and_again_when_it_changed(tmp_path: Path, cache_folder: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    time.sleep(2.1)  # a file that has just changed may change again within the clock's tick
    hashes = FileHashes(tmp_path)
    first = hashes.of(path)
    hashes.save()
    assert len(list((cache_folder / "fingerprints").iterdir())) == 1
    assert FileHashes(tmp_path).of(path) == first
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, (long_ago, long_ago))
    assert FileHashes(tmp_path).of(path) != first, (
        "size and time are what they were, and yet it is another file"
    )
