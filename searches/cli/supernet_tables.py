"""What the commands of supernets print for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from analysis.fronts.correlation import LEAST
from analysis.quantities import QUANTITIES
from archspace.support.numbers import NOTHING, amount, counted, fixed, number
from archspace.support.terminal import Column, TerminalTable, output
from searches.bench.inherited import JUDGED, Inheritance
from searches.supernet.searching import TRIES, Judged


def said(one: Judged, metric: str) -> str:
    """Returns a judged network in a few words."""
    return f"{one.spec.label}: {metric} {number(one.values[metric], QUANTITIES[metric].unit)} predicted"


def judged_in(table: Path, judged: int, asked: int) -> str:
    """Returns how many networks were judged, in which table they are, and why they are fewer than asked for."""
    line = f"{counted(judged, 'network')} judged by inherited weights: {table}"
    if judged == asked:
        return line
    why = f"{TRIES} draws in a row gave no other one that the supernet has and that keeps the limits"
    return f"{line}\n{asked:,} were asked for; {why}"


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
    costs = list(
        dict.fromkeys((*(name for name in objectives if QUANTITIES[name].counted), "macs", "params"))
    )
    evaluated = [name for name in objectives if not QUANTITIES[name].counted]
    heads = [Column(f"inherited,\nexpected {QUANTITIES[name].short}", "number") for name in evaluated]
    table = TerminalTable(
        "network",
        *heads,
        *(Column(QUANTITIES[name].short, "number") for name in costs),
        Column("arch_id", "word", 1),
    )
    for one in front:
        cells = [f"{one.values[name]:.2f}" for name in evaluated]
        cells += [amount(one.values[name], QUANTITIES[name].unit) for name in costs]
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
        shown.add(name, fixed(one.overall), fixed(one.inside))
    shown.print()
    why = without_order(found)
    words = (
        f"judging a network takes {found.judging_s:.2f} CPU seconds, training it {found.training_s:.1f}: "
        f"{found.speedup:.0f} times as many; with the training of the supernet, "
        f"{found.speedup_with_supernet:.0f} times for {JUDGED} networks"
    )
    for line in filter(None, [why, words]):
        output().print(line, markup=False, soft_wrap=True)


def without_order(found: Inheritance) -> str:
    """Returns why some judgement orders nothing; empty where all of them have an order."""
    if all(math.isfinite(value) for one in found.agreements.values() for value in (one.overall, one.inside)):
        return ""
    if found.networks < LEAST:
        return f"{NOTHING}: an order is told from {LEAST} networks on"
    trained = {metric for _, metric in found.values.values()}
    if len(trained) == 1:
        return f"{NOTHING}: the trained metric of all networks is the same, {fixed(trained.pop())}: they have no order"
    return f"{NOTHING}: no order, as the values are all the same or each bin has fewer than {LEAST} networks"
