"""What a Pareto plot shows and where, computed before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.fronts.pareto import minimised, non_dominated
from analysis.quantities import Quantity
from reports.frames.origins import origins
from reports.style.axes import REFERENCE_REACH, Axis, make_axis, reachable
from reports.style.label_placement import first_name, stack_rows

WIDTH, HEIGHT = 1200, 750
MARGIN = {"l": 132, "r": 212, "t": 104, "b": 68}
LANE_HEIGHT, LANE_GAP = 18, 14
LABEL_ROWS = 6
UNTRAINED = {"failed": "cross-thin", "infeasible": "x", "stopped": "line-ns"}
"""States without the result of a full training, with their marker."""
PRESETS = "published presets"

Limits = Mapping[str, Mapping[str, float]]
"""Constraints of a study: ``{name: {"max": value}}`` or ``min``."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A constraint on an objective that is drawn: ``bound`` is ``max`` or ``min``."""

    name: str
    bound: str
    value: float


@dataclass(frozen=True, slots=True)
class Layers:
    """What is drawn: trials and presets with both coordinates, and those with a place along x only.

    Attributes:
        joined: the points that the line joins: the front, or that of these two objectives among more.
        size: of the plot area in pixels, where it is not that of the picture.
    """

    points: pd.DataFrame
    crosses: pd.DataFrame
    lanes: pd.DataFrame
    presets: pd.DataFrame
    preset_lane: pd.DataFrame
    x: Axis
    y: Axis
    lane_rows: Mapping[str, int]
    limits: tuple[Limit, ...]
    note: str
    joined: pd.DataFrame
    size: tuple[float, float] | None = None

    @property
    def objectives(self) -> tuple[Quantity, Quantity]:
        """Of x and of y."""
        return self.x.objective, self.y.objective

    @property
    def rows(self) -> int:
        """Rows of the strip below the plot."""
        return sum(self.lane_rows.values())

    @property
    def plot_size(self) -> tuple[float, float]:
        """Width and height in pixels of the plot area above the strip."""
        if self.size is not None:
            return self.size
        strip = self.rows * LANE_HEIGHT + LANE_GAP if self.rows else 0
        return WIDTH - MARGIN["l"] - MARGIN["r"], HEIGHT - MARGIN["t"] - MARGIN["b"] - strip


def plane_layers(
    frame: pd.DataFrame, order: Sequence[Quantity], references: pd.DataFrame, constraints: Limits,
    *, panel: tuple[float, float] | None = None,
) -> Layers:  # fmt: skip
    """Sort trials and presets into layers and compute the axes.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame` without copies.
        order: objectives of x and y.
        references: a :func:`reports.frames.trials.preset_references`.
        constraints: of the study.
        panel: width and height in pixels of a panel that shows two of more objectives: it has no strip, and its line
            is the front of these two.
    """
    first, second = order
    located = frame[[first.name, second.name]].map(np.isfinite)
    both, complete = located.all(axis=1), frame["state"] == "complete"
    lanes = frame[located[first.name] & ~located[second.name] & ~complete & (panel is None)]
    near = reachable(references, frame, first)
    placed = second.name in near and not near[second.name].isna().all()
    presets, preset_lane = (near, near.iloc[:0]) if placed else (near.iloc[:0], near)
    if panel is not None:
        presets, preset_lane = reachable(presets, frame, second), near.iloc[:0]
        near = presets
    limits = tuple(
        Limit(name, bound, float(value))
        for name in (first.name, second.name)
        for bound, value in constraints.get(name, {}).items()
        if isinstance(value, int | float) and _near(value, frame[name])
    )
    x = _axis(first, [frame[both], lanes, near], limits, margins=(0.06, 0.06))
    y = _axis(second, [frame[both], presets], limits, margins=(0.05, 0.09))
    rows = {state: 1 for state in UNTRAINED if (lanes["state"] == state).any()}
    if len(preset_lane):
        preset_lane = _stacked(preset_lane, x)
        rows[PRESETS] = int(preset_lane["row"].max()) + 1
    unplaced = len(frame) - int(both.sum()) - len(lanes)
    hidden = len(references) - len(near) if first.name in references else 0
    return Layers(
        points=frame[both & complete], crosses=frame[both & ~complete], lanes=lanes, presets=presets,
        preset_lane=preset_lane, x=x, y=y, lane_rows=rows, limits=limits,
        note=not_drawn(unplaced, [first.name, second.name], hidden), size=panel,
        joined=_joined(frame[both & complete], order, whole=panel is None),
    )  # fmt: skip


def _joined(points: pd.DataFrame, order: Sequence[Quantity], *, whole: bool) -> pd.DataFrame:
    """The front that was marked in the frame, or that of the two objectives, in order along x."""
    names = [one.name for one in order]
    if whole:
        front = points[points["on_front"]]
    else:
        values = minimised(points[names].to_numpy(dtype=float), [one.direction for one in order])
        front = points[non_dominated(values)] if len(points) else points
    return front.sort_values(names)


def not_drawn(trials: int, names: Sequence[str], presets: int) -> str:
    """Returns what the figure leaves out, in lines of HTML; empty when nothing is.

    Args:
        trials: number of trials that have no place.
        names: objectives of which they miss one.
        presets: number of presets that lie too far from the trials.
    """
    lines = []
    if trials:
        lines += [f"not drawn: {trials} trial{'s' * (trials > 1)} without", " or ".join(names)]
    if presets:
        lines.append(f"not drawn: {presets} preset{'s' * (presets > 1)} out of range")
    return "<br>".join(lines)


def _stacked(presets: pd.DataFrame, x: Axis) -> pd.DataFrame:
    """The presets of the strip with ``row`` (from the top), and ``text`` and ``side`` of their label.

    Presets for which no row has room share one more row at the bottom, without labels.
    """
    width = WIDTH - MARGIN["l"] - MARGIN["r"]
    names = [first_name(name) for name in presets["name"]]
    spots = stack_rows(x.fraction(presets[x.objective.name]) * width, names, LABEL_ROWS, width)
    below = max((spot.row for spot in spots if spot), default=-1) + 1
    return presets.assign(
        row=[spot.row if spot else below for spot in spots],
        text=[name if spot else "" for spot, name in zip(spots, names, strict=True)],
        side=[spot.side if spot else "middle right" for spot in spots],
    )


def _axis(
    objective: Quantity,
    frames: Sequence[pd.DataFrame],
    limits: Sequence[Limit],
    *,
    margins: tuple[float, float],
) -> Axis:
    """The axis that holds ``frames`` (the first has the trials with both coordinates) and the limits."""
    name = objective.name
    values = [v for frame in frames if name in frame for v in frame[name]]
    values += [limit.value for limit in limits if limit.name == name]
    return make_axis(objective, values, origins(frames[0], name), margins=margins)


def _near(limit: float, values: pd.Series[float]) -> bool:
    """Near enough to the trials to be drawn without squeezing them together."""
    return bool(values.min() / REFERENCE_REACH <= limit <= values.max() * REFERENCE_REACH)
