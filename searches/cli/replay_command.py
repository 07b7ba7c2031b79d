"""Command: replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError, about
from archspace.support.numbers import counted, number, told_apart
from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from searches.study.replay import Replay

FIELD = "RUN:N"


def replay(
    trial: Annotated[
        str, typer.Argument(metavar="RUN:N", help="A trial of a run; also RUN:knee and RUN:best.")
    ],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set, where it moved.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; the study's if left out.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; the study's if left out.", min=1)] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a trial again and compare it bit by bit with what the study kept; exit code 1 where it differs."""
    import json

    from archspace.support.terminal import output, working

    run, _, pick = trial.rpartition(":")
    if not run or not pick:
        raise FieldError(
            FIELD, trial, "names a run and one of its trials", f"{trial.strip(':') or 'RUN'}:knee"
        )
    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "device": device, "threads": threads,
    }  # fmt: skip
    with working(f"{trial}: reading the run and the data") as now:
        from analysis.store.picks import pick_trial
        from analysis.store.runs import read_run
        from searches.config.source import read_study

        given = {name: value for name, value in changes.items() if value is not None}
        with about(FIELD):
            study = read_run(Path(run))
        pick_trial(study, pick, {}, partly=True, field=FIELD)
        read_study(run, given, None)
        from searches.study.replay import replay as run_replay
        from searches.training.loop import Callback, Epoch

        class Said(Callback):
            """Says every epoch."""

            def epoch(self, epoch: Epoch) -> None:
                """An epoch ended."""
                now(f"{trial}: epoch {epoch.number}, loss {epoch.loss:.4f}")

        found = run_replay(Path(run), pick, given, Said())
    if as_json:
        typer.echo(json.dumps({
            "run": run, "trial": found.label, "metric": found.metric, "kept": found.kept, "again": found.again,
            "epochs": found.epochs, "same": found.same,
            "differing": None if found.differing is None else list(found.differing),
            "largest": found.largest, "changed": {name: list(pair) for name, pair in found.changed.items()},
        }))  # fmt: skip
    else:
        console = output()
        for line in lines(found):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not found.same:
        raise typer.Exit(1)


def lines(found: Replay) -> list[str]:
    """Returns in words how a replay compares."""
    where = "" if found.epochs is None else f" after {counted(found.epochs, 'epoch')}, where it was stopped"
    kept, again = values(found)
    said = [f"trial {found.label}: {found.metric} {kept} in the study{where}, {again} now"]
    if found.differing is None:
        said.append("the study's weights are gone; only the metric was compared")
    elif found.differing:
        more = f" and {len(found.differing) - 1} more" if len(found.differing) > 1 else ""
        said.append(f"weights differ by up to {found.largest:.3g}: {found.differing[0]}{more}")
    else:
        said.append("weights are the same bit by bit")
    if found.changed:
        changes = ", ".join(f"{name} {then} -> {now}" for name, (then, now) in found.changed.items())
        said.append(f"not as it was trained: {changes}")
    elif not found.same:
        said.append("torch, device and threads are the same as then; another processor sums in another order")
    return said


def values(found: Replay) -> tuple[str, str]:
    """Returns the metric in the study and now, with as many digits as it takes to see a difference."""
    from analysis.quantities import described

    unit = described(found.metric).unit
    if found.kept == found.again:
        return number(found.kept, unit), number(found.again, unit)
    kept, again = (f"{value} {unit}".rstrip() for value in told_apart(found.kept, found.again))
    return kept, again
