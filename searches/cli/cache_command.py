"""Command: cache, and cache clear."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from archspace.support.options import MEASURE, JsonOption

if TYPE_CHECKING:
    from archspace.support.caches import Entry

OWNERS = (
    "analysis.devices.cache",
    "searches.data.cache",
    "analysis.predictors.kept",
    "archspace.export.environments",
    "archspace.support.compiled",
)
"""Modules that keep something and say so when they are imported."""

app = typer.Typer(help="What archspace keeps so as not to do it twice: where, how large, how old.")


def register(parent: typer.Typer) -> None:
    """Adds the command to the command line."""
    parent.add_typer(
        app, name="cache", rich_help_panel=MEASURE, epilog="Example: archspace cache clear measurements"
    )


@app.callback(invoke_without_command=True)
def cache(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="A line an entry, not a line a kind.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What the cache has: folder, kinds, sizes, ages."""
    if context.invoked_subcommand is not None:
        return
    from archspace.support.caches import CACHES, entries
    from archspace.support.files import CACHE_VARIABLE, cache_root

    _enter_all()
    found = list(entries())
    if as_json:
        kinds = {
            name: {"about": kind.about, **_sums([one for one in found if one.kind == name])}
            for name, kind in CACHES.items()
        }
        listed = [one.to_dict() for one in found]
        report = {"folder": str(cache_root()), "variable": CACHE_VARIABLE, "kinds": kinds, "entries": listed}
        typer.echo(json.dumps(report))
        return
    from archspace.support.numbers import number
    from archspace.support.terminal import Column, TerminalTable, output

    console = output()
    console.print(f"{cache_root()} (set {CACHE_VARIABLE} for another)", soft_wrap=True, markup=False)
    numbers = [
        Column(name, "number", rank)
        for name, rank in (("entries", 0), ("size", 0), ("newest", 1), ("oldest", 1))
    ]
    table = TerminalTable("kind", *numbers, Column("what it is", "text"))
    for name, kind in CACHES.items():
        own = [one for one in found if one.kind == name]
        ages = [one.age_s for one in own]
        size = number(sum(one.size_bytes for one in own), "bytes")
        table.add(
            name,
            str(len(own)),
            size,
            _age(min(ages, default=None)),
            _age(max(ages, default=None)),
            kind.about,
        )
    table.print(console)
    for one in found if every else ():
        text = f"{one.kind}: {one.label}, {number(one.size_bytes, 'bytes')}, {_age(one.age_s)} old, {one.path.name}"
        console.print(text, soft_wrap=True, markup=False, highlight=False)


@app.command(epilog="Example: archspace cache clear measurements data --older-than 30")
def clear(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KIND]...",
            help="measurements, data, predictors; if left out, those that are made again by themselves.",
        ),
    ] = None,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0.0, help="Leave what is younger.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Remove entries of the cache; what is needed again is made again."""
    from archspace.support.caches import CACHES, DAY_SECONDS, entries
    from archspace.support.caches import clear as remove
    from archspace.support.files import cache_root
    from archspace.support.numbers import number

    _enter_all()
    gone = remove(kinds or (), older_than_s=older_than * DAY_SECONDS)
    if as_json:
        typer.echo(json.dumps({"folder": str(cache_root()), "removed": [one.to_dict() for one in gone]}))
        return
    size = number(sum(one.size_bytes for one in gone), "bytes")
    typer.echo(f"removed {len(gone)} entries, {size}, from {cache_root()}")
    made = sorted({one.kind for one in entries() if not CACHES[one.kind].remade})
    kept = [] if kinds else made
    if kept:
        typer.echo(
            f"left as a command made it: {', '.join(kept)}; to remove it: archspace cache clear {kept[0]}"
        )


def _enter_all() -> None:
    """Imports what enters the kinds of cache."""
    for module in OWNERS:
        import_module(module)


def _sums(found: Sequence[Entry]) -> dict[str, float | int | None]:
    ages = [round(one.age_s) for one in found]
    return {
        "entries": len(found), "bytes": sum(one.size_bytes for one in found),
        "newest_age_s": min(ages, default=None), "oldest_age_s": max(ages, default=None),
    }  # fmt: skip


def _age(seconds: float | None) -> str:
    """Days, else hours, else minutes."""
    if seconds is None:
        return "-"
    for unit, length in (("d", 24 * 3600), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
