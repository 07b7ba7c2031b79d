"""Which prior learns which object: the training target of a detector (SSD, Liu et al. 2016, section 2.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archspace.detection.boxes import corners_of, encode, overlaps
from archspace.detection.priors import prior_boxes
from searches.data.boxes import Boxes

MATCH = 0.5
"""A prior that overlaps an object as much learns it."""

BACKGROUND, UNUSED = 0, -1
"""Labels of a prior without an object, and of one that learns nothing."""

TABLE = 2**25
"""Overlaps in memory at once."""


class Matched(NamedTuple):
    """What the priors of a batch learn.

    Attributes:
        labels: (N, P): 0 for the background, 1 and more for classes, -1 for a prior that does not count.
        locations: (N, P, 4): where the object is, seen from the prior; 0 where there is none.
    """

    labels: Tensor
    locations: Tensor


@lru_cache(maxsize=16)
def priors_on(size: tuple[int, int], device: torch.device) -> Tensor:
    """Returns the priors (P, 4) of an input of ``size`` on ``device``."""
    return torch.from_numpy(np.array(prior_boxes(size))).to(device)


def match(boxes: Boxes, priors: Tensor) -> Matched:
    """Returns the targets of a batch on the priors' device.

    Each object gets the prior that overlaps it most; of two objects with the same best prior the one that overlaps it
    more keeps it (the first of equals) and the other takes its next best. Every other prior learns the object that it
    overlaps most if that is at least 0.5. A prior without an object that overlaps an ignored one as much does not
    count.
    """
    counts = np.diff(boxes.offsets)
    most = int(counts.max(initial=0))
    step = max(1, TABLE // max(1, most * len(priors)))
    columns = _padded(boxes, counts, most, priors.device)
    chunks = zip(*(torch.split(column, step) for column in columns), strict=True)
    parts = [_match(corners, labels, state, priors) for corners, labels, state in chunks]
    return Matched(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _padded(
    boxes: Boxes, counts: NDArray[np.int64], most: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Corners (N, M, 4), labels (N, M) from 0, and state (N, M): 1 an object, -1 an ignored one, 0 none."""
    image = np.repeat(np.arange(len(boxes)), counts)
    place = np.arange(len(image)) - boxes.offsets[image]
    corners = np.zeros((len(boxes), most, 4), np.float32)
    labels, state = np.zeros((2, len(boxes), most), np.int64)
    corners[image, place], labels[image, place] = boxes.corners, boxes.labels
    state[image, place] = np.where(boxes.ignored, -1, 1)
    return tuple(torch.from_numpy(array).to(device) for array in (corners, labels, state))  # type: ignore[return-value]


def _match(corners: Tensor, labels: Tensor, state: Tensor, priors: Tensor) -> Matched:
    images, most = labels.shape
    if most == 0:
        none = torch.zeros(images, len(priors), dtype=torch.int64, device=priors.device)
        return Matched(none, torch.zeros(*none.shape, 4, device=priors.device))
    table = overlaps(corners, corners_of(priors).expand(images, -1, 4))
    own = torch.where((state == 1)[..., None], table, -1.0)
    best, which = own.max(1)
    given = _best_priors(own)
    which = torch.where(given >= 0, given, which)
    positive = (best >= MATCH) | (given >= 0)
    ignored = (torch.where((state == -1)[..., None], table, -1.0) >= MATCH).any(1)
    matched = labels.gather(1, which) + 1
    label = torch.where(positive, matched, torch.where(ignored, UNUSED, BACKGROUND))
    objects = corners.gather(1, which[..., None].expand(-1, -1, 4))
    return Matched(label, encode(torch.where(positive[..., None], objects, corners_of(priors)), priors))


def _best_priors(own: Tensor) -> Tensor:
    """The object (N, P) that has each prior for its own, -1 for none, by overlaps (N, M, P), -1 where not an object.

    Rounds: every object without a prior asks for the free one that it overlaps most; each prior takes the best.
    """
    images, most, count = own.shape
    given = torch.full((images * count,), -1, dtype=torch.int64, device=own.device)
    asking = (own >= 0).any(-1)
    while True:
        image, member = asking.nonzero(as_tuple=True)
        value, prior = torch.where(given.view(images, count)[image] >= 0, -1.0, own[image, member]).max(1)
        free = value >= 0
        if not free.any():
            return given.view(images, count)
        image, member, value, slot = image[free], member[free], value[free], (image * count + prior)[free]
        top = torch.full_like(given, -1.0, dtype=own.dtype).scatter_reduce(0, slot, value, "amax")
        equal = value == top[slot]
        first = torch.full_like(given, most).scatter_reduce(0, slot[equal], member[equal], "amin")
        given = torch.where(top >= 0, first, given)
        won = first[slot] == member
        asking[image[won], member[won]] = False
