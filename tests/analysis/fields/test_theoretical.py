"""Theoretical receptive fields against the gradient of the built networks; effective ones against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.fields.effective import (
    effective_receptive_field,
    effective_receptive_fields,
    gaussian_sigma,
    smallest_areas,
    square_sides,
)
from analysis.fields.reach import Reach, after
from analysis.fields.theoretical import reaches, receptive_fields
from archspace.build import build
from archspace.heads import mirrored
from archspace.plan import UNITS, UnitRequest, draw_unit
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.units import make

torch.set_num_threads(1)


def positive(module: nn.Module) -> Any:
    """All weights positive, so that nothing cancels: on a positive image every seen pixel has a gradient."""
    for child in module.modules():
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.constant_(child.weight, child.weight.shape[0] / child.weight.numel())
            if child.bias is not None:
                nn.init.zeros_(child.bias)
    return module.double().eval()


@pytest.fixture
def linear_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Max pools average and unpools repeat: their gradients then show all that a maximum may come from."""

    def averaged(x: Tensor, kernel: int, *, return_indices: bool = False, **how: Any) -> Any:
        y = F.avg_pool2d(x, kernel, **how)
        return (y, torch.zeros_like(y)) if return_indices else y

    monkeypatch.setattr(F, "max_pool2d", averaged)
    monkeypatch.setattr(mirrored, "unpooled", lambda x, indices: F.interpolate(x, scale_factor=2.0))


