"""Commands that measure: ``measure`` and ``doctor``. Torch is imported when one runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from archspace.presets.completion import complete_network
from archspace.support.errors import FieldError, InputError, closest
from archspace.support.options import MEASURE, NETWORK, ClassesOption, InputOption, JsonOption, TaskOption

if TYPE_CHECKING:
    from analysis.devices.base import Device
    from analysis.devices.compare import Comparison
    from analysis.devices.record import DeviceRecord
    from analysis.devices.settings import OnProgress, Precision, Settings
    from analysis.devices.target import Target

PRECISIONS = ("float32", "float16", "bfloat16", "int8")
REFRESH_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command(
        "measure",
        rich_help_panel=MEASURE,
        epilog="Example: archspace measure espnetv2-1.0 --device cpu --compare",
    )(measure)
    app.command("doctor", rich_help_panel=MEASURE, epilog="Example: archspace doctor ssh://nvidia@tx2")(
        doctor
    )


def measure(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            help=f"One or several: a preset, {NETWORK}; or an .onnx file.",
            autocompletion=complete_network,
        ),
    ],
    device: Annotated[
        str, typer.Option("--device", metavar="D", help="cpu, cuda, cuda:N or ssh://[user@]host[:port].")
    ] = "cpu",
    runtime: Annotated[
        str | None,
        typer.Option(
            "--runtime",
            metavar="R",
            help="torch (if left out, but on boards), compile, cudagraph, onnxruntime, openvino, native, tensorrt; on "
            "a GPU also fused-graph and others (see the guide).",
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Every runtime of the device, in turns, side by side.")
    ] = False,
    among: Annotated[
        str | None,
        typer.Option("--among", metavar="R,R,...", help="Of --compare: these runtimes alone."),
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", metavar="P", help="float32, float16, bfloat16 or int8.")
    ] = "float32",
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads in an operator.")] = 1,
    runs: Annotated[int, typer.Option("--runs", metavar="N", help="Timed runs.")] = 100,
    warmup: Annotated[int, typer.Option("--warmup", metavar="N", help="Fewest untimed runs before.")] = 10,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Images (or texts) in a run.")] = 1,
    attempts: Annotated[
        int, typer.Option("--attempts", metavar="N", help="Most times that an unstable one is measured.")
    ] = 3,
    power: Annotated[
        bool, typer.Option("--power/--no-power", help="Sample power, where there is a sensor.")
    ] = True,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh/--cached", help="Measure anew, or answer from the cache what it has, with its date."
        ),
    ] = True,
    task: TaskOption = None,
    classes: ClassesOption = None,
    input_size: InputOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Keep the records here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How long a run of a network takes and what power it draws: median, spread, energy, and how it was taken."""
    if precision not in PRECISIONS:
        raise FieldError("precision", precision, "unknown precision", closest(precision, list(PRECISIONS)))
    if compare and not fresh:
        raise FieldError("--cached", True, "--compare takes turns, which no cache knows", "leave it out")
    if compare and runtime is not None:
        raise FieldError("runtime", runtime, "--compare measures every runtime", "leave one of the two out")
    chosen = _among(among, compare)
    from analysis.devices.opening import open_device
    from analysis.devices.settings import Settings
    from analysis.devices.target import open_target
    from archspace.spec.naming import parse_size
    from archspace.support.terminal import working

    settings = Settings(
        runtime=runtime, precision=cast("Precision", precision), batch=batch, threads=threads, warmup=warmup,
        runs=runs, power=power, attempts=attempts,
    )  # fmt: skip
    if runtime is not None:
        from analysis.runtimes import RUNTIMES

        RUNTIMES[runtime]  # refuses an unknown name before anything is opened
    opened = open_device(device)
    size = None if input_size is None else parse_size(input_size)
    networks = []
    with working("opening") as now:
        for text in targets:
            now(f"opening {text}")
            networks.append(open_target(text, task=task, classes=classes, input_size=size))
    if compare:
        comparisons = [_compared(network, device, settings, chosen) for network in networks]
        report = {"comparisons": [_comparison(one) for one in comparisons]}
        if len(comparisons) == 1:
            report = report["comparisons"][0]
        _finish(report, out, as_json)
        if not as_json:
            from analysis.cli.measure_tables import print_comparison

            for one in comparisons:
                print_comparison(one)
        return
    records = []
    for network in networks:
        with _progress() as on_progress, _reached():
            records.append(_measured(opened, network, settings, fresh, on_progress))
    reports = [_with_reason(record) for record in records]
    _finish(reports[0] if len(reports) == 1 else {"records": reports}, out, as_json)
    if not as_json:
        from analysis.cli.measure_tables import print_record, print_records

        print_record(records[0]) if len(records) == 1 else print_records(records)


