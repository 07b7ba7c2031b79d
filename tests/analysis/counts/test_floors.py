"""Floors follow from the plan: closed forms of one unit, and sums that agree with the counters."""

from __future__ import annotations

import pytest

from analysis.counts.floors import Work, works
from archspace.plan.counts import count_block
from archspace.plan.nodes import Block
from archspace.plan.request import UnitRequest, draw_unit
from archspace.presets import PRESETS, preset


def test_a_unit_reads_its_input_once_and_writes_its_output_once() -> None:
    unit = draw_unit("eesp", UnitRequest(in_channels=16, out_channels=32, stride=2, branches=4))
    plan = Block("chain", 16, 32, 2, (("unit", unit),))
    (work,) = works(plan, (9, 6))
    width = 32 // 4  # the strided form reduces 16 channels to 8 in 4 groups
    reduce, branches, expand = 16 // 4 * width, 4 * 9 * width, 4 * width * width
    assert (work.read, work.written) == (16 * 9 * 6, 32 * 5 * 3)
    assert work.macs == reduce * 9 * 6 + (branches + expand) * 5 * 3
    norms = 3 * width + 3 * 32 + 3 * 32  # scale, shift and slope
    assert work.weights == reduce + branches + expand + norms
    inside = works(plan, (9, 6), "layer")
    assert sum(one.macs for one in inside) == work.macs
    assert sum(one.read + one.written for one in inside) > work.read + work.written


def test_the_longer_of_moving_and_multiplying_counts() -> None:
    work = Work(path="a", kind="esp", read=1000, written=500, weights=100, macs=10**6)
    assert work.bytes_moved(batch=2, number_bytes=2) == 2 * (2 * 1500 + 100)
    assert work.floor_ms(1.0, 1e9, batch=2, number_bytes=2) == pytest.approx(6200 / 1e6)
    assert work.floor_ms(1e9, 1.0, batch=2) == pytest.approx(2.0)


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_network_has_the_macs_of_the_counter(name: str) -> None:
    spec = preset(name).spec
    for grain in ("unit", "layer"):
        found = works(spec.plan, spec.input_size, grain)  # type: ignore[arg-type]
        assert sum(work.macs for work in found) == count_block(spec.plan, spec.input_size).macs
        assert all(work.read > 0 and work.written > 0 for work in found)
    inside = works(spec.plan, spec.input_size, "layer")
    for unit in works(spec.plan, spec.input_size):
        layers = [one for one in inside if f"{one.path}.".startswith(f"{unit.path}.")]
        moved = sum(one.read + one.written for one in layers)
        assert "pool" in unit.kind or unit.read + unit.written <= moved, (
            f"{unit.path}: a unit keeps maps on the chip"
        )
