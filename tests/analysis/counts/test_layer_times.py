from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from analysis.cli.layers_command import register
from analysis.counts.complexity import count
from analysis.counts.layer_times import BUSY, LayerTimes, busy_flags, layer_times, timed_parts
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError

SPEC = ArchSpec("espnetv2", classes=10, input_size=(64, 64))


@pytest.mark.parametrize("by", ["unit", "layer"])
def test_parts_hold_every_mac_and_none_is_within_another(by: str) -> None:
    network = build(SPEC)
    times = layer_times(network, by=by, warmup=1, runs=2)  # type: ignore[arg-type]
    assert sum(layer["macs"] for layer in times.layers) == count(SPEC).macs
    assert all(layer["ms"] > 0 and layer["bytes"] > 0 for layer in times.layers)
    names = list(timed_parts(network, by))  # type: ignore[arg-type]
    assert not [(a, b) for a in names for b in names if b.startswith(f"{a}.")]
    assert times.gap_percent == pytest.approx(100 * (times.sum_ms / times.whole_ms - 1))


@pytest.mark.slow
def test_time_goes_where_the_work_is() -> None:
    """A part that is made to take long is seen, and the others are not blamed."""
    network = build(SPEC)
    slow = network.get_submodule("encoder.level3.units.0")
    plain = slow.forward

    def dawdle(x: torch.Tensor) -> torch.Tensor:
        a = torch.ones(300, 300)
        for _ in range(20):
            a @ a
        return plain(x)

    slow.forward = dawdle  # type: ignore[method-assign]
    times = layer_times(network, warmup=1, runs=4)
    longest = max(times.layers, key=lambda layer: layer["ms"])
    assert longest["name"] == "encoder.level3.units.0"


def test_mode_threads_and_hooks_are_restored() -> None:
    network = build(SPEC).train()
    before = torch.get_num_threads()
    layer_times(network, warmup=0, runs=1, threads=before + 1)
    assert network.training and torch.get_num_threads() == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_a_busy_machine_is_reported() -> None:
    assert busy_flags(LayerTimes(layers=[], whole_ms=1.0, cpu_share=BUSY)) == []
    assert "60%" in busy_flags(LayerTimes(layers=[], whole_ms=1.0, cpu_share=0.4))[0]


@pytest.mark.parametrize(("name", "value"), [("runs", 0), ("threads", 0), ("by", "level")])
def test_bad_input(name: str, value: object) -> None:
    with pytest.raises(FieldError, match=name):
        layer_times(build(SPEC), **{name: value})  # type: ignore[arg-type]


def test_command(tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    out = tmp_path / "layers.json"
    arguments = ["espnetv2-0.5", "--input", "64x64", "--runs", "2", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    assert (
        "off (what runs between the units is in none of them" in result.stdout
        and "Measured roofs" in result.stdout
    )
    data = json.loads(out.read_text())
    assert data["origin"] == "measured" and data["peak_flops"] > 1e8 and data["bandwidth"] > 1e7
