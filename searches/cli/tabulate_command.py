"""Command: tabulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from archspace.support.options import JsonOption
from searches.cli.completion import complete_study


def tabulate(
    study: Annotated[
        str,
        typer.Argument(
            help="A study's YAML file or a built-in study; its space has no continuous field.",
            autocompletion=complete_study,
        ),
    ],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table; NAME.json if left out.")] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each network.", min=1)] = 3,
    workers: Annotated[int | None, typer.Option(help="Processes that train.", min=1)] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no training after so many minutes.", min=0)
    ] = None,
    latency: Annotated[
        bool,
        typer.Option(
            "--latency",
            help="Train nothing; measure what lacks a latency, in the deployed form, on a machine at rest.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train every network of a small space, as a table that search methods are tried on; killed, it goes on."""
    import json

    from rich.console import Console

    from searches.bench.tabulate import tabulate as run
    from searches.cli.tabulate_progress import Shown
    from searches.config.study import read_config

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "workers": workers,
    }  # fmt: skip
    config = read_config(study, {k: v for k, v in changes.items() if v is not None})
    path = out or Path(f"{config.name}.json")
    console = Console(stderr=True)
    with Shown(console) as shown:
        try:
            if latency:
                from searches.bench.latencies import measure_latencies

                table = measure_latencies(config, path, minutes=minutes, on_measured=shown.measured)
            else:
                table = run(config, path, seeds=seeds, minutes=minutes, on_trained=shown.trained)
        except KeyboardInterrupt:
            console.print(f"stopped; the same command goes on with {path}", highlight=False)
            raise
    total, missing = len(table.rows) * len(table.seeds), len(table.missing)
    if as_json:
        summary = {
            "table": str(path), "networks": len(table.rows), "seeds": list(table.seeds),
            "trainings": total - missing, "missing": missing, "measured": len(table.rows) - len(table.unmeasured),
        }  # fmt: skip
        typer.echo(json.dumps(summary))
        return
    left = f"; {missing} are missing: the same command goes on" if missing else ""
    measured = f", {len(table.rows) - len(table.unmeasured)} of {len(table.rows)} latencies"
    words = f"{path}: {len(table.rows)} networks, {total - missing} of {total} trainings{measured}{left}"
    typer.echo(words)
