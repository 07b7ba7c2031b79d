"""Command: search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from archspace.support.options import JsonOption
from searches.cli.completion import complete_study


def search(
    study: Annotated[
        str,
        typer.Argument(
            help="A study's YAML file, a built-in study, or a run folder.", autocompletion=complete_study
        ),
    ] = "scenes",
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME if left out.")] = None,
    trials: Annotated[int | None, typer.Option(help="Sampled trials to finish.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the study.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that share the study.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    storage: Annotated[str | None, typer.Option(help="Optuna storage URL.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="A run a trial for TensorBoard, in the run folder.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Launch a search study, or resume the one in the run folder."""
    from searches.cli.summary import show_study
    from searches.study.run import read_study, run_study

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()),
        "trials": trials, "seed": seed, "device": device, "workers": workers,
        "storage": storage,
    }  # fmt: skip
    config, folder = read_study(study, {k: v for k, v in changes.items() if v is not None}, out)
    study_run = run_study(config, folder, tensorboard=tensorboard)
    show_study(config, folder, study_run.records(), as_json)
