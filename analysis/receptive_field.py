"""Theoretical receptive fields from a network's plan alone: no torch, no data.

Every map is followed as what its positions see of the image (:mod:`analysis.reach`).

Three kinds of layers have no field of a fixed side: *global pooling* (the classifier, the gates of EdgeNets' decoder)
sees the whole image; *pyramid pooling* pools to a share of the map, so that its field grows with the image: it is
taken as the whole image, an upper bound; so is what *resizing with aligned corners* reads, whose field drifts from
position to position. EdgeNets' decoder has global pooling, so its scores see the whole image exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from analysis.reach import Reach, Walk, after, known
from analysis.reach_encoders import ENCODERS
from analysis.reach_heads import HEADS
from archspace.plan import Block, UnitRequest, draw_unit
from archspace.spec import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptiveField:
    """The theoretical receptive field of a level's output: the largest, away from the image's border.

    Attributes:
        name: of the level (``level2``), ``expand`` or ``head``.
        stride: pixels between two positions of the output.
        side: height and width in pixels; ``None`` where ``whole`` says why it is the whole image.
        whole: why it is the whole image, or ``None``.
    """

    name: str
    stride: int
    side: int | None
    whole: str | None = None


@lru_cache(maxsize=256)
def reaches(spec: ArchSpec) -> dict[str, Reach]:
    """What the parts of a network see, by path: ``level2.down``, ``level2.units``, ``level2``, ``head.up3``, ``head``.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    walk = Walk()
    encoder, head = spec.plan.part("encoder"), spec.plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    last = known(ENCODERS, encoder)(encoder, Reach(), walk)
    walk.note("head", known(HEADS, head)(head, last, walk))
    return walk.seen


def receptive_fields(spec: ArchSpec) -> tuple[ReceptiveField, ...]:
    """Theoretical receptive field of every level of the encoder in running order, then of the head's output.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    seen = reaches(spec)
    names = [name for name in seen if "." not in name]
    return tuple(
        ReceptiveField(name=name, stride=seen[name].stride, side=seen[name].side, whole=seen[name].whole)
        for name in names
    )


def unit_receptive_field(name: str, request: UnitRequest) -> int:
    """Side of the receptive field of one unit in positions of its input.

    An ESP unit of K branches with n x n kernels has (n - 1) 2^(K-1) + 1 (ESPNet section 3.1).
    """
    side = after(draw_unit(name, request), Reach()).side
    assert side is not None, "a unit pools nothing globally"
    return side
