"""Tables of the TX2 predictor for people, on standard output; numbers are rounded here. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from archspace.support.terminal import Column, TerminalTable, output


def print_prediction(report: Mapping[str, Any]) -> None:
    """The predicted time, and the predictor's errors beside it."""
    console = output()
    height, width = report["input_size"]
    console.print(escape(f"{report['label']} on a Jetson TX2: predicted, not measured"), style="bold")
    console.print(
        f"input {height}x{width}, batch 1, {report['precision']}, {report['runtime']}, "
        f"GPU {report['clock_mhz']:g} MHz, memory {report['emc_mhz']:g} MHz"
    )
    table = TerminalTable("predicted", Column("", "text"))
    bound = report["bound_percent"]
    shares = ", ".join(f"{name} {share:.0f} %" for name, share in bound.items())
    for name, value in (
        ("latency", f"{report['latency_ms']:.2f} ms"), ("frames a second", f"{report['fps']:.2f}"),
        ("kernels", f"{report['launches']}"), ("time bound by", shares),
        ("time in kinds of kernels never fitted", f"{report['unseen_percent']:.0f} %"),
    ):  # fmt: skip
        table.add(name, value)
    table.print(console)
    console.print(f"Error on networks not fitted on: {_error(report['error']['network_left_out'])}.")
    print_check(console, report["error"]["frame_rate_rows"], report["error"]["frame_rates"])
    console.print(escape(f"Power and energy: not predicted: {report['power_reason']}."))


def print_check(console: Console, rows: Sequence[Mapping[str, Any]], error: Mapping[str, Any]) -> None:
    """Published and predicted frame rates, none of which was fitted on."""
    titles = ("MHz", "published fps", "predicted fps", "error")
    table = TerminalTable("checked on", "published", *(Column(title, "number") for title in titles))
    for row in rows:
        table.add(
            row["network"], row["confidence"], f"{row['clock_mhz']:g}", f"{row['fps']:.2f}",
            f"{row['predicted_fps']:.2f}", f"{row['error_percent']:+.0f} %",
        )  # fmt: skip
    table.print(console)
    console.print(
        f"Error on the ESPNet paper's frame rates (PyTorch, runtime framework, float32): {_error(error)}."
    )


def print_fit(report: Mapping[str, Any]) -> None:
    """Coefficients, errors, the check, and what was left out."""
    console = output()
    for runtime, fit in report["runtimes"].items():
        model = fit["model"]
        shares = ", ".join(f"{kind} {share:.3g}" for kind, share in model["efficiency"].items())
        console.print(f"{runtime}: share of the float32 peak: {shares}", style="bold")
        half = (
            "" if model["half"] is None
            else f", x {model['half']:.3g} in float16 (depth-wise x {model['half_depthwise']:.3g})"
        )  # fmt: skip
        console.print(
            f"  share of the bandwidth {model['memory']:.3g}, {model['launch_us']:.3g} us a kernel{half}"
        )
        console.print(f"  on {', '.join(fit['structures'])}")
        console.print(f"  on the rows it was fitted on: {_error(fit['fitted'])}")
        console.print(f"  on each network without its rows: {_error(fit['network_left_out'])}")
    print_check(console, report["check"], report["check_error"])
    table = TerminalTable(Column("quoted rows not fitted on, because", "text"), Column("rows", "number"))
    for reason, rows in report["rows_left_out"].items():
        table.add(reason, str(rows))
    table.print(console)
    console.print(f"{report['rows_used']} quoted rows were fitted on.")


def _error(error: Mapping[str, Any]) -> str:
    return (
        f"mean {error['mean_percent']:.0f} %, RMS {error['rmspe_percent']:.0f} %, "
        f"worst {error['worst_percent']:.0f} %, within 10 %: {error['within_10_percent']:.0f} % of {error['n']}"
    )
