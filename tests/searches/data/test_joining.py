"""Two splits as one: read as the two arrays put together would be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from archspace.support.errors import InputError
from searches.data.boxes import Boxes, boxes_of
from searches.data.dataset import Split
from searches.data.joining import Chained, joined
from searches.tasks.segmentation import class_weights


def split(name: str, count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    return Split(
        images=rng.integers(0, 255, (count, 4, 5, 3), np.uint8),
        targets=rng.integers(0, 2, (count, 4, 5)).astype(np.uint8),
        names=tuple(f"{name}/{i}" for i in range(count)),
        classes=("a", "b"),
    )


@pytest.mark.parametrize("index", [0, 6, -1, slice(1, 6, 2), slice(None, 3), [6, 0, 3], np.arange(7) > 2])
def test_every_way_to_read_it_gives_what_the_whole_array_gives(index: Any) -> None:
    one, other = split("train", 4, 0).images, split("val", 3, 1).images
    whole, chained = np.concatenate([one, other]), Chained(one, other)
    assert np.array_equal(chained[index], whole[index])
    assert np.array_equal(np.asarray(chained), whole) and np.array_equal(list(chained), whole)
    assert (chained.shape, chained.ndim, len(chained)) == (whole.shape, whole.ndim, len(whole))


def test_both_splits_are_learned_from() -> None:
    train, val = split("train", 4, 0), split("val", 3, 1)
    both = joined(train, val)
    assert len(both) == 7 and both.names == (*train.names, *val.names)
    whole = replace(train, images=np.asarray(both.images), targets=np.asarray(both.targets), names=both.names)
    assert np.array_equal(class_weights(both), class_weights(whole))


def test_boxes_of_an_image_stay_its_own() -> None:
    def objects(*labels: int) -> tuple[Any, Any, Any]:
        corners = np.array([[0.1 * (i + 1), 0.1, 0.9, 0.9] for i in range(len(labels))], np.float32).reshape(
            -1, 4
        )
        return corners, np.array(labels, np.int64), np.zeros(len(labels), np.bool_)

    one = boxes_of([objects(0, 1), objects()], [(4, 5), (4, 5)])
    other = boxes_of([objects(2)], [(4, 5)])
    train = replace(split("train", 2, 0), targets=one)
    both = joined(train, replace(split("val", 1, 1), targets=other)).targets
    assert isinstance(both, Boxes)
    assert [both.of(i)[1].tolist() for i in range(3)] == [[0, 1], [], [2]]


def test_what_does_not_belong_together_is_refused() -> None:
    train = split("train", 4, 0)
    with pytest.raises(InputError, match="share 4 images"):
        joined(train, train)
    with pytest.raises(InputError, match="classes"):
        joined(train, replace(split("val", 3, 1), classes=("a", "c")))
