"""Inner widths of units, and the modules of ESPNet's figure 5 at their published parameters."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archspace.build import build
from archspace.plan import UNITS, Conv, UnitRequest, count_block, draw_unit, placed_layers
from archspace.plan.request import inner_channels
from archspace.presets import preset
from archspace.presets.modules import HOST, MODULES, TOLERANCE, fit_inner
from archspace.spec.archspec import ArchSpec

COMPARED = preset(HOST)


def convolutions(unit: str, inner: float | None, m: int = 64, n: int = 64, stride: int = 1) -> list[Conv]:
    block = draw_unit(
        unit,
        UnitRequest(
            in_channels=m,
            out_channels=n,
            stride=stride,
            branches=UNITS[unit].branches,
            inner=inner,
            act="relu",
        ),
    )
    return [placed.layer for placed in placed_layers(block) if isinstance(placed.layer, Conv)]


@given(st.integers(1, 2048), st.floats(0.001, 16), st.integers(1, 64))
def test_inner_channels_are_the_nearest_multiple_and_at_least_one_step(
    outputs: int, share: float, step: int
) -> None:
    channels = inner_channels(outputs, share, step)
    assert channels % step == 0 and channels >= step
    assert channels == step or abs(channels - outputs * share) <= step / 2 + 1e-6


@pytest.mark.parametrize(
    ("unit", "own", "at_one"),
    [
        ("shufflenet", 16, 64),
        ("resnext", 32, 64),
        ("resnet", 64, 64),
        ("mobilenet", 64, 64),
        ("mobilenetv2", 384, 64),
    ],
)
def test_the_first_convolution_writes_the_inner_width(unit: str, own: int, at_one: int) -> None:
    assert convolutions(unit, None)[0].out_channels == own
    assert convolutions(unit, 1.0)[0].out_channels == at_one
    assert convolutions(unit, 2.0)[0].out_channels == 128
    assert convolutions(unit, 2.0)[-1].out_channels == 64


def test_an_inner_width_is_rounded_to_what_the_groups_divide() -> None:
    assert convolutions("resnext", 0.6)[1].in_channels == 40  # 38.4 in groups of 8
    assert convolutions("shufflenet", 0.3)[1].in_channels == 20  # 19.2 in groups of 4
    depthwise, pointwise = convolutions("mobilenet", 2.0, 19, 64, 2)
    assert (depthwise.groups, depthwise.out_channels, pointwise.in_channels) == (19, 133, 133)


def test_all_branches_of_inception_share_the_inner_width() -> None:
    reduces = [conv for conv in convolutions("inception", 1.5) if conv.kernel == 1]
    assert [conv.out_channels for conv in reduces] == [24] * 4


def test_one_resnet_unit_by_hand() -> None:
    """64 channels, inner width 0.5: 9 x 64 x 32 twice, norm and ReLU of 32, norm of 64."""
    request = UnitRequest(in_channels=64, out_channels=64, inner=0.5, act="relu")
    block = draw_unit("resnet", request)
    assert count_block(block, (8, 8)).params == 2 * 9 * 64 * 32 + 2 * 32 + 2 * 64


def test_a_share_is_for_all_levels_or_for_each() -> None:
    both = ArchSpec("espnet-c", unit="resnet", inner=0.5)
    assert both.inner == (0.5, 0.5) and both == ArchSpec("espnet-c", unit="resnet", inner=[0.5, 0.5])
    mixed = ArchSpec("espnet-c", unit=["esp", "resnet"], inner=0.5)
    assert mixed.inner == (None, 0.5)
    assert mixed.label == "espnet-c s=1 esp+resnet K=5 inner=own,0.5 a=2-8"
    assert ArchSpec.from_json(mixed.to_json()) == mixed
    assert both.replace(unit="esp").inner is None


def test_a_units_own_inner_width_written_out_is_the_same_network() -> None:
    given_ = ArchSpec("espnet-c", unit="resnext", inner=0.5)
    assert given_.arch_id == ArchSpec("espnet-c", unit="resnext").arch_id


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if module.params])
def test_a_module_has_the_published_parameters(name: str) -> None:
    module = MODULES[name]
    spec = module.spec(COMPARED.spec)
    assert spec.unit == (module.unit, module.unit) and spec.alphas == (2, 3)
    assert (spec.network, spec.classes, spec.input_size) == ("espnet-c", 20, (512, 1024))
    params = count_block(spec.plan, spec.input_size).params
    assert module.params is not None and abs(params / module.params - 1) <= TOLERANCE == 0.05


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if module.inner])
def test_the_inner_widths_are_those_that_come_nearest(name: str) -> None:
    module = MODULES[name]
    assert module.params is not None and fit_inner(COMPARED, module.unit, module.params) == module.inner


def test_esp_is_the_published_network_itself() -> None:
    assert MODULES["ESP"].spec(COMPARED.spec).arch_id == COMPARED.spec.arch_id


def test_the_published_parameters_are_those_of_the_figure(shared: Path) -> None:
    with (shared / "facts" / "espnet_modules.csv").open(newline="") as file:
        figure = {row["module"].lower(): row["params_M"] for row in csv.DictReader(file) if row["params_M"]}
    ours = {name.lower(): f"{m.params / 1e6:g}" for name, m in MODULES.items() if m.params}
    assert {name: float(value) for name, value in figure.items()} == {n: float(v) for n, v in ours.items()}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_builds_runs_and_learns(name: str) -> None:
    spec = MODULES[name].spec(COMPARED.spec.replace(input_size=(32, 64)))
    network = build(spec)
    y = network(torch.randn(2, 3, 32, 64))
    assert y.shape == (2, 20, 4, 8)
    y.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == count_block(spec.plan, spec.input_size).params
