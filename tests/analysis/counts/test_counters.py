"""Three counters on the built networks, against numbers taken from the published code."""

from __future__ import annotations

import csv
from typing import Any

import pytest
import torch
from torch import nn

from analysis.counts.complexity import count
from analysis.counts.counters import Counter, count_all
from archspace.build import build
from archspace.heads.base import Classifier
from archspace.heads.segmentation import Weighted
from archspace.spec.archspec import ArchSpec
from tests.commands import ROOT

# model and variant in reference_costs.csv -> our spec
SAME_FORWARD = {
    ("ESPNet-C", "p2q3"): ArchSpec("espnet-c", alphas=(2, 3), input_size=(512, 1024)),
    ("ESPNet", "p2q8 camvid train/Model.py"): ArchSpec("espnet", classes=12, input_size=(360, 480)),
}
OTHER_POOLING = {
    ("ESPNetv2-cls (EdgeNets)", "s0.5"): ArchSpec("espnetv2", width=0.5),
    ("ESPNetv2-seg (EdgeNets)", "s0.5 pascal"): ArchSpec(
        "espnetv2", task="segmentation", width=0.5, classes=21, input_size=(256, 256)
    ),
}


def reference(key: tuple[str, str]) -> dict[str, int]:
    path = ROOT.parent / "shared" / "facts" / "reference_costs.csv"
    if not path.is_file():
        pytest.skip(f"the reference numbers are not at {path}")
    with path.open(encoding="utf-8") as file:
        row = next(r for r in csv.DictReader(file) if (r["model"], r["variant"]) == key)
    return {name: int(row[name]) for name in ("macs_fvcore", "macs_thop", "flops_torch")}


def averaged_elements(spec: ArchSpec) -> int:
    """Elements read by global averages over a whole map: fvcore counts them in a pooling module only."""
    sizes: list[int] = []

    def look(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        x = arguments[0]
        sizes.append((x["last"] if isinstance(x, dict) else x).numel())

    network = build(spec).eval()
    for module in network.modules():
        if isinstance(module, Classifier | Weighted):
            module.register_forward_pre_hook(look)
    with torch.no_grad():
        network(torch.zeros(1, spec.channels, *spec.input_size))
    return sum(sizes)


@pytest.mark.slow
@pytest.mark.parametrize("key", list(SAME_FORWARD))
def test_torch_and_fvcore_equal_the_published_code(key: tuple[str, str]) -> None:
    wanted, counted = reference(key), count_all(build(SAME_FORWARD[key]))
    assert counted["torch"].raw == wanted["flops_torch"]
    assert counted["fvcore"].macs == wanted["macs_fvcore"]
    assert (
        0 < wanted["macs_thop"] - counted["thop"].macs < 0.001 * wanted["macs_thop"]
    )  # its AvgPool2d modules


@pytest.mark.slow
@pytest.mark.parametrize("key", list(OTHER_POOLING))
def test_fvcore_differs_by_the_global_averages_alone(key: tuple[str, str]) -> None:
    spec = OTHER_POOLING[key]
    wanted, counted = reference(key), count_all(build(spec))
    assert counted["torch"].raw == wanted["flops_torch"]
    assert wanted["macs_fvcore"] - counted["fvcore"].macs in (0, averaged_elements(spec))
    assert 0 <= wanted["macs_thop"] - counted["thop"].macs < 0.02 * wanted["macs_thop"]


@pytest.fixture(scope="module")
def counters() -> dict[str, Counter]:
    return count_all(build(ArchSpec("espnet", classes=7, input_size=(64, 64))))


@pytest.mark.parametrize(
    "spec",
    [
        ArchSpec("espnet", classes=7, input_size=(64, 64)),
        ArchSpec("espnet", activation="relu", classes=7, input_size=(64, 64)),
        ArchSpec("espnetv2", width=0.5, classes=10, input_size=(32, 32)),
        ArchSpec("espnetv2", task="segmentation", unit="resnet", classes=5, input_size=(48, 80)),
    ],
    ids=lambda spec: f"{spec.network}-{spec.activation}-{spec.task}",
)
def test_what_a_counter_adds_accounts_for_all_of_its_difference(spec: ArchSpec) -> None:
    macs = {n: c.macs - sum(c.counts_extra.values()) for n, c in count_all(build(spec)).items()}
    assert macs == dict.fromkeys(("torch", "fvcore", "thop"), count(spec).macs)


def left_out(counter: Counter) -> dict[str, int]:
    return {name: int(number) for name, number in (item.split(" x ") for item in counter.left_out)}


def test_every_counter_says_what_it_did_not_see(counters: dict[str, Counter]) -> None:
    network = build(ArchSpec("espnet", classes=7, input_size=(64, 64)))
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    slopes = sum(isinstance(m, nn.PReLU) for m in network.modules())
    torch_left, fvcore_left, thop_left = (left_out(counters[n]) for n in ("torch", "fvcore", "thop"))
    assert torch_left["native_batch_norm"] == norms and torch_left["_prelu_kernel"] == slopes
    assert fvcore_left["prelu"] == slopes and "batch_norm" not in fvcore_left
    assert "_prelu_kernel" not in thop_left and "native_batch_norm" not in thop_left
    assert torch_left["avg_pool2d"] == fvcore_left["avg_pool2d"] == thop_left["avg_pool2d"] == 2
    assert not any("convolution" in left for left in (torch_left, fvcore_left, thop_left))


def test_activations_that_thop_takes_for_free_are_left_out() -> None:
    spec = ArchSpec("espnet", activation="relu", classes=7, input_size=(64, 64))
    assert left_out(count_all(build(spec))["thop"])["relu"] > 0


def test_the_network_is_not_changed() -> None:
    network = build(ArchSpec("espnet-c", classes=7, input_size=(32, 32))).train()
    keys = set(network.state_dict())
    count_all(network)
    assert set(network.state_dict()) == keys and network.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
