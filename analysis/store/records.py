"""Typed records of what was measured, counted, predicted or published. No torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from analysis.quantities import Quantity
from analysis.store.fingerprint import DataFingerprint
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError

Origin = Literal["measured", "counted", "predicted", "published"]
TrialState = Literal["complete", "infeasible", "stopped", "failed", "running"]

EXPORTED_FORM = "ONNX file"
POWER = ("power_w", "energy_mj")
"""What a study asks for that samples power whatever its objectives are."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number with its unit, its origin and how it was taken.

    ``how`` holds what is needed to take it again: device, runtime, precision, threads, batch, number of
    samples, spread, raw samples, or the counter and what it left out.
    """

    name: str
    value: float
    unit: str
    origin: Origin
    how: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON; a value that is not finite becomes ``None``."""
        value = self.value if math.isfinite(self.value) else None
        rest = {"unit": self.unit, "origin": self.origin, "how": dict(self.how)}
        return {"name": self.name, "value": value, **rest}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurement:
        """Returns inverse of :meth:`to_dict`."""
        value = math.nan if data["value"] is None else float(data["value"])
        return cls(data["name"], value, data["unit"], data["origin"], dict(data.get("how", {})))

    @property
    def unstable(self) -> tuple[str, ...]:
        """Why the value is not to be trusted, as its device found; empty for one that is."""
        if self.how.get("stable", True):
            return ()
        flags = self.how.get("flags") or _inner(self.how, "record").get("flags") or ("of an unstable record",)
        return tuple(map(str, flags))

    @property
    def taken_in(self) -> str:
        """In which form and by which runtime a device ran the network; empty for what no device ran.

        ``"ONNX file in onnxruntime 1.31.1"``
        """
        record = _inner(self.how, "record")
        runtime = self.how.get("runtime") or record.get("runtime")
        if not runtime:
            return ""
        form = str(self.how.get("form") or _inner(record, "how").get("form") or "")
        return f"{EXPORTED_FORM} in {runtime}" if "ONNX" in form else str(runtime)


