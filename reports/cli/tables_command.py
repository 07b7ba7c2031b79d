"""Commands: tables, and report --paper. Heavy imports wait until they run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError, InputError
from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from reports.tables.table import Table

TITLE = "archspace: {task}"
PAPER_TITLE = "The papers' tables, beside our own counts"


def tables(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="classification, multilabel, segmentation, detection, language, edge-device, modules or ablations.",
        ),
    ],
    dataset: Annotated[
        str | None, typer.Option(metavar="D", help="Only the data set (or device) with this in its name.")
    ] = None,
    extra: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", metavar="RUN|RUN:N|FILE",
            help="Add a run, a trial (RUN:N, RUN:knee), a training run, JSON of evaluate, train or measure, or a CSV "
            "of published rows.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write files there instead of printing.")] = None,
    formats: Annotated[
        str | None,
        typer.Option("--format", metavar="md,csv,tex,html", help="All with --out; else a terminal's, or Markdown."),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Published, counted and measured networks of a task in one table, the origin of every number marked."""
    from reports.tables.tasks import task_tables
    from reports.tables.write import FORMATS, parse_formats, render, write_tables

    task_tables(task)
    for path in extra or ():
        if not path.exists() and ":" not in path.name:
            raise InputError(f"{path}: no such file or folder")
    kinds = parse_formats(formats) if formats is not None else (FORMATS if out else ("md",))
    if out is None and len(kinds) > 1:
        raise FieldError("--format", formats, "several formats are files and need --out DIR", kinds[0])
    from reports.tables.build import build_tables
    from reports.tables.terminal import print_tables

    built = build_tables(task, dataset=dataset, extra=extra or ())
    title = TITLE.format(task=task)
    files = write_tables(built, out, task, kinds, title=title) if out else {}
    if as_json:
        typer.echo(_json({"task": task}, built, files))
    elif files:
        _list(files)
    elif formats is None:
        print_tables(built)
    else:
        typer.echo(render(built, kinds[0], title=title).rstrip("\n"))


def paper_report(out: Path, *, as_json: bool) -> None:
    """Write every task's published table, and list the published costs that our counts contradict.

    Args:
        out: the folder.
        as_json: print one JSON object instead of the list.
    """
    from archspace.support.terminal import working

    with working("counting the published networks"):
        from reports.tables.paper import paper_tables
        from reports.tables.write import write_tables

        built = paper_tables()
        files = write_tables(built, out, "paper", title=PAPER_TITLE)
    if as_json:
        typer.echo(_json({"contradictions": len(built[-1].rows)}, built, files))
        return
    _contradictions(built[-1])
    _list(files)


def _contradictions(table: Table) -> None:
    from reports.tables.table import shown

    typer.echo(f"{table.title}:")
    for row in table.rows:
        preset, _, _, size, quantity = row.labels
        cells = zip(row.cells, table.columns, strict=True)
        published, counted = (shown(cell, column) for cell, column in list(cells)[:2])
        where = f" at {size}" if size else ""
        typer.echo(f"  {preset}{where}: {published} {quantity} published, {counted} counted: {row.notes[0]}")
    for note in table.notes:
        typer.echo(note)


def _list(files: Mapping[str, Path]) -> None:
    for path in files.values():
        typer.echo(str(path))


def _json(head: Mapping[str, Any], built: Sequence[Table], files: Mapping[str, Path]) -> str:
    from reports.tables.values import plain

    written = {name: str(path) for name, path in files.items()}
    return json.dumps(
        {**head, "tables": [plain(table) for table in built], "files": written}, allow_nan=False
    )
