"""Energy counters of x86 processors (RAPL) as the kernel's powercap shows them."""

import errno
import re
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from analysis.board.base import Sensor, SensorListing, below, number, text, why

FOLDER = "sys/class/powercap"
FIX = (
    "root alone may read it; a udev rule lets a group: "
    'SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chgrp -R power %S%p", RUN+="/bin/chmod -R g+r %S%p"'
)
SETTLE_S = 0.25
"""A sample is the mean since the one before, so the first under load has idle in it."""

SHORTEST_S = 0.01
"""The counter steps once a millisecond: a shorter difference is noise, or 0."""

HIGHEST_W = 1000.0
"""No zone takes more; reads so far apart that this would wrap the counter twice are refused."""


class Zone(NamedTuple):
    """One counter: its rail, its folder, and the microjoules at which it starts again from 0."""

    rail: str
    folder: Path
    range_uj: float

    def energy_uj(self) -> float:
        """Returns the counter.

        Raises:
            OSError: it may not be read.
        """
        return number(self.folder / "energy_uj")


class Rapl(Sensor):
    """Mean watts since the sample before, of packages, memory and, where there is one, the platform (``psys``)."""

    name = "rapl"
    settle_s = SETTLE_S

    def __init__(self, zones: List[Zone], clock: Callable[[], float] = time.monotonic) -> None:
        self.zones = zones
        self.clock = clock
        self.rails = [zone.rail for zone in zones]
        self.total = ["psys"] if "psys" in self.rails else list(self.rails)
        self._last = {zone.rail: (clock(), zone.energy_uj()) for zone in zones}

    def read(self) -> Dict[str, float]:
        """Returns watts since the call before, by rail.

        Raises:
            OSError: the counter has gone, or so long after the call before that it may have wrapped twice.
        """
        wait = SHORTEST_S - (self.clock() - max(at for at, _ in self._last.values()))
        if wait > 0:
            time.sleep(wait)
        return {zone.rail: self._watts(zone) for zone in self.zones}

    def _watts(self, zone: Zone) -> float:
        (before_s, before_uj), now_uj = self._last[zone.rail], zone.energy_uj()
        now_s = self.clock()
        self._last[zone.rail] = (now_s, now_uj)
        elapsed = now_s - before_s
        if elapsed * HIGHEST_W * 1e6 > zone.range_uj:
            said = "{:.0f} s between two reads: the counter may have wrapped more than once".format(elapsed)
            raise OSError(errno.EOVERFLOW, said, str(zone.folder))
        spent = now_uj - before_uj
        return (spent + zone.range_uj if spent < 0 else spent) / 1e6 / elapsed

    def describe(self) -> Dict[str, Any]:
        """Zones, and how often they must be read."""
        return dict(
            super().describe(),
            driver="powercap",
            filter="mean since the sample before",
            zones={zone.rail: str(zone.folder) for zone in self.zones},
            read_at_least_every_s=min(zone.range_uj for zone in self.zones) / 1e6 / HIGHEST_W,
        )


def find_rapl(root: str = "/") -> SensorListing:
    """Returns this machine's zones; under ``rapl`` why there are none, or which cannot be read."""
    folder, zones, refused = below(root, FOLDER), [], []
    for path in sorted(folder.glob("intel-rapl:*")):
        try:
            rail = _rail(path)
            if rail is not None:
                zone = Zone(rail, path, number(path / "max_energy_range_uj"))
                zone.energy_uj()
                zones.append(zone)
        except OSError as error:
            refused.append(why(error) + ("; " + FIX if error.errno == errno.EACCES else ""))
    missing = {"rapl": refused[0]} if refused else {}
    if not zones:
        missing.setdefault("rapl", "no energy counters under {} (virtual machines have none)".format(folder))
        return [], missing
    return [Rapl(zones)], missing


def _rail(path: Path) -> Optional[str]:
    """``package-0``, ``dram-0`` or ``psys``; ``None`` for zones that are parts of a package (core, uncore)."""
    name = text(path / "name")
    if re.match(r"package-\d+$", name) or name == "psys":
        return name
    # intel-rapl:1:2 is a part of intel-rapl:1; the kernel may number zones and packages differently
    if name == "dram":
        package = text(path.parent / path.name.rpartition(":")[0] / "name")
        return "dram-" + package.rpartition("-")[2]
    return None
