"""Names and colours of classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspace.class_names import (
    CAMVID,
    CITYSCAPES,
    COCO,
    NAMED,
    VOC,
    ClassNames,
    class_names,
    colours_of,
    fitting,
    listing,
    read_names,
    voc_colour,
)
from archspace.support.errors import FieldError, InputError
from archspace.support.palette import SERIES


def test_the_data_sets_have_their_numbers_of_classes() -> None:
    assert {name: len(names) for name, names in NAMED.items()} == {
        "cityscapes": 20, "camvid": 12, "voc": 21, "coco": 81,
    }  # fmt: skip
    for names in NAMED.values():
        assert len(set(names)) == len(names)


def test_cityscapes_and_voc_have_their_own_colours() -> None:
    city = dict(zip(NAMED["cityscapes"], colours_of(NAMED["cityscapes"]), strict=True))
    assert city["road"] == (128, 64, 128) and city["car"] == (0, 0, 142) and city["background"] == (0, 0, 0)
    # From the VOC devkit's colour map.
    assert [voc_colour(i) for i in (0, 1, 2, 15, 20)] == [
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128), (0, 64, 128),
    ]  # fmt: skip
    assert colours_of(VOC)[14] == voc_colour(15), "detection counts no background"
    assert colours_of(NAMED["camvid"])[:3] == SERIES[:3]


def test_names_fit_with_or_without_what_is_no_class() -> None:
    assert fitting(CAMVID, 12, "segmentation") == (*CAMVID, "void")
    assert fitting(NAMED["cityscapes"], 19, "segmentation") == tuple(CITYSCAPES)
    assert fitting(NAMED["coco"], 81, "detection") == fitting(NAMED["coco"], 80, "detection") == COCO
    assert fitting(CAMVID, 5, "segmentation") is None
    assert fitting(("cell", "void"), 3, "detection") == ("cell", "void")


def test_where_names_are_from() -> None:
    assert class_names(2, "segmentation", noted=ClassNames(("a", "b")))[0].names == ("a", "b")
    names, where = class_names(20, "segmentation", published=True)
    assert names.names == NAMED["cityscapes"] and "cityscapes" in where
    assert class_names(20, "segmentation")[0].names[:2] == ("class 0", "class 1"), (
        "our own weights may be of any data"
    )
    assert class_names(1000, "classification", published=True)[0].names[999] == "class 999"


def test_names_of_a_user(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("# two\nzebra\n\ngiraffe\n")
    assert read_names(str(file), 2, "classification") == ("zebra", "giraffe")
    assert read_names("voc", 21, "segmentation") == NAMED["voc"]
    with pytest.raises(FieldError, match="has 2 names; the network has 3 classes"):
        read_names(str(file), 3, "classification")
    with pytest.raises(FieldError, match="nearest valid: cityscapes"):
        read_names("cityscape", 20, "segmentation")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-16 text"):
        read_names(str(file), 3, "classification")


def test_names_that_occur_twice_keep_their_own_colours() -> None:
    twice = ClassNames(("void", "road", "void"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))
    assert twice.fitted(3, "segmentation") == twice


def test_a_name_that_looks_like_a_remark_comes_back(tmp_path: Path) -> None:
    names = ("#1 fan", "two", "\\\\three", "\\#four", "five # 5")
    (tmp_path / "classes.txt").write_text("# remark\n" + listing(names))
    assert read_names(str(tmp_path / "classes.txt"), 5, "classification") == names
