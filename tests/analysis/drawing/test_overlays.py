"""Colours of classes and what is drawn with them."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.drawing.overlays import BLACK, boxed, class_colours, ink, overlaid
from archspace.class_names import CITYSCAPES, OKABE_ITO


def test_cityscapes_has_its_own_colours_and_few_classes_are_safe_for_colour_blind_eyes() -> None:
    assert class_colours(list(CITYSCAPES))[13].tolist() == [0, 0, 142]
    assert class_colours(["a", "b", "c"]).tolist() == [list(colour) for colour in OKABE_ITO[:3]]
    with_background = class_colours(["background", "a", "b"])
    assert with_background.tolist() == [list(BLACK), *(list(colour) for colour in OKABE_ITO[:2])]
    assert class_colours([]).shape == (0, 3)


@pytest.mark.parametrize("count", [7, 21, 80, 150])
def test_colours_are_distinct_and_a_longer_series_begins_with_a_shorter(count: int) -> None:
    colours = class_colours([f"class {i}" for i in range(count)])
    assert len({tuple(colour) for colour in colours.tolist()}) == count
    np.testing.assert_array_equal(class_colours([f"class {i}" for i in range(200)])[:count], colours)
    away = np.linalg.norm(colours[:, None].astype(float) - colours[None], axis=2)
    assert away[~np.eye(count, dtype=bool)].min() > 15
    assert np.linalg.norm(colours.astype(float), axis=1).min() > 15  # none is as dark as void


def test_a_mask_mixes_with_the_picture_and_void_darkens_it() -> None:
    picture = np.full((1, 3, 3), 100, np.uint8)
    shown = overlaid(picture, np.array([[0, 1, 255]], np.uint8), class_colours(["a", "b"]), opacity=0.5)
    expected = [[(100 + v) / 2 for v in colour] for colour in (*OKABE_ITO[:2], BLACK)]
    np.testing.assert_allclose(shown[0], expected, atol=0.51)


def test_a_box_is_drawn_where_it_is_and_its_name_stays_inside() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    corners, labels = np.array([[0.25, 0.5, 0.75, 0.9]], np.float32), np.array([1])
    colours = class_colours(["a", "b"])
    rows, columns = np.nonzero(boxed(picture, corners, labels, [""], colours).any(2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, 89, 50, 149)
    named = boxed(picture, corners, labels, ["cat"], colours)
    assert (named == OKABE_ITO[1]).all(2)[:50].any()
    at_the_edge = boxed(
        picture, np.array([[0.99, 0.0, 1.0, 1.0]], np.float32), labels, ["a long name"], colours
    )
    assert (at_the_edge == OKABE_ITO[1]).all(2)[5, 120:].sum() > 20
    assert boxed(picture, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), [], colours).any() == np.False_


def test_ink_reads_on_its_ground() -> None:
    assert ink((255, 255, 255)) == (0, 0, 0)
    assert ink((0, 0, 142)) == (255, 255, 255)
