"""Random changes to a batch: image, mask and boxes move as one; what is drawn follows from the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from searches.data.augment import (
    Augmentation,
    Window,
    colours,
    moved_boxes,
    recoloured,
    resized,
    show,
    windows,
)
from searches.data.boxes import Boxes, boxes_of
from searches.data.splits import VOID

SIDE = 96


def sized(n: int, height: int, width: int) -> np.ndarray:
    """(n, 2): the sizes of pictures that are all alike."""
    return np.tile((height, width), (n, 1))


def drawn(seed: int, n: int = 4) -> tuple[Tensor, Tensor, Boxes]:
    """Images with one bright rectangle each, the same as masks and as boxes."""
    rng = np.random.default_rng(seed)
    images, boxes = torch.zeros(n, 1, SIDE, SIDE), []
    for i in range(n):
        left, top = (int(v) for v in rng.integers(5, SIDE // 2, 2))
        right, bottom = left + int(rng.integers(20, 40)), top + int(rng.integers(20, 40))
        images[i, 0, top:bottom, left:right] = 1
        corners = np.array([[left, top, right, bottom]], np.float32) / SIDE
        boxes.append((corners, np.array([i]), np.array([False])))
    return images, images[:, 0].long(), boxes_of(boxes, [(SIDE, SIDE)] * n)


CHANGES = st.builds(
    Augmentation,
    flip=st.booleans(),
    shift=st.integers(0, 6),
    zoom=st.none() | st.just((0.8, 1.6)),
    area=st.none() | st.just((0.4, 1.0)),
)


@given(st.integers(0, 10_000), CHANGES)
@settings(max_examples=60)
def test_image_mask_and_boxes_move_together(seed: int, augmentation: Augmentation) -> None:
    images, masks, boxes = drawn(seed)
    window = windows(
        len(images), sized(len(images), SIDE, SIDE), (SIDE, SIDE), augmentation, np.random.default_rng(seed)
    )
    shown, moved = show(images, masks, window, (SIDE, SIDE), augmentation.resamples)
    assert ((shown[:, 0] > 0.5) == (moved == 1)).float().mean() > 0.97, "the mask left its image"
    for i in range(len(images)):
        inside = (shown[i, 0] > 0.5).nonzero()
        corners, labels, _ = moved_boxes(boxes[np.array([i])], window_of(window, i)).of(0)
        if not len(labels):
            whole = (images[i] > 0.5).sum().item() / abs(window.half[i].prod())
            assert len(inside) < 0.55 * whole, "a box was dropped whose centre is there"
            continue
        if augmentation.shift and not augmentation.resamples:
            continue  # repeated edges may smear an object that touches the border
        top, left = inside.min(0).values.tolist()
        bottom, right = (inside.max(0).values + 1).tolist()
        assert np.abs(corners[0] * SIDE - [left, top, right, bottom]).max() <= 1.5
        assert labels.tolist() == [i]


def window_of(window: Window, i: int) -> Window:
    return Window(window.centre[[i]], window.half[[i]])


def test_what_leaves_the_image_is_void_and_the_mean_colour() -> None:
    images, masks, _ = drawn(0, n=2)
    window = Window(np.zeros((2, 2)), np.full((2, 2), 2.0))
    shown, moved = show(images + 1, masks, window, (SIDE, SIDE), resamples=True)
    quarter = SIDE // 4
    assert (moved[:, :quarter] == VOID).all() and (shown[:, :, : quarter - 1] == 0).all()
    assert (moved[:, quarter:-quarter, quarter:-quarter] != VOID).all()


@pytest.mark.parametrize("size", [(48, 96), (96, 40), (192, 192)])
def test_resizing_keeps_masks_on_images(size: tuple[int, int]) -> None:
    images, masks, _ = drawn(3)
    small, labels = resized(images, masks, size)
    assert small.shape[2:] == labels.shape[1:] == size
    assert ((small[:, 0] > 0.5) == (labels == 1)).float().mean() > 0.97
    assert set(labels.unique().tolist()) <= {0, 1}


def test_crops_cover_the_wanted_share_and_stay_inside() -> None:
    window = windows(
        2000, sized(2000, 300, 400), (224, 224), Augmentation(area=(0.2, 0.6)), np.random.default_rng(0)
    )
    share = np.abs(window.half).prod(1)
    fell_back = np.isclose(share, 1)
    assert fell_back.mean() < 0.01
    assert (share[~fell_back] >= 0.2 - 1e-9).all() and (share[~fell_back] <= 0.6 + 1e-9).all()
    assert (np.abs(window.centre) + np.abs(window.half) <= 1 + 1e-9).all()
    aspect = window.half[:, 0] * 400 / (window.half[:, 1] * 300)
    assert aspect[~fell_back].min() >= 3 / 4 - 1e-9 and aspect[~fell_back].max() <= 4 / 3 + 1e-9


def test_the_same_generator_draws_the_same() -> None:
    wanted = Augmentation(flip=True, zoom=(0.5, 2.0))
    one, two = (windows(8, sized(8, 64, 64), (32, 32), wanted, np.random.default_rng(5)) for _ in range(2))
    assert (one.centre == two.centre).all() and (one.half == two.half).all()
    other = windows(8, sized(8, 64, 64), (32, 32), wanted, np.random.default_rng(6))
    assert (one.centre != other.centre).any()


def test_colours_change_within_their_share() -> None:
    images = torch.full((64, 3, 4, 4), 100.0)
    changed = recoloured(images, colours(64, 0.2, np.random.default_rng(0)))
    assert changed.min() >= 80 - 1e-3 and changed.max() <= 120 + 1e-3
    assert changed.amax((1, 2, 3)).std() > 1
    grey = recoloured(torch.rand(4, 1, 5, 5) * 255, colours(4, 0.5, np.random.default_rng(1)))
    assert grey.shape == (4, 1, 5, 5) and grey.min() >= 0 and grey.max() <= 255
