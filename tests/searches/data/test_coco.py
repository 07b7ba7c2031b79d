"""The layout of MS-COCO: ids with gaps, crowds, masks from polygons and run lengths, and what is refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data.boxes import Boxes
from searches.data.layouts import voc
from searches.data.layouts.coco_json import categories
from searches.data.layouts.coco_masks import instance, render
from tests.searches.data.layout_files import coco, loaded, refused

pytestmark = pytest.mark.usefixtures("cache_folder")

SQUARE = [2, 1, 6, 1, 6, 5, 2, 5]


def runs(shape: NDArray[np.bool_]) -> list[int]:
    """Lengths of 0s and 1s in turn, column by column, beginning with 0s: written out from the format's rule."""
    flat = shape.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    lengths = np.diff([0, *edges, len(flat)]).tolist()
    return lengths if not flat[0] else [0, *lengths]


def squeezed(counts: list[int]) -> str:
    """COCO's compressed string: differences to two counts before, 5 bits a character from 48 on, low bits first."""
    text = ""
    for i, count in enumerate(counts):
        value, more = count - (counts[i - 2] if i > 2 else 0), True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(bits + 32 * more + 48)
    return text


def test_boxes_have_classes_in_the_order_of_ids_with_gaps(tmp_path: Path) -> None:
    coco(tmp_path, [
        {"category_id": 17, "bbox": [3, 2, 6, 4]}, {"category_id": 1, "bbox": [0, 0, 12, 8], "iscrowd": 1},
        {"category_id": 3, "bbox": [1.5, 0.5, 1, 1], "image_id": 2},
    ], sizes=((8, 12), (4, 6), (5, 5)))  # fmt: skip
    split = loaded("coco", tmp_path, task="detection")
    assert split.classes == ("person", "car", "cat")
    assert isinstance(split.targets, Boxes)
    corners, labels, ignored = split.targets.of(0)
    np.testing.assert_allclose(corners, [[3 / 12, 2 / 8, 9 / 12, 6 / 8], [0, 0, 1, 1]])
    assert labels.tolist() == [2, 0]
    assert ignored.tolist() == [False, True]
    np.testing.assert_allclose(split.targets.of(1)[0], [[1.5 / 6, 0.5 / 4, 2.5 / 6, 1.5 / 4]])
    assert split.targets.of(1)[1].tolist() == [1]
    assert len(split.targets.of(2)[1]) == 0
    assert split.targets.sizes.tolist() == [[8, 12], [4, 6], [5, 5]]
    assert split.names == ("1.jpg", "2.jpg", "3.jpg")


def test_multilabel_counts_crowds(tmp_path: Path) -> None:
    coco(
        tmp_path,
        [{"category_id": 17}, {"category_id": 1, "iscrowd": 1, "bbox": [0, 0, 3, 3]}],
        sizes=((8, 12),) * 2,
    )
    split = loaded("coco", tmp_path, task="multilabel")
    assert isinstance(split.targets, np.ndarray)
    assert split.targets.tolist() == [[1, 0, 1], [0, 0, 0]]
    assert split.targets.dtype == np.uint8


def test_boxes_without_area_are_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    coco(tmp_path, [{"bbox": [3, 3, 0, 4]}, {"bbox": [1, 1, 2, 2]}, {"bbox": [50, 50, 2, 2]}])
    with caplog.at_level(logging.WARNING):
        split = loaded("coco", tmp_path, task="detection")
    assert len(split.targets.of(0)[1]) == 1  # type: ignore[union-attr]
    assert "2 boxes without area left out" in caplog.text


