"""Why the TX2's power is not predicted: what the published watts say of the simplest model. No torch.

The model is ``P = P_static + c x clock`` for a network that keeps the GPU as busy at either clock. Two clocks give both
numbers; a negative ``P_static`` is no physics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPower:
    """A network's published watts at two clocks, and the line through them."""

    network: str
    low_mhz: float
    low_w: float
    high_mhz: float
    high_w: float

    @property
    def static_w(self) -> float:
        """Watts of the line at clock 0."""
        slope = (self.high_w - self.low_w) / (self.high_mhz - self.low_mhz)
        return self.low_w - slope * self.low_mhz


def lines(rows: Sequence[Mapping[str, str]]) -> list[LinearPower]:
    """Returns the line of each network that has watts at two clocks in the ESPNet paper's table."""
    powers = []
    for network in dict.fromkeys(row["network"] for row in rows if row["power_W"]):
        points = sorted(
            (float(row["gpu_freq_MHz"]), float(row["power_W"]))
            for row in rows
            if row["network"] == network and row["power_W"]
        )
        if len(points) == 2:
            (low, low_w), (high, high_w) = points
            powers.append(
                LinearPower(network=network, low_mhz=low, low_w=low_w, high_mhz=high, high_w=high_w)
            )
    return powers


def refusal(rows: Sequence[Mapping[str, str]]) -> str:
    """Returns one line on why watts and joules are not predicted; empty if every line has a possible ``P_static``."""
    impossible = [line for line in lines(rows) if line.static_w < 0]
    if not impossible:
        return ""
    networks = ", ".join(f"{line.network} {line.static_w:.1f} W" for line in impossible)
    one = impossible[0]
    return (
        f"the published watts at {one.low_mhz:g} and {one.high_mhz:g} MHz need a negative static power "
        f"({networks}), their "
        "rail is not named, and the other quoted watts have no clock; measure on the board"
    )
