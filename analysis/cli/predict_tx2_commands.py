"""Commands ``predict-tx2`` and ``fit-tx2``: a network's time on a TX2, predicted with its error beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError
from archspace.support.options import MEASURE, ClassesOption, InputOption, JsonOption, SetOption, SpecArgument

if TYPE_CHECKING:
    from analysis.predictors.roofline import Machine, Timed
    from archspace.spec.archspec import ArchSpec

LAYERS_FORMAT = 1
DEVICE = "tx2"


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    example = "Example: archspace predict-tx2 espnetv2-1.0 --clock 1122 --precision float16"
    app.command("predict-tx2", rich_help_panel=MEASURE, epilog=example)(predict_command)
    app.command(
        "fit-tx2",
        rich_help_panel=MEASURE,
        epilog="Example: archspace fit-tx2 --out analysis/predictors/data/tx2.json",
    )(fit_command)


def predict_tx2(
    spec: ArchSpec,
    clock_mhz: float = 1300.5,
    precision: str = "float32",
    *,
    runtime: str = "tensorrt",
    emc_mhz: float = 1866.0,
) -> dict[str, Any]:
    """Returns the predicted time of one inference on a TX2, its origin and its error.

    Watts are refused with the reason.

    Args:
        spec: the network; its own input size, batch 1.
        clock_mhz: of the GPU.
        precision: ``float32`` or ``float16``.
        runtime: ``tensorrt``, which fuses norms and activations, or ``framework``, which does not.
        emc_mhz: of the memory.

    Returns:
        ``latency_ms``, ``fps``, ``bound_percent`` (share of the time by what bounds each kernel), ``unseen_percent``
        (share of the time in kinds of kernels that no quoted network has), ``error``, ``layers``, and how it was
        predicted.

    Raises:
        FieldError: a clock, precision or runtime that the predictor does not have.
    """
    from analysis.predictors.tx2 import UNSEEN, kernel_times, load_fit, machine, model_of
    from analysis.predictors.tx2_fit import table
    from analysis.predictors.tx2_power import refusal

    if spec.task == "language":
        raise FieldError("task", spec.task, "no quoted TX2 time is of a language model", "a vision network")
    fit = load_fit()
    model = model_of(fit, runtime)
    device = machine(clock_mhz, emc_mhz, precision)  # type: ignore[arg-type]
    from analysis.predictors.kernels import network_kernels  # it builds the network

    times = kernel_times(network_kernels(spec), model, clock_mhz, emc_mhz, precision)  # type: ignore[arg-type]
    whole = sum(each.seconds for each in times)
    bound = {
        name: 100 * sum(each.seconds for each in times if each.bound == name) / whole
        for name in ("compute", "memory", "launch")
    }
    unseen = sum(each.seconds for each in times if each.kernel.kind in UNSEEN)
    return {
        "label": spec.label, "arch_id": spec.arch_id, "input_size": list(spec.input_size), "device": DEVICE,
        "origin": "predicted", "predictor": "TX2 roofline", "runtime": runtime, "precision": precision,
        "batch": 1, "clock_mhz": clock_mhz, "emc_mhz": emc_mhz, "latency_ms": 1e3 * whole, "fps": 1 / whole,
        "launches": len(times), "bound_percent": bound, "unseen_percent": 100 * unseen / whole,
        "error": {
            "network_left_out": fit["runtimes"][runtime]["network_left_out"],
            "frame_rates": fit["check_error"], "frame_rate_rows": fit["check"],
        },
        "power_w": None, "energy_mj": None, "power_reason": refusal(table("espnet_tx2")),
        "layers": _layers(times, device),
    }  # fmt: skip


def _layers(times: Sequence[Timed], device: Machine) -> list[dict[str, Any]]:
    return [
        {
            "name": each.kernel.name, "operation": each.kernel.operation, "kind": each.kernel.kind,
            "macs": each.kernel.macs, "bytes": each.kernel.elements * device.element_bytes,
            "ms": 1e3 * each.seconds, "bound": each.bound,
        }
        for each in times
    ]  # fmt: skip


def layers_file(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a prediction as the layer file that ``archspace plot-device`` draws."""
    from analysis.predictors.tx2 import machine

    device = machine(report["clock_mhz"], report["emc_mhz"], report["precision"])
    fresh, rates = (report["error"][name]["mean_percent"] for name in ("network_left_out", "frame_rates"))
    where = f"TX2, GPU {report['clock_mhz']:g} MHz, {report['runtime']}, {report['precision']}"
    return {
        "layers_format": LAYERS_FORMAT, "label": report["label"], "arch_id": report["arch_id"],
        "input_size": report["input_size"], "origin": "predicted", "device": where, "by": "kernel",
        "error": (
            f"mean error {fresh:.0f} % on networks not fitted on, {rates:.0f} % on the ESPNet paper's frame rates"
        ),
        "peak_flops": device.peak, "bandwidth": device.bandwidth, "roofs": "data sheet",
        "whole_ms": report["latency_ms"], "sum_ms": report["latency_ms"], "layers": report["layers"],
    }  # fmt: skip


def predict_command(
    spec: SpecArgument,
    clock: Annotated[float, typer.Option("--clock", metavar="MHZ", help="Of the GPU.")] = 1300.5,
    emc: Annotated[float, typer.Option("--emc", metavar="MHZ", help="Of the memory.")] = 1866.0,
    precision: Annotated[str, typer.Option("--precision", help="float32 or float16.")] = "float32",
    runtime: Annotated[
        str, typer.Option("--runtime", help="tensorrt, or framework: PyTorch or TensorFlow, nothing fused.")
    ] = "tensorrt",
    classes: ClassesOption = None,
    input_size: InputOption = None,
    changes: SetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Write its kernels for plot-device.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How long a network would take on a Jetson TX2: predicted by a roofline fitted on published times."""
    from archspace.spec.naming import parse_changes, parse_size, read_spec
    from archspace.support.files import write_text

    size = None if input_size is None else parse_size(input_size)
    arch = read_spec(spec, classes=classes, input_size=size, changes=parse_changes(changes or []))
    report = predict_tx2(arch, clock, precision, runtime=runtime, emc_mhz=emc)
    if out is not None:
        write_text(out, json.dumps(layers_file(report), indent=1))
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
        return
    from analysis.cli.tx2_tables import print_prediction

    print_prediction(report)


def fit_command(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Write coefficients and errors.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fits the TX2 predictor again on the published times it ships with, and prints its errors and its check."""
    from rich.console import Console

    from analysis.predictors.tx2_fit import fit_report
    from archspace.support.files import write_text

    with Console(stderr=True).status("fitting, and fitting again without each network"):
        report = fit_report()
    text = json.dumps(report, indent=1)
    if out is not None:
        write_text(out, text + "\n")
    if as_json:
        typer.echo(text)
        return
    from analysis.cli.tx2_tables import print_fit

    print_fit(report)
