"""What a retraining does and what it came to, printed."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.quantities import QUANTITIES, Quantity
from analysis.store.picks import PICKS
from archspace.support.numbers import NOTHING, amount, fixed, marked, number
from archspace.support.terminal import Column, TerminalTable, output

if TYPE_CHECKING:
    from rich.console import Console

    from analysis.store.retrained import Retrained
    from searches.retraining.plan import Plan, Wanted
    from searches.retraining.run import RetrainResults


def announce(todo: Plan, wanted: Wanted, not_test: str | None, console: Console) -> None:
    """Says before the first step what is going to be done, and what was chosen where the user did not say.

    Args:
        todo: what is going to be done.
        wanted: what the user asked for.
        not_test: why the validation split will judge the networks; ``None`` where the test split does.
        console: where it is said.
    """
    networks = len({job.trial.label for job in todo.jobs})
    seeds = f", {wanted.seeds} seeds each" if wanted.seeds > 1 else ""
    start = (
        "the trial's weights"
        if wanted.from_trial
        else "scratch, as papers do (--from-trial: from the trial's weights)"
    )
    learned = "train and val" if wanted.use_val else "train"
    judge = "test is looked at once, after each training"
    if not_test is not None:
        judge = f"val, by which the search has chosen, judges after each training: {not_test}"
    lines = [
        f"retraining {networks} network{'s' * (networks > 1)} of {todo.record.name}{seeds}",
        *(f"recipe: {words}" for words in dict.fromkeys(job.recipe.words for job in todo.jobs)),
        f"start: {start}",
        f"data: every {'token' if todo.study.task == 'language' else 'image'} of {learned}; {judge}",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_retrained(results: RetrainResults, as_json: bool) -> None:
    """Prints the networks with what the search and the full training said of them."""
    networks = results.networks
    if as_json:
        print(json.dumps(_plain(results, networks), allow_nan=False))  # noqa: T201
        return
    console = output()
    for setting in dict.fromkeys(one.setting for one in networks):
        members = [one for one in networks if one.setting == setting]
        console.print(setting.words, markup=False, soft_wrap=True)
        _table(members).print(console)
        for sentence in against_given(members):
            console.print(sentence, markup=False, soft_wrap=True)
    agreements = results.agreements
    for one in agreements:
        words = one.words if len(agreements) == 1 else f"{one.setting.words}: {one.words}"
        console.print(words, markup=False, soft_wrap=True)
    for note in dict.fromkeys(note for record in results.records for note in record.notes):
        folders = ", ".join(record.folder for record in results.records if note in record.notes)
        console.print(f"{folders}: {note}", markup=False, soft_wrap=True)
    for record in results.records:
        if record.test_evaluations > 1:
            rule = "a recipe chosen by the test split makes its numbers too good"
            times = f"judged on the test split {record.test_evaluations} times"
            console.print(f"{record.folder}: {times}: {rule}", markup=False, soft_wrap=True)
        what = "/export" if record.exported else ""
        word = "exported" if record.exported else "trained"
        console.print(f"{word}: {results.folder(record)}{what}", markup=False, soft_wrap=True)
    for folder, reason in results.failed.items():
        print(f"{folder}: {reason}", file=sys.stderr)  # noqa: T201
    if networks:
        console.print(
            f"beside the search: archspace report {shlex.quote(str(results.run))}",
            markup=False,
            soft_wrap=True,
        )


def _table(networks: Sequence[Retrained]) -> TerminalTable:
    metric = QUANTITIES[networks[0].records[0].metric]
    split = networks[0].setting.split
    device = _device_quantities(networks)
    unit = f" ({metric.unit})" if metric.unit else ""
    table = TerminalTable(
        "trial",
        Column("network", "text"),
        Column(f"{metric.short}{unit}, {networks[0].searched_words}", "number"),
        Column(f"{metric.short}{unit}, {split}", "number"),
        Column("seeds", "number", 1),
        *(Column(f"{one.short} ({one.unit})", "number", 2) for one in device),
    )
    for network in networks:
        words = [word for word in PICKS if word in network.records[0].picked.split(", ")]
        name = f"{network.trial.label} ({', '.join(words)})" if words else network.trial.label
        measured = ((one, network.measured(one.name)) for one in device)
        table.add(
            name, network.name, amount(network.searched, metric.unit), mean_text(network, metric),
            str(len(network.records)),
            *(NOTHING if m is None else marked(amount(m.value, one.unit), bool(m.unstable)) for one, m in measured),
        )  # fmt: skip
    return table


def mean_text(network: Retrained, metric: Quantity) -> str:
    """Returns the mean over the seeds, with the standard deviation where there are several."""
    spread = "" if network.deviation is None else f" ± {fixed(network.deviation, 2)}"
    return f"{amount(network.mean, metric.unit)}{spread}"


def against_given(networks: Sequence[Retrained]) -> list[str]:
    """Returns a sentence for each searched network and given one that were trained and judged alike."""
    sentences = []
    for given in (one for one in networks if one.trial.given is not None):
        for ours in (one for one in networks if one.trial.given is None):
            metric = QUANTITIES[ours.records[0].metric]
            gain = ours.mean - given.mean
            better = gain >= 0 if metric.direction == "maximize" else gain <= 0
            points = f"{abs(gain):.2f} points" if metric.unit == "%" else number(abs(gain), metric.unit)
            sentences.append(
                f"{ours.setting.split} {metric.short}: trial {ours.trial.label} "
                f"{number(ours.mean, metric.unit)}, the given {given.trial.given} "
                f"{number(given.mean, metric.unit)}: {points} {'better' if better else 'worse'}, trained alike"
                f"{_sure(ours, given)}"
            )
    return sentences


def _sure(ours: Retrained, given: Retrained) -> str:
    few = min(len(ours.records), len(given.records)) < 2
    return "; of one seed, so a small difference may be chance (--seeds 3)" if few else ""


def _device_quantities(networks: Sequence[Retrained]) -> list[Quantity]:
    names = dict.fromkeys(name for one in networks for record in one.records for name in record.measurements)
    return [QUANTITIES[name] for name in names if name in QUANTITIES and QUANTITIES[name].source == "device"]


def _plain(results: RetrainResults, networks: Sequence[Retrained]) -> dict[str, Any]:
    """All of it as plain data for JSON."""
    rows = []
    for one in networks:
        seeds = [
            {
                "seed": record.seed, "folder": str(results.folder(record)), "value": _number(record.value),
                "export": f"{results.folder(record)}/export" if record.exported else None,
                "measurements": {name: _number(m.value) for name, m in record.measurements.items()},
                "test_evaluations": record.test_evaluations, "notes": list(record.notes),
            }
            for record in one.records
        ]  # fmt: skip
        setting = {name: getattr(one.setting, name) for name in one.setting.__slots__}
        rows.append({
            "trial": one.trial.label, "given": one.trial.given, "network": one.records[0].network,
            "arch_id": one.records[0].arch_id, "picked": one.records[0].picked, "metric": one.records[0].metric,
            "searched": _number(one.searched), "searched_origin": one.searched_origin,
            "mean": _number(one.mean), "deviation": _number(one.deviation),
            "setting": setting, "seeds": seeds,
        })  # fmt: skip
    correlations = [
        {
            "n": one.n, "setting": one.setting.words, "says": one.words,
            "kendall": one.correlation.kendall if one.correlation else None,
            "spearman": one.correlation.spearman if one.correlation else None,
        }
        for one in results.agreements
    ]  # fmt: skip
    return {
        "run": str(results.run),
        "networks": rows,
        "correlations": correlations,
        "failed": dict(results.failed),
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
