"""Command: narrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from analysis.fronts.importance import Importance
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
    import math

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
        explained = {
            one.name: {
                "r2": one.explained if math.isfinite(one.explained) else None,
                "logarithm": one.logarithm,
            }
            for one in found.importances
        }
        told = {"explained": explained, "counted": list(found.counted), "fields": rows}
        typer.echo(json.dumps({"study": str(path), "networks": found.networks, **told}))
        return
    _table(found).print()
    for line in doubts(found):
        typer.echo(line)
    typer.echo(
        f"fixed: {in_words(found)}; from {found.networks} networks\nwrote {path}; run it with: archspace search {path}"
    )


def heading(run: Path, found: Narrowed) -> str:
    """Returns the comment at the head of a narrowed study: where it comes from."""
    from searches.study.narrowing import MATTERS

    return (
        f"# The space of {run.resolve().name}, without the fields that mattered for none of its objectives: "
        f"{in_words(found)}.\n"
        f"# The 95 % interval of their importance, from {found.networks} networks, stayed below {MATTERS:g}.\n"
        + "".join(f"# {line}\n" for line in doubts(found))
    )


def in_words(found: Narrowed) -> str:
    """Returns the fields that are fixed, each with its value."""
    return ", ".join(f"{one.field} {one.said}" for one in found.decisions if one.fixed)


def doubts(found: Narrowed) -> list[str]:
    """Returns how well each objective was predicted, and what is counted of those that were not: a line each."""
    known = [f"{_title(one)} {one.explained:.2f}" for one in found.importances if one.reason is None]
    return [
        *([f"R² on unseen networks: {', '.join(known)}"] if known else []),
        *(
            f"{one.name}: {one.reason}; what the usual value of a field changes was counted instead"
            for one in found.importances if one.name in found.counted
        ),
    ]  # fmt: skip


def _title(one: Importance) -> str:
    return f"log {one.name}" if one.logarithm else one.name


def _table(found: Narrowed) -> TerminalTable:
    from archspace.support.terminal import Column, TerminalTable

    how = {name: "counted" if name in found.counted else "mean [95 %]" for name in found.config.objectives}
    table = TerminalTable(
        "field",
        *(Column(f"importance for {_title(one)}\n{how[one.name]}", "number") for one in found.importances),
        Column("now", "text"),
    )
    for one in found.decisions:
        cells = [
            "did not vary" if w is None
            else f"{w.mean:.2f}" if name in found.counted
            else f"{w.mean:.2f} [{w.low:.2f}, {w.high:.2f}]"
            for name, w in ((name, one.weights[name]) for name in how)
        ]  # fmt: skip
        table.add(one.field, *cells, f"fixed: {one.said}" if one.fixed else "free")
    return table
