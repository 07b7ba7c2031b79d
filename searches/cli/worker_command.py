"""Command: worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.options import JsonOption
from searches.cli.search_command import workers_of

if TYPE_CHECKING:
    from searches.config.study import StudyConfig


POLL_S = 2.0
"""Between two looks for a study that has not been started yet."""


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
    wait: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="So long for a study that has not been started yet.", min=0),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Join a study from any machine: train its trials until none is left."""
    from archspace.support.terminal import working

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "device": device,
        "threads": threads, "workers": workers,
    }  # fmt: skip
    with working(f"{name}: reading the study from its storage") as now:
        from searches.cli.early import check_device_name, check_study

        if device is not None:
            check_device_name(device)
        config = _awaited(storage, name, {k: v for k, v in changes.items() if v is not None}, wait, now)
        folder = out or Path("runs") / config.name
        check_study(config, folder, began=True)
        now(f"{folder}: starting")
        from searches.cli.summary import show_joined
        from searches.study.joining import Role
        from searches.study.run import run_study
    study = run_study(config, folder, role=Role(home=False, measures=measure))
    show_joined(config, folder, study.records(), as_json, study.drain.was_asked)


def _awaited(
    storage: str, name: str, changes: dict[str, Any], seconds: float, now: Callable[[str], None]
) -> StudyConfig:
    """The study, as soon as it is in its storage."""
    import time

    from archspace.support.errors import FieldError
    from searches.cli.early import check_joined

    end = time.monotonic() + seconds
    while True:
        try:
            check_joined(storage)
            from searches.study.joining import joined_study

            return joined_study(storage, name, changes)
        except FieldError as error:
            if error.field not in ("STORAGE_URL", "NAME") or time.monotonic() + POLL_S > end:
                raise
            now(f"{name}: waits for the study to be started")
            time.sleep(POLL_S)
