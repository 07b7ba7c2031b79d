"""Command ``runs``: studies and trainings, how each stands. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspace.support.options import REPORT, JsonOption

if TYPE_CHECKING:
    from analysis.store.listing import Listed


def register(app: typer.Typer) -> None:
    """Adds this command to ``app``."""
    app.command("runs", rich_help_panel=REPORT, epilog="Example: archspace runs")(runs)


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to look.")] = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Studies and trainings: state, data, best value so far, and since when nothing has changed."""
    from analysis.store.listing import age_s, list_runs

    listed = list_runs(folder)
    if as_json:
        rows = [{**run.to_dict(), "age_s": age_s(run)} for run in listed]
        typer.echo(json.dumps({"folder": str(folder), "runs": rows}, allow_nan=False))
        return
    print_runs(folder, listed)


def print_runs(folder: Path, listed: list[Listed]) -> None:
    """The table for people, and a line on each run that is broken or failed."""
    from analysis.quantities import described
    from analysis.store.listing import age_s
    from archspace.support.numbers import age, amount
    from archspace.support.terminal import Column, TerminalTable, output

    console = output()
    if not listed:
        console.print(f"{folder}: no study and no training here", markup=False, soft_wrap=True)
        return
    table = TerminalTable(
        "run", Column("kind", rank=3), "state", Column("trials", "number", 2), Column("data", "text", 1),
        Column("best", "number"), Column("trial", rank=4), Column("age", "number"),
    )  # fmt: skip
    for run in listed:
        best = ""
        if run.best is not None and run.metric is not None:
            short = described(run.metric).short
            best = f"{short} {amount(run.best, run.unit)}{' %' if run.unit == '%' else ''}"
            best += " predicted" if run.predicted else ""
        trials = "" if run.wanted is None else f"{run.done} of {run.wanted}"
        if run.paused:
            trials += f", {run.paused} paused"
        table.add(
            run.path, run.kind, run.state, trials, run.data or "", best, run.trial or "", age(age_s(run))
        )
    table.print(console)
    for run in listed:
        if run.problem:
            said = run.problem if run.problem.startswith(run.path) else f"{run.path}: {run.problem}"
            console.print(said, markup=False, soft_wrap=True)
