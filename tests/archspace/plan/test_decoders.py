"""Decoders: which networks they fit, what they ask of the image's size, and what they may read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archspace import ArchSpec
from archspace.build import build
from archspace.plan.decoders import DECODERS, DecoderDesign, Feature, decoders_for, features, multiple_of
from archspace.plan.design import NETWORKS
from archspace.plan.nodes import Block, Conv
from archspace.spec.record import SpecRecord
from archspace.support.errors import SpecError


def test_every_network_names_decoders_that_there_are() -> None:
    own = {name for design in NETWORKS.values() for name in design.decoders}
    assert own == set(DECODERS)
    fit_all = {name for name in own if DECODERS[name].open}
    assert fit_all == {"meu", "meu-sigmoid", "bilinear", "dad"}, (
        "the other published decoders are for their networks"
    )


@pytest.mark.parametrize("network", [name for name, one in NETWORKS.items() if "segmentation" in one.alphas])
def test_features_are_those_that_the_built_encoder_returns(network: str) -> None:
    spec = ArchSpec(network, task="segmentation", input_size=(64, 96), classes=4)
    built = build(spec).eval()
    encoder = spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    returned = built.encoder(built.example())
    for level in features(encoder):
        shape = (1, level.channels, 64 // level.stride, 96 // level.stride)
        assert tuple(returned[level.name].shape) == shape


@pytest.fixture
def deep() -> Iterator[str]:
    """An open decoder that reads stride 16: a projection of it."""

    def draw(spec: SpecRecord, encoder: Block) -> Block:
        (level,) = (one for one in features(encoder) if one.stride == 16)
        conv = Conv(in_channels=level.channels, out_channels=spec.classes, at=16)
        return Block("projection", encoder.out_channels, spec.classes, 1, (("project", conv),))

    DECODERS.register("deep")(DecoderDesign(draw=draw, multiple=32, reads=(16,)))
    yield "deep"
    del DECODERS._entries["deep"]


def test_an_open_decoder_is_for_every_encoder_that_has_its_features(deep: str) -> None:
    seg = {"task": "segmentation", "input_size": (64, 64)}
    for network in ("espnetv2", "dicenet", "segnet"):
        assert ArchSpec(network, decoder=deep, **seg).decoder == deep  # type: ignore[arg-type]
    for network in ("espnet", "espnet-a", "erfnet", "enet"):
        with pytest.raises(SpecError, match="decoder: 'deep': unknown decoder"):
            ArchSpec(network, decoder=deep, **seg)  # type: ignore[arg-type]
    spec = ArchSpec("espnetv2", decoder=deep, **seg)  # type: ignore[arg-type]
    assert spec.replace(network="espnet").decoder == "espnet"
    assert features(spec.plan.part("encoder"))[-1] == Feature("level4", 128 * 2, 16)  # type: ignore[arg-type]
    assert decoders_for(("own", "none"), 4) == (
        "own",
        "none",
        "meu",
        "meu-sigmoid",
        "bilinear",
        "dad",
        "deep",
    )
    assert decoders_for(("own", "none"), 2) == ("own", "none", "bilinear", "dad")
    assert decoders_for(("own", "none"), 1) == ("own", "none", "bilinear")


def test_a_decoder_says_which_sizes_it_takes(deep: str) -> None:
    assert multiple_of(deep) == 32 and multiple_of("espnet") == 8 and multiple_of(None) == 1
    with pytest.raises(SpecError, match=r"multiples of 32 for decoder 'deep'; nearest valid: \[64, 32\]"):
        ArchSpec("espnetv2", task="segmentation", decoder=deep, input_size=(60, 40))
