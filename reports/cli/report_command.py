"""Command: report. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archspace.errors import InputError


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Run folders.", show_default=False)
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="The published comparison of every task, made again.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE|DIR", help="Where to; RUN/report, or runs/paper with --paper."),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option("--figures", metavar="png,svg,pdf,html", help="Also write each figure as a file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """One HTML page on studies; or, with --paper, the papers' tables beside our own counts."""
    if not paper and not runs:
        raise InputError("report: needs a RUN, or --paper for the papers' tables")
    if not paper:
        from reports.page.command import write_report

        write_report(runs or [], out, as_json, figures)
        return
    if runs:
        raise InputError(
            f"report: --paper takes no RUN; compare it with: archspace tables TASK --with {runs[0]}"
        )
    from reports.tables.command import paper_report

    paper_report(out or Path("runs") / "paper", as_json=as_json)
