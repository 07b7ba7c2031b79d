"""What the commands of supernets print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from analysis.quantities import QUANTITIES
from archspace.support.numbers import amount
from archspace.support.terminal import Column, TerminalTable, output
from searches.bench.inherited import JUDGED, Inheritance
from searches.supernet.searching import Judged


def said(one: Judged, metric: str) -> str:
    """Returns a judged network in a few words."""
    return f"{one.spec.label}: {one.values[metric]:.2f}"


def show_trained(result: Mapping[str, Any], folder: Path) -> None:
    """Prints what the extremes of a trained supernet come to, and how many weights are shared."""
    ends = ", ".join(
        f"{name} {result[name]['expected']:.2f} ({result[name]['network']})"
        for name in ("smallest", "largest")
    )
    typer.echo(f"inherited {result['metric']}, expected: {ends}")
    typer.echo(f"{folder}: {result['shared_params'] / 1e6:.2f} M shared weights")


def show_front(front: Sequence[Judged], objectives: Sequence[str]) -> None:
    """Prints the front as a table, its metric marked as inherited."""
    counted = list(
        dict.fromkeys((*(name for name in objectives if QUANTITIES[name].counted), "macs", "params"))
    )
    evaluated = [name for name in objectives if not QUANTITIES[name].counted]
    heads = [Column(f"inherited,\nexpected {QUANTITIES[name].short}", "number") for name in evaluated]
    table = TerminalTable(
        "network",
        *heads,
        *(Column(QUANTITIES[name].short, "number") for name in counted),
        Column("arch_id", "word", 1),
    )
    for one in front:
        cells = [f"{one.values[name]:.2f}" for name in evaluated]
        cells += [amount(one.values[name], QUANTITIES[name].unit) for name in counted]
        table.add(one.spec.label, *cells, one.spec.arch_id)
    table.print()


def show_agreements(table: str, found: Inheritance) -> None:
    """Prints how well each judgement orders the networks of a table, and what judging costs."""
    shown = TerminalTable(
        "judgement", Column("Kendall's tau\nover all", "number"), Column("inside bins\nof MACs", "number"),
        title=f"{table}: {found.networks} networks, {found.trainings} trainings"
        + (f"; {found.left_out} left out that the supernet has not" if found.left_out else "")
        + (f"; {found.diverged} left out that diverged" if found.diverged else ""),
    )  # fmt: skip
    for name, one in found.agreements.items():
        shown.add(name, f"{one.overall:.2f}", f"{one.inside:.2f}")
    shown.print()
    words = (
        f"judging a network takes {found.judging_s:.2f} CPU seconds, training it {found.training_s:.1f}: "
        f"{found.speedup:.0f} times as many; with the training of the supernet, "
        f"{found.speedup_with_supernet:.0f} times for {JUDGED} networks"
    )
    output().print(words, markup=False, soft_wrap=True)
