"""Training and metrics: closed forms, determinism, void, failure."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.metrics.confusion import ConfusionCounter
from archspace.build import build
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from searches.config.recipe import Recipe, Stage
from searches.data.augment import Augmentation, show, windows
from searches.data.dataset import Split
from searches.data.splits import VOID
from searches.tasks.classification import Classification
from searches.tasks.segmentation import Segmentation, class_weights
from searches.training.loop import TrainingError, fit
from searches.training.schedules import rate_factor

RGB = Preprocessing(channel_order="rgb", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def _dense(n: int = 8, void_share: float = 0.1, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    targets = (images[..., 0] > 127).astype(np.uint8)
    targets[rng.random(targets.shape) < void_share] = VOID
    return Split(
        images=images, targets=targets, names=tuple(map(str, range(n))), classes=("dark", "light"), void=VOID
    )


def _labels(n: int = 32) -> Split:
    rng = np.random.default_rng(1)
    targets = np.arange(n) % 2
    images = (rng.integers(0, 60, (n, 16, 16, 3)) + 150 * targets[:, None, None, None]).astype(np.uint8)
    return Split(images=images, targets=targets, names=tuple(map(str, range(n))), classes=("dark", "light"))


def test_miou_is_of_the_whole_set_not_a_mean_over_batches() -> None:
    counter = ConfusionCounter(["a", "b"], void=VOID)
    scores = torch.tensor([[[2.0, 2.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 1.0]]]).transpose(0, 1)
    counter.add(scores, torch.tensor([[0, 0, 0, VOID]]))
    counter.add(scores[:, :, :2], torch.tensor([[1, 0]]))
    result = counter.result()
    # class a: 3 right, 1 missed, 1 wrongly claimed; class b: 0 right, 1 missed, 1 wrongly claimed
    assert result.class_iou["a"] == pytest.approx(100 * 3 / 5)
    assert result.class_iou["b"] == 0.0
    assert result.miou == pytest.approx(30.0)
    assert result.accuracy == pytest.approx(100 * 3 / 5)


def test_a_class_that_is_nowhere_does_not_count() -> None:
    counter = ConfusionCounter(["a", "b", "absent"], void=None)
    counter.add(torch.tensor([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]]), torch.tensor([0, 1]))
    assert counter.result().miou == 100.0
    assert math.isnan(counter.result().class_iou["absent"])
    assert math.isnan(ConfusionCounter(["a", "b"]).result().miou)


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_confusion_does_not_depend_on_the_batches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.normal(size=(7, 4, 5, 6)))
    target = torch.from_numpy(rng.choice([0, 1, 2, 3, VOID], size=(7, 5, 6)))
    whole, parts = ConfusionCounter("abcd", VOID), ConfusionCounter("abcd", VOID)
    whole.add(scores, target)
    cut = int(rng.integers(1, 7))
    parts.add(scores[:cut], target[:cut])
    parts.add(scores[cut:], target[cut:])
    assert (whole.result().matrix == parts.result().matrix).all()
    hits = ((scores.argmax(1) == target) & (target != VOID)).sum().item()
    assert np.trace(whole.result().matrix) == hits


def test_void_changes_neither_loss_nor_metric() -> None:
    split = _dense()
    task = Segmentation(split, split, RGB)
    rng = torch.Generator().manual_seed(0)
    scores = torch.randn(8, 2, 32, 32, generator=rng)
    target = torch.from_numpy(split.targets.astype(np.int64))
    void = target == VOID
    changed = scores.clone()
    changed[void[:, None].expand_as(scores)] = 1e3
    stage = Stage()
    assert torch.equal(task.loss(scores, target, stage), task.loss(changed, target, stage))
    assert task.loss(scores, torch.full_like(target, VOID), stage) == 0


def test_class_weights_are_enets() -> None:
    targets = np.zeros((1, 10, 10), np.uint8)
    targets[0, :2] = 1
    targets[0, 9] = VOID
    split = Split(
        images=np.zeros((1, 10, 10, 3), np.uint8),
        targets=targets,
        names=("x",),
        classes=("a", "b", "c"),
        void=VOID,
    )
    expected = [1 / math.log(1.1 + 70 / 90), 1 / math.log(1.1 + 20 / 90), 1 / math.log(1.1)]
    assert class_weights(split).tolist() == pytest.approx(expected)


def test_flip_and_shift_move_image_and_mask_together() -> None:
    rng = np.random.default_rng(0)
    target = torch.from_numpy(rng.integers(0, 9, (6, 12, 14)))
    images = target[:, None].float()
    for seed in range(8):
        window = windows(6, (12, 14), (12, 14), Augmentation(flip=True, shift=3), np.random.default_rng(seed))
        new, moved = show(images, target, window, (12, 14), resamples=False)
        assert torch.equal(new[:, 0].long(), moved)


@pytest.mark.parametrize(
    ("schedule", "middle"), [("constant", 1.0), ("cosine", 0.5), ("poly", 0.5**0.9), ("linear", 0.5)]
)
def test_schedules_closed_forms(schedule: str, middle: float) -> None:
    recipe = Stage(schedule=schedule, warmup=0.0, epochs=10)  # type: ignore[arg-type]
    assert rate_factor(recipe, 0, 10) == 1.0
    assert rate_factor(recipe, 50, 10) == pytest.approx(middle)
    warm = Stage(schedule=schedule, warmup=0.1, epochs=10)  # type: ignore[arg-type]
    assert [rate_factor(warm, s, 10) for s in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])
    assert rate_factor(warm, 10, 10) == 1.0


@pytest.mark.slow
def test_training_learns_and_repeats_bit_for_bit() -> None:
    split = _labels()
    task = Classification(split, split, RGB)
    spec = ArchSpec("espnetv2", width=0.25, alphas=(0, 1, 0, 0), classes=2, input_size=16)
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        network = build(spec)
        history = fit(network, task, Recipe(epochs=15, batch=8, lr=5e-3), seed=5, device=torch.device("cpu"))
        weights.append([p.detach().clone() for p in network.parameters()])
        assert history[-1].loss < history[0].loss
        assert task.evaluate(network, split, torch.device("cpu")).value > 90
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_a_coarse_network_is_judged_at_full_size() -> None:
    split = _dense(4)
    task = Segmentation(split, split, RGB)
    network = build(ArchSpec("espnet-c", alphas=(0, 0), classes=2, input_size=32))
    confusion, _ = task.confusions(network, split, torch.device("cpu"))
    assert confusion.matrix.sum() == (split.targets != VOID).sum()


def test_a_loss_that_is_not_finite_stops_training() -> None:
    split = _labels()
    network = build(ArchSpec("espnetv2", width=0.25, alphas=(0, 0, 0, 0), classes=2, input_size=16))
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan at epoch 1, step 0"):
        fit(network, Classification(split, split, RGB), Recipe(epochs=1), seed=0, device=torch.device("cpu"))
