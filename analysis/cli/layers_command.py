"""Command ``layers``: where a network's time goes on this machine's CPU."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from archspace.support.options import MEASURE, ClassesOption, InputOption, JsonOption, SpecArgument

KINDS = ("unit", "layer")


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command(
        "layers",
        rich_help_panel=MEASURE,
        epilog="Example: archspace layers espnetv2-1.0 --by unit --out layers.json",
    )(layers)


def layers(
    spec: SpecArgument,
    by: Annotated[str, typer.Option("--by", help="unit or layer.")] = "unit",
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads in an operator.")] = 1,
    runs: Annotated[int, typer.Option("--runs", metavar="N", help="Timed runs.")] = 30,
    classes: ClassesOption = None,
    input_size: InputOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Write the times for plot-device.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Time of each unit or layer on this machine's CPU, with MACs and bytes, and how far the sum is from the whole."""
    from rich.console import Console
    from rich.progress import Progress

    from archspace.spec.naming import find_network, parse_size
    from archspace.support.errors import FieldError
    from archspace.support.files import write_text
    from archspace.support.terminal import working

    if by not in KINDS:
        raise FieldError("by", by, "must be unit or layer", KINDS[0])
    size = None if input_size is None else parse_size(input_size)
    named = find_network(spec, classes=classes, input_size=size)
    with working(f"building {spec}"):
        from analysis.counts.layer_times import layer_times, layers_report

        network = named.build()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"timing every {by}", total=runs)
        times = layer_times(
            network, by=by, threads=threads, runs=runs,  # type: ignore[arg-type]
            after_run=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
    report = layers_report(network, times, by, threads, runs)  # type: ignore[arg-type]
    text = json.dumps(report, indent=1, allow_nan=False)
    if out is not None:
        write_text(out, text)
    if as_json:
        typer.echo(text)
        return
    print_layers(report)


def print_layers(report: Mapping[str, Any]) -> None:
    """The table for people, rounded."""
    from archspace.support.numbers import amount, fixed
    from archspace.support.terminal import Column, TerminalTable, output

    console = output()
    height, width = report["input_size"]
    title = f"{report['label']} at {height}x{width} on {report['device']}"
    console.print(title, style="bold", markup=False)
    ranks = {"MACs": 1, "MB moved": 3, "ms": 0, "of the sum": 0, "GFLOP/s": 2}
    numbers = [Column(name, "number", rank) for name, rank in ranks.items()]
    table = TerminalTable(report["by"], Column("operation", "text", 4), *numbers)
    for layer in report["layers"]:
        rate = 2e-6 * layer["macs"] / layer["ms"] if layer["ms"] else 0.0
        table.add(
            layer["name"], layer["operation"], amount(layer["macs"]) if layer["macs"] else "-",
            fixed(layer["bytes"] / 1e6), fixed(layer["ms"], 3), f"{100 * layer['ms'] / report['sum_ms']:.1f} %",
            f"{rate:.1f}" if layer["macs"] else "-",
        )  # fmt: skip
    table.print(console)
    console.print(
        f"Sum {report['sum_ms']:.2f} ms, whole {report['whole_ms']:.2f} ms: the sum is {report['gap_percent']:+.1f} % "
        f"off (what runs between the {report['by']}s is in none of them; the clocks take time too). "
        f"Medians of the quickest half of {report['runs']} runs."
    )
    for flag in report["flags"]:
        console.print(flag, style="bold")
    console.print(
        f"Measured roofs: {report['peak_flops'] / 1e9:.0f} GFLOP/s, {report['bandwidth'] / 1e9:.1f} GB/s."
    )
