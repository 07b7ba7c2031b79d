"""ENet as a tree of layers (Paszke et al. 2016, table 1). No torch."""

from __future__ import annotations

from functools import partial

from archspace.plan.decoders import DECODERS, DecoderDesign
from archspace.plan.design import NETWORKS, NetworkDesign, stage_channels
from archspace.plan.heads import task_head
from archspace.plan.networks.erfnet import HONOURS, levels
from archspace.plan.nodes import Block, Deconv
from archspace.plan.request import UnitRequest, draw_unit
from archspace.plan.units.factorised import ASYMMETRIC, enet_up, joint_down
from archspace.spec.record import SpecRecord

EPS = 1e-5
DROPOUT = (0.01, 0.01, 0.1)
"""Spatial dropout up to bottleneck 2.0, and from there on (section 4)."""
STAGE = (
    (None, 1), (None, 2), (ASYMMETRIC, 1), (None, 4), (None, 1), (None, 8), (ASYMMETRIC, 1), (None, 16),
)  # fmt: skip
"""Kernel and rate of bottlenecks 2.1 to 2.8; stage 3 repeats them without down-sampling."""


def _encoder(spec: SpecRecord) -> Block:
    """The initial block, then levels whose down-sampling is the strided bottleneck."""

    def down(level: int, inputs: int, outputs: int) -> Block:
        if level == 1:
            return joint_down(inputs, outputs, EPS, spec.activation, bias=False)
        request = UnitRequest(
            in_channels=inputs, out_channels=outputs, stride=2, act=spec.activation, eps=EPS,
            dropout=DROPOUT[level - 1],
        )  # fmt: skip
        return draw_unit("enet", request)

    return levels(spec, ("enet-encoder", "erfnet-level", "enet-level", "enet-level"), down, DROPOUT)


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """Up-sampling bottlenecks with the encoder's indices, two and one plain ones, a bare deconvolution."""
    level1, level2, level3 = NETWORKS[spec.network].channels(spec.width, spec.task)
    act, dropout = spec.activation, DROPOUT[-1]

    def unit(channels: int, at: int) -> Block:
        request = UnitRequest(in_channels=channels, out_channels=channels, act=act, eps=EPS, dropout=dropout)
        return draw_unit("enet", request).moved(at)

    return Block(
        "enet-decoder", encoder.out_channels, spec.classes, 1,
        (
            ("up3", enet_up(level3, level2, EPS, act, dropout).moved(4)),
            ("units2", (unit(level2, 4),) * 2),
            ("up2", enet_up(level2, level1, EPS, act, dropout).moved(2)),
            ("units1", (unit(level1, 2),)),
            ("up1", Deconv(in_channels=level1, out_channels=spec.classes, bias=True, at=2)),
        ),
    )  # fmt: skip


def _draw(spec: SpecRecord) -> Block:
    return task_head(spec, _encoder(spec))


DECODERS.register("enet")(DecoderDesign(draw=_decoder, multiple=8, open=False))
NETWORKS.register("enet")(
    NetworkDesign(
        draw=_draw,
        widths=partial(stage_channels, (16, 64, 128)),
        unit="enet",
        alphas={"segmentation": (0, 4, 16)},
        first=1,
        eps=EPS,
        strides=False,
        honours=HONOURS,
        reinforcement=False,
        decoders=("enet", "none"),
        pattern={3: STAGE},
    )
)
