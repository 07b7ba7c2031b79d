"""SegNet as a tree of layers (Badrinarayanan et al. 2017, figure 2). No torch.

The encoder is VGG16 without its classifier, the decoder its mirror.
"""

from __future__ import annotations

from archspace.plan.decoders import DECODERS, DecoderDesign
from archspace.plan.design import NETWORKS, NetworkDesign, stage_channels
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Conv, Node
from archspace.plan.units.factorised import pool
from archspace.spec.record import SpecRecord

EPS = 1e-5
CHANNELS = (64, 128, 256, 512)
"""Of level 1 to 4; level 5 has as many as level 4."""


def _widths(width: float) -> tuple[int, ...]:
    channels = stage_channels(CHANNELS, width)
    return (*channels, channels[-1])


def _conv(spec: SpecRecord, inputs: int, outputs: int) -> Conv:
    return Conv(in_channels=inputs, out_channels=outputs, kernel=3, bias=True, norm=EPS, act=spec.activation)


def _encoder(spec: SpecRecord) -> Block:
    """Convolutions, then max pooling, at each level; a level without convolutions keeps its channels."""
    parts: list[tuple[str, Node]] = []
    inputs = spec.channels
    for level, wide in enumerate(_widths(spec.width), start=1):
        repeats = spec.alphas[level - 1]
        outputs = wide if repeats else inputs
        convs = tuple(_conv(spec, outputs if i else inputs, outputs) for i in range(repeats))
        children = (("convs", convs), ("pool", pool(outputs)))
        block = Block("segnet-level", inputs, outputs, 2, children, at=2 ** (level - 1))
        parts.append((f"level{level}", block))
        inputs = outputs
    return Block("segnet-encoder", spec.channels, inputs, 2 ** len(parts), tuple(parts))


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """Each level unpools and mirrors its convolutions; the last one gives the scores, without norm and activation."""
    parts: list[tuple[str, Node]] = []
    for name, level in reversed(tuple(encoder.items())):
        assert isinstance(level, Block)
        mirrored = level.part("convs")
        assert isinstance(mirrored, tuple)
        wide, narrow = level.out_channels, level.in_channels
        convs = [_conv(spec, wide, wide) for _ in mirrored[1:]]
        if name == "level1":
            narrow = spec.classes
            convs.append(Conv(in_channels=wide, out_channels=narrow, kernel=3, bias=True))
        elif mirrored:
            convs.append(_conv(spec, wide, narrow))
        up = Block("segnet-up", wide, narrow, 1, (("convs", tuple(convs)),), at=level.at)
        parts.append((name.replace("level", "up"), up))
    return Block("segnet-decoder", encoder.out_channels, spec.classes, 1, tuple(parts))


def _draw(spec: SpecRecord) -> Block:
    return task_head(spec, _encoder(spec))


DECODERS.register("segnet")(DecoderDesign(draw=_decoder, multiple=32, open=False))
NETWORKS.register("segnet")(
    NetworkDesign(
        draw=_draw,
        widths=_widths,
        unit=None,
        alphas={"segmentation": (2, 2, 3, 3, 3)},
        first=1,
        eps=EPS,
        activation="relu",
        strides=False,
        honours=frozenset(),
        reinforcement=False,
        decoders=("segnet",),
    )
)
