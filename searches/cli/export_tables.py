"""What ``archspace export`` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archspace.export.export import ExportReport
    from archspace.spec.named import NamedNetwork


def print_export(report: ExportReport, named: NamedNetwork) -> None:
    """Prints what was proved of each format, and what comes next."""
    from archspace.export.card_int8 import int8_lines
    from archspace.support.numbers import UNSTABLE_MARK, counted
    from archspace.support.terminal import output

    console = output()
    console.soft_wrap = True
    folder, card = report.folder, report.card
    console.print(f"wrote {folder}: {card['label']} ({report.arch_id})")
    for name, agreement in report.agreements.items():
        form, _, kind = name.rpartition(" ")
        who = f"{form}: {agreement.runtime}" if form else agreement.runtime
        noun = "text" if card["spec"]["task"] == "language" else "image"
        near = "is near" if card["precision"] == "int8" else "equals"
        console.print(
            f"{who} {near} torch on {counted(agreement.images, f'{kind} {noun}')}: within {agreement.relative:.1e} "
            "of the largest output",
            markup=False,
        )
    for line in int8_lines(card):
        console.print(line, markup=False)
    for name, one in card["formats"].items():
        if one["unchecked"]:
            console.print(f"{name}: {one['unchecked']}", markup=False)
    if "fastest" in card:
        for tried in card["fastest"]["tried"]:
            said = (
                f"{tried['median_ms']:.3g} ms, least {tried['least_ms']:.3g}, {counted(tried['n'], 'run')}"
                if "n" in tried
                else tried["reason"]
            )
            kept = ": kept" if tried["format"] == card["fastest"]["chosen"] else ""
            console.print(f"{tried['format']} ({tried['runtime']}): {said}{kept}", markup=False)
    for one in card["numbers"]:
        if one.get("unstable"):
            reasons = "; ".join(one["unstable"])
            console.print(f"unstable ({UNSTABLE_MARK}): {named.text}, {one['name']}: {reasons}", markup=False)
    console.print(f"to load it: archspace.load({str(folder)!r})")
    for line in _next(named):
        console.print(line, markup=False)


def _next(named: NamedNetwork) -> list[str]:
    """That a trial's weights are those of a search, and where full training is, or what to type for it."""
    from analysis.store.retrained import RETRAINED_FOLDER, read_retrained
    from analysis.store.runs import read_run
    from searches.study.card import short_training

    if named.run is None or named.trial is None:
        return []
    study = read_run(named.run)
    short = short_training(study, next(one for one in study.trials if one.label == named.trial))
    if short is None:
        return []
    done = [one for one in read_retrained(named.run) if one.trial == named.trial]
    if done:
        where = named.run / RETRAINED_FOLDER / done[0].folder
        return [f"its weights are {short}; trained in full: {where}"]
    return [
        f"its weights are {short}; next: archspace retrain {shlex.quote(str(named.run))} --pick {named.trial}"
    ]
