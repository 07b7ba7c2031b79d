"""The front of a run folder as a figure, in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from analysis.quantities import Quantity
from analysis.store.records import StudyRecord
from archspace.support.errors import FieldError
from reports.figures.pareto.figure import pareto_figure
from reports.frames.runs import study_and_objectives, trials
from reports.frames.trials import preset_references, study_caption


def plot_front(run: str | os.PathLike[str], objectives: Sequence[str] | None = None) -> go.Figure:
    """Returns every trial of a study over two objectives (a plane) or three (a scene).

    The front is joined and its knee marked.

    It is the figure of ``archspace pareto``: ``.show()`` opens it, ``.write_html(path)`` keeps it.

    Args:
        run: a run folder, or what ``searches.search`` returned.
        objectives: two or three names; the study's own if left out.

    Raises:
        InputError: it is no run folder, no trial has ended yet, there are fewer than two objectives or more than
            three, or no trial has a number for one.
    """
    study, chosen = study_and_objectives(run, objectives)
    if len(chosen) not in (2, 3):
        rule = "a Pareto plot takes two or three"
        raise FieldError("objectives", [one.name for one in chosen], rule, ["macs", "params"])
    return study_figure(study, trials(run, objectives), chosen)


def study_figure(study: StudyRecord, frame: pd.DataFrame, objectives: Sequence[Quantity]) -> go.Figure:
    """Returns the figure of a study's :func:`reports.frames.trials.trial_frame`, with caption and limits."""
    return pareto_figure(
        frame,
        objectives,
        preset_references(study),
        title=f"Pareto front of {study.name}",
        subtitle=study_caption(study, frame),
        constraints=study.config.get("constraints"),
    )
