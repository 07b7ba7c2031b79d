"""Command: worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from archspace.support.options import JsonOption
from searches.cli.search_command import workers_of


def worker(
    storage: Annotated[
        str,
        typer.Argument(
            metavar="STORAGE_URL", help="The study's storage, as it was given to archspace search."
        ),
    ],
    name: Annotated[str, typer.Argument(help="The study's name.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set on this machine.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder on this machine; runs/NAME if left out.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; the study's if left out.")] = None,
    workers: Annotated[
        Any,
        typer.Option(
            parser=workers_of,
            metavar="N|auto",
            help="Processes; auto: one a GPU, or one for every core that its threads leave.",
        ),
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of each; the study's if left out.", min=1)
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="This machine holds the device that the study measures on; else trials wait for the one that does.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Join a study from any machine: train its trials until none is left."""
    from archspace.support.terminal import working

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "device": device,
        "threads": threads, "workers": workers,
    }  # fmt: skip
    with working(f"{name}: reading the study from its storage") as now:
        from searches.cli.early import check_device_name, check_joined, check_study

        if device is not None:
            check_device_name(device)
        check_joined(storage)
        from searches.study.joining import Role, joined_study

        config = joined_study(storage, name, {k: v for k, v in changes.items() if v is not None})
        folder = out or Path("runs") / config.name
        check_study(config, folder)
        now(f"{folder}: starting")
        from searches.cli.summary import show_joined
        from searches.study.run import run_study
    study = run_study(config, folder, role=Role(home=False, measures=measure))
    show_joined(config, folder, study.records(), as_json, study.drain.was_asked)
