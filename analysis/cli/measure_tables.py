"""Tables of what was measured and of what a machine can do, for people. Numbers are rounded here. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from analysis.devices.record import DeviceRecord
from archspace.support.numbers import fixed, number
from archspace.support.terminal import Column, TerminalTable, output

if TYPE_CHECKING:
    from rich.console import Console

    from analysis.devices.base import Check
    from analysis.devices.compare import Comparison


def print_record(record: DeviceRecord) -> None:
    """Latency, power, energy and conditions of one network."""
    console = output()
    how, latency = record.how, record.latency_ms
    console.print(escape(f"Measured {record.label} on {how['device_model']}"), style="bold")
    shape = " x ".join(map(str, (record.batch, how["channels"], *how["input_size"])))
    agreement = how["agreement"]
    rows = [
        (
            "median",
            f"{latency.median:.2f} ms of {how['latency_of']}, {record.throughput:.1f} inferences a second",
        ),
        ("5 % to 95 %", f"{latency.p5:.2f} to {latency.p95:.2f} ms"),
        ("interquartile range", f"{latency.iqr:.2f} ms"),
        ("runs", f"{latency.n} after {how['warmup']} to warm up, attempt {record.attempts}"),
        ("input", f"{shape}, {how['precision']}"),
        ("runtime", f"{record.runtime}, {how['threads']} thread{'s' if how['threads'] > 1 else ''}"),
        ("form", str(how.get("form", "not recorded"))),
        *_floor(record),
        (
            "measured",
            f"{how.get('measured_at', 'unknown')}{', from the cache' if how.get('from_cache') else ''}",
        ),
        ("peak memory", _memory(record)),
    ]
    if agreement["max_relative_difference"] is not None:
        rows.append(("difference", f"{agreement['max_relative_difference']:.1e} to {agreement['with']}"))
    if how["reference"]:
        reference = how["reference"]
        rows.append(
            ("reference network", f"{reference['median_ms']:.2f} ms, drift {_percent(reference['drift'])}")
        )
    for rail, watts in (record.power_w or {}).items():
        idle = "" if watts.idle is None else f", idle {watts.idle:.2f} W, net {watts.busy - watts.idle:.2f} W"
        rows.append((f"power, {rail}", f"{watts.busy:.2f} W{idle}"))
    if record.energy_mj is not None:
        net = "" if record.energy_net_mj is None else f", net of idle {record.energy_net_mj:.2f} mJ"
        rows.append(("energy", f"{record.energy_mj:.2f} mJ an inference{net}"))
    table = TerminalTable("", Column("", "text"))
    for name, value in rows:
        table.add(name, value)
    table.print(console)
    for name in ("power_w", "energy_mj"):
        if name in record.missing and not (name == "energy_mj" and "power_w" in record.missing):
            word = "Power and energy" if name == "power_w" else "Energy"
            console.print(escape(f"{word}: not measured: {record.missing[name]}."))
    _flags(console, [record])


def print_records(records: Sequence[DeviceRecord]) -> None:
    """A row a network."""
    console = output()
    table = TerminalTable(
        Column("network", "text"), Column("runtime", "text", 3), Column("ms", "number"),
        Column("5 % to 95 %", "number", 2), Column("1/s", "number", 4), Column("peak MB", "number", 1),
        Column("W", "number", 1), Column("mJ", "number", 1), "state",
    )  # fmt: skip
    for record in records:
        table.add(record.label, record.runtime, *_cells(record), _state(record))
    table.print(console)
    _no_power(console, records)
    _flags(console, records)


def print_comparison(comparison: Comparison) -> None:
    """A row a runtime, then those that are not there and why."""
    console = output()
    records = list(comparison.records.values())
    console.print(escape(f"{records[0].label} on {records[0].how['device_model']}, in turns"), style="bold")
    table = TerminalTable(
        Column("runtime", "text"), Column("ms", "number"), Column("5 % to 95 %", "number"),
        Column("times torch eager", "number"), Column("difference", "number", 1), "state",
    )  # fmt: skip
    for name, record in comparison.records.items():
        latency, speedup = record.latency_ms, comparison.speedup(name)
        share = record.how["agreement"]["max_relative_difference"]
        table.add(
            record.runtime, fixed(latency.median), f"{fixed(latency.p5)} to {fixed(latency.p95)}", fixed(speedup),
            "-" if share is None else f"{share:.1e}", _state(record),
        )  # fmt: skip
    table.print(console)
    for name, reason in comparison.unavailable.items():
        console.print(escape(f"{name}: {reason}"))
    _flags(console, records)


def print_checks(device: str, checks: Sequence[Check]) -> None:
    """The verdict, then a line a check, with what to do about a lack."""
    from analysis.devices.verdict import verdict

    console = output()
    console.print(verdict(device, checks), style="bold", markup=False)
    table = TerminalTable(device, "state", Column("seen", "text"), Column("what to do", "text"))
    for check in checks:
        table.add(check.name, check.state, check.detail, check.fix or "")
    table.print(console)


def _cells(record: DeviceRecord) -> tuple[str, ...]:
    latency, memory = record.latency_ms, record.peak_memory_bytes
    return (
        fixed(latency.median), f"{fixed(latency.p5)} to {fixed(latency.p95)}", fixed(record.throughput, 1),
        fixed(None if memory is None else memory / 1e6, 0), fixed(record.total_power_w), fixed(record.energy_mj),
    )  # fmt: skip


def _floor(record: DeviceRecord) -> list[tuple[str, str]]:
    """What a run must move and multiply at least, and how fast it did; no line where that is not known."""
    work, ms = record.how.get("work"), record.latency_ms.median
    if work is None:
        return []
    rates = f"{number(1e3 * work['bytes'] / ms, 'bytes')}/s, {number(1e3 * work['macs'] / ms, 'MACs')}/s"
    return [
        (
            "least work",
            f"{number(work['bytes'], 'bytes')} moved by its units, {number(work['macs'], 'MACs')}: {rates}",
        )
    ]


def _memory(record: DeviceRecord) -> str:
    if record.peak_memory_bytes is None:
        return f"not measured: {record.missing.get('peak_memory_bytes', 'unknown')}"
    return number(record.peak_memory_bytes, "bytes")


def _percent(share: float | None) -> str:
    return "unknown (too few runs)" if share is None else f"{share:+.0%}"


def _state(record: DeviceRecord) -> str:
    return "stable" if record.stable else "unstable"


def _no_power(console: Console, records: Sequence[DeviceRecord]) -> None:
    for reason in dict.fromkeys(r.missing["power_w"] for r in records if "power_w" in r.missing):
        console.print(escape(f"Power and energy: not measured: {reason}."))


def _flags(console: Console, records: Sequence[DeviceRecord]) -> None:
    for record in records:
        for flag in record.flags:
            console.print(escape(f"Unstable ({record.label}, {record.runtime}): {flag}."))
