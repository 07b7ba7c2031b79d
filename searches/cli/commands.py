"""The commands of this package."""

from __future__ import annotations

import typer

from archspace.support.options import MEASURE, REPORT, SEARCH
from searches.cli import cache_command, compare_command, data_commands, submit_command, supernet_command
from searches.cli.bounds import with_bounds
from searches.cli.dashboard_command import dashboard
from searches.cli.demo_command import demo
from searches.cli.evaluate_command import evaluate
from searches.cli.export_command import export
from searches.cli.narrow_command import narrow
from searches.cli.replay_command import replay
from searches.cli.retrain_command import retrain
from searches.cli.screen_command import screen
from searches.cli.search_command import search
from searches.cli.sensitivity_command import sensitivity
from searches.cli.status_command import drain, status
from searches.cli.studies_command import init, studies
from searches.cli.tabulate_command import tabulate
from searches.cli.train_command import recipes, train
from searches.cli.worker_command import worker


def register(app: typer.Typer) -> None:
    """Adds this package's commands."""
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace init study.yaml")(init)
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace studies")(studies)
    app.command("spaces", hidden=True)(studies)
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace search scenes --out runs/scenes")(search)
    app.command(
        rich_help_panel=SEARCH,
        epilog="Example: archspace worker postgresql+psycopg://me@host/studies scenes --data camvid",
    )(worker)
    submit_command.register(app)
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace status runs/scenes")(status)
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace drain runs/scenes --worker node7")(drain)
    app.command(
        rich_help_panel=SEARCH,
        epilog="Example: archspace screen runs/scenes --candidates 100000 --out front.csv",
    )(screen)
    app.command(
        rich_help_panel=SEARCH, epilog="Example: archspace retrain runs/scenes --pick knee,given --epochs 100"
    )(with_bounds(retrain))
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace narrow runs/scenes --out narrow.yaml")(
        narrow
    )
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace replay runs/scenes:knee")(replay)
    compare_command.register(app)
    supernet_command.register(app)
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace tabulate cifar10-table --data cifar10")(
        tabulate
    )
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace recipes")(recipes)
    app.command(
        rich_help_panel=SEARCH, epilog="Example: archspace train espnetv2-0.5 --recipe cifar10 --data cifar10"
    )(train)
    app.command(rich_help_panel=SEARCH, epilog="Example: archspace export runs/scenes --pick knee")(
        with_bounds(export)
    )
    app.command(rich_help_panel=MEASURE, epilog="Example: archspace sensitivity runs/scenes:knee --all")(
        sensitivity
    )
    app.command(
        rich_help_panel=MEASURE,
        epilog="Example: archspace evaluate espnet_p2_q8_camvid.pth --data camvid --split test",
    )(evaluate)
    app.command(
        rich_help_panel=REPORT,
        epilog="Example: archspace demo espnet_p2_q8_cityscapes.pth street.png --beside",
    )(demo)
    app.command(rich_help_panel=REPORT, epilog="Example: archspace dashboard runs/scenes --port 8081")(
        dashboard
    )
    data_commands.register(app)
    cache_command.register(app)