def test_masks_have_small_objects_on_top_and_crowds_void_below(tmp_path: Path) -> None:
    spot = np.zeros((8, 12), bool)
    spot[2:4, 3:5] = True
    crowd = np.zeros((8, 12), bool)
    crowd[0:3] = True
    crowd[7] = True
    coco(tmp_path, [
        {"category_id": 17, "segmentation": {"size": [8, 12], "counts": squeezed(runs(spot))}},
        {"category_id": 3, "segmentation": [SQUARE]},
        {"category_id": 1, "iscrowd": 1, "segmentation": {"size": [8, 12], "counts": runs(crowd)}},
    ])  # fmt: skip
    split = loaded("coco", tmp_path, task="segmentation")
    expected = np.where(crowd, 255, 0)
    expected[1:5, 2:6] = 2
    expected[spot] = 3
    np.testing.assert_array_equal(split.targets[0], expected)  # type: ignore[arg-type]
    assert split.classes == ("background", "person", "car", "cat")
    assert split.void == 255


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_run_lengths_in_both_forms_give_the_shape_back(shape: NDArray[np.bool_]) -> None:
    size = (shape.shape[0], shape.shape[1])
    for counts in (runs(shape), squeezed(runs(shape))):
        item = {"segmentation": {"size": list(size), "counts": counts}}
        np.testing.assert_array_equal(instance(item, size, "a"), shape)


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        (None, "must be polygons, or run lengths of size [8, 12]"),
        ("abc", "must be polygons"),
        ([[1, 2, 3, 4]], "three points or more"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three points or more"),
        ([[1, 2, 3, 4, 5, float("nan")]], "three points or more"),
        ([["a", "b", "c", "d", "e", "f"]], "three points or more"),
        ([[True, 2, 3, 4, 5, 6]], "three points or more"),
        ([7, 8], "three points or more"),
        ({"size": [12, 8], "counts": [96]}, "run lengths of size [8, 12]"),
        ({"size": [8, 12], "counts": [95]}, "add up to 96"),
        ({"size": [8, 12], "counts": [100, -4]}, "add up to 96"),
        ({"size": [8, 12], "counts": "PPYo1~~~"}, "cannot be decoded"),
        ({"size": [8, 12], "counts": "1"}, "cannot be decoded"),
        ({"size": [8, 12]}, "run lengths must be"),
    ],
)
def test_damaged_shapes_are_named(segmentation: Any, words: str) -> None:
    item = {"id": 7, "category_id": 1, "segmentation": segmentation}
    with pytest.raises(InputError) as caught:
        render([item], {1: 0}, (8, 12), "x.json: image 1.jpg")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.json: image 1.jpg: annotation 7: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("crowd", "ignored"), [(0, False), (1, True), (False, False), (True, True), (1.0, True)]
)
def test_a_crowd_is_one_whichever_way_it_is_written(tmp_path: Path, crowd: object, ignored: bool) -> None:
    coco(tmp_path, [{"iscrowd": crowd, "segmentation": [[0, 0, 12, 0, 12, 8, 0, 8]]}])
    targets = loaded("coco", tmp_path, task="detection").targets
    assert isinstance(targets, Boxes) and targets.ignored.tolist() == [ignored]
    masks = loaded("coco", tmp_path, task="segmentation").targets
    assert (np.asarray(masks) == (255 if ignored else 1)).all()


def test_a_key_twice_and_a_byte_order_mark_in_json(tmp_path: Path) -> None:
    path = coco(tmp_path, [{}])
    text = path.read_text()
    path.write_text(text, encoding="utf-8-sig")
    assert len(loaded("coco", tmp_path, task="detection")) == 1
    path.write_text(text.replace('"iscrowd": 0', '"iscrowd": 0, "iscrowd": 1'))
    refused("key 'iscrowd' occurs twice", "coco", tmp_path, task="detection")


@pytest.mark.parametrize(
    ("name", "folder"), [("Train2017", "train2017"), ("training", "Training"), ("train", "Train")]
)
def test_splits_by_other_names(tmp_path: Path, name: str, folder: str) -> None:
    path = coco(tmp_path, [{}], folder=folder)
    path.rename(path.with_name(f"instances_{name}.json"))
    assert len(loaded("coco", tmp_path, task="detection")) == 1


