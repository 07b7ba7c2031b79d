"""Commands: data fetch. Another command of ``archspace data`` is one more line in :func:`register`."""

from __future__ import annotations

import typer

from searches.fetch_command import fetch


def register(app: typer.Typer) -> None:
    """Adds ``data`` with its commands."""
    data_app = typer.Typer(help="Get data sets.", no_args_is_help=True)
    data_app.command(epilog="Example: archspace data fetch cifar10 --out data/cifar10")(fetch)
    app.add_typer(data_app, name="data")
