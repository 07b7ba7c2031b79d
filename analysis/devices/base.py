"""What every device can do: measure a network as settings say, and tell what it can and cannot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from analysis.devices.record import DeviceRecord
from analysis.devices.settings import OnProgress, Settings, no_progress
from analysis.devices.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of ``archspace doctor``: what was looked at, whether it is there, what was seen, and what to do."""

    name: str
    state: Literal["ok", "missing", "warning"]
    detail: str
    fix: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Returns plain data for JSON, where ``detail`` is named ``seen``."""
        return {"name": self.name, "state": self.state, "seen": self.detail, "fix": self.fix}


class Device(ABC):
    """Something that networks run on.

    Attributes:
        name: as given to ``--device``.
        key: names the device in caches: its model, runtime and settings that change a number, without serial numbers.
    """

    name: str

    @abstractmethod
    def key(self, settings: Settings) -> str:
        """Returns what two measurements must share to be one.

        Device model, runtime and its version, precision, batch, ...
        """

    @abstractmethod
    def measure(
        self, target: Target, settings: Settings, on_progress: OnProgress = no_progress
    ) -> DeviceRecord:
        """Measures a network, again while it is unstable and attempts are left.

        Raises:
            InputError: this device cannot run the network, or a setting cannot be honoured; one line.
            DeviceAway: the device cannot be reached now; the same call may succeed later.
        """

    def check(self, target: Target, settings: Settings) -> None:  # noqa: B027  (a device may know nothing before it runs)
        """Refuses what it can see to be impossible without running anything or reaching a board.

        Raises:
            FieldError: the device is not there, or cannot honour a setting for this network.
        """

    @abstractmethod
    def doctor(self) -> list[Check]:
        """Returns what the device can do and what is missing."""


class DeviceAway(RuntimeError):
    """The device cannot be reached now."""
