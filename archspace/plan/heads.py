"""Heads that fit any encoder: classifier and 1 x 1 projection; and the network around encoder and head. No torch."""

from __future__ import annotations

from archspace.plan.design import SCORES_OF_IMAGE
from archspace.plan.nodes import Block, Conv, Linear
from archspace.spec.record import SpecRecord

DROPOUT = 0.2


def classifier(encoder: Block, classes: int) -> Block:
    """Global average pooling, dropout and a linear layer, on the encoder's last features."""
    linear = Linear(in_features=encoder.out_channels, out_features=classes, dropout=DROPOUT)
    return Block("classifier", encoder.out_channels, classes, 1, (("linear", linear),))


def projection(encoder: Block, classes: int) -> Block:
    """Class scores by a 1 x 1 convolution, at the stride of the encoder's last features."""
    conv = Conv(in_channels=encoder.out_channels, out_channels=classes, at=encoder.stride)
    return Block("projection", encoder.out_channels, classes, 1, (("project", conv),))


def task_head(spec: SpecRecord, encoder: Block) -> Block:
    """The network of ``encoder`` and the head that needs no decoder."""
    head = classifier if spec.task in SCORES_OF_IMAGE else projection
    return network(encoder, head(encoder, spec.classes))


def network(encoder: Block, head: Block) -> Block:
    """The network of ``encoder`` and ``head``."""
    return Block("network", encoder.in_channels, head.out_channels, 1, (("encoder", encoder), ("head", head)))
