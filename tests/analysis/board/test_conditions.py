"""The machine's state from trees of files; what cannot be read is named and never 0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.board.conditions import conditions, drift
from tests.analysis.board.trees import write

RELEASE = (
    "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref, EABI: aarch64, DATE: Sat Feb 19 2022"
)


def tx2(root: Path, named: bool = True) -> Path:
    """A TX2 under r32 with two cores on; ``named``: with the device tree's name of the GPU."""
    (root / "proc/device-tree").mkdir(parents=True)
    (root / "proc/device-tree/model").write_bytes(b"quill\x00")
    write(root / "etc/nv_tegra_release", RELEASE)
    write(root / "proc/loadavg", "0.52 0.58 0.59 1/389 12345")
    for core, khz in ((0, 2035200), (3, 345600)):
        write(root / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq", khz)
        write(root / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor", "schedutil")
    (root / "sys/devices/system/cpu/cpu1").mkdir()
    device = root / "sys/devices/17000000.gp10b"
    clock = device / "devfreq/17000000.gp10b"
    write(clock / "cur_freq", 1122000000)
    write(clock / "governor", "nvhost_podgov")
    write(device / "load", 987)
    if named:
        write(device / "of_node/name", "gp10b\x00")
        (clock / "device").symlink_to(device, target_is_directory=True)
        other = root / "sys/devices/15340000.vic"
        write(other / "of_node/name", "vic\x00")
        write(other / "devfreq/15340000.vic/cur_freq", 115200000)
        (other / "devfreq/15340000.vic/device").symlink_to(other, target_is_directory=True)
        names = root / "sys/class/devfreq"
        names.mkdir(parents=True)
        for part in (other / "devfreq/15340000.vic", clock):
            (names / part.name).symlink_to(part, target_is_directory=True)
    write(root / "sys/kernel/debug/bpmp/debug/clk/emc/rate", 1866000000)
    write(root / "sys/kernel/nvpmodel_emc_cap/emc_iso_cap", 1600000000)
    for n, (zone, temperature) in enumerate(
        (("BCPU-therm", 38500), ("GPU-therm", 35500), ("CV0-therm", -256000))
    ):
        write(root / f"sys/devices/virtual/thermal/thermal_zone{n}/type", zone)
        write(root / f"sys/devices/virtual/thermal/thermal_zone{n}/temp", temperature)
    return root


def nvpmodel(root: Path, script: str) -> None:
    path = root / "usr/sbin/nvpmodel"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("named", [True, False])
def test_a_tx2(tmp_path: Path, named: bool) -> None:
    root = tx2(tmp_path, named)
    nvpmodel(root, '[ "$*" = -q ] && printf "NV Fan Mode:quiet\\nNV Power Mode: MAXP_CORE_ARM\\n3\\n"')
    readings = conditions(str(root))
    assert readings == {
        "model": "quill",
        "l4t": "R32.7.1",
        "power_mode": "MAXP_CORE_ARM",
        "cpu_mhz": {"cpu0": 2035.2, "cpu3": 345.6},
        "governor": "schedutil",
        "gpu_mhz": 1122.0,
        "gpu_governor": "nvhost_podgov",
        "gpu_load": 98.7,
        "emc_mhz": 1866.0,
        "emc_cap_mhz": 1600.0,
        "temperature_c": {"BCPU-therm": 38.5, "GPU-therm": 35.5},
        "load_average": 0.52,
        "missing": {},
    }
    assert json.loads(json.dumps(readings)) == readings


def test_nothing_is_there(tmp_path: Path) -> None:
    readings = conditions(str(tmp_path))
    assert set(readings) == {"missing"}
    assert set(readings["missing"]) == {
        "model", "l4t", "power_mode", "cpu_mhz", "governor", "gpu_mhz", "gpu_governor", "gpu_load", "emc_mhz",
        "emc_cap_mhz", "temperature_c", "load_average",
    }  # fmt: skip
    assert all(str(tmp_path) in reason and "\n" not in reason for reason in readings["missing"].values())


def test_this_machine() -> None:
    readings = conditions()
    assert readings["load_average"] >= 0
    assert all(mhz > 0 for mhz in readings.get("cpu_mhz", {}).values())
    assert ("cpu_mhz" in readings) != ("cpu_mhz" in readings["missing"])


def test_one_part_that_cannot_be_read_is_named_alone(tmp_path: Path) -> None:
    root = tx2(tmp_path)
    nvpmodel(root, "echo 'NVPM ERROR: no access' >&2; exit 1")
    zone = root / "sys/devices/virtual/thermal/thermal_zone1/temp"
    zone.unlink()
    zone.mkdir()
    readings = conditions(str(root))
    assert readings["missing"] == {
        "power_mode": f"NVPM ERROR: no access: {root}/usr/sbin/nvpmodel",
        "temperature_c thermal_zone1": f"is a directory: {zone}",
    }
    assert readings["temperature_c"] == {"BCPU-therm": 38.5}


def test_cores_that_differ_and_cpus_without_a_governor(tmp_path: Path) -> None:
    root = tx2(tmp_path)
    write(root / "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "performance")
    assert conditions(str(root))["governor"] == "performance,schedutil"
    write(
        tmp_path / "vm/proc/cpuinfo",
        "processor\t: 0\ncpu MHz\t\t: 2299.998\nprocessor\t: 1\ncpu MHz\t\t: 2300.1",
    )
    assert conditions(str(tmp_path / "vm"))["cpu_mhz"] == {"cpu0": 2299.998, "cpu1": 2300.1}


def test_drift_is_the_change_of_every_clock_that_both_have() -> None:
    before = {
        "gpu_mhz": 1300.5,
        "emc_mhz": 0.0,
        "cpu_mhz": {"cpu0": 2000.0, "cpu1": 2000.0},
        "load_average": 1.0,
    }
    after = {"gpu_mhz": 650.25, "emc_mhz": 1866.0, "cpu_mhz": {"cpu0": 2100.0}, "load_average": 9.0}
    assert drift(before, after) == {"gpu_mhz": pytest.approx(-0.5), "cpu0": pytest.approx(0.05)}
    assert drift({"missing": {}}, after) == {}
