"""``archspace evaluate``: the published CamVid result, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.metrics.confusion import ConfusionCounter
from tests.commands import archspace, refused

WEIGHTS = "weights/espnet/espnet_p2_q8_camvid.pth"


@pytest.mark.slow
def test_the_published_camvid_weights(shared: Path) -> None:
    """The images here are JPEGs of the originals, which costs a little against the published 55.64."""
    completed = archspace(
        "evaluate", shared / WEIGHTS, "--data", shared / "data/camvid", "--split", "test", "--json"
    )
    assert completed.returncode == 0, completed.stderr
    result = json.loads(completed.stdout)
    assert result["images"] == 233
    assert result["miou"] == pytest.approx(57.05, abs=0.1)
    assert result["miou_void_as_error"] == pytest.approx(55.54, abs=0.1)
    assert len(result["class_iou"]) == 11
    assert np.mean(list(result["class_iou"].values())) == pytest.approx(result["miou"])


def test_what_does_not_belong_together_is_refused(shared: Path, tmp_path: Path) -> None:
    city = shared / "weights/espnet/espnet_p2_q8_cityscapes.pth"
    refused(archspace("evaluate", city, "--data", shared / "data/camvid"), "20 classes", "11")
    refused(archspace("evaluate", shared / WEIGHTS, "--data", tmp_path), "no layout that is known")
    refused(archspace("evaluate", shared / WEIGHTS), "--data")


def test_void_as_error_and_outputs_beyond_the_classes() -> None:
    counter = ConfusionCounter(["a", "b"], void=255, outputs=3)
    predicted = torch.tensor([[0, 0, 1, 2, 0]])
    scores = torch.nn.functional.one_hot(predicted, 3).movedim(-1, 1).float()
    counter.add(scores, torch.tensor([[0, 1, 1, 0, 255]]))
    result = counter.result()
    # a: 1 hit, 1 missed (void was predicted), 1 false; b: 1 hit, 1 missed. One false a on void.
    assert result.class_iou == {"a": pytest.approx(100 / 3), "b": pytest.approx(50)}
    assert result.miou_void_as_error == pytest.approx((100 / 4 + 50) / 2)
    assert result.class_accuracy == pytest.approx(50)
