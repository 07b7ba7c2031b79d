"""Commands ``calibrate`` and ``predict``: a latency predictor of this machine, and its answers with their error."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError, InputError
from archspace.support.options import (
    MEASURE,
    ClassesOption,
    InputOption,
    JsonOption,
    SetOption,
    SpecArgument,
    TaskOption,
    seed_option,
)

if TYPE_CHECKING:
    from analysis.predictors.calibration import OnProgress
    from analysis.predictors.record import Calibration

DEVICE = "cpu"
DRAW_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(
        "calibrate",
        rich_help_panel=MEASURE,
        epilog="Example: archspace calibrate --device cpu --minutes 10 --out cpu.json",
    )(calibrate_command)
    app.command(
        "predict",
        rich_help_panel=MEASURE,
        epilog="Example: archspace predict espnet --input 96x128 --classes 8 --by cpu.json",
    )(predict_command)


def calibrate_command(
    device: Annotated[str, typer.Option("--device", help="What to calibrate: cpu.")] = DEVICE,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.json", help="The predictor; left out, 'predict --by cpu' finds it."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="Of timing networks to fit on.")] = 10.0,
    check: Annotated[
        int, typer.Option("--check", metavar="N", help="Held-out networks, timed after those minutes.")
    ] = 100,
    runtime: Annotated[str, typer.Option("--runtime", help="torch.")] = "torch",
    space: Annotated[
        Path | None,
        typer.Option("--space", metavar="STUDY.yaml", help="Whose networks; left out, those of road scenes."),
    ] = None,
    input_size: InputOption = None,
    seed: Annotated[int, seed_option("Of the random networks.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Fits a latency predictor on this machine's own times of units, and checks it on whole held-out networks.

    Every measurement is kept in FILE.jsonl as it is taken: the same command goes on where it was stopped.
    """
    if device != DEVICE:
        raise FieldError("device", device, "the layer-wise predictor times units on the CPU only", DEVICE)
    if out is not None and out.suffix != ".json":
        raise FieldError("out", str(out), "a predictor is a .json file", f"{out}.json")
    from analysis.predictors.spaces import DEFAULT_SPACE, check_space, read_space
    from archspace.spec.naming import parse_size

    size = None if input_size is None else parse_size(input_size)
    fields = (
        read_space(space, size)
        if space
        else {**DEFAULT_SPACE, **({"input_size": list(size)} if size else {})}
    )
    check_space(fields)
    from analysis.predictors.calibration import calibrate
    from analysis.predictors.kept import default_file
    from analysis.predictors.timing import CpuTimer

    with _progress() as on_progress:
        made = calibrate(
            CpuTimer(runtime), fields, out or default_file(device), minutes=minutes, check=check, seed=seed,
            on_progress=on_progress,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(made.summary(), indent=2, allow_nan=False))
        return
    _print_calibration(made, out or default_file(device))


def predict_command(
    spec: SpecArgument,
    by: Annotated[
        str, typer.Option("--by", metavar="FILE.json|cpu", help="The predictor, as 'calibrate' made it.")
    ] = DEVICE,
    task: TaskOption = None,
    classes: ClassesOption = None,
    input_size: InputOption = None,
    changes: SetOption = None,
    other_device: Annotated[
        bool,
        typer.Option("--other-device", help="Also by a predictor of another machine, version or threads."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """How long a run of a network would take, predicted from its units; units never calibrated are refused."""
    from analysis.predictors.record import Calibration
    from archspace.spec.naming import parse_changes, parse_size, read_spec

    size = None if input_size is None else parse_size(input_size)
    arch = read_spec(spec, task=task, classes=classes, input_size=size, changes=parse_changes(changes or []))
    from analysis.predictors.kept import default_file

    path = default_file(DEVICE) if by == DEVICE else Path(by)
    made = Calibration.read(path)
    differences = _differences(made, path, other_device)
    answer = made.predict(arch).to_dict()
    report: dict[str, Any] = {
        "label": arch.label, "arch_id": arch.arch_id, "input_size": list(arch.input_size),
        "origin": answer["origin"], "latency_ms": answer["value"], "other_device": differences, "how": answer["how"],
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
        return
    _print_prediction(report)


def _differences(made: Calibration, path: Path, allowed: bool) -> list[str]:
    """In what the predictor's device is not this one.

    Raises:
        InputError: in something, and that is not ``allowed``.
    """
    from analysis.predictors.record import device_key

    differences = made.differences(device_key())
    if differences and not allowed:
        raise InputError(
            f"{path}: calibrated on another device: {'; '.join(differences)}; calibrate here, or use --other-device"
        )
    return differences


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar on standard error with the time left, drawn between measurements only."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %, {task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        bar = progress.add_task("calibrating", total=1.0, left="")
        drawn = 0.0

        def on_progress(doing: str, share: float, left_s: float) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > DRAW_SECONDS or share >= 1:
                left = f"{left_s / 60:.0f} min left" if left_s > 90 else f"{left_s:.0f} s left"
                progress.update(bar, description=doing, completed=min(share, 1.0), left=left, refresh=True)
                drawn = time.monotonic()

        yield on_progress


def _print_calibration(made: Calibration, path: Path) -> None:
    on = made.fitted_on
    typer.echo(
        f"{made.device['model']}, {made.device['runtime']}, {made.device['threads']} thread, float32, batch 1"
    )
    typer.echo(
        f"fitted on {on['networks']} networks with {on['configurations']} configurations of units and layers, "
        f"{on['minutes']:.1f} minutes"
    )
    _print_error("held-out networks", made.error)
    _print_error("the same, nothing looked up", made.blind_error)
    if made.wall_error is not None:
        _print_error("those with uninterrupted runs, on the wall", made.wall_error)
    typer.echo(
        f"standard error of a held-out network's own time: {100 * on['measured_error']:.1f} % (median)"
    )
    if on["load_average"]:
        low, middle, high = on["load_average"]
        typer.echo(f"load of the machine meanwhile: {low:.1f} to {high:.1f}, median {middle:.1f}")
    typer.echo(f"wrote {path}")


def _print_error(of: str, error: Mapping[str, Any]) -> None:
    refused = f", {error['refused']} refused" if error.get("refused") else ""
    typer.echo(
        f"{of} ({error['networks']}{refused}): within 5 %: {100 * error['hit_5']:.0f} %, "
        f"within 10 %: {100 * error['hit_10']:.0f} %, RMSPE {100 * error['rmspe']:.1f} %, "
        f"Spearman {error['spearman']:.3f}, Kendall {error['kendall']:.3f}"
    )


def _print_prediction(report: Mapping[str, Any]) -> None:
    how = report["how"]
    height, width = report["input_size"]
    typer.echo(f"{report['label']}, input {height}x{width}, architecture {report['arch_id']}")
    typer.echo(f"predicted, not measured: {report['latency_ms']:.3g} ms a run of one image")
    device = how["device"]
    typer.echo(
        f"by the layer-wise predictor of {device['model']}, {device['runtime']}, {device['threads']} thread, "
        f"calibrated {how['calibrated']}"
    )
    _print_error("its error on held-out networks", how["error"])
    if how["looked_up"] < 1:
        typer.echo(
            f"{100 * (1 - how['looked_up']):.0f} % of the time is in configurations that were never timed; "
            f"regressed, with an RMSPE of {100 * how['regressor_rmspe']:.0f} % a piece"
        )
    for difference in report["other_device"]:
        typer.echo(f"of another device than this one: {difference}")
