"""Power rails of a Jetson: the INA3221 chips, under NVIDIA's own driver (L4T r28, r32) and the kernel's (r34 on)."""

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from analysis.board.base import Sensor, SensorListing, below, number, text, why

TAU_S = 0.34
"""Time constant of the chip's averaging in continuous mode; taken from the decay in ESPNetv2's TX2 power figure."""

FULL_ROUND_S = 0.422
"""What one averaged round of three channels lasts in that mode: 64 averages of 1.1 ms, bus and shunt."""

SETTLE_TAUS = 5

CHIP = re.compile(r"\d+-[0-9a-f]{4}$")

IIO_CHIPS = (
    "sys/bus/i2c/drivers/ina3221x/*-00*",
    "sys/bus/i2c/devices/*-00*",
    "sys/devices/*/i2c-*/*-00*",
    "sys/devices/*/*/i2c-*/*-00*",
)
IIO_FOLDERS = ("iio:device*", "iio_device", "iio_device/iio:device*")

HWMON_CHIPS = ("sys/bus/i2c/drivers/ina3221/*-00*", "sys/bus/i2c/devices/*-00*")
HWMON_CHANNELS = (1, 2, 3)  # in4 to in6 are shunt voltages, in7 their sum
UNCONNECTED = ("", "NC")

INPUTS = ("VDD_IN", "POM_5V_IN")
SUMS = (
    # AGX Orin: VDDQ_VDD2_1V8AO is fed from VIN_SYS_5V0 and is in it already
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
    # AGX Xavier
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
)


def total_rails(rails: List[str]) -> List[str]:
    """Returns the rails whose sum is a Jetson module (its carrier board is never in it); empty for an unknown board."""
    for name in INPUTS:
        if name in rails:
            return [name]
    for names in SUMS:
        if all(name in rails for name in names):
            return list(names)
    return []


def no_total(rails: List[str]) -> str:
    """Returns why a board's rails have no sum that means something."""
    return "unknown board: {} have no known sum that is the whole module".format(", ".join(rails))


class Channel(NamedTuple):
    """One rail of one chip: its name, number and files; ``milliamps`` is ``None`` where the file has milliwatts."""

    rail: str
    number: int
    value: Path
    milliamps: Optional[Path]

    def watts(self) -> float:
        """Now.

        Raises:
            OSError: a file has gone, or may not be read.
        """
        if self.milliamps is None:
            return number(self.value) / 1e3
        return number(self.value) * number(self.milliamps) / 1e6


class Chip(NamedTuple):
    """One INA3221: ``0-0041``, the folder it was found in, and its channels."""

    address: str
    folder: Path
    channels: Tuple[Channel, ...]


class Ina3221(Sensor):
    """All rails of a board, by name."""

    name = "ina3221"

    def __init__(self, driver: str, chips: List[Chip]) -> None:
        self.driver = driver
        self.chips = chips
        self.channels = [channel for chip in chips for channel in chip.channels]
        self.rails = [channel.rail for channel in self.channels]
        self.total = total_rails(self.rails)

    @property
    def settle_s(self) -> float:  # type: ignore[override]
        """Five time constants of the slowest chip; none for chips that convert when they are read."""
        return max(SETTLE_TAUS * tau for tau, _ in map(_filter, self.chips))

    def read(self) -> Dict[str, float]:
        """Returns watts now, by rail."""
        return {channel.rail: channel.watts() for channel in self.channels}

    def describe(self) -> Dict[str, Any]:
        """Driver, numbering, and of each chip its folder, mode and filter."""
        chips = []
        for chip in self.chips:
            tau, said = _filter(chip)
            chips.append({
                "i2c": chip.address, "path": str(chip.folder), "running_mode": _mode(chip),
                "channels": {channel.rail: channel.number for channel in chip.channels},
                "tau_s": tau, "filter": said,
            })  # fmt: skip
        return dict(
            super().describe(),
            driver=self.driver,
            channels_from=1 if self.driver == "ina3221" else 0,
            total_covers="module without carrier board" if self.total else None,
            chips=chips,
        )


