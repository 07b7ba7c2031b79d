"""Metrics of images with several classes each: average precision, and precision, recall and F1 as papers print them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from analysis.metrics.voc import Precision, known_mean


def multilabel_metrics(logits: Tensor, target: Tensor, classes: Sequence[str], void: int) -> Precision:
    """In percent: ``map`` over classes, ``cp``, ``cr``, ``cf1`` by class and ``op``, ``or``, ``of1`` in all.

    A class's average precision (``class_ap``) is the sum of its precision at each score times the recall that the score
    adds; images of equal scores count at once. At probabilities of 0.5 and more, ``cp`` and ``cr`` are the means
    over classes of precision and recall, ``op`` and ``or`` those of all answers together; ``cf1`` and ``of1`` are the
    harmonic means of the pairs. A class without an image that has it is NaN and left out of all means over classes;
    a class that is never claimed has precision 0.

    Args:
        logits: (N, classes), before the sigmoid.
        target: (N, classes) of 0, 1 and ``void``, which does not count.
    """
    counts = target != void
    truth, claimed = (target == 1) & counts, (logits >= 0) & counts
    hits, claims, total = (table.sum(0).double() for table in (truth & claimed, claimed, truth))
    present = total > 0
    average = [
        _average_precision(logits[counts[:, i], i], target[counts[:, i], i]) if present[i] else float("nan")
        for i in range(len(classes))
    ]
    means = (hits[present] / claims[present].clamp(min=1)).mean(), (hits[present] / total[present]).mean()
    overall = hits.sum() / claims.sum().clamp(min=1), hits.sum() / total.sum()
    values = {"map": known_mean(average)}
    for kind, (precision, recall) in {"c": means, "o": overall}.items():
        p, r = 100 * float(precision), 100 * float(recall)
        values |= {f"{kind}p": p, f"{kind}r": r, f"{kind}f1": 2 * p * r / (p + r) if p + r else p + r}
    return Precision(values, {"class_ap": dict(zip(classes, average, strict=True))})


def _average_precision(logits: Tensor, target: Tensor) -> float:
    """In percent, by the order of the logits: probabilities near 1 are equal where their logits are not."""
    # Here, because it imports SciPy and Matplotlib, which takes a second.
    from torchmetrics.functional.classification import binary_average_precision

    rank = torch.unique(logits, return_inverse=True)[1].double()
    return 100 * min(1.0, float(binary_average_precision(rank / (rank.max() + 1), target.long())))
