"""Average precision in three definitions, on cases worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.metrics.coco import coco_metrics
from analysis.metrics.voc import Detections, Objects, class_precision, overlaps, voc_metrics


def objects(*rows: Sequence[float]) -> Objects:
    """(image, label, ignored, left, top, right, bottom)"""
    table = np.array(rows, np.float64).reshape(-1, 7)
    return Objects(table[:, 0].astype(int), table[:, 3:], table[:, 1].astype(int), table[:, 2].astype(bool))


def detections(*rows: Sequence[float]) -> Detections:
    """(image, label, score, left, top, right, bottom)"""
    table = np.array(rows, np.float64).reshape(-1, 7)
    return Detections(table[:, 0].astype(int), table[:, 3:], table[:, 2], table[:, 1].astype(int))


SQUARE = (0, 0, 10, 10)
AWAY = (50, 50, 60, 60)


def test_voc_by_hand() -> None:
    """Three objects; answers in order of score: right, wrong, right, wrong (the third object is missed).

    Recall 1/3, 1/3, 2/3, 2/3 at precision 1, 1/2, 2/3, 1/2.
    2007: recalls 0, 0.1, 0.2, 0.3 see 1; 0.4, 0.5, 0.6 see 2/3; 0.7 to 1 see 0: (4 + 3 x 2/3) / 11 = 6/11.
    2012: 1/3 x 1 + 1/3 x 2/3 = 5/9.
    """
    truth = objects((0, 0, 0, *SQUARE), (1, 0, 0, *SQUARE), (2, 0, 0, *SQUARE))
    detected = detections((0, 0, 0.9, *SQUARE), (0, 0, 0.8, *AWAY), (1, 0, 0.7, *SQUARE), (1, 0, 0.6, *AWAY))
    old, new = class_precision(truth, detected, 0)
    assert old == pytest.approx(100 * 6 / 11)
    assert new == pytest.approx(100 * 5 / 9)


def test_recalls_of_2007_are_compared_exactly() -> None:
    """Three of ten found with precision 1: recalls 0, 0.1, 0.2 and 0.3 see 1: 4/11 (3 x 0.1 > 0.3 in floats)."""
    truth = objects(*((i, 0, 0, *SQUARE) for i in range(10)))
    detected = detections(*((i, 0, 0.9, *SQUARE) for i in range(3)))
    assert class_precision(truth, detected, 0) == (pytest.approx(100 * 4 / 11), pytest.approx(30))


def test_a_second_answer_for_an_object_is_wrong() -> None:
    """Right, then a double, then right: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: area 1/2 + 1/2 x 2/3 = 5/6."""
    truth = objects((0, 0, 0, *SQUARE), (1, 0, 0, *SQUARE))
    detected = detections((0, 0, 0.9, *SQUARE), (0, 0, 0.8, 0, 0, 10, 9), (1, 0, 0.7, *SQUARE))
    assert class_precision(truth, detected, 0)[1] == pytest.approx(100 * 5 / 6)


def test_an_answer_is_compared_with_the_object_it_overlaps_most() -> None:
    """Both answers overlap the first object most (0.9 and 0.8); the second object, overlapped by 0.5 and more, is
    not given in its place: one right of two."""
    truth = objects((0, 0, 0, 0, 0, 10, 10), (0, 0, 0, 0, 0, 10, 15))
    detected = detections((0, 0, 0.9, 0, 0, 10, 9), (0, 0, 0.8, 0, 0, 10, 8))
    assert overlaps(detected.corners, truth.corners) == pytest.approx(np.array([[0.9, 0.6], [0.8, 8 / 15]]))
    assert class_precision(truth, detected, 0)[1] == pytest.approx(50)


def test_difficult_objects_are_neither_found_nor_missed() -> None:
    """The best answer is on the difficult object: without effect. Then right: all of one object, precision 1."""
    truth = objects((0, 0, 1, *AWAY), (0, 0, 0, *SQUARE))
    detected = detections((0, 0, 0.9, *AWAY), (0, 0, 0.8, *AWAY), (0, 0, 0.7, *SQUARE))
    assert class_precision(truth, detected, 0) == (pytest.approx(100), pytest.approx(100))
    assert coco_metrics(truth, detected, 1, ["a"]).values["map"] == pytest.approx(100)


def test_half_an_overlap_is_enough() -> None:
    truth = objects((0, 0, 0, *SQUARE))
    assert class_precision(truth, detections((0, 0, 0.5, 0, 0, 10, 5)), 0)[1] == 100
    assert class_precision(truth, detections((0, 0, 0.5, 0, 0, 10, 4.99)), 0)[1] == 0


def test_of_equal_scores_the_first_given_comes_first() -> None:
    """Right then wrong: 1. Wrong then right: precision 1/2 at full recall."""
    truth = objects((0, 0, 0, *SQUARE))
    right, wrong = (0, 0, 0.5, *SQUARE), (0, 0, 0.5, *AWAY)
    assert class_precision(truth, detections(right, wrong), 0)[1] == 100
    assert class_precision(truth, detections(wrong, right), 0)[1] == 50


def test_a_class_without_objects_is_left_out_of_the_mean() -> None:
    truth = objects((0, 0, 0, *SQUARE), (0, 2, 1, *AWAY))
    detected = detections((0, 0, 0.9, *SQUARE), (0, 1, 0.9, *SQUARE))
    names = ["here", "nowhere", "difficult alone"]
    voc, coco = voc_metrics(truth, detected, names), coco_metrics(truth, detected, 1, names)
    assert voc.values == {"map_voc07": 100, "map_voc12": 100}
    for column in (voc.by_class["class_ap_voc12"], coco.by_class["class_ap"]):
        assert column["here"] == pytest.approx(100)
        assert math.isnan(column["nowhere"])
        assert math.isnan(column["difficult alone"])
    assert math.isnan(coco.values["map_large"])


def test_coco_by_hand() -> None:
    """One object of 100 x 100 pixels, overlapped by 0.72: right at 0.50, 0.55, 0.60, 0.65, 0.70: 5 of 10 overlaps.

    The small object (20 x 20) is found exactly, but after a wrong answer: precision 1/2 at every recall.
    """
    truth = objects((0, 0, 0, 0, 0, 100, 100), (1, 1, 0, 0, 0, 20, 20))
    detected = detections((0, 0, 0.9, 0, 0, 100, 72), (0, 1, 0.9, 50, 50, 60, 60), (1, 1, 0.8, 0, 0, 20, 20))
    result = coco_metrics(truth, detected, 2, ["large", "small"])
    assert result.by_class["class_ap"] == {"large": pytest.approx(50), "small": pytest.approx(50)}
    assert result.values["map"] == pytest.approx(50)
    assert result.values["map_50"] == pytest.approx((100 + 50) / 2)
    assert result.values["map_75"] == pytest.approx((0 + 50) / 2)
    assert result.values["map_small"] == pytest.approx(50)
    assert result.values["map_large"] == pytest.approx(50)
    assert math.isnan(result.values["map_medium"])


def test_nothing_found_and_nothing_there() -> None:
    truth, nothing = objects((0, 0, 0, *SQUARE)), detections()
    assert voc_metrics(truth, nothing, ["a"]).values == {"map_voc07": 0, "map_voc12": 0}
    assert coco_metrics(truth, nothing, 1, ["a"]).values["map"] == 0
    assert math.isnan(voc_metrics(objects(), nothing, ["a"]).values["map_voc12"])
    assert math.isnan(coco_metrics(objects(), nothing, 1, ["a"]).values["map"])


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_voc_is_close_to_coco_at_one_half(seed: int) -> None:
    """With one object a class and image the two match alike; COCO reads the same curve at 101 recalls.

    With n objects the curve has n steps, so the two sums differ by less than n / 101.
    """
    rng = np.random.default_rng(seed)
    truth = objects(*((i, 0, 0, 10, 10, *(10 + rng.integers(8, 30, 2))) for i in range(6)))
    rows = []
    for i in range(6):
        for score in rng.permutation(40)[: rng.integers(0, 4)]:
            corners = truth.corners[i] + rng.integers(-3, 4, 4)
            rows.append((i, 0, (score * 6 + i) / 300, *corners))
    detected = detections(*rows)
    new = class_precision(truth, detected, 0)[1]
    assert new == pytest.approx(coco_metrics(truth, detected, 6, ["a"]).values["map_50"], abs=100 * 6 / 101)
    assert class_precision(truth, detected, 0)[0] == pytest.approx(new, abs=100 * 6 / 11)