_KEPT_IF_ANY = ("first", "rungs", "predicted")
"""Mappings of measurements that a record as plain data has only where something is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial of a study as it is kept in ``trials/N/record.json`` and in the study's storage.

    Attributes:
        label: the trial's name in its study and its folder's name (``"7"``, ``"given-0"``).
        number: its number among the trials of its kind.
        state: ``infeasible`` means that a constraint ruled it out, ``stopped`` that its training was not carried to the
            end because others were better at a rung; ``reason`` says which.
        given: name of the preset or file when the network was given instead of sampled, else ``None``.
        spec: the network as plain data (:meth:`archspace.ArchSpec.to_dict`), ``None`` if none came out.
        arch_id: the network's id, ``None`` with ``spec``.
        network: the network's label, so that it has a name where its spec cannot be read (its unit is of a plug-in
            that is not here); ``None`` with ``spec``, and in records of an earlier archspace.
        seed: the seed of training, derived from the study's seed and the trial's number.
        values: the objectives by name; empty unless complete.
        measurements: every number known of it, by name, with origin.
        params: what the sampler suggested.
        data: the data that it was trained and judged on: ``name``, ``fingerprint``, and by split the number of images
            and a fingerprint (:meth:`analysis.store.fingerprint.DataFingerprint.record`); ``None`` in records of an
            earlier archspace.
        duplicate_of: label of the trial that answered for the same ``arch_id``, if any.
        reason: why it is infeasible, stopped or failed.
        rungs: the task's metric at the epochs (as text) at which it was compared with others, of a study with rungs; no
            value of a full training. Those of a stopped trial are all that is known of its quality.
        epochs: that it was trained for in this study, 0 where it was answered from another trial's record or was ruled
            out before; ``None`` where that is not known, as in records of an earlier archspace.
        predicted: what was predicted of its numbers when it was chosen, by name, where its sampler predicts.
        first: what was measured first of those numbers that were taken again, by name; the new ones replaced them.
        started, finished: ISO 8601 times in UTC.
    """

    label: str
    number: int
    state: TrialState
    given: str | None = None
    spec: Mapping[str, Any] | None = None
    arch_id: str | None = None
    network: str | None = None
    seed: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    duplicate_of: str | None = None
    reason: str | None = None
    first: Mapping[str, Measurement] = field(default_factory=dict)
    rungs: Mapping[str, Measurement] = field(default_factory=dict)
    epochs: int | None = None
    predicted: Mapping[str, Measurement] = field(default_factory=dict)
    started: str | None = None
    finished: str | None = None

    @property
    def title(self) -> str:
        """What tables call the network: its label, after its name where it was given."""
        try:
            label = ArchSpec.from_dict(self.spec or {}).label
        except InputError:
            label = self.network or str((self.spec or {}).get("network", "unknown network"))
        return f"{self.given}: {label}" if self.given else label

    def value(self, name: str) -> float:
        """Returns THE value of a quantity: that of its last measurement, else the objective's; NaN where none is."""
        taken = self.measurements.get(name)
        return self.values.get(name, math.nan) if taken is None else taken.value

    @property
    def known(self) -> tuple[str, ...]:
        """Names of all numbers that are known of it, the objectives first."""
        return tuple(dict.fromkeys((*self.values, *self.measurements)))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON; a value that is not finite becomes ``None``."""
        data: dict[str, Any] = {
            name: getattr(self, name) for name in self.__slots__ if name not in _KEPT_IF_ANY
        }
        for name in ("spec", "params", "data"):
            data[name] = None if data[name] is None else dict(data[name])
        data["values"] = {k: v if math.isfinite(v) else None for k, v in self.values.items()}
        for name in ("measurements", *(name for name in _KEPT_IF_ANY if getattr(self, name))):
            data[name] = {k: m.to_dict() for k, m in getattr(self, name).items()}
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrialRecord:
        """Returns inverse of :meth:`to_dict`."""
        fields = dict(data)
        fields["values"] = {
            k: math.nan if v is None else float(v) for k, v in (data.get("values") or {}).items()
        }
        for name in ("measurements", *_KEPT_IF_ANY):
            fields[name] = {k: Measurement.from_dict(m) for k, m in (data.get(name) or {}).items()}
        return cls(**fields)


def _inner(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    held = data.get(name)
    return held if isinstance(held, Mapping) else {}


def unstable(measurements: Mapping[str, Measurement], asked: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Returns why numbers that a study asked for are not to be trusted, by name; those that are have no entry."""
    return {name: one.unstable for name, one in measurements.items() if name in asked and one.unstable}


RUN_FORMAT = 1
"""Version of the run folder's layout; a folder with a higher number was written by a newer archspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """A study as reports read it: what was asked and every trial that is not running.

    ``config`` is the resolved study.yaml as plain data; ``objectives`` are in the order of the study; ``noted`` is what
    the run folder says of its quantities, for those whose entry is not here; ``data`` is the fingerprint of what it was
    made on, ``None`` for a run of an earlier archspace.
    """

    name: str
    config: Mapping[str, Any]
    objectives: tuple[Quantity, ...]
    trials: tuple[TrialRecord, ...]
    noted: Mapping[str, Quantity] = field(default_factory=dict)
    data: DataFingerprint | None = None

    @property
    def data_name(self) -> str:
        """What the data are called: as the study says, else as their folder, or as the layout of built-in ones."""
        if self.data is not None:
            return self.data.name
        data = self.config.get("data") or {}
        return str(data.get("name") or Path(str(data.get("root") or "")).name or data.get("layout") or "")

    @property
    def asked(self) -> frozenset[str]:
        """Names of the quantities that the study asks for: its objectives, constraints, and power where it says so."""
        measure = self.config.get("measure") or self.config.get("latency") or {}
        power = POWER if measure.get("power") else ()
        return frozenset(
            (*(one.name for one in self.objectives), *(self.config.get("constraints") or {}), *power)
        )
