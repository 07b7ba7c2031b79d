"""The metric expected of answers drawn from probabilities: that of sure answers, and the mean of unsure ones."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn

from analysis.metrics.confusion import ConfusionCounter
from searches.data.splits import VOID
from searches.supernet.expected import Expected
from searches.tasks.base import Evaluation, ImageTask
from tests.searches.training.small_runs import CLASSIFIER, CPU, SEGMENTER, task_of


class Scripted(nn.Module):
    """Gives the next rows of its scores to every batch, whatever the images are."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores, self.place = scores, 0

    def forward(self, images: Tensor) -> Tensor:
        self.place += len(images)
        return self.scores[self.place - len(images) : self.place]


def scores_of(task: ImageTask, outputs: int = 2) -> Tensor:
    places = (32, 32) if task.pixelwise else ()
    return torch.randn(len(task.val), outputs, *places, generator=torch.Generator().manual_seed(3))


def judged(task: ImageTask, scores: Tensor) -> tuple[float, Evaluation]:
    expected, network = Expected(task, task.val), Scripted(scores)
    with expected.of(network):
        evaluation = task.evaluate(network, task.val, CPU, on_batch=expected.on_batch)
    network(torch.zeros(0))
    assert not network._forward_hooks, "nothing is heard after it"
    return expected.value, evaluation


@pytest.mark.parametrize("fields", [CLASSIFIER, SEGMENTER], ids=["classes", "masks"])
def test_of_sure_answers_it_is_the_metric_itself(fields: dict[str, object]) -> None:
    task = cast(ImageTask, task_of(fields))
    value, evaluation = judged(task, 1e6 * scores_of(task))
    assert value == pytest.approx(evaluation.value, rel=1e-6)
    assert 20 < value < 80, "an answer that is neither all right nor all wrong"


def test_of_unsure_answers_it_is_the_mean_accuracy_of_draws() -> None:
    task = cast(ImageTask, task_of(CLASSIFIER))
    scores = scores_of(task)
    value, evaluation = judged(task, scores)
    torch.manual_seed(0)
    drawn = torch.distributions.Categorical(logits=scores).sample(torch.Size([200_000]))
    truth = torch.from_numpy(task.val.targets)  # type: ignore[arg-type]
    assert value == pytest.approx(100 * (drawn == truth).double().mean().item(), abs=0.3)
    assert abs(value - evaluation.value) > 1, "it is not the metric of the surest answers"


def test_of_unsure_masks_it_is_the_iou_of_the_mean_confusion_of_draws() -> None:
    task = cast(ImageTask, task_of(SEGMENTER))
    scores = scores_of(task, outputs=3)
    value, _ = judged(task, scores)
    torch.manual_seed(0)
    counter = ConfusionCounter(task.classes, VOID, outputs=3)
    truth = torch.from_numpy(task.val.targets)  # type: ignore[arg-type]
    for _ in range(30):
        drawn = torch.distributions.Categorical(logits=scores.movedim(1, -1)).sample()
        counter.add(nn.functional.one_hot(drawn, 3).movedim(-1, 1), truth)
    assert value == pytest.approx(counter.result().miou, abs=0.2)


def test_what_is_void_does_not_count() -> None:
    task = cast(ImageTask, task_of(SEGMENTER))
    scores = scores_of(task)
    void = torch.from_numpy(task.val.targets == VOID)[:, None]  # type: ignore[arg-type]
    assert void.any()
    assert judged(task, torch.where(void, -scores, scores))[0] == pytest.approx(
        judged(task, scores)[0], rel=1e-9
    )
