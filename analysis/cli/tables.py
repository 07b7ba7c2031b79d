"""Tables for people, on standard output. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from analysis.quantities import QUANTITIES
from archspace.support.numbers import amount, fixed
from archspace.support.terminal import Column, TerminalTable, output


def print_cost(report: Mapping[str, Any]) -> None:
    """The table by level, then the counters side by side."""
    console = output()
    height, width = report["input_size"]
    console.print(
        f"{report['label']}, {report['task']}, {report['classes']} classes", style="bold", markup=False
    )
    console.print(f"input {height}x{width}, architecture {report['arch_id']}")
    table = TerminalTable(
        "level", Column("params", "number"), Column("MACs", "number"), Column("conv MACs", "number", 2),
        Column("activations MB", "number", 1),
        Column("size MB", "number", 3),
    )  # fmt: skip
    for name, level in report["levels"].items():
        table.add(name, *_cost_cells(level))
    table.add("total", *_cost_cells(report), style="bold", section=True)
    table.print(console)
    if report["dead_params"]:
        console.print(f"{report['dead_params']:,} parameters are in the published layout but never run.")
    one = f"one sequence of {height} tokens" if report["task"] == "language" else "one image"
    console.print(f"{report['convention']}; 1 MB = 10^6 bytes, float32, {one}.", markup=False)
    if report["macs_fvcore"] is not None:
        _print_counters(console, report)


def _cost_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = tuple(amount(row[name]) for name in ("params", "macs", "conv_macs"))
    return (*counts, fixed(row["activation_bytes"] / 1e6), fixed(row["size_mb"], 3))


def _print_counters(console: Console, report: Mapping[str, Any]) -> None:
    macs = report["macs"]
    console.print("\nCounters side by side", style="bold")
    table = TerminalTable(
        "counter",
        Column("MACs", "number"),
        Column("to ours", "number"),
        Column("adds", "text"),
        Column("leaves out", "text", 1),
    )
    table.add("archspace (exact)", f"{macs:,}", "", "nothing", ", ".join(report["left_out"]["archspace"]))
    for name, value in (
        ("torch", report["flops_torch"] // 2),
        ("fvcore", report["macs_fvcore"]),
        ("thop", report["macs_thop"]),
    ):
        extra = report["counts_extra"][name]
        adds = ", ".join(f"{op} {amount(value)}" for op, value in extra.items()) or "nothing"
        share = f"{100 * (value - macs) / macs:+.1f} %" if macs else ""
        table.add(name, f"{value:,}", share, adds, ", ".join(report["left_out"][name]))
    table.print(console)
    console.print(f"torch's counter says {report['flops_torch']:,} FLOPs, 2 a MAC.")


def print_presets(rows: Sequence[Mapping[str, Any]]) -> None:
    """The published networks."""
    table = TerminalTable(
        "preset", "task", Column("input", rank=1), Column("params", "number"), Column("MACs", "number"),
        Column("published", "text", 2),
        Column("source", "text", 3),
    )  # fmt: skip
    for row in rows:
        size = "x".join(map(str, row["input_size"]))
        table.add(
            row["name"], row["task"], size, amount(row["params"]), amount(row["macs"]),
            _published(row["published"]), row["source"],
        )  # fmt: skip
    table.print()


def _published(published: Mapping[str, Any]) -> str:
    for name, one in QUANTITIES.items():
        if one.source == "evaluation" and published.get(name) is not None:
            value = f"{one.short} {published[name]:g} {one.unit}".rstrip()
            return f"{value}, {published.get('dataset', 'data set unknown')}"
    return "-"


def print_units(rows: Sequence[Mapping[str, Any]]) -> None:
    """The interchangeable units."""
    fields = ("dilated", "fusion", "residual", "pointwise_kernel", "inner", "shortcut")
    table = TerminalTable(
        "unit", Column("K", "number"), Column("fields", "text"), Column("what it is", "text")
    )
    for row in rows:
        table.add(
            row["name"],
            str(row["branches"] or "-"),
            ", ".join(name for name in fields if row[name]) or "-",
            row["about"],
        )
    console = output()
    table.print(console)
    console.print("K is the default number of branches; the fields named can be chosen for the unit.")
