"""EDANet's and LCNet's units and decoder: what they hand on untouched, and what they make of the rest."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.counts.complexity import count
from archspace.build import build
from archspace.plan import UnitRequest, draw_unit
from archspace.plan.nodes import Block
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError
from archspace.units import BlockModule, make


def unit(name: str, inputs: int, outputs: int, **more: Any) -> BlockModule:
    torch.manual_seed(0)
    module = make(draw_unit(name, UnitRequest(in_channels=inputs, out_channels=outputs, act="relu", **more)))
    assert isinstance(module, BlockModule)
    return module.eval()


@pytest.mark.parametrize(("inputs", "outputs", "kept"), [(6, 9, 6), (8, 8, 6), (16, 8, 6)])
@pytest.mark.parametrize("stride", [1, 2])
def test_new_channels_stand_before_those_of_the_input(
    inputs: int, outputs: int, kept: int, stride: int
) -> None:
    """A wider output keeps all of the input; else the oldest quarter makes room."""
    module = unit("eda", inputs, outputs, stride=stride)
    x = torch.randn(2, inputs, 7, 6)
    y = module(x)
    old = x if stride == 1 else F.max_pool2d(x, 2, ceil_mode=True)
    torch.testing.assert_close(y[:, outputs - kept :], old[:, :kept])
    new = x
    for layer in module.chain:  # type: ignore[union-attr]
        new = layer(new)
    torch.testing.assert_close(y[:, : outputs - kept], new)


def test_every_unit_of_edanet_reads_all_before_it() -> None:
    encoder = preset("edanet").spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    for level, repeats, first in (("level2", 5, 60), ("level3", 8, 130)):
        block = encoder.part(level)
        assert isinstance(block, Block)
        units = block.part("units")
        assert isinstance(units, tuple) and len(units) == repeats
        widths = [(one.in_channels, one.out_channels) for one in units if isinstance(one, Block)]
        assert widths == [(first + 40 * i, first + 40 * (i + 1)) for i in range(repeats)]
    assert encoder.out_channels == 450


@pytest.mark.parametrize("share", [None, 0.25, 1.0])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_share_of_the_channels_is_convolved(share: float | None, stride: int) -> None:
    """All meet in the 1 x 1; the first of them came there as they were."""
    module = unit("pct", 8, 8, inner=share, stride=stride, residual=False)
    taken = {None: 4, 0.25: 2, 1.0: 8}[share]
    x = torch.randn(2, 8, 6, 6)
    reduced: Tensor = module.reduce(x[:, 8 - taken :])  # type: ignore[operator]
    plain, dilated = (branch(reduced) for branch in module.branches)  # type: ignore[union-attr]
    made = module.mix(reduced + plain + dilated)  # type: ignore[operator]
    old = (x if stride == 1 else F.max_pool2d(x, 2))[:, : 8 - taken]
    torch.testing.assert_close(module(x), module.expand(torch.cat((old, made), 1)))  # type: ignore[operator]


def test_lcnet_adds_no_identity_unless_asked_to() -> None:
    spec = preset("lcnet-3-7").spec
    assert spec.residual is False and spec.activation == "selu"
    assert ArchSpec("espnet", unit="pct").residual is True
    assert count(spec.replace(residual=True)).params == count(spec).params


def test_a_share_above_one_is_refused_where_channels_are_parted() -> None:
    with pytest.raises(SpecError, match=r"inner: 2\.0: unit 'pct' takes at most 1; nearest valid: 1"):
        ArchSpec("lcnet", inner=2.0)
    with pytest.raises(SpecError, match=r"inner\[1\]: 1\.5: unit 'pct'"):
        ArchSpec("espnet", unit=("fpe", "pct"), inner=(1.5, 1.5))
    assert ArchSpec.sampled({"network": "espnet", "unit": ("fpe", "pct"), "inner": 1.5}).inner == (1.5, None)
    assert ArchSpec("lcnet", inner=(0.25, None)).inner == (0.25, None)


def test_published_parameters_of_lcnet_are_those_with_prelu() -> None:
    """0.51 M and 0.74 M: its code has SELU, which has none, and the name of PReLU."""
    counted = [
        count(preset(name).spec.replace(classes=19, activation="prelu")).params
        for name in ("lcnet-3-7", "lcnet-3-11")
    ]
    assert counted == [513_209, 735_417]


def test_fine_features_and_a_reverse_attention_gate_the_deep_ones() -> None:
    head = build(preset("lcnet-3-7").spec).eval().head
    fine, deep = torch.randn(2, 64, 8, 6), torch.randn(2, 128, 4, 3)
    own = head.reduce(deep)
    own = own + own.sigmoid() * head.reverse(-own.sigmoid())
    wide = F.interpolate(own, size=(8, 6), mode="bilinear", align_corners=True)
    scores = head.scores(head.refine(wide * fine.sigmoid()))
    expected = F.interpolate(scores, size=(30, 22), mode="bilinear", align_corners=True)
    torch.testing.assert_close(head({"level2": fine, "last": deep}, (30, 22)), expected)
