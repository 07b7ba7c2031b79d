"""Command: data fetch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from searches.fetching.catalogue import DataSet
    from searches.fetching.fetch import Plan


def fetch(
    name: Annotated[str | None, typer.Argument(help="A data set of the catalogue; see --list.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the data set; data/NAME if left out.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Download without asking.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archives in OUT/downloads.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List what can be fetched.")] = False,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            envvar="ARCHSPACE_CATALOGUE", help="YAML file to use instead of the built-in catalogue."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a public data set from its official host, after asking; stopped, the same command goes on.

    Cityscapes needs an account: its name and password are read from CITYSCAPES_USERNAME and CITYSCAPES_PASSWORD.
    """
    from archspace.support.errors import FieldError, InputError, closest
    from searches.fetching.catalogue import read_catalogue

    sets = read_catalogue(catalogue)
    if show:
        _list(sets, as_json)
        return
    if name is None:
        raise InputError("NAME: missing; 'archspace data fetch --list' shows the data sets")
    if name not in sets:
        raise FieldError("NAME", name, "no such data set", closest(name, list(sets)))
    folder = (out or Path("data") / name).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise FieldError("--out", str(folder), "is not a folder")
    _fetch(name, sets[name], folder, yes, keep, as_json)


def _fetch(name: str, data: DataSet, folder: Path, yes: bool, keep: bool, as_json: bool) -> None:
    from rich.console import Console

    from searches.fetching.fetch import make_plan
    from searches.fetching.place import Place
    from searches.fetching.web import FetchError, credentials

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    place = Place(data, folder)
    result: dict[str, Any] = {"name": name, "folder": str(folder), "layouts": list(data.layouts)}
    if place.is_whole() and not place.merging:
        by = "fetched earlier" if place.mark() else "not fetched by this command, and not checked"
        _end({**result, "state": "present", "fetched_before": place.mark() is not None}, as_json)
        console.print(f"{name}: is in {folder} ({by}); nothing to download", markup=False)
        return
    if data.manual:
        steps = [step.replace("{folder}", str(folder)) for step in data.manual]
        _end({**result, "state": "manual", "page": data.page, "terms": data.terms, "steps": steps}, as_json)
        console.print(f"{name}: {data.about}\nNo program can download it: {data.terms}.", markup=False)
        for number, step in enumerate(steps, 1):
            console.print(f"  {number}. {step}", markup=False)
        raise typer.Exit(1)
    if data.login is not None:
        credentials(data.login)
    plan = make_plan(name, data, folder)
    _ask(plan, yes, console)
    try:
        done = _carry_out(plan, keep, console)
    except FetchError as error:
        typer.echo(f"archspace: {name}: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(
            f"archspace: stopped; {place.downloads} keeps what has come, the same command goes on", err=True
        )
        raise typer.Exit(130) from None
    console.print(f"{name}: is in {folder}; layout {', '.join(data.layouts)}", markup=False)
    _end({**result, "state": "fetched", **done}, as_json)


def _carry_out(plan: Plan, keep: bool, console: Console) -> dict[str, Any]:
    from searches.fetching.bars import Bars
    from searches.fetching.download import Policy
    from searches.fetching.fetch import carry_out

    with Bars(console) as bars:
        return carry_out(plan, keep=keep, bars=bars, policy=Policy())


def _ask(plan: Plan, yes: bool, console: Console) -> None:
    """Says what is about to happen, and goes on only with a yes."""
    import sys

    from archspace.support.errors import InputError

    console.print(plan.name, style="bold", markup=False)
    for title, text in plan.lines():
        console.print(f"  {title:6} {text}", markup=False)
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("--yes: needed where nobody can be asked; nothing was downloaded")
    if typer.prompt("Download? Type yes", default="no", err=True).strip().lower() != "yes":
        typer.echo("archspace: nothing was downloaded", err=True)
        raise typer.Exit(1)


def _end(result: dict[str, Any], as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(result))


def _list(sets: Mapping[str, DataSet], as_json: bool) -> None:
    import json

    from archspace.support.numbers import number
    from archspace.support.terminal import Column, TerminalTable
    from searches.fetching.catalogue import host_of

    if as_json:
        typer.echo(json.dumps({name: data.model_dump(mode="json") for name, data in sets.items()}))
        return
    what, layout, host = Column("what", "text"), Column("layout", "text"), Column("host", "text", 1)
    table = TerminalTable("name", what, Column("size", "number"), layout, host)
    for name, data in sets.items():
        size = (
            "by hand"
            if data.manual
            else number(data.known_bytes, "bytes")
            if data.known_bytes
            else "not known"
        )
        site = host_of(data.files[0].urls[0] if data.files else data.page)
        account = " (account needed)" if data.login or data.manual else ""
        table.add(name, data.about, size, ", ".join(data.layouts), site + account)
    table.print()
