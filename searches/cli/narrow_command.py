"""Command: narrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from archspace.support.terminal import TerminalTable
    from searches.study.narrowing import Narrowed


def narrow(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A finished study's run folder.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="The study to write; NAME-narrow.yaml if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a study on a smaller space: fields that mattered for no objective of a finished one are fixed."""
    import json

    from archspace.support.errors import InputError
    from archspace.support.files import write_text
    from archspace.support.terminal import working

    if out is not None and out.exists():
        raise InputError(f"{out}: is there already; give another name")
    with working(f"{run}: weighing its fields"):
        from analysis.store.runs import read_run

        trials = read_run(run).trials
        from searches.study.narrowing import narrow as narrowed

        found = narrowed(run, trials)
        path = out or Path(f"{found.config.name}.yaml")
        if path.exists():
            raise InputError(f"{path}: is there already; give another --out")
        write_text(path, f"{heading(run, found)}{found.config.to_yaml(short=True)}")
    fixed = {one.field: one.value for one in found.decisions if one.fixed}
    if as_json:
        rows = {
            one.field: {
                "fixed": one.value,
                "importance": {
                    name: None if w is None else {"mean": w.mean, "low": w.low, "high": w.high}
                    for name, w in one.weights.items()
                },
            }
            for one in found.decisions
        }
        typer.echo(json.dumps({"study": str(path), "networks": found.networks, "fields": rows}))
        return
    _table(found).print()
    said = ", ".join(f"{name} {value}" for name, value in fixed.items())
    typer.echo(
        f"fixed: {said}; from {found.networks} networks\nwrote {path}; run it with: archspace search {path}"
    )


def heading(run: Path, found: Narrowed) -> str:
    """Returns the comment at the head of a narrowed study: where it comes from."""
    from searches.study.narrowing import MATTERS

    fixed = ", ".join(f"{one.field} {one.value}" for one in found.decisions if one.fixed)
    return (
        f"# The space of {run.resolve().name}, without the fields that mattered for none of its objectives: {fixed}.\n"
        f"# The 95 % interval of their importance, from {found.networks} networks, stayed below {MATTERS:g}.\n"
    )


def _table(found: Narrowed) -> TerminalTable:
    from archspace.support.terminal import Column, TerminalTable

    names = list(found.config.objectives)
    table = TerminalTable(
        "field",
        *(Column(f"importance for {name}\nmean [95 %]", "number") for name in names),
        Column("now", "text"),
    )
    for one in found.decisions:
        cells = [
            "did not vary" if w is None else f"{w.mean:.2f} [{w.low:.2f}, {w.high:.2f}]"
            for w in (one.weights[name] for name in names)
        ]
        table.add(one.field, *cells, f"fixed: {one.value}" if one.fixed else "free")
    return table
