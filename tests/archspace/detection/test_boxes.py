"""Priors, the encoding of boxes and non-maximum suppression against loops written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from archspace.build import build
from archspace.detection.boxes import checked, corners_of, decode, detections, encode, overlaps, suppress
from archspace.detection.priors import RATIOS, SCALES, prior_boxes
from archspace.plan.detection import ANCHORS, prior_count
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError


def priors(size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(np.array(prior_boxes(size)))


@pytest.mark.parametrize(("size", "count"), [((300, 300), 11640), ((512, 512), 32742)])
def test_as_many_priors_as_published(size: tuple[int, int], count: int) -> None:
    assert len(prior_boxes(size)) == prior_count(size) == count


@given(st.integers(8, 600), st.integers(8, 600))
@settings(max_examples=40)
def test_priors_are_as_many_as_the_network_scores_at_any_size(height: int, width: int) -> None:
    boxes = prior_boxes((height, width))
    assert boxes.shape == (prior_count((height, width)), 4)
    assert ((boxes[:, :2] > 0) & (boxes[:, :2] < 1)).all()


@pytest.mark.parametrize("size", [(64, 64), (70, 101)])
def test_the_network_has_an_output_for_every_prior(size: tuple[int, int]) -> None:
    network = build(ArchSpec("espnetv2", task="detection", width=0.5, classes=4, input_size=64)).eval()
    with torch.no_grad():
        confidences, locations = network(torch.zeros(1, 3, *size))
    boxes = prior_boxes(size)
    assert confidences.shape == (1, len(boxes), 4)
    assert locations.shape == (1, len(boxes), 4)


def test_the_first_priors_are_those_of_ssd() -> None:
    """At 300 pixels the first cell of stride 8 has its centre at half of 1/38; its squares have sides 0.1 and
    sqrt(0.1 x 0.2) = 0.1414; ratio 2 makes 0.1 x 1.4142 wide and 0.1 / 1.4142 high."""
    boxes = prior_boxes((300, 300))
    assert boxes[: 2 * ANCHORS : ANCHORS, 0].tolist() == pytest.approx([0.5 / 38, 1.5 / 38])
    assert boxes[:ANCHORS, 1].tolist() == pytest.approx([0.5 / 38] * ANCHORS)
    assert boxes[:3, 2:].ravel().tolist() == pytest.approx(
        [0.1, 0.1, *[math.sqrt(0.02)] * 3, math.sqrt(0.005)]
    )
    last = boxes[-ANCHORS:]
    assert last[:, :2].ravel().tolist() == [0.5] * 12
    assert last[1, 2] == pytest.approx(math.sqrt(0.9 * 1.075))
    assert np.diff(SCALES[1:]) == pytest.approx([0.175] * 5)


def test_ratios_are_those_of_pixels_where_the_image_is_not_square() -> None:
    boxes = prior_boxes((120, 480)) * [480, 120, 480, 120]
    first = boxes[:ANCHORS, 2] / boxes[:ANCHORS, 3]
    assert first.tolist() == pytest.approx([1, 1, *RATIOS])
    assert boxes[0, 2] == pytest.approx(0.1 * math.sqrt(120 * 480))


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_decoding_is_the_inverse_of_encoding(seed: int) -> None:
    boxes = priors((64, 96))
    rng = torch.Generator().manual_seed(seed)
    sides = 0.02 + 0.5 * torch.rand(len(boxes), 2, generator=rng)
    low = torch.rand(len(boxes), 2, generator=rng) * (1 - sides)
    corners = torch.cat((low, low + sides), 1)
    assert torch.allclose(decode(encode(corners, boxes), boxes), corners, atol=1e-5)
    assert torch.allclose(encode(corners_of(boxes), boxes), torch.zeros(()), atol=1e-4)


def test_variances() -> None:
    prior = torch.tensor([[0.5, 0.5, 0.2, 0.4]])
    decoded = decode(torch.tensor([[1.0, -1.0, 5 * math.log(2), 0.0]]), prior)
    # centre (0.5 + 0.1 x 0.2, 0.5 - 0.1 x 0.4), width 0.2 x exp(0.2 x 5 ln 2) = 0.4, height 0.4
    assert decoded[0].tolist() == pytest.approx([0.52 - 0.2, 0.46 - 0.2, 0.52 + 0.2, 0.46 + 0.2])


def one_by_one(corners: Tensor, valid: Tensor, overlap: float) -> list[bool]:
    """Greedy suppression as it is defined."""
    kept: list[int] = []
    for i in range(len(corners)):
        covered = any((overlaps(corners[[j]], corners[[i]]) > overlap).item() for j in kept)
        if valid[i] and not covered:
            kept.append(i)
    return [i in kept for i in range(len(corners))]


@pytest.mark.slow
@given(st.integers(0, 100_000), st.integers(1, 24), st.sampled_from([0.0, 0.2, 0.45, 0.8]))
@settings(max_examples=120)
def test_suppression_is_that_of_going_one_by_one(seed: int, count: int, overlap: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    low = torch.randint(0, 5, (3, count, 2), generator=rng)
    corners = torch.cat((low, low + torch.randint(0, 5, (3, count, 2), generator=rng)), -1).float()
    valid = torch.rand(3, count, generator=rng) < 0.9
    kept = suppress(corners, valid, overlap)
    assert kept.tolist() == [one_by_one(*pair, overlap) for pair in zip(corners, valid, strict=True)]


def by_loops(
    confidences: Tensor, locations: Tensor, boxes: Tensor, most: int
) -> list[tuple[float, int, int]]:
    """(score, prior, class) of one image's objects, straight from the definition."""
    scores, corners = confidences.softmax(-1), decode(locations, boxes).clamp(0, 1)
    rows = []
    for label in range(scores.shape[1] - 1):
        places = [p for p in range(len(boxes)) if scores[p, label + 1] > 0.2]
        places = [p for p in places if (corners[p, 2:] > corners[p, :2]).all()]
        places.sort(key=lambda p, c=label + 1: (-scores[p, c].item(), p))
        places = places[:10]
        kept = one_by_one(corners[places].reshape(-1, 4), torch.ones(len(places), dtype=torch.bool), 0.45)
        rows += [
            (scores[p, label + 1].item(), p, label) for p, stays in zip(places, kept, strict=True) if stays
        ]
    return sorted(rows, key=lambda row: (-row[0], row[1], row[2]))[:most]


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_detections_are_those_of_the_definition(seed: int) -> None:
    """Few different logits, so that many scores are equal."""
    boxes = priors((16, 24))
    rng = torch.Generator().manual_seed(seed)
    confidences = torch.randint(0, 4, (2, len(boxes), 4), generator=rng).float()
    locations = 3 * torch.randn(2, len(boxes), 4, generator=rng)
    results = detections((confidences, locations), boxes, threshold=0.2, candidates=10, most=12)
    for i, one in enumerate(results):
        expected = by_loops(confidences[i], locations[i], boxes, 12)
        assert one.labels.tolist() == [label for _, _, label in expected]
        assert one.scores.tolist() == [score for score, _, _ in expected]
        corners = decode(locations[i], boxes).clamp(0, 1)
        assert torch.equal(one.corners, corners[[place for _, place, _ in expected]])


