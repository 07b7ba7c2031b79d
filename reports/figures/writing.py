"""Write a study's figures as files: PNG, SVG and PDF through a Chromium, HTML without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from analysis.drawing.figure_files import write_html, write_pictures
from analysis.quantities import Quantity
from reports.figures.learning import curves_of_trials_figure
from reports.figures.parallel import parallel_figure
from reports.figures.pareto.figure import pareto_figure
from reports.figures.progress import progress_figure
from reports.figures.seeds import seeds_figure
from reports.figures.tradeoffs import tradeoffs_figure
from reports.figures.weights import importance_figure
from reports.frames.trials import study_caption

if TYPE_CHECKING:
    from reports.page.content import Content


def write_figures(
    content: Content, folder: Path, formats: Sequence[str]
) -> tuple[dict[str, Path], list[str]]:
    """Write every figure of a study in every format.

    Args:
        content: the study's computed page, which holds the figures' infos.
        folder: where to; made when missing.
        formats: of ``png``, ``svg``, ``pdf`` and ``html``.

    Returns:
        The files by name, and one line on each reason why some could not be written. The first reason ends the
        drawing of pictures: without a browser none can be drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    stills: dict[Path, go.Figure] = {}
    for name, figure in study_figures(content):
        if "html" in formats:
            written[f"{name}.html"] = folder / f"{name}.html"
            write_html(figure, folder / f"{name}.html")
        stills |= {folder / f"{name}.{suffix}": figure for suffix in formats if suffix != "html"}
    drawn, problem = write_pictures(stills)
    written |= {path.name: path for path in drawn}
    return written, [] if problem is None else [problem]


def study_figures(content: Content) -> Iterator[tuple[str, go.Figure]]:
    """Yields the figures of a study by name; one that has nothing to draw says so in its middle."""
    name, frame, objectives = content.study.name, content.frame, content.objectives
    quality: Quantity = content.quality or objectives[0]
    if 2 <= len(objectives) <= 3 and frame["on_front"].any():
        yield "pareto", pareto_figure(
            frame, objectives, content.references, title=f"Pareto front of {name}",
            subtitle=study_caption(content.study, frame), constraints=content.study.config.get("constraints"),
        )  # fmt: skip
    yield "progress", progress_figure(content.progress, title=f"Growth of the front of {name}")
    titles = [one.title for one in objectives]
    yield "importance", importance_figure(content.weights, titles, title=f"What mattered in {name}")
    yield (
        "tradeoffs",
        tradeoffs_figure(
            frame,
            content.pairs,
            content.references,
            title=f"{quality.heading()} against each cost in {name}",
        ),
    )
    yield "parallel", parallel_figure(frame, content.coordinates, title=f"Every trial of {name}")
    yield (
        "learning",
        curves_of_trials_figure(content.curves, frame, quality.title, title=f"Learning curves of {name}"),
    )
    yield "seeds", seeds_figure(content.spreads, quality, title=f"Spread between seeds in {name}")
