"""Zero-cost scores against closed forms on networks that are worked out by hand, and on the networks of every task."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from searches.config.recipe import Stage
from searches.data.dataset import checked_request
from searches.data.fingerprint import Source
from searches.data.statistics import statistics
from searches.judging.zero_cost import SCORES, SMALL, Sample, sample_of, score
from searches.tasks.base import Batch
from searches.tasks.table import make_task


def flat(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *layers)


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight = nn.Parameter(torch.tensor(weight))
    return layer


def sample(*batches: list[list[float]]) -> Sample:
    """Batches of flat inputs as images (N, 1, 1, D); the loss is the sum of the outputs."""
    made = tuple(Batch(torch.tensor(rows)[:, None, None, :], None) for rows in batches)
    return Sample(made, lambda outputs, batch: outputs.sum())


def test_gradient_norm_and_snip_of_a_linear_layer() -> None:
    network = flat(linear([[2.0, -1.0]]))
    given = sample([[3.0, 4.0]])  # the gradient of the sum is the input
    assert score("grad_norm", network, given) == pytest.approx(5.0)
    assert score("snip", network, given) == pytest.approx(abs(2 * 3) + abs(-1 * 4))
    halves = sample([[3.0, 4.0]], [[1.0, 0.0]])
    assert score("grad_norm", network, halves) == pytest.approx(math.hypot(2.0, 2.0))  # of the mean


def test_synflow_is_the_flow_once_for_each_layer() -> None:
    one, two = [[1.0, -2.0], [0.5, 3.0]], [[-1.0, 4.0]]
    network = flat(linear(one), linear(two))
    flow = float((np.abs(two) @ np.abs(one) @ np.ones(2))[0])
    assert score("synflow", network, sample([[9.0, 9.0]])) == pytest.approx(math.log(2 * flow))


def test_jacobians_that_agree_score_worst() -> None:
    given = sample([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    same = score("jacob_cov", flat(linear([[1.0, -2.0, 4.0]])), given)  # a linear network's Jacobians are one
    assert same == pytest.approx(
        -(math.log(2 + SMALL) + 1 / (2 + SMALL) + math.log(SMALL) + 1 / SMALL), rel=1e-3
    )

    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).square().sum(1)

    correlation = np.corrcoef([[2, 4, 6], [6, 2, 4]])[0, 1]
    values = np.array([1 - correlation, 1 + correlation]) + SMALL
    assert score("jacob_cov", Square(), given) == pytest.approx(
        -(np.log(values) + 1 / values).sum(), rel=1e-4
    )


@pytest.mark.parametrize("activation", [nn.PReLU(), nn.ReLU(), nn.ReLU6()])
def test_activations_that_differ_between_images(activation: nn.Module) -> None:
    given = sample([[1.0, 1.0, -1.0, 2.0], [1.0, -1.0, -1.0, 2.0]])  # one of four differs
    assert score("naswot", flat(activation), given) == pytest.approx(math.log(4**2 - 3**2))
    alike = sample([[1.0, 1.0], [2.0, 3.0]])
    assert score("naswot", flat(activation), alike) == -math.inf


def test_gradients_that_are_large_and_steady_between_batches() -> None:
    given = sample([[1.0, 4.0]], [[3.0, -2.0]])
    ratio = 2.0 / 1.0 + 3.0 / 3.0  # mean of absolute gradients over the deviation, of both weights
    assert score("zico", flat(linear([[1.0, 1.0]])), given) == pytest.approx(math.log(ratio))


def test_zen_grows_with_the_gain_and_undoes_norms() -> None:
    given = sample([[0.0] * 6] * 16)
    scores = [score("zen", flat(linear((gain * np.eye(6)).tolist())), given) for gain in (1.0, 10.0)]
    assert scores[1] - scores[0] == pytest.approx(math.log(10), rel=1e-4)

    def normed(gain: float) -> nn.Module:
        first = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(first.weight, gain)
        return nn.Sequential(first, nn.BatchNorm2d(1))

    scores = [score("zen", normed(gain), given) for gain in (1.0, 10.0)]
    assert scores[1] - scores[0] == pytest.approx(math.log(10), rel=1e-3)


def task_of(name: str) -> tuple[Any, dict[str, Any]]:
    size = (64, 64)
    splits = [
        Source(checked_request(
            "scenes", split, root=None, input_size=size, channels=3, task=name, seed=0  # type: ignore[arg-type]
        )).split.head(8)
        for split in ("train", "val")
    ]  # fmt: skip
    task = make_task(name, *splits, statistics(splits[0]))
    return task, {"task": name, "classes": task.outputs(len(task.classes))[0], "input_size": size}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segmentation", "multilabel", "detection"])
def test_every_score_of_a_network_of_every_task(task: str) -> None:
    made, fields = task_of(task)
    given = sample_of(made, Stage(), (64, 64), images=4)
    assert [len(batch.inputs) for batch in given.batches] == [2, 2]
    for network in ("espnetv2", *(["espnet"] if task == "segmentation" else [])):
        torch.manual_seed(0)
        built = build(ArchSpec(network, width=0.25, alphas=None, **fields))
        before = {name: value.clone() for name, value in built.state_dict().items()}
        for name in SCORES:
            value = score(name, built, given)
            assert math.isfinite(value), (network, name)
            assert value == score(name, built, given), (network, name)
        assert all(torch.equal(value, before[name]) for name, value in built.state_dict().items())
        assert built.training and all(parameter.grad is None for parameter in built.parameters())
