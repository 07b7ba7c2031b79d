"""A family of published checkpoints, and what several families share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from archspace.plan.design import NETWORKS
from archspace.preprocessing import Preprocessing
from archspace.published.state import Rules, State
from archspace.spec.archspec import ArchSpec

IMAGENET = Preprocessing(channel_order="rgb", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True, slots=True)
class Family:
    """A layout of published checkpoints.

    Attributes:
        name: for messages.
        marks: keys that every member has and that tell it from the others.
        spec: from the tensors to the spec; may raise ``KeyError`` where a key is missing.
        rules: from published names to ours.
        preprocessing: from the spec to the preprocessing that the authors used, or to ``None`` where it is not known.
    """

    name: str
    marks: tuple[str, ...]
    spec: Callable[[State], ArchSpec]
    rules: Rules
    preprocessing: Callable[[ArchSpec], Preprocessing | None]


QUARTERS = tuple(quarter / 4 for quarter in range(1, 33))


def width_of(channels: tuple[int, ...], network: str, task: str, widths: Iterable[float] = QUARTERS) -> float:
    """Returns the first of ``widths`` at which levels 1, 2, ... have these channels.

    Raises:
        KeyError: there is none.
    """
    design = NETWORKS[network]
    for width in widths:
        if design.channels(width, task)[: len(channels)] == channels:
            return width
    raise KeyError(f"no width of {network} gives levels of {', '.join(map(str, channels))} channels")


EDGENETS_LAYERS: Rules = (
    (r"\.cbr\.0\.", ".conv."),
    (r"\.cbr\.1\.", ".norm."),
    (r"\.cbr\.2\.", ".act."),
    (r"\.br\.0\.", ".norm."),
    (r"\.br\.1\.", ".act."),
)

EDGENETS_PYRAMID: Rules = (
    (r"\.projection_layer\.", ".project."),
    (r"^(head\.\w+\.stages\.\d)\.weight", r"\1.conv.weight"),
    (r"\.merge_layer\.0\.", ".mix."),
    (r"\.merge_layer\.2\.", ".merge."),
    (r"\.merge_layer\.3\.", ".expand.conv."),
    (r"^(head\.(?:pyramid|fuse)\d)\.br\.", r"\1.last."),
)

EDGENETS_DECODER: Rules = (
    (r"^bu_dec_l(\d)\.", r"head.pyramid\1."),
    *EDGENETS_PYRAMID,
    (r"^merge_enc_dec_l2\.", "head.skip1."),
    (r"^merge_enc_dec_l3\.", "head.skip2."),
    (r"^merge_enc_dec_l4\.", "head.skip3."),
    (r"^bu_br_l2\.", "head.join1.br."),
    (r"^bu_br_l3\.", "head.join2.br."),
    (r"^bu_br_l4\.", "head.join3.br."),
    (r"\.wt_layer\.1\.", ".gate.conv."),
    (r"\.expansion_layer\.", ".expand."),
    *EDGENETS_LAYERS,
)