def test_a_box_without_a_shape_is_no_background(tmp_path: Path) -> None:
    coco(tmp_path, [{"segmentation": []}, {"segmentation": [[0, 0, 4, 0, 4, 4]]}])
    assert len(loaded("coco", tmp_path, task="detection")) == 1
    refused("has a box and no segmentation: it would be background", "coco", tmp_path, task="segmentation")


@pytest.mark.parametrize("name", ["background", "Background"])
def test_a_category_called_background_is_no_class(tmp_path: Path, name: str) -> None:
    named = [(0, name), (1, "person"), (3, "car")]
    shape = {"segmentation": [SQUARE]}
    coco(tmp_path, [{"category_id": 3, **shape}, {"category_id": 0, **shape}], categories=named)
    boxes = loaded("coco", tmp_path, task="detection")
    assert boxes.classes == ("person", "car")
    assert boxes.targets.of(0)[1].tolist() == [1]  # type: ignore[union-attr]
    masks = loaded("coco", tmp_path, task="segmentation")
    assert masks.classes == ("background", "person", "car")
    assert np.unique(masks.targets).tolist() == [0]  # type: ignore[arg-type]


def test_restricted_to_vocs_classes(tmp_path: Path) -> None:
    named = ((1, "person"), (3, "car"), (4, "motorcycle"), (9, "giraffe"), (70, "tv"))
    coco(tmp_path, [
        {"category_id": 9, "segmentation": [SQUARE]}, {"category_id": 70, "segmentation": [SQUARE], "image_id": 2},
        {"category_id": 4, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "image_id": 2},
    ], sizes=((8, 12),) * 3, categories=named)  # fmt: skip
    split = loaded("coco-voc", tmp_path, task="segmentation")
    assert split.classes == ("background", *voc.CLASSES)
    assert split.names == ("2.jpg",)
    shown = {int(value) for value in np.unique(split.targets)}  # type: ignore[arg-type]
    assert shown == {0, 1 + voc.CLASSES.index("tvmonitor"), 1 + voc.CLASSES.index("motorbike")}
    assert loaded("coco-voc", tmp_path, task="detection").classes == voc.CLASSES
    coco(tmp_path, [], categories=((1, "giraffe"),))
    refused("none of its categories is a class of PASCAL VOC", "coco-voc", tmp_path, task="detection")


@pytest.mark.parametrize("folder", ["train2017", "images/train2017", "train", "images/train", "images", "."])
def test_images_are_found_where_they_are_kept(tmp_path: Path, folder: str) -> None:
    coco(tmp_path, [{}], folder=folder)
    assert len(loaded("coco", tmp_path, task="detection")) == 1


def test_masks_of_turned_pictures_are_turned(tmp_path: Path) -> None:
    """The file holds rows 12 x 8 with orientation 6; its annotation speaks of the stored 8 x 12."""
    from tests.searches.data.layout_files import photo

    corner = [0, 0, 6, 0, 6, 4, 0, 4]  # the bright quarter as stored
    coco(tmp_path, [{"category_id": 1, "segmentation": [corner], "bbox": [0, 0, 6, 4]}])
    photo(tmp_path / "train2017" / "1.jpg", (8, 12), orientation=6)
    split = loaded("coco", tmp_path, task="segmentation", input_size=(12, 8), channels=1)
    np.testing.assert_array_equal(split.targets[0] == 1, split.images[0, ..., 0] > 120)  # type: ignore[index]
    assert (split.targets[0] == 1).sum() == 24  # type: ignore[index]
    boxes = loaded("coco", tmp_path, task="detection").targets
    assert isinstance(boxes, Boxes)
    np.testing.assert_allclose(boxes.corners, [[0.5, 0, 1, 0.5]])
    assert boxes.sizes.tolist() == [[12, 8]]


