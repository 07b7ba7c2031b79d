"""Frames to Plotly figures. What is drawn where is computed first; drawing does no maths."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from analysis.drawing.figure_files import write_html, write_png
from analysis.quantities import Quantity
from reports.figures.pareto.layout import Limits, plane_layers
from reports.figures.pareto.panels import pareto_panels
from reports.figures.pareto.plane import pareto_plane
from reports.style.axes import axis_order
from reports.style.theme import apply_theme

__all__ = ["pareto_figure", "write_html", "write_png"]


def pareto_figure(
    frame: pd.DataFrame,
    objectives: Sequence[Quantity],
    references: pd.DataFrame | None = None,
    *,
    title: str = "Pareto front",
    subtitle: str = "",
    constraints: Limits | None = None,
) -> go.Figure:
    """Returns every trial of a study over two objectives (a plane, the front joined) or three (panels and a scene).

    Costs go on x, what is maximised on y. Trials that were never trained have a known cost only: they stand
    in a strip below the plot, and so do published presets when an axis is not counted, since their published
    accuracy is for other data. Duplicates are drawn once. Markers of trials with a predicted objective are
    hollow.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame` whose front is over these objectives.
        objectives: two or three.
        references: a :func:`reports.frames.trials.preset_references`; presets far from the trials are left out.
        title: first line.
        subtitle: second line, smaller.
        constraints: ``{name: {"max": value}}`` or ``min``, drawn as dotted lines.

    Raises:
        ValueError: another number of objectives.
    """
    if len(objectives) not in (2, 3):
        raise ValueError(f"{len(objectives)} objectives: a Pareto plot takes two or three")
    copies = frame["duplicate_of"].notna() & frame["duplicate_of"].isin(frame["label"])
    drawn, known = frame[~copies], references if references is not None else pd.DataFrame()
    if len(objectives) == 3:
        figure = pareto_panels(drawn, axis_order(objectives), known, constraints or {})
    else:
        figure = pareto_plane(plane_layers(drawn, axis_order(objectives), known, constraints or {}))
    apply_theme(figure, title, subtitle)
    return figure
