"""Losses of pixels against their definitions; what a random scale or a crop leaves out does not count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from archspace.preprocessing import Preprocessing
from archspace.support.errors import FieldError
from searches.config.recipe import Recipe, Stage
from searches.config.training import read_train
from searches.data.augment import Augmentation
from searches.data.dataset import Split
from searches.data.splits import VOID
from searches.tasks.base import Task
from searches.tasks.pixels import hardest, lovasz, pixel_loss
from searches.tasks.table import make_task
from searches.training.schedules import rate_factor

CLASSES, NAMES = ("a", "b", "c"), ("0", "1", "2", "3")
PLAIN = Preprocessing(channel_order="rgb", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def scored(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores (2, 3, 8, 9) that need a gradient, and targets with void."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 3, 8, 9, generator=generator, dtype=torch.float64).requires_grad_()
    target = torch.randint(0, 3, (2, 8, 9), generator=generator)
    target[:, :2] = VOID
    return scores, target


WEIGHTS = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


@pytest.mark.parametrize(("threshold", "least"), [(0.3, 0.01), (0.05, 0.5), (0.9, 0.1), (0.001, 1.0)])
def test_ohem_is_the_weighted_mean_over_the_hardest_pixels(threshold: float, least: float) -> None:
    scores, target = scored()
    stage = Stage(ohem=threshold, ohem_least=least)
    counted = target != VOID
    own = F.softmax(scores, 1).permute(0, 2, 3, 1)[counted].gather(1, target[counted][:, None])[:, 0]
    probabilities, weights = own.detach().numpy(), WEIGHTS[target[counted]].numpy()
    order = np.argsort(probabilities)
    number = max(int(len(order) * least), int((probabilities <= threshold).sum()), 1)
    kept = order[:number]
    expected = (weights[kept] * -np.log(probabilities[kept])).sum() / weights[kept].sum()
    total = pixel_loss(scores, target, WEIGHTS, stage)
    assert (total / WEIGHTS[target[counted]].sum()).item() == pytest.approx(expected)
    total.backward()
    assert scores.grad is not None
    learned = (scores.grad.abs().sum(1) > 0)[counted].numpy()
    assert set(np.flatnonzero(learned)) == set(kept)
    assert not scores.grad.abs().sum(1)[~counted].any()


def test_void_is_never_hard() -> None:
    chances = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]])
    counts = torch.tensor([[[False, True], [True, True]]])
    assert hardest(chances, counts, 0.05, 0.34).tolist() == [[[False, True], [False, False]]]
    assert not hardest(chances, torch.zeros_like(counts), 0.5, 0.5).any()


def test_the_focal_loss_turns_from_what_is_sure() -> None:
    scores, target = scored()
    counted = target != VOID
    own = F.softmax(scores, 1).permute(0, 2, 3, 1)[counted].gather(1, target[counted][:, None])[:, 0]
    expected = (-WEIGHTS[target[counted]] * (1 - own) ** 2 * own.log()).sum()
    assert pixel_loss(scores, target, WEIGHTS, Stage(loss="focal")).item() == pytest.approx(expected.item())


def test_lovasz_of_hard_answers_is_one_minus_iou() -> None:
    scores, target = scored()
    answers = scores.argmax(1)
    hard = F.one_hot(answers, 3).permute(0, 3, 1, 2).double() * 1e3
    counted = target != VOID
    ious = [
        ((answers == c) & (target == c) & counted).sum() / (((answers == c) | (target == c)) & counted).sum()
        for c in range(3)
    ]
    assert lovasz(hard, target).item() == pytest.approx(1 - float(sum(ious)) / 3, abs=1e-6)
    weight = WEIGHTS[target[counted]].sum()
    both = pixel_loss(scores, target, WEIGHTS, Stage(loss="lovasz"))
    plain = pixel_loss(scores, target, WEIGHTS, Stage())
    assert both.item() == pytest.approx((plain + weight * lovasz(scores, target)).item())


def segmentation(side: int = 32) -> Task:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, side, side, 3)).astype(np.uint8)
    masks = (images[..., 0] // 86).astype(np.uint8)
    split = Split(images=images, targets=masks, names=NAMES, classes=CLASSES, void=VOID)
    return make_task("segmentation", split, split, PLAIN)


def prepared(task: Task, **augmentation: Any) -> Any:
    raw = task.gather(np.arange(4))
    rng = np.random.default_rng(3)
    return task.prepare(raw, (32, 32), Augmentation(**augmentation), rng, torch.device("cpu"))


def test_zooming_out_pads_with_void_that_does_not_count() -> None:
    task, stage = segmentation(), Stage(zoom=(0.5, 0.5))
    batch = prepared(task, zoom=(0.5, 0.5))
    outside = batch.target == VOID
    assert outside.float().mean().item() == pytest.approx(0.75, abs=0.02)
    assert not batch.inputs.permute(0, 2, 3, 1)[outside][:, 0].abs().quantile(0.8)
    scores = torch.randn(4, 3, 32, 32).requires_grad_()
    loss = task.loss(scores, batch.target, stage)
    loss.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None and not scores.grad.permute(0, 2, 3, 1)[outside].any()
    changed = torch.where(outside[:, None], scores.detach() + 7, scores.detach())
    assert task.loss(changed, batch.target, stage).item() == pytest.approx(loss.item())


def test_a_crop_is_a_part_of_the_image_pixel_by_pixel() -> None:
    task = segmentation()
    batch, whole = prepared(task, crop=(16, 24)), prepared(task)
    assert batch.inputs.shape == (4, 3, 16, 24) and batch.target.shape == (4, 16, 24)
    places = set()
    for image, target, source, mask in zip(
        batch.inputs, batch.target, whole.inputs, whole.target, strict=True
    ):
        found = [
            (y, x) for y in range(17) for x in range(9)
            if torch.allclose(source[:, y : y + 16, x : x + 24], image, atol=1e-3)
        ]  # fmt: skip
        ((y, x),) = found
        assert torch.equal(mask[y : y + 16, x : x + 24], target)
        places.add((y, x))
    assert len(places) > 1, "each image has its own place"


def test_what_is_of_pixels_is_refused_elsewhere() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    split = Split(images=images, targets=np.zeros(4, np.int64), names=NAMES, classes=CLASSES)
    task = make_task("classification", split, split, PLAIN)
    for field, value in (("crop", (8, 8)), ("ohem", 0.7), ("loss", "focal")):
        with pytest.raises(FieldError, match=rf"training\.{field}: .*is of segmentation"):
            task.check(Recipe(**{field: value}).plan()[0])
    segmentation().check(Recipe(crop=(8, 8), ohem=0.7, loss="focal").plan()[0])
    with pytest.raises(ValueError, match="crop"):
        Recipe(crop=(4, 8))


def test_dabnets_recipe_is_the_published_one() -> None:
    config = read_train("dabnet-camvid")
    (stage,) = config.training.plan()
    assert (stage.epochs, stage.batch, stage.optimizer, stage.lr, stage.weight_decay) == (
        1000,
        16,
        "adam",
        1e-3,
        2e-4,
    )
    assert config.data.use_val and config.data.input_size == (360, 480)
    per_epoch = 30  # 468 images, 16 a step
    warm = [rate_factor(stage, step, per_epoch) for step in range(600)]
    assert warm[0] == pytest.approx(1 / 3, abs=2e-3) and max(warm) == pytest.approx(1, abs=2e-3)
    assert warm.index(max(warm)) == pytest.approx(501, abs=2)
    assert rate_factor(stage, 15_250, per_epoch) == pytest.approx(0.5**0.9, abs=1e-3)