def test_nothing_found_and_outputs_that_are_no_numbers() -> None:
    boxes = priors((16, 16))
    background = torch.tensor([9.0, 0, 0]).expand(1, len(boxes), 3)
    for confidences in (background, torch.full_like(background, float("nan"))):
        (one,) = detections((confidences, torch.zeros(1, len(boxes), 4)), boxes)
        assert (len(one.corners), len(one.scores), len(one.labels)) == (0, 0, 0)


def test_at_most_200_objects() -> None:
    boxes = priors((96, 96))
    confidences = torch.zeros(1, len(boxes), 3)
    (one,) = detections((confidences, torch.zeros(1, len(boxes), 4)), boxes)
    assert len(one.scores) == 200
    assert 0 <= one.corners.min() <= one.corners.max() <= 1


def test_outputs_that_do_not_fit_are_refused() -> None:
    confidences, locations = torch.zeros(2, 30, 4), torch.zeros(2, 30, 4)
    with pytest.raises(FieldError, match="has 36 priors"):
        checked((confidences, locations), 36)
    with pytest.raises(FieldError, match=r"classes: 4: .*; nearest valid: 21"):
        checked((confidences, locations), 30, classes=21)
    with pytest.raises(FieldError, match="two outputs"):
        checked(confidences, 30)
