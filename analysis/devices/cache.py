"""Records of measured networks, kept so that one network is measured once for each device and setting. No torch."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from analysis.devices.base import Device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import Settings
from archspace.support.caches import CACHES, CacheKind
from archspace.support.errors import InputError
from archspace.support.files import cache_root, write_text
from archspace.support.version import VERSION

log = logging.getLogger(__name__)

FOLDER = "measurements"

FORM = 2
"""Of the files that are timed, where it changes within a version: what was measured of an older form is another's."""


class MeasurementCache:
    """The records of one device and one way of measuring.

    What two measurements must share to be one: the device's model, the runtime and its version, precision, batch,
    threads (:meth:`analysis.devices.base.Device.key`), the number of runs, whether power was sampled, and archspace's
    version, on which the exported file depends.
    """

    def __init__(self, device: Device, settings: Settings) -> None:
        self.device, self.settings = device, settings

    def get(self, arch_id: str) -> DeviceRecord | None:
        """Returns a network's record, which says that it comes from here and since when; ``None`` if there is none.

        Raises:
            DeviceAway: the device must be asked what it is, and cannot be reached now.
        """
        path = self.path(arch_id)
        try:
            record = DeviceRecord.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, InputError) as error:
            log.warning("%s: cannot be read and is measured anew: %s", path, error)
            return None
        return replace(record, how={**record.how, "from_cache": True})

    def put(self, record: DeviceRecord) -> None:
        """Keeps a record, unless it is unstable; it replaces an older one.

        Raises:
            InputError: the cache cannot be written.
        """
        if record.stable and record.arch_id is not None:
            write_text(self.path(record.arch_id), json.dumps(record.to_dict()) + "\n")

    def path(self, arch_id: str) -> Path:
        """Where a network's record is kept."""
        quantities = "power" if self.settings.power else "latency"
        return cache_root() / FOLDER / self._key / f"{arch_id}-{self.settings.runs}-{quantities}.json"

    @cached_property
    def _key(self) -> str:
        return digest(f"{self.device.key(self.settings)}; archspace {VERSION}; form {FORM}")


def device_lock(device: str) -> Path:
    """Returns the lock of a device's one place: whoever measures on it from this machine holds it."""
    return cache_root() / FOLDER / f"{digest(device)}.lock"


def digest(text: str) -> str:
    """Returns a short name for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _label(path: Path) -> str:
    record = json.loads(path.read_text(encoding="utf-8"))
    latency = f"{record['latency_ms']['median']:.3g} ms"
    return f"{record['label']} on {record['device']}, {record['runtime']}: {latency}"


CACHES.register(FOLDER)(
    CacheKind(
        about="measured networks: a study measures a network once for each device and setting",
        paths=lambda root: (root / FOLDER).glob("*/*.json"),
        label=_label,
    )
)
