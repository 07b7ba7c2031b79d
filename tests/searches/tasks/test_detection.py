"""The detection task: matching, loss, mining, augmented boxes, metrics, refusals, and a detector that learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archspace.build import build
from archspace.detection.boxes import ImageDetections, corners_of, decode, encode, overlaps
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Recipe, Stage
from searches.data.augment import NONE, Augmentation, show, windows
from searches.data.boxes import Boxes
from searches.data.dataset import Split
from searches.tasks import matching
from searches.tasks.base import gathered
from searches.tasks.detection import Detection, detections_of, hardest, in_pixels
from searches.tasks.matching import Matched, match, priors_on
from searches.tasks.table import TASKS
from searches.training.loop import fit
from tests.searches.data.boxed import boxes, rectangles

CPU = torch.device("cpu")
RGB = Preprocessing(channel_order="rgb", mean=(0.3, 0.3, 0.3), std=(0.3, 0.3, 0.3))
GRID = priors_on((64, 64), CPU)


def random_boxes(seed: int, images: int = 3, most: int = 6) -> Boxes:
    rng = np.random.default_rng(seed)
    listed: list[list[tuple[float, float, float, float, int]]] = []
    for _ in range(images):
        low = rng.uniform(0, 0.7, (int(rng.integers(0, most + 1)), 2))
        high = low + rng.uniform(0.02, 0.3, low.shape)
        listed.append([(*a, *b, int(rng.integers(0, 3))) for a, b in zip(low, high, strict=True)])
        if listed[-1] and rng.random() < 0.5:
            listed[-1].append((*listed[-1][0][:4], 2))  # two objects at one place
    total = sum(map(len, listed))
    return boxes(*listed, ignored=tuple(np.flatnonzero(rng.random(total) < 0.2)))


@given(st.integers(0, 100_000))
@settings(max_examples=60)
def test_matching_keeps_its_promises(seed: int) -> None:
    objects = random_boxes(seed)
    labels, locations = match(objects, GRID)
    shown = decode(locations, GRID)
    for i in range(len(objects)):
        corners, own, ignored = objects.of(i)
        table = overlaps(torch.from_numpy(corners), corners_of(GRID))
        counted, hidden = table[~ignored], table[ignored]
        own, corners = own[~ignored], corners[~ignored]
        positive = labels[i] > 0
        # the object of each prior that learns one
        errors = (shown[i][None] - torch.from_numpy(corners)[:, None]).abs().amax(-1)
        same = (errors < 1e-4) & (torch.from_numpy(own)[:, None] + 1 == labels[i][None])
        assert same.any(0)[positive].all()
        # each object is learnt by a prior, although another may be at the same place
        assert same.any(1).all()
        assert int(positive.sum()) >= len(own)
        # one half and more: positive, and learns the object that it overlaps most unless it is one's best prior
        close = (counted >= 0.5).any(0)
        assert (positive | ~close).all()
        assert int((positive & ~close).sum()) <= len(own)
        # the best prior of all is its object's own
        if len(own):
            member, prior = divmod(int(counted.argmax()), counted.shape[1])
            assert counted[same[:, prior], prior].max() == counted[member, prior]
        unused = labels[i] == matching.UNUSED
        assert torch.equal(unused, (hidden >= 0.5).any(0) & ~positive)


def test_of_two_objects_with_one_best_prior_the_closer_one_keeps_it() -> None:
    exact = tuple(corners_of(GRID)[200].tolist())
    left, top, right, bottom = exact
    near = (left, top, right, top + 0.9 * (bottom - top))
    labels, locations = match(boxes([(*near, 0), (*exact, 1)]), GRID)
    assert labels[0, 200] == 2
    assert torch.allclose(decode(locations, GRID)[0, 200], torch.tensor(exact), atol=1e-5)
    assert (labels[0] == 1).any()


def test_chunks_of_images_are_matched_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = random_boxes(3, images=7)
    whole = match(objects, GRID)
    monkeypatch.setattr(matching, "TABLE", 1)
    parts = match(objects, GRID)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


def task_on(split: Split) -> Detection:
    return Detection(split, split, RGB)


def by_hand(confidences: Tensor, locations: Tensor, target: Matched) -> float:
    """The loss as SSD defines it, image by image and prior by prior."""
    total, divisor = 0.0, 0
    for i in range(len(confidences)):
        logs = -confidences[i].double().log_softmax(-1)
        positives = [p for p, label in enumerate(target.labels[i]) if label > 0]
        negatives = sorted(
            (logs[p, 0].item() for p, label in enumerate(target.labels[i]) if label == 0), reverse=True
        )
        total += sum(logs[p, target.labels[i, p]].item() for p in positives)
        total += sum(negatives[: 3 * max(1, len(positives))])
        for p in positives:
            error = (locations[i, p] - target.locations[i, p]).abs().double()
            total += torch.where(error < 1, error**2 / 2, error - 0.5).sum().item()
        divisor += max(1, len(positives))
    return total / divisor


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_the_loss_is_that_of_the_definition(seed: int) -> None:
    target = match(random_boxes(seed), GRID)
    rng = torch.Generator().manual_seed(seed)
    confidences = torch.randn(3, len(GRID), 3, generator=rng)
    locations = 2 * torch.randn(3, len(GRID), 4, generator=rng)
    target = Matched(target.labels.clamp(max=2), target.locations)
    loss = task_on(rectangles(2)).loss((confidences, locations), target, Stage())
    assert loss.item() == pytest.approx(by_hand(confidences, locations, target), rel=1e-4)


def test_images_without_objects_teach_the_background() -> None:
    """Uniform scores of three classes: three negatives an image, ln 3 each, divided by one an image."""
    target = match(boxes([], []), GRID)
    confidences = torch.zeros(2, len(GRID), 3, requires_grad=True)
    locations = torch.zeros(2, len(GRID), 4, requires_grad=True)
    loss = task_on(rectangles(2)).loss((confidences, locations), target, Stage())
    assert loss.item() == pytest.approx(3 * np.log(3))
    loss.backward()
    assert confidences.grad is not None and locations.grad is not None
    assert (confidences.grad[..., 0] < 0).sum() == 6
    assert not locations.grad.any()


def test_ignored_objects_teach_nothing() -> None:
    """Whatever the network says where only an ignored object is, the loss is the same."""
    target = match(boxes([(*corners_of(GRID)[200].tolist(), 1)], ignored=(0,)), GRID)
    assert (target.labels == matching.UNUSED).any()
    assert not (target.labels > 0).any()
    confidences = torch.zeros(1, len(GRID), 3)
    loud = torch.where(
        (target.labels == matching.UNUSED)[..., None], torch.tensor([-50.0, 0, 0]), confidences
    )
    task, places = task_on(rectangles(2)), torch.zeros(1, len(GRID), 4)
    assert task.loss((loud, places), target, Stage()) == task.loss((confidences, places), target, Stage())


def test_the_hardest_of_equals_are_the_first() -> None:
    wrong = torch.tensor([[1.0, 5.0, 5.0, 2.0, 9.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    candidates = torch.tensor([[True, True, True, True, False], [False, True, True, True, True]])
    chosen = hardest(wrong, candidates, torch.tensor([3, 9]))
    assert chosen.tolist() == [[False, True, True, True, False], [False, True, True, True, True]]


@given(st.integers(0, 100_000), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_boxes_still_cover_what_is_drawn_after_mirroring_and_zooming(
    seed: int, flip: bool, crop: bool
) -> None:
    """A white rectangle on black: where the moved image is white the moved box is, to a pixel."""
    split = rectangles(4, seed=seed, most=1)
    white = torch.from_numpy((split.images.max(-1) == 255).astype(np.float32))[:, None]
    span = {"area": (0.3, 1.0)} if crop else {"zoom": (0.5, 2.0)}
    augmentation = Augmentation(flip=flip, **span)  # type: ignore[arg-type]
    size = (96, 80)
    window = windows(4, np.full((4, 2), 64), size, augmentation, np.random.default_rng(seed))
    images, moved = show(white, split.targets, window, size, resamples=True)
    for i in range(4):
        rows, columns = np.nonzero(images[i, 0].numpy() > 0.5)
        corners = moved.of(i)[0] * np.array([size[1], size[0], size[1], size[0]])
        if not len(corners):
            continue  # its centre left the image
        drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(corners[0] - drawn).max() <= 1.01


def test_mirrored_and_shifted_boxes_follow_the_image() -> None:
    compared = 0
    split = rectangles(4, seed=5, most=1)
    white = torch.from_numpy((split.images.max(-1) == 255).astype(np.float32))[:, None]
    for seed in range(6):
        window = windows(
            4, np.full((4, 2), 64), (64, 64), Augmentation(flip=True, shift=4), np.random.default_rng(seed)
        )
        images, moved = show(white, split.targets, window, (64, 64), resamples=False)
        for i in range(4):
            corners = (moved.of(i)[0][0] * 64).round().astype(int)
            if corners.min() < 1 or corners.max() > 63:
                continue  # the repeated edge makes an object there longer
            rows, columns = np.nonzero(images[i, 0].numpy())
            assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == corners.tolist()
            compared += 1
    assert compared > 8


class Oracle(nn.Module):
    """A detector that knows the answer: it says what the priors of its input should learn."""

    def __init__(self, targets: Boxes, classes: int) -> None:
        super().__init__()
        self.targets, self.classes, self.at = targets, classes, 0

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        index = np.arange(self.at, self.at + len(images))
        self.at += len(images)
        size = (images.shape[2], images.shape[3])
        labels, locations = match(self.targets[index], priors_on(size, CPU))
        scores = torch.nn.functional.one_hot(labels.clamp(min=0), self.classes + 1).float()
        return 12 * scores, locations


@pytest.mark.parametrize("size", [None, (96, 128)])
def test_the_right_answer_scores_100_at_any_size(size: tuple[int, int] | None) -> None:
    split = rectangles(40)
    evaluation = task_on(split).evaluate(Oracle(split.targets, 2), split, CPU, size=size)  # type: ignore[arg-type]
    assert evaluation.metric == "map"
    assert evaluation.values["map"] == pytest.approx(100)
    assert evaluation.values["map_voc07"] == pytest.approx(100)
    assert evaluation.values["map_voc12"] == pytest.approx(100)
    assert set(evaluation.details) == {"class_ap", "class_ap_voc07", "class_ap_voc12"}
    assert (
        json.loads(json.dumps(evaluation.to_dict()))["map_small"] is None
    )  # of 64 pixels and more in their files


def test_boxes_are_judged_in_the_pixels_of_their_files() -> None:
    """Files of 100 x 200 pixels (height x width); the second image has the object and what was found."""
    truth = boxes([], [(0.1, 0.2, 0.5, 0.6, 1)], ignored=(0,))
    objects = in_pixels(truth)
    assert objects.image.tolist() == [1]
    assert objects.corners[0].tolist() == pytest.approx([20, 20, 100, 60])
    assert objects.ignored.tolist() == [True]
    none = ImageDetections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    one = ImageDetections(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), torch.tensor([0.7]), torch.tensor([1]))
    detected = detections_of([none, one], truth)
    assert detected.image.tolist() == [1]
    assert detected.corners.tolist() == [[0, 0, 100, 100]]


def test_priors_follow_the_size_of_the_batch() -> None:
    split = rectangles(4)
    for size in ((64, 64), (96, 128)):
        raw = gathered(split, np.arange(4))
        batch = task_on(split).prepare(raw, size, NONE, np.random.default_rng(0), CPU)
        assert batch.target.labels.shape == (4, len(priors_on(size, CPU)))
        assert batch.inputs.shape[2:] == size


def fields_of(split: Split) -> dict[str, Any]:
    return {name: getattr(split, name) for name in ("images", "targets", "names", "classes")}


def test_what_does_not_fit_is_refused() -> None:
    split = rectangles(4)
    wrong = Split(
        images=split.images, names=split.names, classes=("red",),
        targets=boxes([], [(0, 0, 0.5, 0.5, 0), (0, 0, 0.5, 0.5, 7)], [], []),
    )  # fmt: skip
    with pytest.raises(FieldError, match=r"0-1: label: 7: no class of red.*; nearest valid: 0"):
        task_on(wrong)
    labels = Split(images=split.images, names=split.names, classes=("a",), targets=np.zeros(4, np.int64))
    with pytest.raises(InputError, match="learns boxes"):
        task_on(labels)
    with pytest.raises(InputError, match="have no object"):
        Detection(split, Split(**{**fields_of(split), "targets": boxes([], [], [], [])}), RGB)
    task, target = task_on(split), match(boxes([]), GRID)
    outputs = torch.zeros(1, len(GRID), 2), torch.zeros(1, len(GRID), 4)
    with pytest.raises(FieldError, match=r"classes: 2: .*the background; nearest valid: 3"):
        task.loss(outputs, target, Stage())
    assert TASKS["detection"].outputs(2) == (3,)


def test_a_teacher_is_refused(tmp_path: Path) -> None:
    network = build(ArchSpec("espnetv2", task="detection", width=0.5, classes=3, input_size=64))
    with pytest.raises(FieldError, match=r"training\.teacher: 'x\.pth': distillation .*leave it out"):
        fit(network, task_on(rectangles(2)), Recipe(teacher="x.pth"), seed=0, device=CPU, folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_small_detector_learns_rectangles_at_two_sizes() -> None:
    """From scratch, then at another size with frozen norms: far above what an untrained network reaches."""
    train, val = rectangles(128, seed=1), rectangles(60, seed=2)
    task = Detection(train, val, RGB)
    torch.manual_seed(0)
    network = build(
        ArchSpec("espnetv2", task="detection", width=0.5, alphas=(0, 1, 0, 0), classes=3, input_size=64)
    )
    before = task.evaluate(network, val, CPU).values
    stages = ({"epochs": 16}, {"epochs": 2, "input_size": (80, 80), "freeze_norms": True, "lr": 1e-3})
    fit(network, task, Recipe(batch=8, lr=4e-3, zoom=(0.9, 1.2), stages=stages), seed=0, device=CPU)
    after = task.evaluate(network, val, CPU, size=(80, 80)).values
    assert before["map_50"] < 5
    assert after["map_50"] > 40, after
    assert after["map"] > 10, after


def test_encoding_a_prior_itself_moves_nothing() -> None:
    assert not encode(corners_of(GRID), GRID).round(decimals=4).any()