def find_rails(root: str = "/") -> SensorListing:
    """Returns the board's rails, whatever driver shows them.

    Returns:
        At most one sensor; and under ``ina3221`` why there is none or which rails cannot be read, under ``total`` why
        there is no total.
    """
    missing: Dict[str, str] = {}
    refused: List[str] = []
    driver = "ina3221x"
    chips = list(_readable(_iio_chips(root, refused), refused))
    if not chips and not refused:
        driver = "ina3221"
        chips = list(_readable(_hwmon_chips(root, refused), refused))
    if refused:
        fix = "; as root: chmod a+r on it" if any("permission" in line for line in refused) else ""
        missing["ina3221"] = "; ".join(refused) + fix
    if not chips:
        missing.setdefault(
            "ina3221", "no INA3221: no rails under {}".format(below(root, "sys/bus/i2c/drivers"))
        )
        return [], missing
    sensor = Ina3221(driver, chips)
    if not sensor.total:
        missing["total"] = no_total(sensor.rails)
    return [sensor], missing


def _iio_chips(root: str, refused: List[str]) -> Iterator[Chip]:
    for address, chip in _folders(root, IIO_CHIPS):
        for folder in (folder for pattern in IIO_FOLDERS for folder in sorted(chip.glob(pattern))):
            names = sorted(folder.glob("rail_name_[0-2]"))
            if names:
                labels = ((int(path.name[-1]), path) for path in names)
                channels = [
                    Channel(rail, n, folder / "in_power{}_input".format(n), None)
                    for n, rail in _named(labels, refused)
                ]
                yield Chip(address, folder, tuple(channels))
                break


def _hwmon_chips(root: str, refused: List[str]) -> Iterator[Chip]:
    for address, chip in _folders(root, HWMON_CHIPS):
        for folder in sorted(chip.glob("hwmon/hwmon*")):
            labels = ((n, folder / "in{}_label".format(n)) for n in HWMON_CHANNELS)
            channels = [
                Channel(rail, n, folder / "in{}_input".format(n), folder / "curr{}_input".format(n))
                for n, rail in _named(((n, path) for n, path in labels if path.exists()), refused)
            ]
            if channels:
                yield Chip(address, folder, tuple(channels))
                break


def _folders(root: str, patterns: Tuple[str, ...]) -> Iterator[Tuple[str, Path]]:
    """Folders of chips by bus and address; a chip is reached through several."""
    for pattern in patterns:
        for folder in sorted(Path(root).glob(pattern)):
            if CHIP.match(folder.name):
                yield folder.name, folder


def _named(labels: Iterator[Tuple[int, Path]], refused: List[str]) -> Iterator[Tuple[int, str]]:
    for n, path in labels:
        try:
            rail = text(path)
        except OSError as error:
            refused.append(why(error))
            continue
        if rail not in UNCONNECTED:
            yield n, rail


def _readable(chips: Iterator[Chip], refused: List[str]) -> Iterator[Chip]:
    """Each chip once, with the channels that can be read; a name met before gets the chip's address."""
    addresses, names = set(), set()
    for chip in chips:
        if chip.address in addresses:
            continue
        addresses.add(chip.address)
        channels = []
        for channel in chip.channels:
            try:
                channel.watts()
            except OSError as error:
                refused.append("{} ({})".format(channel.rail, why(error)))
                continue
            if channel.rail in names:
                channel = channel._replace(rail="{}@{}".format(channel.rail, chip.address))
            names.add(channel.rail)
            channels.append(channel)
        if channels:
            yield chip._replace(channels=tuple(channels))


def _mode(chip: Chip) -> Optional[int]:
    """0 converts when read, 1 continuously; ``None`` where the driver does not say."""
    try:
        return int(number(chip.folder / "running_mode"))
    except OSError:
        return None


def _filter(chip: Chip) -> Tuple[float, str]:
    """Time constant in seconds, and in words what is known of it."""
    mode = _mode(chip)
    if mode == 0:
        return 0.0, "triggered: each sample is a snapshot of about 1 ms"
    said = "continuous" if mode == 1 else "mode not told, taken as continuous"
    tau = TAU_S
    try:
        update_ms = number(chip.folder / "update_interval")
    except OSError:
        return tau, "{}: first order, tau {} s (not read from the chip)".format(said, tau)
    # Never below what was seen of such chips: a round is stated by the driver, how it averages is not.
    tau = max(TAU_S, TAU_S * update_ms / 1e3 / FULL_ROUND_S)
    return tau, "{}: first order, tau {:.2f} s (round of {:g} ms told by the driver)".format(
        said, tau, update_ms
    )
