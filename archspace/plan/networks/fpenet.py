"""FPENet (Liu and Yin, BMVC 2019) as a tree of layers, with its decoder, which any encoder can take. No torch."""

from __future__ import annotations

from functools import partial

from archspace.plan.decoders import DECODERS, DecoderDesign, Feature, features
from archspace.plan.design import NETWORKS, OPTIONAL_FIELDS, NetworkDesign, stage_channels
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Conv, Node
from archspace.plan.placing import downsampled, level_units, repeated_unit, stem, unit_at
from archspace.spec.record import SpecRecord

EPS = 1e-5
SIGMOID = "meu-sigmoid"
"""The decoder whose gates end in sigmoids."""
MEU_CHANNELS = (32, 64)
"""Channels that a mutual embedding upsample module writes at level 1, and at every deeper one."""


def _encoder(spec: SpecRecord) -> Block:
    """A convolution and the unit at 1/2, then levels of a strided unit and its repeats."""
    parts: list[tuple[str, Node]] = []
    inputs = spec.channels
    for level, outputs in enumerate(NETWORKS[spec.network].channels(spec.width, spec.task), start=1):
        if level == 1:
            conv = Conv(
                in_channels=inputs, out_channels=outputs, kernel=3, stride=2, norm=EPS, act=spec.activation
            )
            down: Node = stem(spec, conv)
        else:
            down = downsampled(spec, level, inputs, outputs)
        units = tuple(
            repeated_unit(spec, level, outputs, outputs, **_expansion(spec, level)).moved(2)
            for _ in range(spec.alphas[level - 1])
        )
        children = (("down", down), ("units", level_units(spec, units)))
        parts.append(
            (f"level{level}", Block("mobile-level", inputs, outputs, 2, children, at=2 ** (level - 1)))
        )
        inputs = outputs
    return Block("mobile-encoder", spec.channels, inputs, 2 ** len(parts), tuple(parts))


def _expansion(spec: SpecRecord, level: int) -> dict[str, float]:
    """At level 1 the network's own unit is as wide inside as its output, where no other width is chosen."""
    chosen = spec.inner is not None and spec.inner[0] is not None
    return {"inner": 1.0} if level == 1 and unit_at(spec, 1) == "fpe" and not chosen else {}


def meu_channels(level: int, width: float) -> int:
    """Returns channels that the module at ``level`` writes at a multiplier of the decoder's width.

    >>> meu_channels(1, 1.0), meu_channels(2, 1.5), meu_channels(3, 0.5)
    (32, 96, 32)
    """
    return max(1, int(MEU_CHANNELS[min(level, len(MEU_CHANNELS)) - 1] * width + 0.5))


def _meu(spec: SpecRecord, low: Feature, high: int, outputs: int) -> Block:
    """Mutual embedding upsample: each of two maps is gated by the other, and both are summed.

    The fine map by a channel gate of the coarse one, the coarse map by a spatial gate of the fine one. The block
    stands on the fine map.
    """
    act = spec.activation
    sigmoid = spec.decoder == SIGMOID
    embedded = None if sigmoid else act
    norm = None if sigmoid else EPS
    return Block(
        "meu", low.channels, outputs, 1,
        (
            ("low", Conv(in_channels=low.channels, out_channels=outputs, norm=EPS, act=embedded)),
            ("high", Conv(in_channels=high, out_channels=outputs, norm=EPS, act=embedded, at=2)),
            ("spatial", Conv(in_channels=1, out_channels=1, norm=norm, act=embedded)),
            ("channel", Conv(in_channels=outputs, out_channels=outputs, norm=norm, act=act, at=0)),
        ),
        (("sigmoid", sigmoid),),
        at=low.stride,
    )  # fmt: skip


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """Mutual embedding from the deepest level up to level 1, scores there, resized to the image.

    In ``meu`` every convolution ends in batch norm and activation, those of the gates and of the scores too (as in the
    implementation of 0.36 M parameters); in ``meu-sigmoid`` the gates end in sigmoids, the embeddings in batch norm,
    and the scores have a bias (as in the one that follows the paper).
    """
    levels = features(encoder)
    assert spec.decoder_width is not None, "a decoder with channels of its own has a width"
    parts: list[tuple[str, Node]] = []
    high = encoder.out_channels
    for number in range(len(levels) - 1, 0, -1):
        outputs = meu_channels(number, spec.decoder_width)
        parts.append((f"meu{number}", _meu(spec, levels[number - 1], high, outputs)))
        high = outputs
    if spec.decoder == SIGMOID:
        scores = Conv(in_channels=high, out_channels=spec.classes, bias=True, at=2)
    else:
        scores = Conv(in_channels=high, out_channels=spec.classes, norm=EPS, act=spec.activation, at=2)
    return Block("meu-decoder", encoder.out_channels, spec.classes, 1, (*parts, ("scores", scores)))


def _bilinear(spec: SpecRecord, encoder: Block) -> Block:
    """Scores of the last features by a 1 x 1 convolution, resized to the image."""
    project = Conv(in_channels=encoder.out_channels, out_channels=spec.classes, at=encoder.stride)
    return Block("bilinear-decoder", encoder.out_channels, spec.classes, 1, (("project", project),))


def _draw(spec: SpecRecord) -> Block:
    return task_head(spec, _encoder(spec))


for _name in ("meu", SIGMOID):
    DECODERS.register(_name)(DecoderDesign(draw=_decoder, reads=(2, 4, 8), widens=True))
DECODERS.register("bilinear")(DecoderDesign(draw=_bilinear))
NETWORKS.register("fpenet")(
    NetworkDesign(
        draw=_draw,
        widths=partial(stage_channels, (16, 32, 64)),
        unit="fpe",
        alphas={"segmentation": (1, 2, 8)},
        first=1,
        eps=EPS,
        activation="relu",
        honours=OPTIONAL_FIELDS - {"reinforcement"},
        reinforcement=False,
        decoders=("meu", SIGMOID, "bilinear", "none"),
    )
)
