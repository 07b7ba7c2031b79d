"""Command: tabulate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.options import JsonOption, seeds_option
from searches.cli.completion import complete_study

if TYPE_CHECKING:
    from searches.bench.scores import ScoreTable


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
    seeds: Annotated[int, seeds_option("Trainings of each network.")] = 3,
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
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Train nothing; make the zero-cost scores that are missing, in NAME-scores.json."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train every network of a small space, as a table that search methods are tried on; killed, it goes on."""
    import json

    from rich.console import Console

    from archspace.support.errors import FieldError
    from searches.bench.table import Table
    from searches.bench.tabulate import tabulate as run
    from searches.cli.tabulate_progress import Shown
    from searches.config.study import read_config

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "workers": workers,
    }  # fmt: skip
    config = read_config(study, {k: v for k, v in changes.items() if v is not None})
    path = out or Path(f"{config.name}.json")
    if scores and latency:
        raise FieldError("--scores", "with --latency", "one after the other", "--scores")
    console = Console(stderr=True)
    with Shown(console) as shown:
        try:
            if latency:
                from searches.bench.latencies import measure_latencies

                table = measure_latencies(config, path, minutes=minutes, on_measured=shown.measured)
            elif scores:
                from searches.bench.scores import score_networks

                table = Table.load(path)
                of = len(table.rows)
                made = score_networks(
                    config,
                    path,
                    minutes=minutes,
                    on_scored=lambda made, words: shown.done(len(made.rows), of, words),
                )
                _say_scores(made, of, path, as_json)
                return
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


def _say_scores(made: ScoreTable, of: int, table: Path, as_json: bool) -> None:
    """What scoring the networks of a table came to."""
    import json

    from searches.bench.scores import scores_path

    spent, path = sum(made.seconds.values()), scores_path(table)
    if as_json:
        summary = {
            "scores": str(path), "names": list(made.names), "networks": len(made.rows),
            "missing": of - len(made.rows), "cpu_seconds": spent,
        }  # fmt: skip
        typer.echo(json.dumps(summary))
        return
    left = f"; {of - len(made.rows)} are missing: the same command goes on" if len(made.rows) < of else ""
    typer.echo(
        f"{path}: {len(made.names)} scores of {len(made.rows)} of {of} networks in {spent:.0f} CPU seconds{left}"
    )
