"""The single-shot detector: its priors, the order of its outputs, its scales, what its maps are made of."""

from __future__ import annotations

import csv
from itertools import combinations, product
from math import ceil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from analysis.counts.complexity import count
from archspace.build import build
from archspace.heads.detection import Detector, boxwise
from archspace.heads.segmentation import map_of, resized
from archspace.plan import count_block
from archspace.plan.detection import ANCHORS, FUSION_SCALES, prior_count
from archspace.spec.archspec import ArchSpec


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def small(**fields: object) -> ArchSpec:
    given = {"task": "detection", "width": 0.5, "classes": 4, "alphas": (0, 1, 1, 1), **fields}
    return ArchSpec("espnetv2", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "priors"), [(300, 11_640), (512, 32_742)])
def test_the_published_number_of_priors(side: int, priors: int) -> None:
    assert prior_count((side, side)) == priors


def test_defaults_are_those_of_coco_at_300() -> None:
    spec = ArchSpec("espnetv2", task="detection")
    assert (spec.classes, spec.input_size, spec.alphas, spec.decoder) == (81, (300, 300), (0, 3, 7, 3), None)


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.25, 1.0, 2.0])
@pytest.mark.parametrize("size", [(96, 64), (75, 50), (300, 300)])
def test_it_runs_and_costs_what_its_plan_says(width: float, size: tuple[int, int]) -> None:
    spec = small(width=width)
    network = build(spec).eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        confidences, locations = network(torch.randn(2, 3, *size))
    assert confidences.shape == (2, prior_count(size), 4)
    assert locations.shape == (2, prior_count(size), 4)
    assert confidences.isfinite().all() and locations.isfinite().all()
    assert counter.get_total_flops() == 2 * 2 * count_block(spec.plan, size).macs
    assert sum(p.numel() for p in network.parameters()) == count(spec).params


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", 1.0), ("classes", 5), ("alphas", (0, 1, 1, 2)), ("activation", "relu"), ("channels", 4),
     ("reinforcement", False), ("downsampling", "strided-conv"), ("unit", "resnet"), ("fusion", "none"),
     ("dilated", False), ("residual", False), ("branches", 2)],
)  # fmt: skip
def test_every_field_changes_the_detector(field: str, value: object) -> None:
    changed = small(**{field: value})
    assert changed.arch_id != small().arch_id
    size = (64, 64)
    assert count_block(changed.plan, size) != count_block(small().plan, size) or field in (
        "fusion", "dilated", "residual",
    )  # fmt: skip
    torch.manual_seed(3)
    confidences, _ = build(changed).eval()(torch.randn(1, changed.channels, 64, 64))
    assert confidences.shape == (1, prior_count(size), changed.classes)


def test_level_5_uses_the_image_that_a_classifier_ignores() -> None:
    spec = small()
    assert count(spec).total.dead_params == count(spec.replace(reinforcement=False)).total.dead_params
    network = build(spec)
    confidences, locations = network(torch.randn(2, 3, 96, 96))
    (confidences.sum() + locations.square().sum()).backward()
    embed = network.get_parameter("encoder.level5.down.image.chain.1.conv.weight")
    assert embed.grad is not None and embed.grad.abs().sum() > 0


def test_boxes_are_in_the_order_of_positions_then_anchors() -> None:
    """Channel a x 4 + j of position (r, c) is number j of row (r x W + c) x anchors + a."""
    n, anchors, numbers, height, width = 2, ANCHORS, 4, 3, 5
    x = torch.arange(float(n * anchors * numbers * height * width)).view(n, anchors * numbers, height, width)
    y = boxwise(x, numbers)
    assert y.shape == (n, height * width * anchors, numbers)
    for r, c, a, j in ((0, 0, 0, 0), (1, 3, 4, 2), (2, 4, 5, 3)):
        assert y[1, (r * width + c) * anchors + a, j] == x[1, a * numbers + j, r, c]


def test_maps_are_joined_from_below_the_lower_level_first() -> None:
    network = build(small()).eval()
    head = network.head
    assert isinstance(head, Detector)
    read: dict[str, Tensor] = {}
    for level in FUSION_SCALES:
        name = f"fuse{level}"
        head.get_submodule(name).register_forward_hook(
            lambda _, inputs, output, name=name: read.update({name: inputs[0], f"{name}>": output})
        )
    features = network.encoder(torch.randn(1, 3, 96, 160))
    maps = head.maps(features)
    six = head.level6(features["last"])
    expected = [(6, six, head.level7(six)), (5, features["last"], maps[3]), (4, features["level4"], maps[2])]
    expected.append((3, features["level3"], maps[1]))
    for level, here, below in expected:
        joined = torch.cat((resized(below, map_of(here)), here), 1)
        torch.testing.assert_close(read[f"fuse{level}"], joined)
        assert torch.equal(maps[level - 3], read[f"fuse{level}>"])
    last = head.level8(maps[4].mean((2, 3), keepdim=True))
    torch.testing.assert_close(maps[5], last)


def test_no_other_scales_have_the_released_networks_macs(shared: Path) -> None:
    """Of all subsets of the candidates with as many stages, only ours have the exact MACs at 300 and at 512."""
    planes, strides = {6: 102, 5: 256, 4: 102, 3: 51}, {6: 64, 5: 32, 4: 16, 3: 8}
    candidates = (2.0, 1.5, 1.0, 0.5, 0.25, 0.1)

    def macs(side: int, level: int, scales: tuple[float, ...]) -> int:
        here = -(-side // strides[level])
        return sum(9 * planes[level] * (here if s == 1 else max(5, ceil(here * s))) ** 2 for s in scales)

    with (shared / "facts" / "reference_costs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["variant"] == "s2.0 coco"]
    assert [row["input_size"] for row in rows] == ["300x300", "512x512"]
    wanted = []
    for row in rows:
        side = int(row["input_size"].split("x")[0])
        ours = count(ArchSpec("espnetv2", task="detection", width=2.0, input_size=side)).conv_macs
        stages = sum(macs(side, level, scales) for level, scales in FUSION_SCALES.items())
        wanted.append((side, stages + int(row["macs_conv_only"]) - ours))
    lists = [list(combinations(candidates, len(FUSION_SCALES[level]))) for level in planes]
    table = [
        [tuple(macs(side, level, scales) for side, _ in wanted) for scales in choices]
        for level, choices in zip(planes, lists, strict=True)
    ]
    target = tuple(total for _, total in wanted)
    matches = [
        tuple(choices[i] for choices, i in zip(lists, picks, strict=True))
        for picks in product(*(range(len(choices)) for choices in lists))
        if tuple(map(sum, zip(*(row[i] for row, i in zip(table, picks, strict=True)), strict=True))) == target
    ]
    assert matches == [tuple(FUSION_SCALES[level] for level in planes)]
