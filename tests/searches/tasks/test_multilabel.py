"""The multi-label task: void, weights, metrics through a network, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archspace.build import build
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Recipe, Stage
from searches.data.dataset import Split
from searches.data.splits import VOID
from searches.tasks.multilabel import MultiLabel, positive_weights
from searches.training.loop import fit
from tests.searches.data.boxed import coloured

CPU = torch.device("cpu")
RGB = Preprocessing(channel_order="rgb", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def test_the_loss_is_that_of_the_definition() -> None:
    """Logits 0, 0 and ln 3; targets 1, unknown, 0: (ln 2 + ln 4) / 2. Smoothed by 0.2: targets 0.9 and 0.1.

    The third: 0.1 x ln(4/3) + 0.9 x ln 4.
    """
    split = coloured(4)
    task = MultiLabel(split, split, RGB)
    logits, target = torch.tensor([[0.0], [0.0], [np.log(3)]]), torch.tensor([[1], [VOID], [0]])
    loss = task.loss(logits, target, Stage())
    assert loss.item() == pytest.approx((np.log(2) + np.log(4)) / 2)
    smooth = task.loss(logits, target, Stage(label_smoothing=0.2))
    assert smooth.item() == pytest.approx((np.log(2) + 0.1 * np.log(4 / 3) + 0.9 * np.log(4)) / 2)
    assert task.loss(logits, torch.full_like(target, VOID), Stage()) == 0


def test_rare_classes_weigh_more() -> None:
    """Class a: one of four known images has it: 3. b: most have it: 1. c: none has it: 1. d: 1 of 60: 20."""
    target = np.zeros((60, 4), np.uint8)
    target[0, 0], target[4:, 0] = 1, VOID
    target[:40, 1] = 1
    target[0, 3] = 1
    split = Split(
        images=np.zeros((60, 8, 8, 3), np.uint8), targets=target, names=tuple(map(str, range(60))),
        classes=tuple("abcd")
    )  # fmt: skip
    assert positive_weights(split).tolist() == [3, 1, 1, 20]
    task, logits = MultiLabel(split, split, RGB), torch.zeros(1, 4)
    plain, weighed = (
        task.loss(logits, torch.tensor([[1, 0, VOID, VOID]]), Stage(positive_weights=on)).item()
        for on in (False, True)
    )
    assert plain == pytest.approx(np.log(2))
    assert weighed == pytest.approx((3 + 1) * np.log(2) / 2)


@pytest.mark.slow
def test_a_network_learns_both_classes() -> None:
    train, val = coloured(), coloured(48, seed=1)
    task = MultiLabel(train, val, RGB)
    torch.manual_seed(0)
    network = build(
        ArchSpec("espnetv2", task="multilabel", width=0.5, alphas=(0, 1, 0, 0), classes=2, input_size=16)
    )
    fit(network, task, Recipe(epochs=12, batch=16, lr=5e-3, flip=False), seed=0, device=CPU)
    evaluation = task.evaluate(network, val, CPU)
    assert evaluation.metric == "map"
    assert evaluation.value > 90
    assert set(evaluation.values) == {"map", "cp", "cr", "cf1", "op", "or", "of1"}
    assert list(evaluation.details["class_ap"]) == ["red", "green"]


def test_what_does_not_fit_is_refused() -> None:
    split = coloured(4)

    def changed(**fields: Any) -> Split:
        kept = {name: getattr(split, name) for name in ("images", "targets", "names", "classes")}
        return Split(**{**kept, **fields})

    wrong = np.array(split.targets)
    wrong[2, 1] = 3
    with pytest.raises(FieldError, match=r"2: green: 3: must be 0, 1 or 255"):
        MultiLabel(split, changed(targets=wrong), RGB)
    with pytest.raises(InputError, match=r"by image and class, \(4, 2\)"):
        MultiLabel(changed(targets=np.zeros(4, np.int64)), split, RGB)
    with pytest.raises(InputError, match="has a class"):
        MultiLabel(split, changed(targets=np.zeros_like(split.targets)), RGB)
    assert MultiLabel.outputs(2) == (2,)
