"""The head for a task, and the network around encoder and head. No torch."""

from __future__ import annotations

from archspace.plan.decoders import DECODERS
from archspace.plan.design import SCORES_OF_IMAGE
from archspace.plan.nodes import Block, Linear
from archspace.spec.record import SpecRecord

DROPOUT = 0.2


def classifier(encoder: Block, classes: int) -> Block:
    """Global average pooling, dropout and a linear layer, on the encoder's last features."""
    linear = Linear(in_features=encoder.out_channels, out_features=classes, dropout=DROPOUT)
    return Block("classifier", encoder.out_channels, classes, 1, (("linear", linear),))


def task_head(spec: SpecRecord, encoder: Block) -> Block:
    """Returns the network of ``encoder`` and a classifier, or the spec's decoder."""
    if spec.task in SCORES_OF_IMAGE:
        return network(encoder, classifier(encoder, spec.classes))
    assert spec.decoder is not None, "a spec for segmentation has a decoder"
    return network(encoder, DECODERS[spec.decoder].draw(spec, encoder))


def network(encoder: Block, head: Block) -> Block:
    """Returns the network of ``encoder`` and ``head``."""
    return Block("network", encoder.in_channels, head.out_channels, 1, (("encoder", encoder), ("head", head)))
