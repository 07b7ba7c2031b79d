"""Command: report. Writes the page, and on request its figures as files. Heavy imports wait until it runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError, InputError
from archspace.support.options import JsonOption

if TYPE_CHECKING:
    from reports.page.content import Content

PAGE_FILE = "report.html"
FORMATS = ("png", "svg", "pdf", "html")


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Run folders.", show_default=False)
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="The published comparison of every task, made again.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE|DIR", help="Where to; RUN/report, or runs/paper with --paper."),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option("--figures", metavar="png,svg,pdf,html", help="Also write each figure as a file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """One HTML page on studies; or, with --paper, the papers' tables beside our own counts."""
    if not paper and not runs:
        raise InputError("report: needs a RUN, or --paper for the papers' tables")
    if not paper:
        write_report(runs or [], out, as_json, figures)
        return
    if runs:
        raise InputError(
            f"report: --paper takes no RUN; compare it with: archspace tables TASK --with {runs[0]}"
        )
    from reports.cli.tables_command import paper_report

    paper_report(out or Path("runs") / "paper", as_json=as_json)


def write_report(runs: Sequence[Path], out: Path | None, as_json: bool, figures: str | None = None) -> None:
    """Write the page of one or more runs, and tell what was written.

    Runs on different data share no front: each group of the same data gets a page of its own, and the first page shows
    their fronts side by side and says why.

    Args:
        runs: run folders; those on the same data must have the same objectives and task.
        out: a file that ends in .html, or a folder; ``RUN/report`` of the first run if ``None``.
        as_json: one JSON object on standard output.
        figures: formats (png, svg, pdf, html) separated by commas, in which each figure is written beside the page.

    Raises:
        InputError: a run cannot be read or merged, or the page cannot be written.
    """
    from archspace.support.files import write_text
    from archspace.support.terminal import working
    from reports.frames.merge import by_data, merge_runs

    formats = _formats(figures)
    path = _page_path(runs, out)
    pages: list[dict[str, Any]] = []
    with working("reading the trials") as now:
        groups = by_data(runs)
        merged = [merge_runs(group.folders) for group in groups]
        now("computing the page")
        from reports.page.content import content_of
        from reports.page.data_sets import Side, page_name, sides_html
        from reports.page.html import page_html

        contents = [content_of(one) for one in merged]
        sides = [
            Side(content, group.apart, path.name if len(groups) == 1 else page_name(path, contents, place))
            for place, (group, content) in enumerate(zip(groups, contents, strict=True))
        ]
        for side in sides:
            page = path.with_name(side.file)
            write_text(page, page_html(side.content))
            suffix = "" if len(sides) == 1 else f"-{page.stem}"
            if formats:
                now("drawing the figures")
            pages.append(_written(side.content, page, suffix, formats))
        if len(sides) > 1:
            write_text(path, sides_html(sides))
    notes = [f"not one front: {side.why}" for side in sides if side.apart]
    for note in (*notes, *(note for page in pages for note in page["notes"])):
        typer.echo(note, err=True)
    if as_json:
        several = {"pages": pages, "files": {"report": str(path)}, "notes": notes}
        typer.echo(json.dumps(several if len(pages) > 1 else pages[0], allow_nan=False))
        return
    shown = [file for page in pages for file in page["files"].values()]
    for file in shown if len(pages) == 1 else [str(path), *shown]:
        typer.echo(file)


def _written(content: Content, page: Path, suffix: str, formats: Sequence[str]) -> dict[str, Any]:
    """What is told of a page that was written: its study, its front and the files; tables and figures are made here."""
    from analysis.store.retrained import agreements
    from reports.page.words import findings

    written, notes = {"report": page}, list[str]()
    if content.retrained:
        from reports.tables.retrained import NAME, retrained_table
        from reports.tables.write import write_tables

        title = f"{content.study.name}: searched and fully trained"
        table = retrained_table(content.retrained, title=title)
        written |= write_tables([table], page.parent, f"{NAME}{suffix}", ("md", "csv", "tex"), title=title)
    if formats:
        from reports.figures.writing import write_figures

        drawn, notes = write_figures(content, page.parent / f"figures{suffix}", formats)
        written |= drawn
    frame = content.frame
    return {
        "study": content.study.name,
        "data": content.study.data_name,
        "runs": {name: str(run) for name, run in content.merged.runs.items()},
        "objectives": [
            {"name": o.name, "unit": o.unit, "direction": o.direction} for o in content.objectives
        ],
        "trials": {str(state): int(count) for state, count in frame["state"].value_counts().items()},
        "front": frame.loc[frame["on_front"] & frame["duplicate_of"].isna(), "label"].tolist(),
        "chosen": content.chosen.label if content.chosen else None,
        "found": findings(content),
        "retrained": _retrained(content),
        "agreements": [one.words for one in agreements(content.retrained)],
        "files": {name: str(one) for name, one in written.items()},
        "notes": notes,
    }


def _retrained(content: Content) -> list[dict[str, Any]]:
    """The networks that were trained in full, as plain data."""
    return [
        {
            "trial": one.trial.label, "setting": one.setting.words, "seeds": len(one.records),
            "searched": one.searched if math.isfinite(one.searched) else None,
            "mean": one.mean if math.isfinite(one.mean) else None, "deviation": one.deviation,
        }
        for one in content.retrained
    ]  # fmt: skip


def _page_path(runs: Sequence[Path], out: Path | None) -> Path:
    """Where the page goes."""
    if out is None:
        return runs[0] / "report" / PAGE_FILE
    if out.suffix.lower() in (".html", ".htm"):
        if out.is_dir():
            raise InputError(f"--out: {out}: is a folder; give a file, or a folder without .html")
        return out
    if out.is_file():
        raise FieldError("--out", str(out), "is a file that is no page", out.with_suffix(".html"))
    return out / PAGE_FILE


def _formats(text: str | None) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip().lower() for word in (text or "").split(",") if word.strip()))
    for word in words:
        if word not in FORMATS:
            raise FieldError("--figures", word, "unknown format of a figure", f"one of {', '.join(FORMATS)}")
    return words