def _measured(
    device: Device, network: Target, settings: Settings, fresh: bool, on_progress: OnProgress
) -> DeviceRecord:
    """The record of a network, from the cache where that may answer; what is measured goes there."""
    from analysis.devices.cache import MeasurementCache

    if network.network is None or network.arch_id is None:
        return device.measure(network, settings, on_progress)  # a foreign file: its name says nothing of it
    cache = MeasurementCache(device, settings)
    known = None if fresh else cache.get(network.arch_id)
    if known is not None:
        return known
    record = device.measure(network, settings, on_progress)
    cache.put(record)
    return record


def doctor(
    device: Annotated[
        str, typer.Argument(metavar="[DEVICE]", help="cpu, cuda, cuda:N or ssh://[user@]host[:port].")
    ] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """What this machine or a board can do, what is missing, and how to get it."""
    from analysis.devices.opening import open_device
    from analysis.devices.verdict import verdict
    from archspace.support.terminal import working

    opened = open_device(device)
    with working(f"looking at what {device} can do"):
        checks = opened.doctor()
    if as_json:
        said = {"device": device, "verdict": verdict(device, checks)}
        _print({**said, "checks": [check.to_dict() for check in checks]})
        return
    from analysis.cli.measure_tables import print_checks

    print_checks(device, checks)


def _among(text: str | None, compare: bool) -> list[str] | None:
    """The runtimes of ``--among``; each must be one, before anything is opened."""
    if text is None:
        return None
    if not compare:
        raise FieldError("among", text, "chooses runtimes of --compare", "--runtime")
    from analysis.runtimes import RUNTIMES

    names = [name.strip() for name in text.split(",")]
    for name in names:
        RUNTIMES[name]
    return names


def _compared(network: Target, device: str, settings: Settings, among: list[str] | None) -> Comparison:
    from analysis.devices.compare import compare
    from analysis.devices.local import LocalDevice

    if device.startswith("ssh://"):
        raise FieldError("device", device, "--compare takes turns on this machine only", "cpu")
    with _progress() as on_progress:
        return compare(network, LocalDevice(device), settings, on_progress, among)


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "runtimes": {
            name: {**_with_reason(record), "speedup_to_torch": comparison.speedup(name)}
            for name, record in comparison.records.items()
        },
        "unavailable": comparison.unavailable,
    }


def _with_reason(record: DeviceRecord) -> dict[str, Any]:
    """The record as plain data; ``power_reason`` says in one place why there is no power."""
    return {**record.to_dict(), "power_reason": record.missing.get("power_w")}


def _finish(report: Mapping[str, Any], out: Path | None, as_json: bool) -> None:
    if out is not None:
        from archspace.support.files import write_text

        write_text(out, json.dumps(report, indent=1, allow_nan=False) + "\n")
    if as_json:
        _print(report)


def _print(report: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(report, indent=2, allow_nan=False))


@contextmanager
def _reached() -> Iterator[None]:
    """A board that is away is one line for the user, as any other reason why there is no number."""
    from analysis.devices.base import DeviceAway

    try:
        yield
    except DeviceAway as away:
        raise InputError(str(away)) from away


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar on standard error that is drawn between runs only; another device's waits become plain words."""
    from rich.console import Console
    from rich.progress import Progress

    from analysis.devices.base import DeviceAway

    console = Console(stderr=True)
    with Progress(
        console=console, auto_refresh=False, transient=True, disable=not console.is_interactive
    ) as progress:
        bar = progress.add_task("measuring", total=1.0)
        drawn = 0.0

        def on_progress(doing: str, share: float) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > REFRESH_SECONDS:
                progress.update(bar, description=doing, completed=share, refresh=True)
                drawn = time.monotonic()

        try:
            yield on_progress
        except DeviceAway as error:
            raise InputError(f"device: {error}") from error
