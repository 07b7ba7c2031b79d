"""Command: export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from archspace.support.options import JsonOption


def export(
    run: Annotated[Path, typer.Argument(help="A run folder, or a checkpoint file.")],
    pick: Annotated[str, typer.Option(help="knee, best, or a trial's number.")] = "knee",
    max_macs: Annotated[float | None, typer.Option(help="Only networks with at most so many MACs.")] = None,
    max_params: Annotated[
        float | None, typer.Option(help="Only networks with at most so many parameters.")
    ] = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(help="Only networks at most so slow, in ms.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; RUN/export/PICK if left out.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="FORMAT", help="May be repeated; onnx if left out."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a chosen network as spec, weights, ONNX and card, and prove that ONNX Runtime agrees with torch."""
    most = {"macs": max_macs, "params": max_params, "latency_ms": max_latency_ms}
    export_trial(
        run, pick, {k: v for k, v in most.items() if v is not None}, out, as_json, formats or ["onnx"]
    )


def export_trial(
    run: Path, pick: str, most: Mapping[str, float], out: Path | None, as_json: bool, formats: Sequence[str]
) -> None:
    """Exports a trial of a run, or a checkpoint, and prints what was proved.

    Raises:
        InputError: no such trial or file, or ONNX Runtime does not agree with torch.
    """
    from rich.console import Console

    from analysis.store.runs import STUDY_FILE, read_run
    from archspace.checkpoint import load
    from archspace.export.export import export as write
    from archspace.support.errors import FieldError
    from archspace.support.plugins import plugins_noted_in
    from searches.study.picking import export_card, pick_trial, real_images, weights_of

    if run.is_file():
        network, real, card = load(run), None, None
        folder = out or run.parent / "export" / run.stem
    elif (run / STUDY_FILE).is_file():
        study = read_run(run)
        trial = pick_trial(study, pick, most)
        with plugins_noted_in(run / STUDY_FILE):
            network = load(weights_of(run, trial))
        real = real_images(study, network.preprocessing)
        card = export_card(study, trial, _picked(pick, most))
        folder = out or run / "export" / pick
    else:
        raise FieldError("RUN", str(run), "no such run folder or checkpoint", "runs/scenes")
    report = write(network, folder, real_inputs=real, card=card, formats=formats)
    if as_json:
        print(json.dumps(report.to_dict()))  # noqa: T201
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"wrote {folder}: {network.spec.label} ({report.arch_id})")
        for name, agreement in report.agreements.items():
            images = f"{agreement.images} {name} image{'s' if agreement.images > 1 else ''}"
            console.print(
                f"ONNX Runtime equals torch on {images}: within {agreement.relative:.1e} of the largest output"
            )
        console.print(f"to load it: archspace.load({str(folder)!r})")


def _picked(pick: str, most: Mapping[str, float]) -> str:
    return ", ".join([pick, *(f"{name} <= {bound:g}" for name, bound in most.items())])
