"""Commands about data sets: ``archspace data ...``."""

from __future__ import annotations

import typer

from searches.fetch_command import fetch

data_app = typer.Typer(help="Get data sets.", no_args_is_help=True)
data_app.command(epilog="Example: archspace data fetch cifar10 --out data/cifar10")(fetch)
