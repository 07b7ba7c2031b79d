"""Legend of the Pareto plots: one entry a unit that appears, then the kinds of marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis.quantities import Quantity
from reports.frames.origins import doubts
from reports.style.names import unit_name
from reports.style.style import (
    GRID,
    INK,
    MUTED,
    PAPER,
    UNIT_STYLES,
    UnitStyle,
    dark_edge,
    study_colour,
    unit_style,
)

FRONT_LINE = {"color": INK, "width": 1.6}
STAR = {"symbol": "star", "size": 14, "color": GRID, "line": {"color": INK, "width": 1}}
KNEE = {"symbol": "circle-open", "size": 25, "color": INK, "line": {"width": 1.6}}
RETRAINED = {"symbol": "circle", "size": 5, "color": PAPER, "line": {"color": INK, "width": 1.4}}
RETRAINED_NAME = "trained in full"
DIAMOND = {"symbol": "diamond", "size": 9, "color": PAPER, "line": {"color": INK, "width": 1.5}}
SHAPE = "shape"
"""Of entries that only say what a shape means: no trace belongs to them."""
NOTE = "note"
"""Name of the annotation that says what is not drawn."""
HOLLOW = {"symbol": "circle-open", "size": 9, "color": MUTED}
UNSTABLE = {"symbol": "square-open", "size": 19, "color": INK, "line": {"width": 1.3}}
UNSTABLE_NAME = "unstable measurement"


def by_look(trials: pd.DataFrame) -> Iterator[tuple[str, UnitStyle, pd.DataFrame]]:
    """Yields the trials that look the same: the name of their legend entry, their look, their rows.

    Those of a unit; where the frame is of several studies (its column ``study`` has as many categories), those of a
    unit in a study, in the study's colour.
    """
    studies = studies_of(trials)
    if len(studies) < 2:
        for unit, group in by_unit(trials):
            yield unit, unit_style(unit), group
        return
    for place, study in enumerate(studies):
        for unit, group in by_unit(trials[trials["study"] == study]):
            yield study, replace(unit_style(unit), colour=study_colour(place)), group


def studies_of(trials: pd.DataFrame) -> list[str]:
    """Returns the names of the studies that a frame is of; none where it is of one."""
    return list(trials["study"].cat.categories) if "study" in trials else []


def by_unit(trials: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yields the trials of each unit that appears, in the fixed order of the styles."""
    order = list(UNIT_STYLES)
    present = sorted(
        {str(unit) for unit in trials["unit"]},
        key=lambda unit: (order.index(unit) if unit in order else len(order), unit),
    )
    for unit in present:
        yield unit, trials[trials["unit"] == unit]


def predicted(trials: pd.DataFrame, objectives: Sequence[Quantity]) -> pd.Series[bool]:
    """Returns mask of the trials of which an objective is predicted."""
    origins = trials[[f"{o.name}_origin" for o in objectives]]
    return (origins == "predicted").any(axis=1)


def unstable(trials: pd.DataFrame, objectives: Sequence[Quantity]) -> pd.Series[bool]:
    """Returns mask of the trials of which an objective is unstable."""
    mask = pd.Series(False, index=trials.index)
    for one in objectives:
        mask |= doubts(trials, one.name)
    return mask


def legend_traces(
    kind: type[go.Scatter] | type[go.Scatter3d], trials: pd.DataFrame, marks: Mapping[str, Mapping[str, Any]]
) -> list[go.Scatter] | list[go.Scatter3d]:
    """Traces without data, one a legend entry; each toggles the traces of its ``legendgroup``.

    Args:
        kind: class of the traces, ``Scatter`` or ``Scatter3d``.
        trials: every trial drawn; its units get an entry.
        marks: further entries below: name to ``{"marker": ...}`` or ``{"line": ...}``.
    """
    scene = kind is go.Scatter3d
    studies = studies_of(trials)
    colours: dict[str, Mapping[str, Any]] = {
        study: {"marker": {"symbol": "circle", "size": 11, "color": study_colour(place)}}
        for place, study in enumerate(studies)
    }
    looks: dict[str, Mapping[str, Any]] = {}
    names = {unit: unit_name(unit) for unit, _ in by_unit(trials)}
    for unit, _ in by_unit(trials):
        look = unit_style(unit)
        symbol, size = (look.symbol_3d, 7) if scene else (look.symbol, 11)
        edge = {"color": dark_edge(look.colour), "width": 1}
        colour = GRID if studies else look.colour  # the colour is the study's
        looks[unit] = {"marker": {"symbol": symbol, "size": size, "color": colour, "line": edge}}
    headings = {
        name: heading
        for heading, part in (
            ("Study", colours),
            ("<br>Unit" if studies else "Unit", looks),
            ("<br>Marks", marks),
        )
        for name in list(part)[:1]
    }
    empty = {axis: [None] for axis in ("x", "y", "z")[: 3 if scene else 2]}
    return [
        kind(
            **empty, **look, mode="lines" if "line" in look else "markers", legendgroup=name,
            meta=SHAPE if studies and name in looks else None,
            name=names.get(name, name), legendrank=rank, hoverinfo="skip", showlegend=True,
            legendgrouptitle={"text": headings.get(name), "font": {"size": 12, "color": MUTED}},
        )
        for rank, (name, look) in enumerate([*colours.items(), *looks.items(), *marks.items()], start=1)
    ]  # fmt: skip


def add_note(figure: go.Figure, note: str) -> None:
    """Add a small remark below the legend, if there is any."""
    if note:
        figure.add_annotation(
            text=note, showarrow=False, align="left", font={"size": 11, "color": MUTED},
            name=NOTE, xref="paper", x=1.015, xanchor="left", yref="paper", y=0, yanchor="bottom",
        )  # fmt: skip
