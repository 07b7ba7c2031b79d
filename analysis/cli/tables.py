"""Tables for people, on standard output. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analysis.quantities import QUANTITIES
from archspace.support.numbers import amount, fixed


def console_of() -> Console:
    """Returns a console on standard output, wide where it is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)
    return console


def table_of(left: Sequence[str], right: Sequence[str], last: Sequence[str] = ()) -> Table:
    """Returns a table with columns to the left, to the right, and at last those that may wrap."""
    table = Table(header_style="bold")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    for name in last:
        table.add_column(name)
    return table


def print_cost(report: Mapping[str, Any]) -> None:
    """The table by level, then the counters side by side."""
    console = console_of()
    height, width = report["input_size"]
    console.print(escape(f"{report['label']}, {report['task']}, {report['classes']} classes"), style="bold")
    console.print(f"input {height}x{width}, architecture {report['arch_id']}")
    columns = ("params", "MACs", "conv MACs", "activations MB", "size MB")
    table = table_of(("level",), columns)
    for name, level in report["levels"].items():
        table.add_row(name, *_cost_cells(level))
    table.add_section()
    table.add_row("total", *_cost_cells(report), style="bold")
    console.print(table)
    if report["dead_params"]:
        console.print(f"{report['dead_params']:,} parameters are in the published layout but never run.")
    one = f"one sequence of {height} tokens" if report["task"] == "language" else "one image"
    console.print(escape(report["convention"]) + f"; 1 MB = 10^6 bytes, float32, {one}.")
    _print_counters(console, report)


def _cost_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = tuple(amount(row[name]) for name in ("params", "macs", "conv_macs"))
    return (*counts, fixed(row["activation_bytes"] / 1e6), fixed(row["size_mb"], 3))


def _print_counters(console: Console, report: Mapping[str, Any]) -> None:
    if report["macs_fvcore"] is None:
        console.print("The other counters were not run.")
        return
    macs = report["macs"]
    console.print("\nCounters side by side", style="bold")
    table = table_of(("counter",), ("MACs", "to ours"), ("adds", "leaves out"))
    table.add_row("archspace (exact)", f"{macs:,}", "", "nothing", ", ".join(report["left_out"]["archspace"]))
    for name, number in (
        ("torch", report["flops_torch"] // 2),
        ("fvcore", report["macs_fvcore"]),
        ("thop", report["macs_thop"]),
    ):
        extra = report["counts_extra"][name]
        adds = ", ".join(f"{op} {amount(value)}" for op, value in extra.items()) or "nothing"
        share = f"{100 * (number - macs) / macs:+.1f} %" if macs else ""
        table.add_row(name, f"{number:,}", share, adds, ", ".join(report["left_out"][name]))
    console.print(table)
    console.print(f"torch's counter says {report['flops_torch']:,} FLOPs, 2 a MAC.")


def print_presets(rows: Sequence[Mapping[str, Any]]) -> None:
    """The published networks."""
    table = table_of(("preset", "task", "input"), ("params", "MACs"), ("published", "source"))
    for row in rows:
        size = "x".join(map(str, row["input_size"]))
        table.add_row(
            row["name"], row["task"], size, amount(row["params"]), amount(row["macs"]),
            _published(row["published"]), row["source"],
        )  # fmt: skip
    console_of().print(table)


def _published(published: Mapping[str, Any]) -> str:
    for name, one in QUANTITIES.items():
        if one.source == "evaluation" and published.get(name) is not None:
            value = f"{one.short} {published[name]:g} {one.unit}".rstrip()
            return f"{value}, {published.get('dataset', 'data set unknown')}"
    return "-"


def print_units(rows: Sequence[Mapping[str, Any]]) -> None:
    """The interchangeable units."""
    switches = ("dilated", "fusion", "residual", "pointwise_kernel", "inner")
    table = table_of(("unit",), ("K", *switches), ("what it is",))
    for row in rows:
        marks = ["yes" if row[name] else "-" for name in switches]
        table.add_row(row["name"], str(row["branches"] or "-"), *marks, row["about"])
    console = console_of()
    console.print(table)
    console.print("K is the default number of branches; yes: the field can be chosen for this unit.")
