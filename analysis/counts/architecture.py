"""A network as a readable table of its layers, as the papers print theirs: data only. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from analysis.counts.complexity import count
from analysis.counts.cost import CONVENTION
from analysis.fields.reach import ALIGNED_RESIZE, EARLIER_TOKENS, GLOBAL_POOLING, PYRAMID_POOLING, runs
from analysis.fields.theoretical import reaches
from archspace.plan import (
    AxisConv,
    Block,
    Conv,
    Count,
    Deconv,
    Embedding,
    Linear,
    Node,
    NormAct,
    Size,
    count_block,
    count_layer,
)
from archspace.plan.nodes import map_size, output_map, stands_at
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError

UNSEEN = "not known"
"""Stands where a block's receptive field is not known; never a silent 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        level: of the encoder, or ``head``.
        path: of the part in the network's plan (``level2.units``).
        layer: what it is, in words.
        repeats: how many follow one another; the other numbers are of all of them together.
        output_size: (H, W) in pixels of what it writes; (T, 1) for T tokens.
        channels: that it writes.
        stride: of the first of them; below 1 for a transposed convolution.
        branches: K, or ``None``.
        dilations: of the branches.
        receptive_field: side in pixels (tokens) of what the output sees of the input in theory; a text says why not.
        params: trainable parameters.
        macs: MACs of convolutions, transposed convolutions and linear layers.
        dead: it is in the published layout but never runs.
    """

    level: str
    path: str
    layer: str
    repeats: int = 1
    output_size: Size
    channels: int
    stride: float
    branches: int | None = None
    dilations: tuple[int, ...] = ()
    receptive_field: int | str | None = None
    params: int
    macs: int
    dead: bool = False


def architecture(spec: ArchSpec) -> dict[str, Any]:
    """Returns the content of ``archspace show --json``: rows in running order, and totals that are their sums."""
    total = count(spec).total
    return {
        "label": spec.label,
        "arch_id": spec.arch_id,
        "network": spec.network,
        "task": spec.task,
        "classes": spec.classes,
        "input_size": list(spec.input_size),
        "channels": spec.channels,
        "convention": CONVENTION,
        "rows": [asdict(row) for row in rows(spec)],
        "params": total.params,
        "macs": total.macs,
        "spec": spec.to_dict(),
    }


def rows(spec: ArchSpec) -> list[Row]:
    """Returns the table's lines in running order; parameters and MACs add up to those of the whole network."""
    encoder, head = spec.plan.part("encoder"), spec.plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    lines: list[Row] = []
    for name, node in encoder.items():
        lines += _rows(name, name, node, spec.input_size, 1)
    for name, part in head.parts:
        lines += _rows("head", f"head.{name}", part, spec.input_size, 1)
    if head.kind in RESIZED:
        end = {"path": "head", "layer": "bilinear resize", "output_size": spec.input_size, "stride": 0.5}
        lines.append(replace(lines[-1], **end, params=0, macs=0))  # type: ignore[arg-type]
    return [replace(line, receptive_field=_receptive_field(spec, line)) for line in lines]


RESIZED = ("edgenets-decoder", "espnetv2-decoder")
"""Heads whose last step resizes the scores to the image's size."""

EXPANDED = (
    "espnet-stem", "espnet-level", "espnetv2-level", "espnetv2-down", "dicenet-level", "mobile-level",
    "erfnet-level", "enet-level", "segnet-level", "enet-up", "segnet-up", "eru",
)  # fmt: skip
"""Blocks that are shown part by part."""


