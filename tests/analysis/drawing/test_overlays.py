"""What is painted on pictures: masks, boxes and their names."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from analysis.drawing.overlays import OPACITY, boxed, tinted
from archspace.class_names import CITYSCAPES, colours_of
from archspace.support.palette import BLACK, SERIES

COLOURS = colours_of(["a", "b"])


def test_cityscapes_has_its_own_colours_and_few_classes_are_safe_for_colour_blind_eyes() -> None:
    assert colours_of(list(CITYSCAPES))[13] == (0, 0, 142)
    assert colours_of(["a", "b", "c"]) == SERIES[:3]
    assert colours_of(["background", "a", "b"]) == (BLACK, *SERIES[:2])
    assert colours_of([]) == ()


@pytest.mark.parametrize("count", [7, 21, 80, 150])
def test_colours_are_distinct_and_a_longer_series_begins_with_a_shorter(count: int) -> None:
    colours = colours_of([f"class {i}" for i in range(count)])
    assert len(set(colours)) == count and colours_of([f"class {i}" for i in range(200)])[:count] == colours
    points = np.array(colours, float)
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert away[~np.eye(count, dtype=bool)].min() > 15
    assert np.linalg.norm(points, axis=1).min() > 15  # none is as dark as void


def test_a_mask_mixes_with_the_picture_void_darkens_it_and_the_background_keeps_it() -> None:
    picture, mask = Image.new("RGB", (3, 1), (100, 100, 100)), np.array([[0, 1, 255]], np.uint8)
    expected = [[(1 - OPACITY) * 100 + OPACITY * v for v in colour] for colour in (*COLOURS, BLACK)]
    np.testing.assert_allclose(np.asarray(tinted(picture, mask, COLOURS))[0], expected, atol=1)
    bare = np.asarray(tinted(picture, mask, COLOURS, bare=[1]))[0]
    assert bare[1].tolist() == [100, 100, 100] and bare[0].tolist() != [100, 100, 100]


def test_a_box_is_drawn_where_it_is_and_its_name_stays_inside() -> None:
    picture = Image.new("RGB", (200, 100))
    corners, labels = np.array([[0.25, 0.5, 0.75, 0.9]], np.float32), np.array([1])
    rows, columns = np.nonzero(np.asarray(boxed(picture, corners, labels, [""], COLOURS)).any(2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, 89, 50, 149)
    named = np.asarray(boxed(picture, corners, labels, ["cat"], COLOURS))
    assert (named == COLOURS[1]).all(2)[:50].any()
    edge = np.array([[0.99, 0.0, 1.0, 1.0]], np.float32)
    at_the_edge = np.asarray(boxed(picture, edge, labels, ["a long name"], COLOURS))
    assert (at_the_edge == COLOURS[1]).all(2)[5, 120:].sum() > 20
    assert not np.asarray(boxed(picture, np.zeros((0, 4), np.float32), [], [], COLOURS)).any()


def test_the_first_box_lies_on_top() -> None:
    corners = np.array([[0.1, 0.1, 0.6, 0.6], [0.1, 0.1, 0.6, 0.6]], np.float32)
    shown = np.asarray(boxed(Image.new("RGB", (100, 100)), corners, [0, 1], ["", ""], COLOURS))
    assert tuple(shown[30, 10]) == COLOURS[0] and not (shown == COLOURS[1]).all(2).any()
