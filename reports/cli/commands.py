"""Commands that show results: pareto, tables, report. Heavy imports wait until a command runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError, InputError, closest
from archspace.support.options import REPORT, JsonOption
from reports.cli.compared_command import compared
from reports.cli.report_command import report
from reports.cli.tables_command import tables

if TYPE_CHECKING:
    import pandas as pd

    from analysis.quantities import Quantity
    from analysis.store.records import StudyRecord, TrialRecord
    from archspace.support.terminal import TerminalTable

_OPTION = "--objectives"
_TABLES_EXAMPLE = (
    "Example: archspace tables segmentation --dataset camvid --with runs/camvid-units --out runs/tables"
)


def register(app: typer.Typer) -> None:
    """Add this package's commands to the door's application."""
    app.command("pareto", rich_help_panel=REPORT)(pareto)
    from reports.cli import device_commands

    device_commands.register(app)
    app.command(
        "compared", rich_help_panel=REPORT, epilog="Example: archspace compared runs/compare-modules-scenes"
    )(compared)
    app.command("tables", rich_help_panel=REPORT, epilog=_TABLES_EXAMPLE)(tables)
    app.command(
        "report", rich_help_panel=REPORT, epilog="Example: archspace report runs/camvid-units --figures svg"
    )(report)


def pareto(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    objectives: Annotated[
        str | None,
        typer.Option(
            _OPTION,
            metavar="A,B[,C]",
            help="Two or three; the study's own if left out.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write; RUN/report if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The Pareto front of a study: a table, front.csv, trials.csv, pareto.html and pareto.png.

    Example: archspace pareto runs/camvid-units --objectives macs,miou
    """
    from analysis.store.retrained import read_retrained, retrained_networks
    from analysis.store.runs import read_run
    from archspace.support.terminal import working

    with working(f"reading {run}") as now:
        study = read_run(run)
        chosen = choose_objectives(study, objectives)
        retrained = retrained_networks(study, read_retrained(run))
        now("finding the front")
        from reports.frames.origins import doubt_lines
        from reports.frames.retrained import with_retrained
        from reports.frames.trials import front_frame, trial_frame

        frame = with_retrained(trial_frame(study, chosen), retrained)
        front = front_frame(frame, chosen)
    folder = out or run / "report"
    suffix = _suffix(study, chosen) if folder.resolve() == (run / "report").resolve() else ""
    if suffix:
        own = ", ".join(one.name for one in study.objectives)
        typer.echo(f"the study's own front ({own}) stays; these files are named *{suffix}", err=True)
    files, notes = _write_report(study, frame, chosen, folder, suffix)
    if as_json:
        typer.echo(_json(study, frame, front, chosen, files, notes))
        return
    _front_table(study, front, chosen).print()
    for line in doubt_lines(front, [one.name for one in chosen]):
        typer.echo(line)
    for path in files.values():
        typer.echo(str(path))


def _suffix(study: StudyRecord, chosen: Sequence[Quantity]) -> str:
    """What tells the files of other objectives from those of the study's own, which stand in the same folder."""
    names = [one.name for one in chosen]
    return "" if set(names) == {one.name for one in study.objectives} else f"-{'-'.join(names)}"


def choose_objectives(study: StudyRecord, names: str | None) -> tuple[Quantity, ...]:
    """Returns the two or three objectives of a front: those named, else the study's.

    Args:
        study: the study as read.
        names: objectives separated by commas, or ``None``.

    Raises:
        InputError: an objective is unknown or not recorded, there are fewer than two or more than three, or
            no complete trial has them all.
    """
    from analysis.quantities import goals

    complete = [trial for trial in study.trials if trial.state == "complete"]
    if not complete:
        ended = ", ".join(sorted({trial.state for trial in study.trials}))
        raise InputError(f"{study.name}: no complete trial, so there is no front (all are {ended})")
    known = [_known(trial) for trial in complete]
    offered = goals()
    offered |= {n: one for n, one in study.noted.items() if n not in offered}
    recorded = [name for name in offered if any(name in names for names in known)]
    words = [o.name for o in study.objectives]
    if names is not None:
        words = list(dict.fromkeys(word.strip() for word in names.split(",") if word.strip()))
    for word in words:
        if word not in offered:
            raise FieldError(_OPTION, word, "unknown objective", closest(word, recorded))
        if word not in recorded:
            rule = f"no complete trial of {study.name} has a number for it"
            raise FieldError(_OPTION, word, rule, f"one of {', '.join(recorded)}")
    if len(words) not in (2, 3):
        rule = f"a front takes two or three objectives, not {len(words)}"
        raise FieldError(_OPTION, ",".join(words), rule, f"two or three of {', '.join(recorded)}")
    if not any(all(word in names for word in words) for names in known):
        raise FieldError(_OPTION, ",".join(words), f"no complete trial of {study.name} has all of them")
    return tuple(offered[word] for word in words)


