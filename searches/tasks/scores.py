"""Losses and comparisons that tasks with scores of classes share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def fitted(scores: Tensor, target: Tensor) -> Tensor:
    """Dense scores resized to the target, bilinear with corners aligned; others as they are."""
    if target.ndim != 3 or scores.shape[-2:] == target.shape[-2:]:
        return scores
    return F.interpolate(scores, size=target.shape[-2:], mode="bilinear", align_corners=True)


def shrunk(target: Tensor, scores: Tensor) -> Tensor:
    """Returns class indices (N, H, W) at the resolution of ``scores``, by nearest neighbour."""
    return F.interpolate(target[:, None].float(), size=scores.shape[-2:], mode="nearest-exact")[:, 0].long()


def distilled(scores: Tensor, taught: Tensor, temperature: float, counts: Tensor | None = None) -> Tensor:
    """Divergence of softened scores from a teacher's, times temperature squared (Hinton et al. 2015), a scalar.

    Shapes: (N, classes, ...) both; a teacher at another resolution is resized. ``counts`` (N, ...) says which places
    count; all if left out.
    """
    if scores.ndim == 4 and taught.shape[-2:] != scores.shape[-2:]:
        taught = F.interpolate(taught, size=scores.shape[-2:], mode="bilinear", align_corners=True)
    student = F.log_softmax(scores / temperature, 1)
    teacher = F.softmax(taught / temperature, 1)
    per_place = F.kl_div(student, teacher, reduction="none").sum(1)
    mean = per_place.mean() if counts is None else (per_place * counts).sum() / counts.sum().clamp(min=1)
    return mean * temperature**2
