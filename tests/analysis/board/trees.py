"""Trees of files as the kernel of each board shows its power sensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MILLIVOLTS = 19000.0

Chips = Mapping[str, Mapping[int, str]]
"""By ``bus-address``, rails by channel number."""

TX2: Chips = {
    "0-0040": {0: "VDD_SYS_GPU", 1: "VDD_SYS_SOC", 2: "VDD_4V0_WIFI"},
    "0-0041": {0: "VDD_IN", 1: "VDD_SYS_CPU", 2: "VDD_SYS_DDR"},
}
NANO: Chips = {"6-0040": {0: "POM_5V_IN", 1: "POM_5V_GPU", 2: "POM_5V_CPU"}}
XAVIER: Chips = {
    "1-0040": {0: "GPU", 1: "CPU", 2: "SOC"},
    "1-0041": {0: "CV", 1: "VDDRQ", 2: "SYS5V"},
}
ORIN: Chips = {
    "1-0040": {1: "VDD_GPU_SOC", 2: "VDD_CPU_CV", 3: "VIN_SYS_5V0"},
    "1-0041": {1: "NC", 2: "VDDQ_VDD2_1V8AO", 3: "NC"},
}


def write(path: Path, said: object) -> None:
    """Replaces a file at once, as a reader of the kernel's files never sees half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.parent / f".new-{path.name}"
    new.write_text(f"{said}\n", encoding="ascii")
    new.replace(path)


class Tree:
    """Files of a board, and where each rail's power is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rails: dict[str, Path] = {}

    def set(self, rail: str, watts: float) -> None:
        """What the chip shows from now on."""
        path = self.rails[rail]
        if path.name.startswith("curr"):
            write(path, round(watts * 1e6 / MILLIVOLTS))
        else:
            write(path, round(watts * 1e3))


def iio(root: Path, chips: Chips, layout: str = "r32", mode: int | None = 1) -> Tree:
    """NVIDIA's own driver: ``r28`` has ``/sys/devices/.../iio_device``, ``r32`` the driver's folder."""
    tree = Tree(root)
    for n, (address, rails) in enumerate(chips.items()):
        bus = address.split("-")[0]
        home = root / f"sys/devices/3160000.i2c/i2c-{bus}/{address}"
        folder = home / ("iio_device" if layout == "r28" else f"iio:device{n}")
        for channel, rail in rails.items():
            write(folder / f"rail_name_{channel}", rail)
            write(folder / f"in_voltage{channel}_input", round(MILLIVOLTS))
            write(folder / f"in_power{channel}_trigger_input", 0)
            write(folder / f"crit_current_limit_{channel}", "32760 ma")
            tree.rails[rail] = folder / f"in_power{channel}_input"
            tree.set(rail, 1.0)
        if mode is not None:
            write(folder / "running_mode", mode)
        if layout != "r28":
            driver = root / "sys/bus/i2c/drivers/ina3221x"
            driver.mkdir(parents=True, exist_ok=True)
            (driver / address).symlink_to(home, target_is_directory=True)
    return tree


def hwmon(root: Path, chips: Chips, update_ms: float | None = 422) -> Tree:
    """The kernel's driver: millivolts and milliamps, channels from 1, and voltages that are no power."""
    tree = Tree(root)
    for n, (address, rails) in enumerate(chips.items()):
        home = root / f"sys/devices/platform/c240000.i2c/i2c-1/{address}"
        folder = home / f"hwmon/hwmon{n + 3}"
        for channel, rail in rails.items():
            write(folder / f"in{channel}_label", rail)
            write(folder / f"in{channel}_input", round(MILLIVOLTS))
            write(folder / f"in{channel + 3}_input", 40)
            write(folder / f"curr{channel}_input", 50)
            if rail != "NC":
                tree.rails[rail] = folder / f"curr{channel}_input"
        write(folder / "in7_label", "sum of shunt voltages")
        write(folder / "in7_input", 120)
        if update_ms is not None:
            write(folder / "update_interval", update_ms)
        driver = root / "sys/bus/i2c/drivers/ina3221"
        driver.mkdir(parents=True, exist_ok=True)
        (driver / address).symlink_to(home, target_is_directory=True)
    return tree


def rapl(
    root: Path, zones: Mapping[str, str], range_uj: float = 262143328850, energy_uj: float = 1000
) -> Path:
    """Powercap zones by folder name and name; the folder that has them."""
    folder = root / "sys/class/powercap"
    for name, zone in zones.items():
        write(folder / name / "name", zone)
        write(folder / name / "max_energy_range_uj", round(range_uj))
        write(folder / name / "energy_uj", round(energy_uj))
    return folder