def test_categories_are_read_alone_or_from_the_whole_file(tmp_path: Path) -> None:
    path = coco(tmp_path, [{"category_id": 3}])
    assert categories(path) == {1: "person", 3: "car", 17: "cat"}
    data = json.loads(path.read_text())
    first = {"categories": data["categories"], **data, "licenses": [{"name": 'a "categories" licence ['}]}
    path.write_text(json.dumps(first))
    assert categories(path) == {1: "person", 3: "car", 17: "cat"}


def test_val_must_have_the_categories_of_train(tmp_path: Path) -> None:
    coco(tmp_path, [{}])
    coco(tmp_path, [{}], split="val")
    assert loaded("coco", tmp_path, "val", task="detection").classes == ("person", "car", "cat")
    coco(tmp_path, [{}], split="val", categories=((1, "person"), (2, "car")))
    refused(
        "categories differ from those of instances_train2017.json", "coco", tmp_path, "val", task="detection"
    )


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    refused(
        "split 'train' has no instances_train*.json (files here: none)", "coco", tmp_path, task="detection"
    )
    path = coco(tmp_path, [{}])
    refused("files here: instances_train2017.json", "coco", tmp_path, "test", task="detection")
    image = {"id": 1, "file_name": "1.jpg", "height": 8, "width": 12}
    item = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}
    for change, words in (
        ({"annotations": [{**item, "image_id": 5}]}, "annotations[0]: image_id 5 is no image"),
        ({"annotations": [{**item, "category_id": 2}]}, "category_id 2 is no category"),
        ({"annotations": [{**item, "bbox": [0, 0, 1]}]}, "bbox [0, 0, 1] must be four numbers"),
        ({"annotations": [{"image_id": 1, "category_id": 1}]}, "bbox None must be four numbers"),
        ({"annotations": [{"category_id": 1}]}, "annotations[0]: must have a whole 'image_id'"),
        ({"annotations": [{**item, "bbox": ["0", "0", "1", "1"]}]}, "must be four numbers"),
        ({"annotations": [{**item, "bbox": [True, 0, 1, 1]}]}, "must be four numbers"),
        ({"annotations": [{**item, "bbox": [0, 0, float("nan"), 1]}]}, "must be four numbers"),
        ({"annotations": [{**item, "bbox": [0, 0, 10**400, 1]}]}, "a whole number of 401 digits"),
        *[
            ({"annotations": [{**item, "iscrowd": crowd}]}, f"annotations[0]: iscrowd {crowd!r} must be 0 or 1")
            for crowd in ("0", "1", "", 2, -1, None, [0], 0.5, float("nan"))
        ],
        ({"images": [{**image, "height": 10**18}]}, "must be whole numbers from 1 to"),
        ({"annotations": [{**item, "bbox": [0.1, 0.2, 0.5, 0.5]}]}, "looks like shares of the picture"),
        ({"annotations": None}, "has no list 'annotations'"),
        ({"images": [image, image]}, "images[1]: its id occurs twice"),
        ({"images": [image, {**image, "id": 2}]}, "the name '1.jpg' occurs twice"),
        ({"images": [{**image, "file_name": "../x.jpg"}]}, "must lie below the folder of images"),
        ({"images": [{**image, "height": 0}]}, "height and width of 1.jpg must be whole numbers from 1 to"),
        ({"images": [{**image, "height": 9}]}, "image 1.jpg: is 9x12, its image 8x12"),
        ({"images": [image, {**image, "id": 2, "file_name": "2.jpg"}]}, "2.jpg: no such image, though"),
        ({"images": []}, "holds no image"),
        ({"categories": []}, "has no categories"),
        ({"categories": [{"id": 1}]}, "categories[0]: must have a whole 'id' and a 'name'"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "occurs twice"),
    ):  # fmt: skip
        data = json.loads(path.read_text())
        path.write_text(json.dumps({**data, "annotations": [], **change}))
        refused(words, "coco", tmp_path, task="detection")
        path.write_text(json.dumps(data))
    for text, words in (("", "is not JSON"), ("[1]", "must be an object"), ('{"images": ', "is not JSON")):
        path.write_text(text)
        refused(words, "coco", tmp_path, task="detection")