def _rows(level: str, path: str, part: Node | tuple[Node, ...], size: Size, at: int) -> Iterator[Row]:
    """Lines of a part of a block whose input is at stride ``at`` of the image."""
    nodes = part if isinstance(part, tuple) else (part,)
    if not nodes:
        return
    first = nodes[0]
    if isinstance(first, Block) and first.kind in EXPANDED:
        for name, child in first.parts:
            for row in _rows(level, f"{path}.{name}", child, size, at * first.at):
                joins = _joins(first, name)
                yield replace(row, layer=" + ".join((*joins, row.layer))) if joins else row
        return
    for where, run in runs(path, nodes):
        skip = run[0]
        if not isinstance(skip, Block) or skip.kind != "long-skip":
            yield _row(level, where, run, size, at)
            continue
        for row in _rows(level, f"{where}.units", skip.part("units"), size, at * skip.at):
            yield replace(row, layer=f"{row.layer}, under a long skip")


def _row(level: str, path: str, nodes: tuple[Node, ...], size: Size, at: int) -> Row:
    first, last = nodes[0], nodes[-1]
    total = sum((_count(node, size, at) for node in nodes), Count())
    branches, dilations = _branches(first)
    if len(set(nodes)) > 1:
        dilations = tuple(sorted({rate for node in nodes for rate in _branches(node)[1]}))
    dead = isinstance(first, Block | NormAct) and first.dead
    return Row(
        level=level, path=path, layer=_words(first, path), repeats=len(nodes), output_size=_output(last, size, at),
        channels=_channels(last), stride=_stride(first), branches=branches, dilations=dilations,
        params=total.params, macs=total.macs, dead=dead,
    )  # fmt: skip


def _count(node: Node, size: Size, at: int) -> Count:
    where = stands_at(node, at)
    if isinstance(node, Block):
        return count_block(node, map_size(size, where))
    return count_layer(node, size, where, isinstance(node, NormAct) and node.dead)


def _output(node: Node, size: Size, at: int) -> Size:
    where = stands_at(node, at)
    if isinstance(node, Block):
        return map_size(size, where * node.stride)
    return output_map(node, size, where)


def _channels(node: Node) -> int:
    if isinstance(node, Linear):
        return node.out_features
    return node.channels if isinstance(node, NormAct | AxisConv | Embedding) else node.out_channels


def _stride(node: Node) -> float:
    if isinstance(node, Deconv):
        return 1 / node.stride
    return node.stride if isinstance(node, Conv | Block) else 1


def _branches(node: Node) -> tuple[int | None, tuple[int, ...]]:
    """K and the dilations of a unit; a plain convolution has its one dilation."""
    if not isinstance(node, Block):
        return None, ((node.dilation,) if isinstance(node, Conv) and node.dilation > 1 else ())
    parts = dict(node.parts).get("branches")
    if isinstance(parts, tuple):
        return len(parts), tuple(rate for branch in parts for rate in _rates(branch))
    chain = dict(node.parts).get("chain")
    convs = [conv for conv in (chain if isinstance(chain, tuple) else ()) if isinstance(conv, Conv)]
    groups = [conv.groups for conv in convs if 1 < conv.groups < conv.in_channels]
    rates = tuple(sorted({conv.dilation for conv in convs if conv.dilation > 1}))
    return (groups[0] if groups and node.kind != "chain" else None), rates


def _rates(branch: Node) -> tuple[int, ...]:
    """Dilation of a branch: of its convolution, or of a factorised one."""
    if isinstance(branch, Block):
        first, *_ = (conv for _, conv in branch.items())
        return _rates(first)
    return (branch.dilation,) if isinstance(branch, Conv) else ()


_KINDS = {
    "eesp-time": "EESP unit along time",
    "gate": "channel gate",
    "edgenets-pyramid": "efficient pyramid pooling",
    "espnetv2-psp": "pyramid pooling",
    "max-pool": "3 x 3 max pool",
    "edgenets-weighted": "3 x 3, gated by the pooled map",
    "shuffle-dice": "DiCE unit",
    "resnet": "ResNet unit", "resnext": "ResNeXt unit", "inception": "Inception unit",
    "mobilenet": "MobileNet unit", "mobilenetv2": "MobileNetV2 unit",
    "shufflenet": "ShuffleNet unit", "shufflenetv2": "ShuffleNetV2 unit",
    "factorised": "FCU / non-bottleneck-1D", "enet": "ENet bottleneck",
    "joint-down": "3 x 3 conv beside 2 x 2 max pool", "indexed-pool": "2 x 2 max pool, indices kept",
}  # fmt: skip


