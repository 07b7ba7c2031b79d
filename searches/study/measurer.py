"""What a study's networks are measured on: the deployed form, once for each network and device, kept in the cache."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

from analysis.devices.base import Device, DeviceAway
from analysis.devices.cache import MeasurementCache, device_lock
from analysis.devices.opening import open_device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import OnProgress, Settings, no_progress
from analysis.devices.target import Target
from analysis.quantities import QUANTITIES
from analysis.store.records import Measurement
from archspace.build import build
from archspace.network import Network
from archspace.plan.design import NETWORKS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.locks import try_lock
from searches.config.study import StudyConfig
from searches.study.gate import POLL_S, Gate

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0


def needs_power(wanted: Collection[str]) -> bool:
    """Returns whether one of these quantities cannot be told without sampling power."""
    return any(QUANTITIES[name].needs_power for name in wanted)


class Measurer:
    """Measures networks on a device, one at a time on this machine.

    Args:
        device: what they run on.
        settings: how each measurement is taken.
        wanted: quantities of a device (:data:`analysis.quantities.QUANTITIES`) that must come out.
        fresh: measure even what the cache has.
        gate: holds the other workers of the study while a device of this machine measures.
    """

    def __init__(
        self, device: Device, settings: Settings, wanted: frozenset[str], *, fresh: bool = False,
        gate: Gate | None = None,
    ) -> None:  # fmt: skip
        self.device, self.settings, self.wanted, self.fresh, self.gate = device, settings, wanted, fresh, gate
        self.cache = MeasurementCache(device, settings)

    @classmethod
    def of(cls, config: StudyConfig, *, fresh: bool = False, gate: Gate | None = None) -> Measurer | None:
        """Returns the measurer of a study; ``None`` for one that asks for nothing of a device.

        Raises:
            InputError: no such device, or a setting that it cannot honour.
        """
        if not config.measures:
            return None
        measure = config.measure
        wanted = frozenset(config.asked_of_device)
        settings = Settings(
            runtime=measure.runtime, precision=measure.precision, threads=measure.threads, warmup=measure.warmup,
            runs=measure.runs, power=measure.power or needs_power(wanted), idle_s=measure.idle_s,
            busy_s=measure.busy_s, spread=measure.spread, drift=measure.drift, attempts=measure.attempts,
        )  # fmt: skip
        return cls(open_device(measure.device), settings, wanted, fresh=fresh, gate=gate)

    def check(self, spec: ArchSpec) -> None:
        """Refuses at once, before anything is trained, what cannot be measured: a runtime that is not there.

        A network is measured briefly where only that tells: where the study asks for power, which needs a sensor, and
        a network that reads a sequence, which not every runtime can run.

        Raises:
            FieldError: the device cannot say a quantity that the study asks for, or its runtime not run the network.
        """
        target = Target.of(build(spec))
        try:
            self.device.check(target, self.settings)
        except FieldError as error:
            raise FieldError(f"measure.{error.field}", error.value, error.rule, error.nearest) from None
        sequence = NETWORKS[spec.network].reads.sequence
        if not (sequence or needs_power(self.wanted)):
            return
        quick = replace(self.settings, runs=5, warmup=1, attempts=1, idle_s=0.5, busy_s=1.0)
        try:
            with _place(self.device.name, no_progress):
                record = self.device.measure(target, quick)
        except DeviceAway as away:
            log.warning("%s: not reached now (%s); trials will wait for it", self.device.name, away)
            return
        except InputError as error:
            if not sequence or isinstance(error, FieldError):
                raise
            raise FieldError("measure.runtime", self.settings.runtime, str(error), "torch") from None
        self._all_there(record)

    def measured(
        self,
        network: Network,
        *,
        fresh: bool = False,
        label: str = "a network",
        on_progress: OnProgress = no_progress,
    ) -> dict[str, Measurement]:
        """Returns latency, and power and energy where the study asks for them; the second time from the cache.

        Args:
            network: any weights: what is measured does not depend on them.
            fresh: measure even what the cache has.
            label: of what is measured, for those who wait.
            on_progress: called now and then with what is being done.

        Raises:
            DeviceAway: the device cannot be reached now.
            InputError: the device cannot run the network, or cannot say what the study asks for.
        """
        arch_id = network.spec.arch_id
        known = None if fresh or self.fresh else self.cache.get(arch_id)
        if known is not None and self._missing(known) is None:
            since = known.how.get("measured_at", "a date that was not kept")
            log.info("%s: %s on %s from the cache, measured %s", label, arch_id, self.device.name, since)
            return known.measurements(self.wanted)
        record = self._anew(Target.of(network), label, on_progress)
        self._all_there(record)
        self.cache.put(record)
        return record.measurements(self.wanted)

    def _anew(self, target: Target, label: str, on_progress: OnProgress) -> DeviceRecord:
        """Waits for the device's one place on this machine, then measures while nothing else of the study runs."""
        with _place(self.device.name, on_progress), self._quiet(label) as moving:
            record = self.device.measure(target, self.settings, on_progress)
        return replace(record, flags=(*record.flags, *moving))

    def _quiet(self, label: str) -> AbstractContextManager[tuple[str, ...]]:
        """A board elsewhere is not disturbed by what runs here."""
        here = not self.device.name.startswith("ssh://")
        return self.gate.closed(label) if self.gate is not None and here else nullcontext(())

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


@contextmanager
def _place(device: str, on_progress: OnProgress) -> Iterator[None]:
    """Holds a device's one place among all processes of this user and machine, waiting for it."""
    begin = time.monotonic()
    held = try_lock(device_lock(device))
    while held is None:
        on_progress(f"waiting for {device}: another process measures", 0.0)
        time.sleep(POLL_S)
        held = try_lock(device_lock(device))
    if time.monotonic() - begin > 1.0:
        log.info("waited %.1f s for %s", time.monotonic() - begin, device)
    try:
        yield
    finally:
        held.release()


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