def extent(y: Tensor, x: Tensor, row: int) -> tuple[int, int]:
    """First and last image row with a gradient from a row of ``y`` at its middle column."""
    (gradient,) = torch.autograd.grad(y[0, :, row, y.shape[3] // 2].sum(), x, retain_graph=True)
    rows = gradient[0].abs().sum((0, 2)).nonzero()
    return int(rows.min()), int(rows.max())


def unit_receptive_field(name: str, request: UnitRequest) -> int | None:
    """Side of the receptive field of one unit in positions of its input; ``None``: the whole map."""
    return after(draw_unit(name, request), Reach()).side


def strip(channels: int, height: int, width: int = 16) -> Tensor:
    """A narrow image: the vertical extent does not depend on the width, and zero padding costs little."""
    return torch.ones(1, channels, height, width, dtype=torch.double, requires_grad=True)


@pytest.mark.parametrize("branches", range(1, 9))
def test_esp_has_the_papers_receptive_field(branches: int) -> None:
    request = UnitRequest(in_channels=16, out_channels=16, branches=branches)
    assert unit_receptive_field("esp", request) == (3 - 1) * 2 ** (branches - 1) + 1


REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {"out_channels": 16},
    "strided": {"out_channels": 32, "stride": 2},
    "limited": {"out_channels": 16, "limit": 5},
    "not dilated": {"out_channels": 16, "dilated": False, "fusion": False, "residual": False},
    "wide reduce": {"out_channels": 16, "pointwise_kernel": 3},
    "side 5": {"out_channels": 16, "kernel": 5, "residual": False},
    "rate 4": {"out_channels": 16, "rate": 4},
    "narrower": {"out_channels": 8, "stride": 2, "branches": 2},
}


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize("name", list(UNITS))
@pytest.mark.usefixtures("linear_pools")
def test_units_see_what_their_gradient_says(name: str, case: str) -> None:
    asked = {"branches": UNITS[name].branches and 4, **REQUESTS[case]}
    request = UnitRequest(in_channels=16, **asked)
    side = unit_receptive_field(name, request)
    x = torch.ones(1, 16, 81, 81, dtype=torch.double, requires_grad=True)
    y = positive(make(draw_unit(name, request)))(x)
    middle = y.shape[2] // 2
    (gradient,) = torch.autograd.grad(y[0, :, middle, middle].sum(), x)
    positions = gradient[0].abs().sum(0).nonzero()
    expected = 81 if side is None else side
    assert [int(n) for n in positions.max(0).values - positions.min(0).values + 1] == [expected, expected]
    assert (side is None) is (name in ("dice", "cg"))


SPECS = {
    "espnet-c": ArchSpec("espnet-c", task="segmentation", classes=3, branches=3, alphas=(1, 2)),
    "espnet-a": ArchSpec("espnet-a", task="segmentation", classes=3, branches=4, alphas=(2, 1), width=0.5),
    "espnet": ArchSpec("espnet", task="segmentation", classes=5, branches=4, alphas=(1, 1)),
    "espnet-raw": ArchSpec(
        "espnet", task="segmentation", classes=4, branches=2, alphas=(0, 0), decoder="espnet-raw"
    ),
    "limited": ArchSpec("espnet", task="segmentation", classes=5, alphas=(2, 2), receptive_field=(9, 9, 5)),
    "not dilated": ArchSpec("espnet", task="segmentation", classes=5, alphas=(2, 3), dilated=False),
    "units": ArchSpec("espnet-b", task="segmentation", classes=3, unit=("asp", "inception"), branches=(3, 4)),
    "no alphas": ArchSpec("espnetv2", classes=10, width=0.5, alphas=(0, 0, 0, 0), reinforcement=False),
    "espnetv2": ArchSpec("espnetv2", classes=10, width=0.5, alphas=(0, 1, 2, 1)),
    "mobilenetv1": ArchSpec("mobilenetv1", classes=10, width=0.25, alphas=(0, 1, 2, 1), activation="relu"),
    "mobilenetv2": ArchSpec(
        "mobilenetv2", classes=10, width=0.25, alphas=(1, 0, 3, 2), unit="resnet", activation="relu"
    ),
    "shufflenetv1": ArchSpec("shufflenetv1", classes=10, width=0.25, branches=2, alphas=(1, 2, 0)),
    "strided-conv": ArchSpec(
        "espnetv2",
        classes=10,
        width=0.5,
        alphas=(1, 1, 1, 1),
        unit="shufflenetv2",
        downsampling="strided-conv",
    ),
    "shufflenetv2": ArchSpec("shufflenetv2", classes=10, width=0.5, alphas=(1, 0, 1)),
    "units at level 3": ArchSpec(
        "dicenet",
        task="segmentation",
        decoder="none",
        classes=4,
        width=0.5,
        alphas=(1, 2),
        unit=("esp", "resnet"),
    ),
    "factorised units": ArchSpec(
        "espnetv2", classes=10, width=0.5, alphas=(1, 1, 1, 1), unit=("fcu", "pfcu", "non-bottleneck-1d", "enet")
    ),
    "esnet": ArchSpec("esnet", classes=3, alphas=(2, 1, 1)),
    "erfnet": ArchSpec("erfnet", classes=3, alphas=(0, 1, 4)),
    "enet": ArchSpec("enet", classes=3, alphas=(0, 2, 6)),
    "enet, other units": ArchSpec("enet", classes=3, alphas=(1, 1, 1), unit=("enet", "pfcu", "esp"), decoder="none"),
    "segnet": ArchSpec("segnet", classes=3, alphas=(1, 2, 0, 1, 2), width=0.25),
    "fpenet": ArchSpec("fpenet", classes=3, alphas=(0, 1, 1), branches=(None, 3, 2), stem="thick"),
    "fpenet in a cascade": ArchSpec(
        "fpenet", classes=3, alphas=(1, 2, 0), branches=2, fusion="cascade", shortcut="projected", long_skip=True,
    ),
    "dabnet": ArchSpec("dabnet", classes=3, alphas=(1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.usefixtures("linear_pools")
def test_networks_see_what_their_gradient_says(name: str) -> None:
    spec = SPECS[name]
    fields = {field.name: field for field in receptive_fields(spec)}
    largest = max(field.side or 0 for field in fields.values())
    x = strip(spec.channels, -(-(largest + 66) // 32) * 32, 32)
    network = positive(build(spec))
    features = network.encoder(x)
    outputs = {n: features.get(n, features["last"]) for n in fields if n != "head"}
    if fields["head"].side is not None:
        outputs["head"] = network.head(features, tuple(x.shape[2:]))
    for level, y in outputs.items():
        reach, middle = reaches(spec)[level], y.shape[2] // 2
        period = len(reach.spans)
        assert x.shape[2] == reach.stride * y.shape[2]
        for row in range(middle - middle % period, middle - middle % period + period):
            first, last = reach.spans[row % period]
            expected = (reach.stride * row + first, reach.stride * row + last)
            assert extent(y, x, row) == expected, (level, row)
        assert max(last - first + 1 for first, last in reach.spans) == fields[level].side


def test_dice_sees_the_whole_image_from_its_first_level_on() -> None:
    fields = {field.name: field for field in receptive_fields(ArchSpec("dicenet"))}
    assert {name: field.side for name, field in fields.items()} == {
        "level1": 3, "level2": 7, "level3": None, "level4": None, "level5": None, "head": None,
    }  # fmt: skip
    assert fields["level3"].stride == 8


@pytest.mark.parametrize("name", ["espnetv2-seg", "classifier"])
def test_global_pooling_sees_the_whole_image(name: str) -> None:
    seg = name == "espnetv2-seg"
    spec = ArchSpec(
        "espnetv2", task="segmentation" if seg else "classification", classes=4, width=0.5,
        alphas=(0, 0, 0) if seg else (0, 0, 0, 0),
    )  # fmt: skip
    head = receptive_fields(spec)[-1]
    assert head.side is None and head.whole and "whole image" in head.whole
    x = strip(3, 320, 32)
    y = positive(build(spec))(x)
    score = y[0, :, 160, 16].sum() if seg else y.sum()
    (gradient,) = torch.autograd.grad(score, x)
    assert bool((gradient != 0).all())


@pytest.mark.parametrize("output", ["confidences", "locations"])
def test_the_last_box_of_a_detector_sees_the_whole_image(output: str) -> None:
    spec = ArchSpec("espnetv2", task="detection", classes=4, width=0.5, alphas=(0, 0, 0, 0))
    head = receptive_fields(spec)[-1]
    assert head.side is None and head.whole and "whole image" in head.whole
    by_path = reaches(spec)
    assert by_path["head.level7"].side == by_path["expand"].side + 2 * 32 + 2 * 64  # type: ignore[operator]
    x = strip(3, 320, 32)
    y = positive(build(spec))(x)[0 if output == "confidences" else 1]
    (gradient,) = torch.autograd.grad(y[0, -1].sum(), x)
    assert bool((gradient != 0).all())
    assert {by_path[f"head.{output}.{index}"].side is None for index in (0, 1, 2, 3, 5)} == {True}
    assert by_path[f"head.{output}.4"].side == by_path["head.level7"].side


def test_aligned_corners_are_bounded_by_the_whole_image_not_guessed() -> None:
    spec = ArchSpec("espnetv2", task="segmentation", decoder="pyramid", classes=4, width=0.5)
    by_path = reaches(spec)
    assert by_path["head.project4"].side == by_path["level4"].side
    assert (
        "aligned corners" in (by_path["head.unit3"].whole or "") and receptive_fields(spec)[-1].side is None
    )


def test_every_preset_has_growing_fields_and_published_ones_are_pinned() -> None:
    for preset in PRESETS.values():
        sides = [field.side for field in receptive_fields(preset.spec) if field.side]
        assert sides == sorted(sides)
    pinned = {field.name: field.side for field in receptive_fields(PRESETS["espnet"].spec)}
    assert pinned == {"level1": 3, "level2": 391, "level3": 2703, "head": 2839}
    # Level 1: 3, and 4 positions of 2 pixels for each FCU; a PFCU of rates up to 9 adds 2 + 18 positions of 8.
    pinned = {field.name: field.side for field in receptive_fields(PRESETS["esnet"].spec)}
    assert pinned["level1"] == 3 + 3 * 8 and pinned["level3"] == pinned["level2"] + 8 + 3 * 20 * 8
    # VGG16's pooled levels: 6, 16, 44, 100, 212 (a well-known table).
    vgg = [field.side for field in receptive_fields(PRESETS["segnet"].spec)]
    assert vgg[:5] == [6, 16, 44, 100, 212]


def test_an_unknown_block_is_said_not_guessed() -> None:
    from analysis.fields.reach import Reach, after
    from archspace.plan import AxisConv, Block

    with pytest.raises(InputError, match="'mystery'"):
        after(Block("mystery", 3, 3, 1, ()), Reach())
    with pytest.raises(InputError, match="AxisConv"):
        after(AxisConv(channels=3, side=4, axis="width"), Reach())


def test_sizes_of_a_gaussian_are_its_closed_forms() -> None:
    sigma, at = 6.0, np.arange(121) - 60
    bell = np.exp(-(at**2) / (2 * sigma**2))
    mass = np.outer(bell, bell)
    assert gaussian_sigma(mass) == pytest.approx(sigma, rel=1e-6)
    # A centred square of half side a holds erf(a / (sigma sqrt 2))^2; the smallest area is a disc.
    assert abs(square_sides(mass, (60, 60))[0.9] - 2 * 1.9488 * sigma) <= 2
    for share, area in smallest_areas(mass).items():
        assert area == pytest.approx(-2 * np.pi * sigma**2 * np.log(1 - share), rel=0.02)


def test_a_uniform_square_and_a_point_have_their_own_size() -> None:
    mass = np.zeros((21, 31))
    mass[6:11, 10:15] = 1
    assert square_sides(mass, (8, 12)) == {0.5: 5, 0.9: 5, 0.99: 5}
    assert smallest_areas(mass) == {0.5: 13, 0.9: 23, 0.99: 25}
    mass = np.zeros((5, 5))
    mass[2, 2] = 1
    assert square_sides(mass, (2, 2))[0.99] == smallest_areas(mass)[0.99] == 1 and gaussian_sigma(mass) == 0


def test_effective_fields_lie_inside_the_theoretical_ones_and_repeat() -> None:
    spec = ArchSpec("espnet-c", task="segmentation", classes=3, branches=3, alphas=(1, 1))
    torch.manual_seed(0)
    network = build(spec).train()
    images = torch.randn(2, 3, 128, 160)
    fields = effective_receptive_fields(network, images, draws=2)
    assert network.training and all(p.grad is None for p in network.parameters())
    for theory in receptive_fields(spec):
        field = fields[theory.name]
        assert field.gradient.shape == (128, 160) and field.gradient.sum() == pytest.approx(1)
        assert field.centre == (64, 80) and theory.side
        positions = np.argwhere(field.gradient > 0)
        assert abs(positions - (64, 80)).max() <= theory.side // 2
        assert field.squares[0.5] <= field.squares[0.9] <= field.squares[0.99] <= theory.side
        assert field.areas[0.9] <= field.squares[0.9] ** 2
    again = effective_receptive_field(network, images, "level2", draws=2)
    alone = effective_receptive_field(network, images, "level2", draws=2)
    np.testing.assert_array_equal(again.gradient, alone.gradient)


def test_bad_levels_and_sizes_are_refused() -> None:
    network: Any = build(ArchSpec("espnet", task="segmentation", classes=3))
    with pytest.raises(FieldError, match=r"level: 'level7'.*level1, level2, level3, head"):
        effective_receptive_field(network, torch.randn(1, 3, 16, 16), "level7")
    with pytest.raises(FieldError, match="multiples of 8"):
        effective_receptive_field(network, torch.randn(1, 3, 17, 16), "level1")
    nn.init.zeros_(network.head.up1[0].weight)
    with pytest.raises(FieldError, match=r"level: 'head'.*nothing can be measured"):
        effective_receptive_field(network, torch.randn(1, 3, 16, 16), "head", draws=1)
