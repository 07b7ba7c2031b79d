"""From raw samples to a :class:`DeviceRecord`: the same numbers, limits and flags for every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.counts.floors import NUMBER_BYTES, works
from analysis.devices.record import POWER_FLAG, TOTAL, DeviceRecord, Latency, RailPower
from analysis.devices.settings import Settings
from analysis.devices.target import Target

if TYPE_CHECKING:
    from analysis.board.sampling import Trace

NO_POWER_ASKED = "not asked for"
FEWEST_FOR_HALVES = 6
"""Reference runs below which their two halves are not compared."""


def assemble(
    target: Target,
    device: str,
    runtime: str,
    settings: Settings,
    samples_ms: Sequence[float],
    reference_ms: Sequence[float] = (),
    trace: Trace | None = None,
    windows: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    missing: Mapping[str, str] | None = None,
    how: Mapping[str, Any] | None = None,
    peak_memory_bytes: int | None = None,
) -> DeviceRecord:
    """Returns one attempt as a record, with the flags that its spread, drift and power sampling earn.

    Args:
        target: what was measured.
        device: as named by ``--device``.
        runtime: name and version.
        settings: how it was taken; its limits decide the flags.
        samples_ms: milliseconds of each timed run of a batch, in order.
        reference_ms: milliseconds of the reference network's runs between them, in order.
        trace: power samples; ``None`` where none were taken, ``missing["power_w"]`` then says why.
        windows: on the trace's clock, in seconds: ``idle`` (start, end) or ``None``; ``busy`` (start, end) of the
            steady load from its first run to the end of its last; ``runs_in_busy``, its runs; and ``settle_s``, how
            much of its start no power counts of (left out: the largest that the trace's sensors ask for).
        before, after: :func:`analysis.board.conditions.conditions` around the timed runs, both under load.
        missing: by quantity, why it could not be read.
        how: what the device adds; it wins over what is filled in here.
        peak_memory_bytes: as ``how["memory_counts"]`` defines it.
    """
    before, after = dict(before or {}), dict(after or {})
    gone = {**before.pop("missing", {}), **after.pop("missing", {}), **dict(missing or {})}
    latency = Latency.of(list(samples_ms))
    reference = reference_of(reference_ms)
    clocks = _clock_drift(before, after)
    power, energy, net, power_flags = _power(trace, windows or {}, settings, gone)
    flags = [*_spread_flags(latency, settings), *_drift_flags(reference, clocks, settings), *power_flags]
    taken = {
        "precision": settings.precision, "input_size": list(target.input_size), "channels": target.channels,
        "work": _work(target, settings), "threads": settings.threads, "warmup": settings.warmup,
        "limits": {"spread": settings.spread, "drift": settings.drift}, "spread": latency.spread,
        "before": before, "after": after, "clock_drift": clocks, "reference": reference,
        "power": None if trace is None else _sampled(trace, windows or {}, settings),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return DeviceRecord(
        label=target.label, arch_id=target.arch_id, device=device, runtime=runtime, batch=settings.batch,
        latency_ms=latency, peak_memory_bytes=peak_memory_bytes, power_w=power, energy_mj=energy,
        energy_net_mj=net, missing=gone, flags=tuple(flags), how={**taken, **dict(how or {})},
    )  # fmt: skip


def _work(target: Target, settings: Settings) -> dict[str, int] | None:
    """What a run must do at least (:mod:`analysis.counts.floors`); ``None`` for a foreign file."""
    if target.network is None:
        return None
    units = works(target.network.spec.plan, target.input_size)
    moved = sum(unit.bytes_moved(settings.batch, NUMBER_BYTES[settings.precision]) for unit in units)
    return {"bytes": moved, "macs": settings.batch * sum(unit.macs for unit in units)}


def repeated(take: Callable[[int], DeviceRecord], settings: Settings) -> DeviceRecord:
    """Returns the first stable attempt of at most ``settings.attempts``, else the one of least spread, with its flags.

    Attempts are never averaged; ``how["attempts"]`` of the returned record sums up each of them.

    Args:
        take: takes attempt 0, 1, ...
        settings: with the most attempts.
    """
    taken: list[DeviceRecord] = []
    while len(taken) < settings.attempts and not (taken and taken[-1].stable):
        taken.append(take(len(taken)))
    chosen = taken[-1] if taken[-1].stable else min(taken, key=lambda record: record.latency_ms.spread)
    return replace(
        chosen, attempts=len(taken), how={**chosen.how, "attempts": [_summary(record) for record in taken]}
    )


def reference_of(samples_ms: Sequence[float]) -> dict[str, Any] | None:
    """Returns what the reference network's runs say of the machine; ``None`` where there were none.

    Returns:
        ``median_ms``; ``drift``, the change of its median from the first half of its runs to the second as a share of
        the first (``None`` for fewer than six runs); ``slowdown``, its median over its quickest run, less 1;
        ``samples_ms``.
    """
    if not samples_ms:
        return None
    half = len(samples_ms) // 2
    median = float(np.median(samples_ms))
    first, second = (float(np.median(part or [median])) for part in (samples_ms[:half], samples_ms[half:]))
    return {
        "median_ms": median, "drift": second / first - 1 if len(samples_ms) >= FEWEST_FOR_HALVES else None,
        "slowdown": median / min(samples_ms) - 1, "samples_ms": list(samples_ms),
    }  # fmt: skip


def _summary(record: DeviceRecord) -> dict[str, Any]:
    latency = record.latency_ms
    return {
        "median_ms": latency.median, "spread": latency.spread, "n": latency.n, "flags": list(record.flags),
        "energy_mj": record.energy_mj, "reference": (record.how["reference"] or {}).get("median_ms"),
    }  # fmt: skip


def _clock_drift(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    if not before or not after:
        return {}
    from analysis.board.conditions import drift

    return dict(drift(before, after))


def _spread_flags(latency: Latency, settings: Settings) -> list[str]:
    if latency.spread <= settings.spread:
        return []
    return [
        f"spread: the interquartile range is {latency.spread:.0%} of the median, limit {settings.spread:.0%}"
    ]


def _drift_flags(
    reference: Mapping[str, Any] | None, clocks: Mapping[str, float], settings: Settings
) -> list[str]:
    changes = {f"clock {name}": change for name, change in clocks.items()}
    if reference is not None and reference["drift"] is not None:
        changes["the reference network's latency"] = reference["drift"]
    return [
        f"drift: {name} changed by {change:+.0%}, limit {settings.drift:.0%}"
        for name, change in changes.items()
        if abs(change) > settings.drift
    ]


def _power(
    trace: Trace | None, windows: Mapping[str, Any], settings: Settings, missing: dict[str, str]
) -> tuple[dict[str, RailPower] | None, float | None, float | None, list[str]]:
    """Watts by rail, millijoules an inference in all and net of idle, and flags; fills ``missing``."""
    if trace is None or not windows:
        missing.setdefault("power_w", "no sensor was read" if settings.power else NO_POWER_ASKED)
        missing.setdefault("energy_mj", missing["power_w"])
        return None, None, None, []
    from analysis.board.energy import measured_power

    flags = [f"{POWER_FLAG}{trace.error}"] if trace.error else []
    idle, busy = (tuple(windows[name]) if windows.get(name) else None for name in ("idle", "busy"))
    assert busy is not None
    try:
        measured = measured_power(trace, idle, busy, _settle(trace, windows))
    except ValueError as error:
        missing["power_w"] = missing["energy_mj"] = str(error)
        return None, None, None, flags
    power = {
        rail: RailPower(idle=watts["idle"], busy=watts["busy"])
        for rail, watts in measured.items()
        if watts["busy"] is not None
    }
    if TOTAL not in power:
        missing["energy_mj"] = "none of the rails read feeds the whole device"
        return power, None, None, flags
    start, end = busy
    inferences = windows["runs_in_busy"] * settings.batch
    if not inferences:
        missing["energy_mj"] = "no run ended in the counted window"
        return power, None, None, flags
    each_ms = 1e3 * (end - start) / inferences
    net = power[TOTAL].net
    if net is None:
        missing.setdefault("energy_net_mj", "no idle power was taken")
    return power, power[TOTAL].busy * each_ms, None if net is None else net * each_ms, flags


def _settle(trace: Trace, windows: Mapping[str, Any]) -> float:
    return float(windows.get("settle_s", trace.settle_s))


def _sampled(trace: Trace, windows: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    return {
        "period_s": settings.period_s, "sensors": trace.sensors, "windows": dict(windows),
        "settle_s": _settle(trace, windows), "trace": trace.to_dict(),
    }  # fmt: skip
