"""Command: export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from archspace.support.options import JsonOption


def export(
    run: Annotated[Path, typer.Argument(help="A run folder, or a checkpoint file.")],
    pick: Annotated[str, typer.Option(help="knee, best, or a trial's number.")] = "knee",
    out: Annotated[Path | None, typer.Option(help="Folder to write; RUN/export/PICK if left out.")] = None,
    as_json: JsonOption = False,
    bounds: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Write a chosen network as spec, weights, ONNX and card, and prove that ONNX Runtime agrees with torch."""
    export_trial(run, pick, bounds, out, as_json)


def export_trial(run: Path, pick: str, bounds: Mapping[str, float], out: Path | None, as_json: bool) -> None:
    """Exports a trial of a run, or a checkpoint, and prints what was proved.

    Raises:
        InputError: no such trial or file, or ONNX Runtime does not agree with torch.
    """
    from rich.console import Console

    from analysis.store.runs import STUDY_FILE, read_run
    from archspace.checkpoint import load
    from archspace.export.export import export as write
    from archspace.support.errors import FieldError
    from searches.study.picking import export_card, pick_trial, real_images, weights_of

    if run.is_file():
        network, real, card = load(run), None, None
        folder = out or run.parent / "export" / run.stem
    elif (run / STUDY_FILE).is_file():
        study = read_run(run)
        trial = pick_trial(study, pick, bounds)
        network = load(weights_of(run, trial))
        real = real_images(study, network.preprocessing)
        card = export_card(study, trial, _picked(pick, bounds))
        folder = out or run / "export" / pick
    else:
        raise FieldError("RUN", str(run), "no such run folder or checkpoint", "runs/scenes")
    report = write(network, folder, real_inputs=real, card=card)
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


def _picked(pick: str, bounds: Mapping[str, float]) -> str:
    from searches.study.picking import bound_text

    return ", ".join([pick, *(bound_text(name, limit) for name, limit in bounds.items())])
