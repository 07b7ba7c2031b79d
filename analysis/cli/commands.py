"""Commands about costs: ``cost``, ``presets`` and ``units``. Torch is imported when one runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import InputError
from archspace.support.options import (
    DESIGN,
    ClassesOption,
    InputOption,
    JsonOption,
    SetOption,
    SpecArgument,
    TaskOption,
)

if TYPE_CHECKING:
    from archspace.spec.archspec import ArchSpec


def register(app: typer.Typer) -> None:
    """Add this package's commands to ``app``."""
    app.command(
        "cost", rich_help_panel=DESIGN, epilog="Example: archspace cost espnetv2-1.0 --set width=0.5"
    )(cost)
    app.command("presets", rich_help_panel=DESIGN, epilog="Example: archspace presets --json")(presets)
    app.command("units", rich_help_panel=DESIGN, epilog="Example: archspace units")(units)
    from analysis.cli import (
        field_commands,
        layers_command,
        measure_commands,
        predict_commands,
        predict_tx2_commands,
        runs_command,
    )

    for commands in (
        field_commands,
        measure_commands,
        layers_command,
        predict_commands,
        predict_tx2_commands,
        runs_command,
    ):
        commands.register(app)


def cost(
    spec: SpecArgument,
    task: TaskOption = None,
    classes: ClassesOption = None,
    input_size: InputOption = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
    check: Annotated[
        bool | None,
        typer.Option(
            "--check/--no-check",
            help="Build the network and run fvcore, thop and torch's counter too; --json does unless --no-check.",
            show_default=False,
        ),
    ] = None,
    counters: Annotated[bool | None, typer.Option("--counters/--no-counters", hidden=True)] = None,
) -> None:
    """What a network costs: parameters, MACs and memory by level; with --check beside three independent counters."""
    from analysis.counts.cost import cost_of

    arch = _read(spec, task, classes, input_size, changes)
    asked = counters if check is None else check
    report = cost_of(arch, _count_with_others(arch) if (as_json if asked is None else asked) else None)
    if as_json:
        _print_json(report)
        return
    from analysis.cli.tables import print_cost

    print_cost(report)


def presets(as_json: JsonOption = False) -> None:
    """The published networks: their task, what they cost here, and what their authors report."""
    from analysis.counts.complexity import count
    from archspace.presets import PRESETS

    rows = []
    for preset in PRESETS.values():
        counted = count(preset.spec)
        rows.append(
            {
                "name": preset.name, "task": preset.spec.task, "input_size": list(preset.spec.input_size),
                "classes": preset.spec.classes, "params": counted.params, "macs": counted.macs,
                "conv_macs": counted.conv_macs, "published": dict(preset.published), "source": preset.source,
                "arch_id": preset.spec.arch_id,
            }
        )  # fmt: skip
    if as_json:
        _print_json({"presets": rows})
        return
    from analysis.cli.tables import print_presets

    print_presets(rows)


def units(as_json: JsonOption = False) -> None:
    """The interchangeable units and which fields of a spec each can honour."""
    from archspace.plan import UNITS

    rows = [
        {
            "name": name, "about": (design.draw.__doc__ or "").strip().splitlines()[0],
            "branches": design.branches, "dilated": design.rates is not None,
            "fusion": design.fused_from is not None, "residual": design.residual,
            "pointwise_kernel": bool(design.pointwise), "inner": design.inner, "shortcut": design.shortcuts,
        }
        for name, design in UNITS.items()
    ]  # fmt: skip
    if as_json:
        _print_json({"units": rows})
        return
    from analysis.cli.tables import print_units

    print_units(rows)


def _read(
    text: str, task: str | None, classes: int | None, input_size: str | None, changes: list[str] | None
) -> ArchSpec:
    from archspace.spec.naming import parse_changes, parse_size, read_spec

    size = None if input_size is None else parse_size(input_size)
    return read_spec(text, task=task, classes=classes, input_size=size, changes=parse_changes(changes or []))


def _count_with_others(spec: ArchSpec) -> dict[str, Any]:
    """The three counters on the built network, with a sign of life on standard error."""
    from archspace.support.terminal import working

    with working("building the network and running fvcore, thop and torch's counter"):
        from analysis.counts.counters import count_all
        from archspace.build import build

        try:
            return {name: counter.to_dict() for name, counter in count_all(build(spec)).items()}
        except (MemoryError, RuntimeError) as error:
            size = "x".join(map(str, spec.input_size))
            reason = str(error).splitlines()[0]
            raise InputError(
                f"counters: cannot run this network at {size} ({reason}); use --no-check"
            ) from error


def _print_json(report: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(report, indent=2, allow_nan=False, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, tuple | frozenset):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no plain data")
