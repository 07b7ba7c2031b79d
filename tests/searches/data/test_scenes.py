"""The procedural road scenes: determinism, labels, sizes, speed; colour does not give the class away."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from archspace.support.errors import FieldError
from searches.data.boxes import Boxes
from searches.data.dataset import Split, load_split
from searches.data.layouts import scenes
from searches.data.layouts.scenes import CLASSES, draw_scene

PUBLISHED_COUNTS = dict(scenes.COUNTS)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    monkeypatch.setattr(scenes, "COUNTS", {"train": 24, "val": 8, "test": 8})


def load(
    split: str = "train", size: tuple[int, int] = (48, 64), channels: int = 3, seed: int = 0, task: str = "segmentation"
) -> Split:  # fmt: skip
    return load_split("scenes", split, root=None, input_size=size, channels=channels, task=task, seed=seed)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 200), (200, 33), (96, 128), (127, 65)])
def test_any_size_is_drawn_as_asked(height: int, width: int) -> None:
    for i in range(6):
        image, mask = draw_scene(np.random.default_rng(i), height, width)
        assert image.shape == (height, width, 3)
        assert mask.shape == (height, width)
        assert image.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {*range(len(CLASSES)), 255}
        assert image.std() > 3


@pytest.mark.parametrize("size", [(31, 64), (64, 31)])
def test_a_side_below_32_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(FieldError, match="input_size"):
        draw_scene(np.random.default_rng(0), *size)
    with pytest.raises(FieldError, match="input_size"):
        load(size=size)


def test_published_counts() -> None:
    assert PUBLISHED_COUNTS == {"train": 400, "val": 100, "test": 100}


def test_same_seed_same_scenes_without_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load()
    monkeypatch.setenv("ARCHSPACE_CACHE", str(tmp_path / "other"))
    second = load()
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.targets, second.targets)
    assert not np.array_equal(first.images, load(seed=1).images)


def test_splits_and_seeds_share_no_scene() -> None:
    images = [
        image.tobytes() for seed in (0, 1) for split in ("train", "val", "test")
        for image in load(split, seed=seed).images
    ]  # fmt: skip
    assert len(set(images)) == len(images) == 80


def test_second_open_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load()

    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(scenes, "draw_scene", refuse)
    np.testing.assert_array_equal(load().images, first.images)


def test_a_split_is_described() -> None:
    split = load(channels=1)
    assert split.images.shape == (24, 48, 64, 1)
    assert split.targets.shape == (24, 48, 64)
    assert split.names[3] == "scenes/train/3"
    assert split.classes == CLASSES
    assert split.void == 255


def test_every_class_occurs_and_void_is_thin() -> None:
    masks = np.stack([draw_scene(np.random.default_rng(i), 96, 128)[1] for i in range(60)])
    share = np.bincount(masks.ravel(), minlength=256) / masks.size
    assert (share[: len(CLASSES)] > 0.004).all(), dict(zip(CLASSES, share, strict=False))
    assert share[: len(CLASSES)].max() < 0.5
    assert 0.01 < share[255] < 0.1
    present = np.array([[(mask == label).any() for label in range(len(CLASSES))] for mask in masks])
    assert (present.mean(axis=0) > 0.5).all()


def test_a_scene_keeps_its_layout_over_sizes() -> None:
    agreement = []
    for i in range(8):
        small = draw_scene(np.random.default_rng(i), 64, 96)[1]
        large = draw_scene(np.random.default_rng(i), 128, 192)[1][::2, ::2]
        known = (small != 255) & (large != 255)
        agreement.append((small == large)[known].mean())
    assert np.mean(agreement) > 0.85


def test_500_scenes_take_seconds() -> None:
    start = time.process_time()
    for i in range(40):
        draw_scene(np.random.default_rng(i), 96, 128)
    assert (time.process_time() - start) / 40 * 500 < 60  # of work: 6 to 8 on a quiet machine


def pixels(first: int, count: int, keep: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Colour and place of random labelled pixels of some scenes, and their classes."""
    rows, columns = np.mgrid[:48, :64]
    features, labels = [], []
    for i in range(first, first + count):
        image, mask = draw_scene(np.random.default_rng(i), 48, 64)
        table = np.column_stack([image.reshape(-1, 3), rows.ravel(), columns.ravel()]).astype(np.float64)
        chosen = np.random.default_rng(i).permutation(np.flatnonzero(mask.ravel() != 255))[:keep]
        features.append(table[chosen])
        labels.append(mask.ravel()[chosen])
    return np.concatenate(features), np.concatenate(labels)


@pytest.mark.slow
def test_colour_and_place_of_a_pixel_do_not_give_its_class() -> None:
    tree = pytest.importorskip("sklearn.tree")
    model = tree.DecisionTreeClassifier(max_depth=14, min_samples_leaf=5, random_state=0)
    model.fit(*pixels(0, 120, 400))
    features, labels = pixels(1000, 40, 3072)
    predicted = model.predict(features)
    ious = [
        ((predicted == c) & (labels == c)).sum() / ((predicted == c) | (labels == c)).sum()
        for c in range(len(CLASSES))
    ]
    assert 0.15 < np.mean(ious) < 0.5, ious
    assert min(ious) < 0.1, ious


def test_multilabel_tells_which_classes_have_a_pixel() -> None:
    masks = np.asarray(load().targets)
    split = load(task="multilabel")
    assert split.targets.shape == (24, len(CLASSES))
    for row, mask in zip(np.asarray(split.targets), masks, strict=True):
        assert row.tolist() == [int((mask == label).any()) for label in range(len(CLASSES))]
    np.testing.assert_array_equal(split.images, load().images)


def test_boxes_hold_the_pixels_of_vehicles_and_pedestrians() -> None:
    masks, split = np.asarray(load().targets), load(task="detection")
    assert isinstance(split.targets, Boxes)
    assert split.classes == ("vehicle", "pedestrian")
    np.testing.assert_array_equal(split.images, load().images)
    assert len(split.targets.labels) > 60
    assert set(split.targets.labels.tolist()) == {0, 1}
    for i, mask in enumerate(masks):
        covered = np.zeros((2, 48, 64), bool)
        corners, labels, _ = split.targets.of(i)
        for (left, top, right, bottom), label in zip(corners * [64, 48, 64, 48], labels, strict=True):
            inside = mask[round(top) : round(bottom), round(left) : round(right)]
            covered[label, round(top) : round(bottom), round(left) : round(right)] = True
            assert np.isin(inside, ((6, 7)[label], 255)).any()
        assert not any(((mask == (6, 7)[label]) & ~covered[label]).any() for label in (0, 1))
    clear = ~split.targets.ignored
    assert 0.3 < clear.mean() < 0.95