def _known(trial: TrialRecord) -> set[str]:
    """What a trial has a finite number for."""
    import math

    return {name for name in trial.known if math.isfinite(trial.value(name))}


def _front_table(study: StudyRecord, front: pd.DataFrame, objectives: Sequence[Quantity]) -> TerminalTable:
    """The front as a table to read: rounded, with unit and origin in the header."""
    from archspace.support.numbers import marked
    from archspace.support.terminal import Column, TerminalTable
    from reports.frames.origins import doubts, origins
    from reports.style.style import scaled_column

    columns = [Column("trial"), Column("network", "text")]
    texts = []
    for objective in objectives:
        header, column = scaled_column(objective, front[objective.name].tolist())
        origin = "; ".join(origins(front, objective.name)) or "origin unknown"
        columns.append(Column(f"{header}\n{origin}", "number"))
        texts.append([marked(*pair) for pair in zip(column, doubts(front, objective.name), strict=True)])
    table = TerminalTable(*columns, title=f"Pareto front of {study.name}")
    trials = {trial.label: trial for trial in study.trials}
    for index, row in enumerate(front.to_dict("records")):
        words = ["knee"] * bool(row["knee"]) + ["retrained"] * isinstance(row.get("retrained"), str)
        trial = f"{row['label']} ({', '.join(words)})" if words else row["label"]
        table.add(trial, trials[row["label"]].title, *(column[index] for column in texts))
    return table


def _write_report(
    study: StudyRecord, frame: pd.DataFrame, objectives: Sequence[Quantity], folder: Path, suffix: str
) -> tuple[dict[str, Path], list[str]]:
    """Write tables and figures; the files by what they are, and a line on each that could not be written."""
    from archspace.support.terminal import working
    from reports.frames.trials import write_tables

    try:
        files = write_tables(frame, objectives, folder, suffix)
        with working("drawing the Pareto front") as now:
            from reports.figures.pareto.figure import write_png
            from reports.figures.pareto.page import write_pareto_page
            from reports.figures.pareto.run_figure import study_figure

            figure = study_figure(study, frame, objectives)
            files["pareto.html"] = folder / f"pareto{suffix}.html"
            write_pareto_page(figure, files["pareto.html"])
            now("drawing it as a picture")
            picture = folder / f"pareto{suffix}.png"
            problem = write_png(figure, picture)
    except OSError as error:
        raise InputError(f"--out: {folder}: cannot be written: {error.strerror or error}") from error
    if problem is None:
        return files | {"pareto.png": picture}, []
    typer.echo(problem, err=True)
    return files, [problem]


def _json(
    study: StudyRecord,
    frame: pd.DataFrame,
    front: pd.DataFrame,
    objectives: Sequence[Quantity],
    files: dict[str, Path],
    notes: list[str],
) -> str:
    """One JSON object: the front's rows with raw values, and the files written."""
    import json

    rows = [{str(key): _plain(value) for key, value in row.items()} for row in front.to_dict("records")]
    knees = [row["label"] for row in rows if row["knee"]]
    result = {
        "study": study.name,
        "objectives": [{"name": o.name, "unit": o.unit, "direction": o.direction} for o in objectives],
        "trials": {str(state): int(count) for state, count in frame["state"].value_counts().items()},
        "front": rows,
        "knee": knees[0] if knees else None,
        "files": {name: str(path) for name, path in files.items()},
        "notes": notes,
    }
    return json.dumps(result, allow_nan=False)


def _plain(value: Any) -> object:
    """A cell for JSON: nothing known, and what is not finite, becomes ``None``."""
    import math

    import pandas as pd

    if pd.isna(value) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value.item() if hasattr(value, "item") else value
