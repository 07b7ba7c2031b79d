"""One record for one measured network on one device: every number, how it was taken, and what could not be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from analysis.quantities import QUANTITIES
from analysis.store.records import Measurement, Origin
from archspace.support.errors import InputError

RECORD_FORMAT = 1

POWER_FLAG = "power: "
"""How a flag begins that is of the power sensor alone."""

TOTAL = "total"
"""The key under which ``power_w`` has the sum of the rails that make up the whole device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of one run of a batch.

    Attributes:
        median, p5, p95, iqr: of the samples.
        n: how many runs.
        samples: each of them, in order.
    """

    median: float
    p5: float
    p95: float
    iqr: float
    n: int
    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: list[float]) -> Latency:
        """Returns the spread of samples in milliseconds."""
        p5, p25, median, p75, p95 = (float(v) for v in np.percentile(samples, (5, 25, 50, 75, 95)))
        return cls(
            median=median, p5=p5, p95=p95, iqr=p75 - p25, n=len(samples), samples=tuple(map(float, samples))
        )

    @property
    def spread(self) -> float:
        """Interquartile range as a share of the median."""
        return self.iqr / self.median


@dataclass(frozen=True, slots=True, kw_only=True)
class RailPower:
    """Watts on a rail: before the load (``None`` if not taken), under load, and the difference."""

    idle: float | None
    busy: float

    @property
    def net(self) -> float | None:
        """Under load, less idle."""
        return None if self.idle is None else self.busy - self.idle


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """What measuring a network on a device came to.

    Attributes:
        label, arch_id: the network; ``arch_id`` is ``None`` for a foreign ONNX file.
        device: as named by ``--device``.
        runtime: name and version of what ran the network.
        batch: inputs of a run.
        latency_ms: of a run of the batch.
        peak_memory_bytes: largest memory of the run, as ``how["memory_counts"]`` defines it.
        power_w: by rail, and ``total`` where the rails read feed the whole device.
        energy_mj: millijoules of one inference: mean power under load times the time of one inference in that
            window; of the whole device, and net of idle.
        missing: by quantity (``power_w``, ``energy_mj``, ``clocks``, ``temperature``), why it could not be read.
        flags: why the record is unstable; empty for a stable one.
        attempts: times the measurement was taken until it was stable, or given up.
        how: device model, precision, input size, threads, affinity, clocks and power mode before and after,
            temperature, warm-up, sampling period, filter, reference network, times of each attempt.
        origin: ``measured``, or ``predicted`` for a record that a predictor made.
    """

    label: str
    arch_id: str | None
    device: str
    runtime: str
    batch: int
    latency_ms: Latency
    peak_memory_bytes: int | None = None
    power_w: Mapping[str, RailPower] | None = None
    energy_mj: float | None = None
    energy_net_mj: float | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    attempts: int = 1
    how: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = "measured"

    @property
    def stable(self) -> bool:
        """Whether spread, clocks and reference kept their limits."""
        return not self.flags

    @property
    def throughput(self) -> float:
        """Inferences a second: batch / median latency."""
        return 1e3 * self.batch / self.latency_ms.median

    @property
    def total_power_w(self) -> float | None:
        """Watts of the whole device under load, ``None`` where no rails feed the whole of it."""
        total = (self.power_w or {}).get(TOTAL)
        return None if total is None else total.busy

    def measurements(self, also: Collection[str] = ()) -> dict[str, Measurement]:
        """Returns latency, total power and energy as single numbers, those that were taken, and what else is asked for.

        The whole record rides with the latency; the others name it. Each says whether it is stable, by the flags that
        concern it, in which form the network ran, when, and whether the cache answered.

        Args:
            also: names of further quantities that are read in a device's record.
        """
        values = {
            name: one.read(self)
            for name, one in QUANTITIES.items()
            if one.read is not None and (one.always or name in also)
        }
        noted = {name: self.how[name] for name in ("form", "measured_at", "from_cache") if name in self.how}
        how = {"device": self.device, "runtime": self.runtime, **noted}
        taken = {}
        for name, value in values.items():
            if value is None:
                continue
            flags = self.flags_of(name)
            doubt = {"stable": not flags, **({"flags": list(flags)} if flags else {})}
            whole = {"record": self.to_dict()} if name == "latency_ms" else {}
            unit = QUANTITIES[name].unit
            taken[name] = Measurement(name, float(value), unit, self.origin, {**how, **doubt, **whole})
        return taken

    def flags_of(self, name: str) -> tuple[str, ...]:
        """Returns the flags that concern a quantity: none concerns memory, and the sensor's only power and energy."""
        one = QUANTITIES[name]
        if one.unit == "bytes":
            return ()
        return tuple(flag for flag in self.flags if one.needs_power or not flag.startswith(POWER_FLAG))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON; derived numbers (throughput, net watts, stable) are there to be read."""
        data = {name: getattr(self, name) for name in self.__slots__}
        power = {
            rail: {"idle": watts.idle, "busy": watts.busy, "net": watts.net}
            for rail, watts in (self.power_w or {}).items()
        }
        latency = {**asdict(self.latency_ms), "samples": list(self.latency_ms.samples)}
        return {
            "format": RECORD_FORMAT, **data, "latency_ms": latency, "power_w": power or None,
            "throughput": self.throughput, "missing": dict(self.missing), "flags": list(self.flags),
            "stable": self.stable, "how": dict(self.how),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DeviceRecord:
        """Returns inverse of :meth:`to_dict`.

        Raises:
            InputError: written by a newer archspace.
        """
        if data.get("format", RECORD_FORMAT) > RECORD_FORMAT:
            raise InputError(f"record: format {data['format']}: written by a newer archspace")
        fields = {name: data[name] for name in cls.__slots__ if name in data}
        latency, power = dict(data["latency_ms"]), data.get("power_w")
        fields["latency_ms"] = Latency(**{**latency, "samples": tuple(latency["samples"])})
        fields["power_w"] = power and {
            rail: RailPower(idle=watts["idle"], busy=watts["busy"]) for rail, watts in power.items()
        }
        fields["flags"] = tuple(data.get("flags", ()))
        return cls(**fields)
