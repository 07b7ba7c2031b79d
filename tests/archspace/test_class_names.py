"""Names and colours of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archspace.class_names import (
    CAMVID,
    CITYSCAPES,
    COCO,
    NAMED,
    OKABE_ITO,
    VOC,
    class_names,
    colours_of,
    fitting,
    palette,
    perceived,
    read_names,
    voc_colour,
)
from archspace.support.errors import FieldError, InputError


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
    assert colours_of(NAMED["camvid"])[:3] == OKABE_ITO[:3]


def test_a_palette_is_told_apart_by_every_kind_of_colour_vision() -> None:
    for count, least in ((12, 0.075), (20, 0.075), (80, 0.015)):
        colours = palette(count)
        assert len(set(colours)) == count and colours == palette(200)[:count]
        seen = perceived(np.array(colours, float))
        apart = np.linalg.norm(seen[:, :, None] - seen[:, None], axis=-1)
        apart[:, np.arange(count), np.arange(count)] = 1
        assert apart.min() > least, count
    assert len(palette(300)) == 300


def test_red_and_green_are_near_for_red_and_green_blind_eyes_only() -> None:
    seen = perceived(np.array([[200, 70, 40], [110, 120, 40]], float))
    common, protan, deutan = np.linalg.norm(seen[:, 0] - seen[:, 1], axis=-1)
    assert common > 2 * min(protan, deutan)
    white = perceived(np.array([[255.0, 255, 255]]))
    assert white[:, 0] == pytest.approx(np.array([[1, 0, 0]] * 3), abs=5e-3)


def test_names_fit_with_or_without_what_is_no_class() -> None:
    assert fitting(CAMVID, 12, "segmentation") == (*CAMVID, "void")
    assert fitting(NAMED["cityscapes"], 19, "segmentation") == tuple(CITYSCAPES)
    assert fitting(NAMED["coco"], 81, "detection") == fitting(NAMED["coco"], 80, "detection") == COCO
    assert fitting(CAMVID, 5, "segmentation") is None


def test_where_names_are_from() -> None:
    assert class_names(2, "segmentation", noted=["a", "b"])[0] == ("a", "b")
    names, where = class_names(20, "segmentation", published=True)
    assert names == NAMED["cityscapes"] and "cityscapes" in where
    assert class_names(20, "segmentation")[0][:2] == ("class 0", "class 1"), (
        "our own weights may be of any data"
    )
    assert class_names(1000, "classification", published=True)[0][999] == "class 999"


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
    with pytest.raises(InputError, match="cannot be read as text"):
        read_names(str(file), 3, "classification")
