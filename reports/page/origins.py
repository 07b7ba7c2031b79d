"""How numbers were taken, in a few words, and with which versions: from what measurements recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.store.records import Measurement, StudyRecord

_SHOWN = (
    "device", "runtime", "form", "version", "precision", "threads", "batch", "n", "p95", "split", "layout", "images",
    "tokens", "epochs", "counter", "counts", "predictor", "error",
)  # fmt: skip
_WORDS = {"n": "runs"}
_VERSIONS = ("archspace", "python", "torch", "commit", "cpu", "device", "runtime", "system")


def how_taken(taken: Measurement) -> str:
    """Returns device, runtime, samples, split and the like of a measurement, as one line.

    Empty if nothing was recorded.
    """
    how = _details(taken.how)
    parts = [text for text in (_when(taken.how),) if text]
    for key in _SHOWN:
        value = how.get(key)
        if value is None or isinstance(value, Mapping | list | tuple):
            continue
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        parts.append(f"{_WORDS.get(key, key)} {text}")
    if taken.unstable:
        parts.append(f"unstable: {'; '.join(taken.unstable)}")
    return ", ".join(parts)


def _when(how: Mapping[str, Any]) -> str:
    """When a device measured it; for what the cache answered, that it did."""
    if not how.get("measured_at"):
        return ""
    cached = "from the cache, " if how.get("from_cache") else ""
    return f"{cached}measured at {how['measured_at']}"


def _details(how: Mapping[str, Any]) -> dict[str, Any]:
    """The flat details: those of a device's record lie deeper."""
    record = how.get("record")
    if not isinstance(record, Mapping):
        return dict(how)
    latency = record.get("latency_ms") if isinstance(record.get("latency_ms"), Mapping) else {}
    inner = record.get("how") if isinstance(record.get("how"), Mapping) else {}
    return {**inner, **{k: v for k, v in record.items() if k != "how"}, **latency}  # type: ignore[dict-item]


def versions(study: StudyRecord) -> dict[str, str]:
    """Versions, commit and machines that measurements recorded; several values are joined."""
    recorded: dict[str, dict[str, None]] = {}
    for trial in study.trials:
        for taken in trial.measurements.values():
            if taken.origin != "measured":
                continue
            how = _details(taken.how)
            more = how.get("versions")
            for key, value in {**how, **(more if isinstance(more, Mapping) else {})}.items():
                if key in _VERSIONS and isinstance(value, str | int | float):
                    recorded.setdefault(key, {})[str(value)] = None
    return {key: ", ".join(recorded[key]) for key in _VERSIONS if key in recorded}
