"""Theoretical receptive fields from a network's plan alone: no torch, no data.

Every map is followed as what its positions see of the image. The maps that a table names see squares, so one
dimension is enough: the height. Where channels see differently the largest field counts, which is exact for the
units here (a test compares with the gradient of the built networks). A max pool sees its window; an unpooled map
sees at each place what its coarse position sees, wherever in the window the value is put.

Three kinds of layers have no field of a fixed side: *global pooling* (the classifier, the gates of DiCE and EdgeNets'
decoder) sees the whole image; *pyramid pooling* pools to a share of the map, so that its field grows with the image:
it is taken as the whole image, an upper bound; so is what *resizing with aligned corners* reads, whose field drifts
from position to position. EdgeNets' decoder has global pooling, so its scores see the whole image exactly.

A language model's positions are tokens: its convolutions see a window of its input that ends at their own position, its
recurrence all earlier tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from analysis.fields import reach_encoders, reach_heads, reach_mirrored  # noqa: F401  (they enter their walks)
from analysis.fields.reach import ENCODER_FLOWS, HEAD_FLOWS, Reach, Walk, chained, known
from archspace.plan import Block
from archspace.spec.archspec import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptiveField:
    """The theoretical receptive field of a level's output: the largest, away from the image's border.

    For a language model the positions are tokens instead of pixels, and its layers take the place of levels.

    Attributes:
        name: of the level (``level2``), ``expand`` or ``head``.
        stride: pixels between two positions of the output.
        side: height and width in pixels; ``None`` where ``whole`` says why it is the whole image.
        whole: why it is the whole image (or all earlier tokens), or ``None``.
    """

    name: str
    stride: int
    side: int | None
    whole: str | None = None


@lru_cache(maxsize=256)
def reaches(spec: ArchSpec) -> dict[str, Reach]:
    """Returns what the parts of a network see, by path.

    ``level2.down``, ``level2.units``, ``level2``, ``head.up3``, ``head``.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    walk = Walk()
    encoder, head = spec.plan.part("encoder"), spec.plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    last = known(ENCODER_FLOWS, encoder)(encoder, Reach(), walk)
    walk.note("head", known(HEAD_FLOWS, head)(head, last, walk))
    return walk.reaches


def receptive_fields(spec: ArchSpec) -> tuple[ReceptiveField, ...]:
    """Theoretical receptive field of every level of the encoder in running order, then of the head's output.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    by_name = reaches(spec)
    names = [name for name in by_name if "." not in name]
    return tuple(
        ReceptiveField(
            name=name, stride=by_name[name].stride, side=by_name[name].side, whole=by_name[name].whole
        )
        for name in names
    )


def token_windows(spec: ArchSpec) -> dict[str, int]:
    """Returns how many tokens of its input the convolutions of each layer of a language model see.

    Their own position last.
    """
    encoder = spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    windows = {}
    for name, layer in encoder.items():
        if isinstance(layer, Block):
            windows[name] = chained(layer.part("transform"), Reach()).side or 0
    return windows