def _words(node: Node, path: str) -> str:
    """What a node is, in the papers' words."""
    before = next((words for start, words in _BEFORE.items() if path.startswith(start)), "")
    if isinstance(node, Conv):
        kind = f"{node.sides[0]} x {node.sides[1]} conv" + (" on the pooled map" if node.at == 0 else "")
        if node.groups > 1:
            kind += ", depth-wise" if node.groups == node.in_channels else f", {node.groups} groups"
        return _joined(before, kind)
    if isinstance(node, Deconv):
        return f"{node.side} x {node.side} transposed conv"
    if isinstance(node, AxisConv):
        return f"3 x 3 conv along the {node.axis}, {node.side} filters"
    if isinstance(node, Embedding):
        return f"embedding of {node.words:,} words"
    if isinstance(node, Linear):
        kind = "linear of h, LSTM gates" if not node.tied else "linear, tied to the embedding"
        return kind if node.everywhere else "global average pool, linear"
    if isinstance(node, NormAct):
        return _joined(before, "BN" if node.norm is not None else "", node.act or "")
    if path.endswith(".image"):
        return "image reinforcement" + (" (never runs)" if node.dead else "")
    if node.kind == "chain":
        chain = node.part("chain")
        words = "; ".join(_words(layer, "") for layer in chain) if isinstance(chain, tuple) else node.kind
        return words + (" (never runs)" if node.dead else "")
    fused = ", cascade" if node.option("cascade") else ", HFF"
    switches = [("fusion", fused), ("residual", ", residual")]
    ends = [words for name, words in switches if node.option(name)]
    return _joined(before, _KINDS.get(node.kind, f"{node.kind.upper()} unit") + "".join(ends))


def _joined(*words: str) -> str:
    return " + ".join(filter(None, words)).replace(": +", ":")


_BEFORE = {
    "head.mix": "concat", "head.join": "resize + sum", "head.fuse": "resize + concat", "head.unit3": "resize + concat",
    "head.level8": "global average pool", "head.locations": "boxes:", "head.confidences": "scores:",
}  # fmt: skip
"""What happens before a part of a head, or what it is for, by the start of its path."""


def _joins(block: Block, name: str) -> tuple[str, ...]:
    """What happens before a part of a block that is shown part by part: mostly before its last."""
    if name == "last" and block.kind == "enet-up":
        return ("unpool main, sum",)
    if block.kind == "segnet-up":
        return ("unpool",)
    if name == "mix" and block.kind == "espnet-stem":
        return ("concat(conv, image)",)
    if name == "mix":
        joined = ["units"] + ["down"] * block.option("concat") + ["image"] * block.option("image")
        return (f"concat({', '.join(joined)})",)
    if name == "recurrent":
        return ("add input to each gate",) * block.option("residual")
    if name == "last" and block.kind == "espnetv2-down":
        image = dict(block.parts).get("image")
        pooled = ("concat(pooled input, unit)",) * block.option("concat")
        return pooled + ("add image",) * (isinstance(image, Block) and not image.dead)
    return ()


def _receptive_field(spec: ArchSpec, row: Row) -> int | str | None:
    """Side of the theoretical field of a row's output, or why there is none; ``None`` for what never runs."""
    if row.dead:
        return None
    try:
        by_path = reaches(spec)
    except InputError:
        return UNSEEN
    path = row.path
    while path and path not in by_path:
        path = path.rpartition(".")[0]
    if not path:
        return UNSEEN
    reach = by_path[path]
    short = {
        GLOBAL_POOLING: "whole image",
        PYRAMID_POOLING: "whole image (pyramid)",
        ALIGNED_RESIZE: "whole image (resized)",
        EARLIER_TOKENS: "all earlier tokens",
    }
    return short[reach.whole] if reach.whole else int(reach.side or 0)
