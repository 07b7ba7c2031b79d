"""An energy counter that follows from the clock its sampler reads, for a process that samples (``extra`` of it).

A counter in a file is as old as its writer's last step, which on a busy machine is many of the counter's own; this one
is never late, so what is measured does not depend on who else runs.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from analysis.board.base import SensorListing
from analysis.board.rapl import Rapl, Zone

BUSY_AT = "busy_at"
"""A file of the folder with when the load begins; as long as it is not there, nothing runs."""


class Clock:
    """The time at which the counter was read last."""

    def __init__(self) -> None:
        self.at = self.started = time.monotonic()

    def __call__(self) -> float:
        return self.at


class ClockedZone(Zone):
    """``package-0`` with ``idle`` watts until the load begins, then ``busy``."""

    clock: Clock
    asked: dict[str, Any]

    def energy_uj(self) -> float:
        """The counter now; the moment is the clock's until it is read again."""
        self.clock.at = now = time.monotonic()
        path = self.folder / BUSY_AT
        busy_at = float(path.read_text()) if path.exists() else now
        busy_s = max(0.0, now - busy_at)
        joules = self.asked["idle_w"] * (now - self.clock.started - busy_s) + self.asked["busy_w"] * busy_s
        return round(self.asked["start_uj"] + joules * 1e6) % self.range_uj


def find(request: str) -> SensorListing:
    """Finds the sensor; ``request`` is JSON: ``folder, idle_w, busy_w, start_uj, range_uj``."""
    asked = json.loads(request)
    zone = ClockedZone("package-0", Path(asked["folder"]), asked["range_uj"])
    zone.clock, zone.asked = Clock(), asked
    return [Rapl([zone], zone.clock)], {}
