"""What a study's networks are measured on: once for each network and device, kept in the cache."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from analysis.devices.base import Device, DeviceAway
from analysis.devices.opening import open_device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import Settings
from analysis.devices.target import Target
from analysis.quantities import QUANTITIES
from analysis.store.records import Measurement
from archspace.build import build
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from archspace.support.files import cache_root, write_text
from archspace.support.locks import locked
from archspace.support.text_files import parse_json
from searches.config.study import StudyConfig

log = logging.getLogger(__name__)

FOLDER = "measurements"
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0


def needs_power(wanted: Collection[str]) -> bool:
    """Returns whether one of these quantities cannot be told without sampling power."""
    return any(QUANTITIES[name].needs_power for name in wanted)


class Measurer:
    """Measures networks on a device.

    Args:
        device: what they run on.
        settings: how each measurement is taken.
        wanted: quantities of a device (:data:`analysis.quantities.QUANTITIES`) that must come out.
    """

    def __init__(self, device: Device, settings: Settings, wanted: frozenset[str]) -> None:
        self.device, self.settings, self.wanted = device, settings, wanted

    @classmethod
    def of(cls, config: StudyConfig) -> Measurer:
        """Returns the measurer of a study.

        Raises:
            InputError: no such device, or a setting that it cannot honour.
        """
        measure = config.measure
        asked = (QUANTITIES[name] for name in (*config.objectives, *config.constraints))
        wanted = frozenset(one.name for one in asked if one.source == "device")
        settings = Settings(
            runtime=measure.runtime, precision=measure.precision, threads=measure.threads, warmup=measure.warmup,
            runs=measure.runs, power=measure.power or needs_power(wanted), idle_s=measure.idle_s,
            busy_s=measure.busy_s, spread=measure.spread, drift=measure.drift, attempts=measure.attempts,
        )  # fmt: skip
        return cls(open_device(measure.device), settings, wanted)

    def check(self, spec: ArchSpec) -> None:
        """Measures a network briefly where the study asks for power: a device without a sensor is refused at once.

        Raises:
            FieldError: the device cannot say a quantity that the study asks for.
        """
        if not needs_power(self.wanted):
            return
        quick = replace(self.settings, runs=5, warmup=1, attempts=1, idle_s=0.5, busy_s=1.0)
        try:
            record = self.device.measure(Target.of(build(spec)), quick)
        except DeviceAway as away:
            log.warning("%s: not reached now (%s); trials will wait for it", self.device.name, away)
            return
        self._all_there(record)

    def measured(self, network: Network, *, fresh: bool = False) -> dict[str, Measurement]:
        """Returns latency, and power and energy where the study asks for them; the second time from the cache.

        Args:
            network: any weights: what is measured does not depend on them.
            fresh: measure even what the cache has.

        Raises:
            DeviceAway: the device cannot be reached now.
            InputError: the device cannot run the network, or cannot say what the study asks for.
        """
        spec, path = network.spec, self._path(network.spec)
        if not fresh and path.is_file():
            record = DeviceRecord.from_dict(parse_json(path.read_text(encoding="utf-8"), path.name))
            if self._missing(record) is None:
                log.info("%s: measured before on %s", spec.arch_id, self.device.name)
                return record.measurements(self.wanted)
        with locked(
            cache_root() / FOLDER / f"{_digest(self.device.name)}.lock"
        ):  # one at a time on this machine
            record = self.device.measure(Target.of(network), self.settings)
        self._all_there(record)
        record = replace(
            record, how={**record.how, "measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
        )
        for flag in record.flags:
            log.warning("%s on %s: unstable: %s", spec.arch_id, self.device.name, flag)
        if record.stable:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(record.to_dict()) + "\n")
        return record.measurements(self.wanted)

    def _path(self, spec: ArchSpec) -> Path:
        """Where the cache keeps a network's record."""
        quantities = "power" if self.settings.power else "latency"
        name = f"{spec.arch_id}-{self.settings.runs}-{quantities}.json"
        return cache_root() / FOLDER / self._key / name

    @cached_property
    def _key(self) -> str:
        return _digest(self.device.key(self.settings))

    def _missing(self, record: DeviceRecord) -> str | None:
        """The first wanted quantity that a record lacks."""
        measurements = record.measurements(self.wanted)
        return next((name for name in QUANTITIES if name in self.wanted and name not in measurements), None)

    def _all_there(self, record: DeviceRecord) -> None:
        name = self._missing(record)
        if name is not None:
            reason = record.missing.get(name) or record.missing.get("power_w") or "it did not say why"
            rule = f"{self.device.name} cannot measure it ({reason})"
            raise FieldError(name, None, rule, "latency_ms")


def waits(limit_s: float) -> list[float]:
    """Returns seconds to wait before each new try of a device that is away, doubling, ``limit_s`` in all.

    >>> waits(10)
    [2.0, 4.0, 4.0]
    """
    pauses: list[float] = []
    following = FIRST_WAIT_S
    while sum(pauses) < limit_s:
        pauses.append(min(following, limit_s - sum(pauses)))
        following = min(2 * following, LONGEST_WAIT_S)
    return pauses


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
