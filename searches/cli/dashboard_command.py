"""Command: dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archspace.support.options import JsonOption


def dashboard(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    port: Annotated[
        int, typer.Option(help="Port on this machine; 0 takes a free one.", min=0, max=65535)
    ] = 8080,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in the browser, or only say where it is.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Open optuna-dashboard on a study, finished or running; Ctrl-C ends it."""
    import json
    import webbrowser

    from searches.study.dashboard import dashboard as opened

    with opened(run, port) as (address, serve):
        if as_json:
            typer.echo(json.dumps({"run": str(run), "url": address}))
        else:
            typer.echo(f"{address} (Ctrl-C ends it)")
        if browser and not webbrowser.open(address):
            typer.echo("no browser could be opened; open the address in one", err=True)
        serve()
