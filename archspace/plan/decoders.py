"""Segmentation decoders: heads that draw themselves from what an encoder offers. No torch.

The published networks have decoders of their own, which their files enter. An *open* decoder is for every encoder whose
features suffice: it reads their channels and strides and knows nothing else of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from archspace.plan.nodes import Block, Conv
from archspace.spec.record import SpecRecord
from archspace.support.registry import Registry


@dataclass(frozen=True, slots=True)
class Feature:
    """A level's features: their name in what the encoder's module returns, channels, stride to the image."""

    name: str
    channels: int
    stride: int


def features(encoder: Block) -> tuple[Feature, ...]:
    """Features of an encoder's levels, the finest first."""
    levels = []
    for name, node in encoder.items():
        if name.startswith("level"):
            assert isinstance(node, Conv | Block)
            levels.append(Feature(name, node.out_channels, 2 ** int(name.removeprefix("level"))))
    return tuple(levels)


PlacedUnit: TypeAlias = tuple[int, str, int]
"""Level, name and K of a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderDesign:
    """How a decoder is drawn, and for which encoders.

    Attributes:
        draw: from a resolved spec and its encoder to the head's block; :func:`features` says what the encoder offers.
        multiple: height and width of the image must be multiples of it.
        reads: strides of features that the encoder must have; empty: any will do.
        open: for every encoder that has these; else only for networks that name it among their ``decoders``.
        widens: its own channels follow the spec's ``decoder_width``.
        without_image: the decoder that it comes to where the image does not join the features; ``None``: itself.
        units: from the resolved fields to the units that it places, so that fields of units are honoured in it.
    """

    draw: Callable[[SpecRecord, Block], Block]
    multiple: int = 1
    reads: tuple[int, ...] = ()
    open: bool = True
    widens: bool = False
    without_image: str | None = None
    units: Callable[[Mapping[str, Any]], tuple[PlacedUnit, ...]] = lambda fields: ()

    def fits(self, deepest: int) -> bool:
        """Returns whether it is for every encoder with levels 1 to ``deepest``.

        Each at half the size of the one before.
        """
        return self.open and all(
            stride in {2**level for level in range(1, deepest + 1)} for stride in self.reads
        )


DECODERS: Registry[DecoderDesign] = Registry("decoder")
"""Every segmentation decoder by name."""


def decoders_for(own: tuple[str, ...], deepest: int) -> tuple[str, ...]:
    """Returns names of the decoders of a network: its ``own``, then the open ones that fit its ``deepest`` level."""
    others = (name for name in DECODERS if name not in own and DECODERS[name].fits(deepest))
    return (*own, *others)


def multiple_of(decoder: str | None) -> int:
    """Returns what height and width of the image must be multiples of."""
    return DECODERS[decoder].multiple if decoder else 1


def projection(spec: SpecRecord, encoder: Block) -> Block:
    """Returns class scores by a 1 x 1 convolution, at the stride of the encoder's last features."""
    conv = Conv(in_channels=encoder.out_channels, out_channels=spec.classes, at=encoder.stride)
    return Block("projection", encoder.out_channels, spec.classes, 1, (("project", conv),))


DECODERS.register("none")(DecoderDesign(draw=projection, open=False))
