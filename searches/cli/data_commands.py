"""Commands: data check and data fetch. Another command of ``archspace data`` is one more line in :func:`register`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archspace.support.options import DATA, JsonOption
from searches.cli.fetch_command import fetch


def register(app: typer.Typer) -> None:
    """Adds ``data`` with its commands."""
    data_app = typer.Typer(help="Get data sets and look at them.", no_args_is_help=True)
    data_app.command(epilog="Example: archspace data check camvid --out runs/data/camvid")(check)
    data_app.command(epilog="Example: archspace data fetch cifar10 --out data/cifar10")(fetch)
    app.add_typer(data_app, name="data", rich_help_panel=DATA)


def check(
    path: Annotated[
        Path,
        typer.Argument(help="Folder of the data set, a text file, or a study: its data as it reads them."),
    ],
    layout: Annotated[
        str | None, typer.Option(help="Layout of the data; seen from the folder if left out.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Whose annotations are checked; the first that is served if left out.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val or test; all that are there if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the contact sheets; runs/data/NAME if left out.")
    ] = None,
    tiles: Annotated[int, typer.Option(help="Pictures of a contact sheet.", min=1, max=400)] = 24,
    most: Annotated[int, typer.Option(help="Problems listed a split; all are counted.", min=0)] = 20,
    as_json: JsonOption = False,
) -> None:
    """Look at every file: counts, sizes, class frequencies, what is broken, and a contact sheet to see the labels.

    Exits with 1 where there are problems.
    """
    from searches.data.check_report import check as run

    if run(path, layout, task, split, out, tiles, most, as_json):
        raise typer.Exit(1)
