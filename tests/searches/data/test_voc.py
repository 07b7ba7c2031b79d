"""The layout of PASCAL VOC: corners, classes, years, splits, turned pictures and what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from searches.data.boxes import Boxes
from searches.data.dataset import Split
from searches.data.layouts.voc import CLASSES
from tests.searches.data.layout_files import (
    loaded,
    mask,
    photo,
    refused,
    voc_list,
    voc_picture,
    voc_xml,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("cache_folder")


def boxes(split: Split) -> Boxes:
    assert isinstance(split.targets, Boxes)
    return split.targets


def two(root: Path) -> Path:
    """Two pictures, a list of train and one of val."""
    voc_picture(root, "a", [("dog", 1, 1, 12, 8), ("cat", 4, 3, 6, 4)], difficult=[1])
    voc_picture(root, "b", [("cat", 2, 2, 3, 3)])
    voc_list(root, "train", ["a"])
    voc_list(root, "val", ["b"])
    return root


def test_pixels_from_1_to_the_width_cover_the_whole_picture(tmp_path: Path) -> None:
    targets = boxes(loaded("voc", two(tmp_path), task="detection"))
    corners, labels, ignored = targets.of(0)
    np.testing.assert_allclose(corners[0], [0, 0, 1, 1])
    np.testing.assert_allclose(corners[1], [3 / 12, 2 / 8, 6 / 12, 4 / 8])
    assert labels.tolist() == [CLASSES.index("dog"), CLASSES.index("cat")]
    assert ignored.tolist() == [False, True]
    assert targets.sizes.tolist() == [[8, 12]]


def test_classes_are_vocs_or_the_sorted_names_of_all_splits(tmp_path: Path) -> None:
    assert loaded("voc", two(tmp_path), task="detection").classes == CLASSES
    voc_xml(tmp_path / "Annotations" / "b.xml", [("axolotl", 1, 1, 2, 2)])
    for split in ("train", "val"):
        assert loaded("voc", tmp_path, split, task="detection").classes == ("axolotl", "cat", "dog")
    assert boxes(loaded("voc", tmp_path, task="detection")).labels.tolist() == [2, 1]


def test_multilabel_is_void_where_all_of_a_class_are_difficult(tmp_path: Path) -> None:
    split = loaded("voc", two(tmp_path), task="multilabel")
    assert isinstance(split.targets, np.ndarray)
    assert split.targets.dtype == np.uint8
    assert split.targets.shape == (1, 20)
    assert {CLASSES[i]: int(split.targets[0, i]) for i in np.flatnonzero(split.targets[0])} == {
        "dog": 1,
        "cat": 255,
    }
    assert split.void == 255


def test_years_are_put_together(tmp_path: Path) -> None:
    for year, stem in (("VOC2007", "000001"), ("VOC2012", "2012_1")):
        voc_picture(tmp_path / "VOCdevkit" / year, stem, [("dog", 1, 1, 2, 2)])
        voc_picture(tmp_path / "VOCdevkit" / year, "v" + stem, [("cow", 1, 1, 2, 2)])
        voc_list(tmp_path / "VOCdevkit" / year, "train", [stem])
        voc_list(tmp_path / "VOCdevkit" / year, "val", ["v" + stem])
        voc_list(tmp_path / "VOCdevkit" / year, "trainval", [stem, "v" + stem])
    voc_picture(tmp_path / "VOCdevkit" / "VOC2007", "t", [("cow", 1, 1, 2, 2)])
    voc_list(tmp_path / "VOCdevkit" / "VOC2007", "test", ["t"])
    for root in (tmp_path, tmp_path / "VOCdevkit"):
        assert loaded("voc", root, task="detection").names == ("VOC2007/000001", "VOC2012/2012_1")
        assert len(loaded("voc-trainval", root, task="detection")) == 4
        assert loaded("voc-trainval", root, "val", task="detection").names == ("VOC2007/t",)
        assert loaded("voc", root, "test", task="detection").names == ("VOC2007/t",)
    assert loaded("voc", tmp_path / "VOCdevkit" / "VOC2012", "val", task="detection").names == ("v2012_1",)


def test_val_is_held_out_where_it_is_not_listed_and_test_is_never_made_up(tmp_path: Path) -> None:
    names = [f"{i:02}" for i in range(20)]
    for name in names:
        voc_picture(tmp_path, name, [("dog", 1, 1, 4, 4)])
    for step in ("no list", "trainval", "train"):
        if step != "no list":
            voc_list(tmp_path, step, names)
        train, val = (loaded("voc", tmp_path, split, task="detection").names for split in ("train", "val"))
        assert sorted((*train, *val)) == names
        assert len(val) == 2
    message = refused(
        "split 'test' has no list ImageSets/Main/test.txt", "voc", tmp_path, "test", task="detection"
    )
    assert "lists here: train, trainval" in message
    voc_list(tmp_path, "val", names[:5])
    (tmp_path / "ImageSets" / "Main" / "train.txt").unlink()
    assert list(loaded("voc", tmp_path, task="detection").names) == names[5:]
    voc_list(tmp_path, "val", [])
    refused("holds no image", "voc", tmp_path, "val", task="detection")


def test_segmentation_reads_its_own_lists_and_void(tmp_path: Path) -> None:
    two(tmp_path)
    values = np.zeros((8, 12), np.uint8)
    values[:, 6:], values[0] = 20, 255
    mask(tmp_path / "SegmentationClass" / "a.png", values)
    voc_list(tmp_path, "train", ["a"], "Segmentation")
    voc_list(tmp_path, "val", ["b"], "Segmentation")
    split = loaded("voc", tmp_path, task="segmentation")
    np.testing.assert_array_equal(split.targets[0], values)  # type: ignore[arg-type]
    assert split.classes == ("background", *CLASSES)
    assert split.void == 255
    refused("b.jpg: has no mask", "voc", tmp_path, "val", task="segmentation")
    values[4, 4] = 21
    mask(tmp_path / "SegmentationClass" / "a.png", values)
    refused(
        "a.png: has value 21 in 1 pixels; must be a class 0..20, or void 255",
        "voc",
        tmp_path,
        task="segmentation",
    )


@pytest.mark.parametrize(
    ("orientation", "frame"),
    [*((number, "upright") for number in range(1, 9)), *((number, "stored") for number in range(5, 9))],
)
def test_boxes_and_masks_stay_right_on_turned_pictures(tmp_path: Path, orientation: int, frame: str) -> None:
    """The bright quarter of the picture is the object, whichever way the annotator's tool saw the picture.

    Where the orientation keeps height and width the size cannot tell the frames apart, and upright is the rule.
    """
    photo(tmp_path / "JPEGImages" / "a.png", (16, 24), orientation)
    upright = loaded_pixels(tmp_path)
    bright = (upright if frame == "upright" else stored_pixels()) > 120
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    box = (columns[0] + 1, rows[0] + 1, columns[-1] + 1, rows[-1] + 1)
    voc_xml(tmp_path / "Annotations" / "a.xml", [("dog", *map(float, box))], size=bright.shape)
    voc_list(tmp_path, "val", [])
    voc_list(tmp_path, "train", ["a"])
    split = loaded("voc", tmp_path, task="detection", input_size=upright.shape, channels=1)
    left, top, right, bottom = boxes(split).corners[0] * np.array(
        [*upright.shape[::-1], *upright.shape[::-1]]
    )
    expected = np.zeros(upright.shape, bool)
    expected[round(top) : round(bottom), round(left) : round(right)] = True
    np.testing.assert_array_equal(expected, split.images[0, ..., 0] > 120)
    assert boxes(split).sizes.tolist() == [list(upright.shape)]

    mask(tmp_path / "SegmentationClass" / "a.png", bright * 5)
    voc_list(tmp_path, "val", [], "Segmentation")
    voc_list(tmp_path, "train", ["a"], "Segmentation")
    split = loaded("voc", tmp_path, task="segmentation", input_size=upright.shape, channels=1)
    np.testing.assert_array_equal(split.targets[0] == 5, split.images[0, ..., 0] > 120)  # type: ignore[index]


def stored_pixels() -> np.ndarray:
    pixels = np.full((16, 24), 30, np.uint8)
    pixels[:8, :12] = 220
    return pixels


def loaded_pixels(root: Path) -> np.ndarray:
    from searches.data.images import open_image

    return np.asarray(open_image(root / "JPEGImages" / "a.png", "a").convert("L"))


def test_boxes_without_area_are_dropped_and_counted_and_others_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voc_picture(tmp_path, "a", [
        ("dog", 5, 5, 4, 7), ("dog", 20, 1, 30, 5), ("dog", 0, 0, 3, 3), ("cat", 6, 6, 40, 40), ("cat", 2, 2, 3, 3),
    ])  # fmt: skip
    voc_list(tmp_path, "train", ["a"])
    voc_list(tmp_path, "val", ["a"])
    with caplog.at_level(logging.WARNING):
        targets = boxes(loaded("voc", tmp_path, task="detection"))
    assert "2 boxes without area left out, 1 cut" in caplog.text
    np.testing.assert_allclose(targets.corners[0], [0, 0, 3 / 12, 3 / 8])
    np.testing.assert_allclose(targets.corners[1], [5 / 12, 5 / 8, 1, 1])
    assert targets.labels.tolist() == [CLASSES.index(name) for name in ("dog", "cat", "cat")]


def test_a_size_of_zero_is_no_statement_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    two(tmp_path)
    for size in (None, (0, 0)):
        voc_xml(tmp_path / "Annotations" / "a.xml", [("dog", 1, 1, 6, 4)], size=size)
        np.testing.assert_allclose(
            boxes(loaded("voc", tmp_path, task="detection")).corners, [[0, 0, 0.5, 0.5]]
        )
    voc_xml(tmp_path / "Annotations" / "a.xml", [("dog", 1, 1, 6, 4)], size=(8, 13))
    refused("a.xml: is 8x13, its image 8x12", "voc", tmp_path, task="detection")


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_grey_transparent_and_16_bit_pictures(tmp_path: Path, mode: str) -> None:
    two(tmp_path)
    (tmp_path / "JPEGImages" / "a.jpg").unlink()
    photo(tmp_path / "JPEGImages" / "a.png", mode=mode)
    split = loaded("voc", tmp_path, task="detection")
    assert split.images.shape == (1, 8, 12, 3)
    assert split.images[0, 0, 0].tolist() == [220] * 3
    assert split.images[0, 7, 11].tolist() == [30] * 3


CORNERS = "<xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax>"
BOX = f"<bndbox>{CORNERS}</bndbox>"
OBJECT = f"<object><name>dog</name>{BOX}</object>"

STRANGE = [
    (f"<annotation><object><name>dog</name>{BOX}{BOX}</object></annotation>", "object 1: has 2 elements bndbox"),
    (f"<annotation><object><name>a</name><name>b</name>{BOX}</object></annotation>", "object 1: has 2 elements name"),
    (f"<annotation><object><name>dog</name><bndbox>{CORNERS}<xmin>2</xmin></bndbox></object></annotation>",
     "object 1: bndbox: has 2 elements xmin"),
    ("<annotation><object><bndbox/></object></annotation>", "object 1 has no name"),
    (f"<annotation>{OBJECT}<objects>{OBJECT}</objects></annotation>", "holds 2 objects and 2 boxes, but 1 of them"),
    (f"<annotation><object><name>dog</name>{BOX}{OBJECT}</object></annotation>", "holds 2 objects and 2 boxes, but 1"),
    (f"<annotation>{OBJECT}{BOX}</annotation>", "holds 1 objects and 2 boxes, but 1"),
    (f"<annotation><item><box>{CORNERS}</box></item></annotation>", "<item> holds 4 numbers"),
    (f"<annotation><object><name>dog</name><robndbox>{CORNERS}</robndbox></object></annotation>",
     "object 1 has no bndbox (it has: name, robndbox)"),
    ("<html><body>404</body></html>", "is a web page (a download that went wrong), not an annotation"),
    ("<!DOCTYPE html><html><br></html>", "is a web page (a download that went wrong), not XML"),
    (f"<annotations><annotation>{OBJECT}</annotation></annotations>", "holds <annotations>, not <annotation>"),
    ("", "is an empty file, not XML"),
    ("version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
    (f"<annotation>{OBJECT.replace('<name>', '<difficult>maybe</difficult><name>')}</annotation>",
     "object 1: difficult: 'maybe': must be 0 or 1"),
    (f"<annotation>{OBJECT.replace('<xmin>1<', '<xmin>1_0<')}</annotation>",
     "object 1: bndbox/xmin: '1_0': must be a number"),
    ("<annotation><object><name>dog</name><bndbox><xmin>0.1</xmin><ymin>0.2</ymin><xmax>0.5</xmax><ymax>1</ymax>"
     "</bndbox></object></annotation>", "object 1: 0.1, 0.2, 0.5, 1 looks like shares of the picture"),
    ('<!DOCTYPE x [<!ENTITY a "dog">]><annotation/>', "defines entities"),
]  # fmt: skip
"""Annotations in which a reader of objects would see fewer of them, or none, and what is said instead."""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_annotations_and_lists_of_windows(tmp_path: Path, encoding: str) -> None:
    for name in ("cell (1)", "cell [2]", "größe #3", "50% ?"):
        voc_picture(tmp_path, name, [("dog", 1, 1, 6, 4)])
        xml = tmp_path / "Annotations" / f"{name}.xml"
        xml.write_bytes(xml.read_text().encode(encoding))
    path = tmp_path / "ImageSets" / "Main" / "Train.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes("cell (1)\r\ncell [2].jpg\r\n\r\nx 1\r\n".encode(encoding))
    voc_picture(tmp_path, "x", [])
    path.with_name("valid.txt").write_bytes("größe #3\r\n50% ?".encode(encoding))
    assert loaded("voc", tmp_path, task="detection").names == ("cell (1)", "cell [2]", "x")
    val = loaded("voc", tmp_path, "val", task="detection")
    assert val.names == ("größe #3", "50% ?") and len(boxes(val).labels) == 2


def test_names_in_another_form_of_unicode_and_two_pictures_of_one_name(tmp_path: Path) -> None:
    voc_picture(tmp_path, "gro\u0308sse", [("dog", 1, 1, 6, 4)])
    voc_list(tmp_path, "train", ["gr\u00f6sse"])
    voc_list(tmp_path, "val", ["gr\u00f6sse"])
    assert len(boxes(loaded("voc", tmp_path, task="detection")).labels) == 1
    photo(tmp_path / "JPEGImages" / "gr\u00f6sse.png")
    refused("have one name; which is meant is not said", "voc", tmp_path, task="detection")


def test_own_classes_of_the_layout(tmp_path: Path) -> None:
    for name, values in (("a", [0, 1, 2, 11]), ("b", [0, 1, 2, 2])):
        photo(tmp_path / "JPEGImages" / f"{name}.jpg", (4, 4))
        mask(tmp_path / "SegmentationClass" / f"{name}.png", np.repeat(np.array(values)[:, None], 4, 1))
        voc_xml(tmp_path / "Annotations" / f"{name}.xml", [("pole", 1, 1, 2, 2)], size=(4, 4))
    for kind in ("Segmentation", "Main"):
        voc_list(tmp_path, "train", ["a"], kind)
        voc_list(tmp_path, "val", ["b"], kind)
    assert len(loaded("voc", tmp_path, task="segmentation").classes) == 21
    listed = tmp_path / "Classes.txt"
    listed.write_text("\ufeff# mine\nsky\nbuilding\npole\nvoid = 11\n")
    split = loaded("voc", tmp_path, task="segmentation", input_size=(4, 4))
    assert (split.classes, split.void) == (("sky", "building", "pole"), 255)
    assert np.asarray(split.targets)[0, :, 0].tolist() == [0, 1, 2, 255]
    assert loaded("voc", tmp_path, task="detection").classes == ("sky", "building", "pole")
    listed.write_text("sky\nbuilding\npole\n")
    words = "has value 11 in 4 pixels; must be a class 0..2, or void 255 (Classes.txt)"
    refused(words, "voc", tmp_path, task="segmentation")
    listed.unlink()
    mask(tmp_path / "SegmentationClass" / "a.png", np.full((4, 4), 21))
    refused("own classes are listed in classes.txt", "voc", tmp_path, task="segmentation")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    refused("has no folder JPEGImages", "voc", tmp_path, task="detection")
    two(tmp_path)
    xml = tmp_path / "Annotations" / "a.xml"
    for text, words in (
        ("<annotation>", "a.xml: is not XML"),
        (
            "<annotation><object><name>dog</name></object></annotation>",
            "a.xml: object 1 has no bndbox (it has: name)",
        ),
        *((text, f"a.xml: {words}") for text, words in STRANGE),
    ):
        xml.write_text(text)
        refused(words, "voc", tmp_path, task="detection")
    voc_xml(xml, [("dog", float("nan"), 1, 2, 2)])
    refused("object 1: bndbox/xmin: 'nan': must be a number", "voc", tmp_path, task="detection")
    xml.unlink()
    refused("a.xml: cannot be read", "voc", tmp_path, task="detection")
    voc_list(tmp_path, "train", ["b", "b"])
    refused("train.txt: lists 'b' twice", "voc", tmp_path, task="detection")
    voc_list(tmp_path, "train", ["lost"])
    refused("lost.jpg: no such image, though ImageSets lists it", "voc", tmp_path, task="detection")


@pytest.mark.slow
def test_bccd(shared: Path) -> None:
    root = shared / "data" / "bccd_voc"
    splits = {
        name: loaded("voc", root, name, task="detection", input_size=(24, 32))
        for name in ("train", "val", "test")
    }
    assert {name: len(split) for name, split in splits.items()} == {"train": 205, "val": 87, "test": 72}
    assert sum(len(boxes(split).labels) for split in splits.values()) == 361 + 4155 + 372
    assert splits["test"].classes == ("Platelets", "RBC", "WBC")
    assert not set(splits["train"].names) & set(splits["test"].names)
    assert (boxes(splits["val"]).sizes == [480, 640]).all()


def test_folders_in_other_letters_are_the_layouts(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        voc_picture(tmp_path, name, [("dog", 1, 1, 6, 4)])
        mask(tmp_path / "segmentationclass" / f"{name}.png", np.zeros((8, 12)))
    for kind in ("Main", "Segmentation"):
        voc_list(tmp_path, "train", ["a"], kind)
        voc_list(tmp_path, "val", ["b"], kind)
        (tmp_path / "ImageSets" / kind).rename(tmp_path / "ImageSets" / kind.lower())
    (tmp_path / "Annotations").rename(tmp_path / "annotations")
    for task in ("detection", "segmentation"):
        assert [loaded("voc", tmp_path, split, task=task).names for split in ("train", "val")] == [
            ("a",),
            ("b",),
        ]
