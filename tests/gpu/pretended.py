"""A sensor that no machine has, for dry runs alone: it says watts that were made up, and says that they were."""

from __future__ import annotations

import math
import time
from typing import Any

from analysis.board.base import Sensor, SensorListing

NAME = "pretended"


class PretendedSensor(Sensor):
    """Watts of a sine."""

    name = NAME
    rails = [NAME]  # noqa: RUF012
    total = [NAME]  # noqa: RUF012
    settle_s = 0.05

    def read(self) -> dict[str, float]:
        """Returns made-up watts."""
        return {NAME: 100 + 10 * math.sin(20 * time.monotonic())}

    def describe(self) -> dict[str, Any]:
        """Returns that nothing was measured."""
        return {**super().describe(), "pretended": True}


def find(device: str = "") -> SensorListing:
    """Returns the sensor of dry runs."""
    return [PretendedSensor()], {}
