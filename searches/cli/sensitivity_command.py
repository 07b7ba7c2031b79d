"""Command: sensitivity."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspace.support.options import WEIGHTS, JsonOption

if TYPE_CHECKING:
    from archspace.export.sensitivity import Sensitivity

SHOWN = 20
USUAL = 32


def sensitivity(
    network: Annotated[str, typer.Argument(metavar="NET", help=f"{WEIGHTS}.")],
    images: Annotated[
        int, typer.Option("--calibrate", metavar="N", help="Training images on which answers are compared.")
    ] = USUAL,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set; that of the training or study if left out.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Layout of the data; seen from the folder if left out.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=f"Every layer, not the first {SHOWN} alone.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Which layers INT8 costs the most: names for --keep of archspace export --precision int8."""
    from archspace.spec.naming import find_network
    from archspace.support.terminal import working
    from searches.cli.early import check_int8

    named = find_network(network, accept="weights", field="NET")
    check_int8(named, data, layout, images)
    with working(f"opening {network}") as now:
        from archspace.export.sensitivity import sensitivities
        from searches.training.int8 import calibrated
        from searches.training.layout import data_of

        loaded = named.load()
        calibration = calibrated(named, loaded, data_of(named, data, layout), images)
        together, rows = sensitivities(
            loaded, calibration, lambda done, of: now(f"layer {done} of {of} in INT8 alone")
        )
    if as_json:
        found = {
            "network": loaded.spec.label, "arch_id": loaded.spec.arch_id, "images": len(calibration.images),
            "together": together.to_dict(), "layers": [row.to_dict() for row in rows],
        }  # fmt: skip
        json.dump(found, sys.stdout)
        typer.echo()
    else:
        _print(together, rows if every else rows[:SHOWN], len(rows))


def _print(together: Sensitivity, rows: list[Sensitivity], count: int) -> None:
    from archspace.support.terminal import Column, TerminalTable

    table = TerminalTable(
        "layer", Column("kind", rank=1), Column("noise (% of variance)", "number"),
        Column("same best class (%)", "number"),
    )  # fmt: skip
    for row in (*rows, together):
        table.add(
            row.layer,
            row.kind,
            f"{100 * row.noise:.3g}",
            f"{100 * row.same_class:.2f}",
            section=row is together,
        )
    table.print()
    if len(rows) < count:
        typer.echo(f"{count - len(rows)} layers cost less; --all has them")
