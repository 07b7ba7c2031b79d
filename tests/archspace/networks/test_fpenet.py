"""FPENet, DABNet and CGNet against the counts of their implementations; the decoder that fits every encoder."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.counts.complexity import count
from archspace.build import build
from archspace.plan import UnitRequest, draw_unit
from archspace.plan.design import NETWORKS
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError
from archspace.units import BlockModule, make

SEGMENTERS = [name for name, design in NETWORKS.items() if "segmentation" in design.alphas]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("name", "changes", "params", "giga_macs"),
    [
        ("fpenet", {}, 361_532, 1.383),
        ("fpenet", {"alphas": (1, 1, 8)}, 351_612, 1.282),
        ("fpenet", {"alphas": (1, 2, 7)}, 325_308, 1.288),
        ("fpenet-b", {"classes": 19}, 115_125, None),
        ("dabnet", {}, None, 3.363),
        ("dabnet", {"classes": 19}, 756_643, None),
        ("cgnet", {"classes": 19}, 496_306, None),
        ("edanet", {}, None, 2.902),
        ("edanet", {"classes": 19}, 689_485 - 2_806, None),
        ("lcnet-3-7", {"classes": 19, "input_size": (1024, 1024)}, 509_446, 15.555),
        ("lcnet-3-11", {"classes": 19, "input_size": (512, 1024)}, None, 9.560),
        ("lcnet-3-7", {"width": 0.625, "alphas": (2, 12)}, 307_562, 1.251),
    ],
)
def test_networks_count_as_their_implementations(
    name: str, changes: dict[str, Any], params: int | None, giga_macs: float | None
) -> None:
    """Parameters of the released code, MACs at 360 x 480 with 11 classes as others counted them.

    EDANet's implementation gives its convolutions biases, 2,806 with 19 classes, which its norms make void.
    """
    counted = count(preset(name).spec.replace(**changes))
    assert params is None or counted.params == params
    assert giga_macs is None or round(counted.macs / 1e9, 3) == giga_macs


def unit(**more: Any) -> BlockModule:
    request: dict[str, Any] = {"in_channels": 8, "out_channels": 8, "branches": 4, "act": "relu", **more}
    module = make(draw_unit("fpe", UnitRequest(**request)))
    assert isinstance(module, BlockModule)
    return module.eval()


@pytest.mark.parametrize("fusion", ["sum", "cascade", "none"])
def test_groups_are_summed_or_run_one_after_the_other(fusion: str) -> None:
    module = unit(fusion=fusion != "none", cascade=fusion == "cascade", inner=2.0)
    x = torch.randn(2, 8, 6, 5)
    parts = module.reduce(x).chunk(4, 1)  # type: ignore[operator]
    expected: list[Tensor] = []
    for branch, part in zip(module.branches, parts, strict=True):  # type: ignore[arg-type]
        if fusion == "cascade" and expected:
            part = part + expected[-1]
        own = branch(part)
        expected.append(own + expected[-1] if fusion == "sum" and expected else own)
    torch.testing.assert_close(module(x), module.expand(torch.cat(expected, 1)) + x)  # type: ignore[operator]


def test_a_projected_shortcut_joins_before_the_last_activation() -> None:
    plain, projected = unit(stride=2), unit(stride=2, projected=True)
    assert not plain.has("shortcut") and projected.has("shortcut")
    x = torch.randn(1, 8, 8, 8)
    assert unit()(x).min() < 0, "an identity joins after it"
    assert unit(projected=True)(x).min() == 0 and projected(x).min() == 0


@pytest.mark.parametrize("decoder", ["meu", "meu-sigmoid"])
def test_each_map_is_gated_by_the_other(decoder: str) -> None:
    head = build(preset("fpenet").spec.replace(decoder=decoder)).eval().head
    module = head.meu1
    low, high = torch.randn(2, 16, 8, 6), torch.randn(2, 64, 4, 3)
    fine, coarse = module.low(low), module.high(high)
    spatial = module.spatial(fine.mean(1, keepdim=True))
    channel = module.channel(coarse.mean((2, 3), keepdim=True))
    if decoder == "meu-sigmoid":
        spatial, channel = spatial.sigmoid(), channel.sigmoid()
    up = F.interpolate(coarse, size=(8, 6), mode="bilinear", align_corners=True)
    torch.testing.assert_close(module(low, high), fine * channel + up * spatial)
    assert bool(module.low(low).min() < 0) is (decoder == "meu-sigmoid"), "its embeddings end in the norm"


@pytest.mark.parametrize("network", SEGMENTERS)
@pytest.mark.parametrize("decoder", ["meu", "bilinear", "dad"])
def test_a_decoder_fits_every_encoder(network: str, decoder: str) -> None:
    """Images of any size, though the network's own decoder may take only multiples of 8."""
    spec = ArchSpec(
        network, task="segmentation", decoder=decoder, classes=3, width=0.5, alphas=1, input_size=(35, 45)
    )
    built = build(spec).eval()
    with torch.inference_mode():
        assert built(torch.randn(1, 3, 35, 45)).shape == (1, 3, 35, 45)
    assert sum(p.numel() for p in built.parameters()) == count(spec).params


def test_a_decoder_has_a_width_where_it_has_channels_of_its_own() -> None:
    spec = preset("fpenet").spec
    sizes = [count(spec.replace(decoder_width=width)).params for width in (0.5, 1.0, 2.0)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
    with pytest.raises(SpecError, match=r"decoder_width: 2\.0: decoder 'bilinear' has no width to choose"):
        ArchSpec("fpenet", decoder="bilinear", decoder_width=2.0)
    assert spec.replace(decoder="bilinear").decoder_width is None


def test_one_image_alone_can_be_learned_from() -> None:
    """The norm of a channel gate has one value a channel then, which has no variance."""
    network = build(preset("fpenet").spec.replace(input_size=(32, 32), alphas=1)).train()
    scores = network(torch.randn(1, 3, 32, 32))
    scores.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_only_units_that_split_their_channels_can_cascade() -> None:
    with pytest.raises(SpecError, match=r"fusion: 'cascade'.*hff, none"):
        ArchSpec("espnet", fusion="cascade")
    assert ArchSpec("espnet", unit=("fpe", "esp"), fusion="cascade").fusion == "cascade"
    with pytest.raises(SpecError, match="shortcut"):
        ArchSpec("espnet", shortcut="projected")
