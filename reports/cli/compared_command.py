"""Command: compared. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import InputError
from archspace.support.options import JsonOption

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.store.records import StudyRecord
    from reports.tables.table import Table

FIGURE5 = "Published (Cityscapes val, GTX 960M)"


def compared(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run folder of a comparison.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; RUN/report if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """A comparison beside the published numbers: tables as md, csv, tex and html, figures as html and png."""
    import json

    from analysis.store.runs import read_run
    from archspace.support.terminal import working

    study = read_run(run)
    folder = out or run / "report"
    with working("computing the tables"):
        from analysis.drawing.figure_files import write_html, write_pictures
        from reports.tables.terminal import print_tables
        from reports.tables.values import plain
        from reports.tables.write import write_tables

        tables, figures = compared_views(study)
    notes: list[str] = []
    try:
        files = write_tables(tables, folder, "comparison", title=study.name)
        with working("drawing"):
            for name, figure in figures.items():
                files[f"{name}.html"] = folder / f"{name}.html"
                write_html(figure, files[f"{name}.html"])
            drawn, problem = write_pictures({folder / f"{name}.png": one for name, one in figures.items()})
            files |= {path.name: path for path in drawn}
            notes = [] if problem is None else [problem]
    except OSError as error:
        raise InputError(f"--out: {folder}: cannot be written: {error.strerror or error}") from error
    for note in notes:
        typer.echo(note, err=True)
    if as_json:
        shown: dict[str, Any] = {"study": study.name, "tables": [plain(table) for table in tables]}
        typer.echo(json.dumps({**shown, "files": {k: str(v) for k, v in files.items()}, "notes": notes}))
        return
    print_tables(tables)
    for path in files.values():
        typer.echo(str(path))


def compared_views(study: StudyRecord) -> tuple[list[Table], dict[str, go.Figure]]:
    """Tables and figures of a comparison.

    Raises:
        InputError: the study is no comparison, or nothing of it has finished.
    """
    from analysis.quantities import QUANTITIES, main_metric
    from reports.figures.ablation import ablation_figure, waterfall
    from reports.figures.modules import module_figure, module_panels
    from reports.frames.comparison import (
        comparison_of,
        correlations,
        network_frame,
        step_frame,
        with_published_modules,
    )
    from reports.frames.trials import study_caption, trial_frame
    from reports.tables.comparison import correlation_notes, network_table, step_table

    comparison = comparison_of(study)
    metric = main_metric(study.config["task"]).name
    frame, label = network_frame(study), QUANTITIES[metric].label
    caption = study_caption(study, trial_frame(study))
    if comparison["kind"] == "ablation":
        steps = step_frame(study, frame)
        paper = {"espnet": "ESPNet", "espnetv2": "ESPNetv2"}[comparison["paper"]]
        figure = ablation_figure(
            waterfall(steps), label, title=f"What each choice of {paper} gives", subtitle=caption
        )
        tables = [
            step_table(steps, title=f"Ablation of {paper}"),
            network_table(frame, metric, title="Its networks"),
        ]
        return tables, {"ablation": figure}
    if comparison["kind"] == "modules":
        frame = with_published_modules(frame)
        ranks = correlations(frame)
        title = "Modules in ESPNet-C"
        ranked = {"metric": ranks["metric"]} if "metric" in ranks else {}
        caption = " · ".join([caption, *(note.rstrip(".") for note in correlation_notes(ranked))])
    else:
        ranks, title = {}, "Networks beside each other"
    panels = module_panels(frame, label, "Here", FIGURE5)
    return [network_table(frame, metric, title=title, correlations=ranks)], {
        comparison["kind"]: module_figure(
            panels, title=title, subtitle=f"{caption} · area of a bubble: parameters"
        )
    }
