"""RAPL: differences of counters, their wrap, what adds up to the whole, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.board.rapl import Rapl, Zone, find_rapl
from tests.analysis.board.trees import rapl, write

PLAIN = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram"}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_packages_and_memory_are_the_whole_and_parts_of_packages_are_left_out(tmp_path: Path) -> None:
    rapl(
        tmp_path, {**PLAIN, "intel-rapl:1": "package-1", "intel-rapl:1:0": "dram", "intel-rapl:1:1": "uncore"}
    )
    rapl(tmp_path, {"intel-rapl-mmio:0": "package-0"})  # the same counter by another way
    (sensor,), missing = find_rapl(str(tmp_path))
    assert (missing, sensor.rails) == ({}, ["package-0", "dram-0", "package-1", "dram-1"])
    assert sensor.total == sensor.rails


def test_the_platform_is_the_whole_where_it_is_counted(tmp_path: Path) -> None:
    rapl(tmp_path, {**PLAIN, "intel-rapl:1": "psys"})
    (sensor,), _ = find_rapl(str(tmp_path))
    assert sensor.total == ["psys"]


def test_a_counter_that_wraps(tmp_path: Path) -> None:
    folder = rapl(tmp_path, PLAIN, range_uj=5e9, energy_uj=5e9 - 2e6) / "intel-rapl:0"
    clock = Clock()
    sensor = Rapl([Zone("package-0", folder, 5e9)], clock)
    clock.now += 0.5
    write(folder / "energy_uj", round(5e9 - 1e6))
    assert sensor.read() == {"package-0": pytest.approx(2.0)}
    clock.now += 0.5
    write(folder / "energy_uj", 3_000_000)
    assert sensor.read() == {"package-0": pytest.approx(8.0)}
    clock.now += 2.0
    assert sensor.read() == {"package-0": 0.0}, "a counter that stands still is told as it is"


def test_reads_too_far_apart_to_see_every_wrap_are_refused(tmp_path: Path) -> None:
    folder = rapl(tmp_path, PLAIN, range_uj=65e9) / "intel-rapl:0"
    clock = Clock()
    sensor = Rapl([Zone("package-0", folder, 65e9)], clock)
    assert sensor.describe()["read_at_least_every_s"] == 65.0
    clock.now += 66
    with pytest.raises(OSError, match="66 s between two reads: the counter may have wrapped more than once"):
        sensor.read()


def test_the_first_sample_is_not_taken_over_no_time(tmp_path: Path) -> None:
    folder = rapl(tmp_path, PLAIN)
    (sensor,), _ = find_rapl(str(tmp_path))
    write(folder / "intel-rapl:0/energy_uj", 1000 + 10_000_000)
    assert 0 < sensor.read()["package-0"] <= 1000


def test_a_zone_that_cannot_be_read_is_named_and_the_others_count(tmp_path: Path) -> None:
    folder = rapl(tmp_path, PLAIN)
    path = folder / "intel-rapl:0:1/energy_uj"
    path.unlink()
    path.mkdir()
    (sensor,), missing = find_rapl(str(tmp_path))
    assert sensor.rails == ["package-0"]
    assert missing == {"rapl": f"is a directory: {path}"}


def test_none(tmp_path: Path) -> None:
    sensors, missing = find_rapl(str(tmp_path))
    assert sensors == []
    assert missing["rapl"].startswith("no energy counters under ")
