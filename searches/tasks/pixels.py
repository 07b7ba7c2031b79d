"""Losses of scores against one class a pixel, as sums that the weights of all counted pixels make a mean of.

Shapes: scores (N, C, H, W), targets (N, H, W) class indices with void among them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from searches.config.recipe import Stage
from searches.data.splits import VOID

FOCUS = 2.0
"""Gamma of the focal loss (Lin et al. 2017)."""


def pixel_loss(scores: Tensor, target: Tensor, weights: Tensor, stage: Stage) -> Tensor:
    """Returns the stage's loss, summed over the pixels that are not void, a scalar.

    With ``ohem`` it is the weighted mean over the hardest pixels times the weights of all: what it is divided by for
    its mean stays a number of the targets alone.
    """
    if not stage.ohem and stage.loss == "cross-entropy":
        return F.cross_entropy(
            scores, target, weights, ignore_index=VOID, reduction="sum", label_smoothing=stage.label_smoothing
        )
    counts = target != VOID
    classes = torch.where(counts, target, 0)
    weight = weights[classes] * counts
    each = F.cross_entropy(
        scores, target, weights, ignore_index=VOID, reduction="none", label_smoothing=stage.label_smoothing
    )
    known = F.softmax(scores.detach(), 1).gather(1, classes[:, None])[:, 0]
    if stage.loss == "focal":
        sure = F.softmax(scores, 1).gather(1, classes[:, None])[:, 0]
        each = each * (1 - sure) ** FOCUS
    if stage.ohem:
        kept = hardest(known, counts, stage.ohem, stage.ohem_least)
        total = (each * kept).sum() / (weight * kept).sum().clamp(min=1e-6) * weight.sum()
    else:
        total = each.sum()
    if stage.loss == "lovasz":
        total = total + lovasz(scores, target) * weight.sum()
    return total


def hardest(probability: Tensor, counts: Tensor, threshold: float, least: float) -> Tensor:
    """Returns which pixels online hard example mining keeps (Shrivastava et al. 2016, as segmentation uses it).

    Those whose true class has a probability of at most ``threshold``, and at least the share ``least`` of the pixels
    that count: the least probable ones.

    Args:
        probability: of the true class (N, H, W).
        counts: which pixels have a class.
    """
    ordered = torch.where(counts, probability, 2.0).flatten().sort().values
    place = (counts.sum() * least).long().sub(1).clamp(min=0)
    limit = ordered.gather(0, place[None])[0].clamp(min=threshold)
    return counts & (probability <= limit)


def lovasz(scores: Tensor, target: Tensor) -> Tensor:
    """Lovasz-softmax: the surrogate of 1 - IoU, mean over the classes that occur (Berman et al. 2018), a scalar."""
    counts = target != VOID
    chances = F.softmax(scores, 1).permute(0, 2, 3, 1)[counts]
    labels = target[counts]
    losses, present = [], []
    for number in range(scores.shape[1]):
        true = (labels == number).float()
        errors, order = (true - chances[:, number]).abs().sort(descending=True)
        true = true[order]
        missed = true.sum() - true.cumsum(0)
        grown = true.sum() + (1 - true).cumsum(0)
        jaccard = 1 - missed / grown.clamp(min=1)
        steps = torch.cat((jaccard[:1], jaccard[1:] - jaccard[:-1]))
        losses.append((errors * steps).sum())
        present.append(true.sum() > 0)
    there = torch.stack(present).float()
    return (torch.stack(losses) * there).sum() / there.sum().clamp(min=1)
