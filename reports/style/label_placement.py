"""Where text goes in a figure: hover texts, and labels that do not collide."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.quantities import Quantity
from archspace.support.numbers import number
from reports.style.names import common_name

CHARACTER_WIDTH, LINE_HEIGHT = 6.6, 14.0
MARKER = 14.0
"""Mean size of a character at font size 11, and diameter of the marker a label stands beside, in pixels."""

_FIELD_TITLES = {"branches": "K", "receptive_field": "receptive field", "input_size": "input"}
_MAIN_FIELDS = ("network", "unit", "branches", "width", "alphas", "receptive_field")
_HIDDEN_FIELDS = ("format", "version")

Row = Mapping[Hashable, Any]
"""One row of a frame, as ``DataFrame.to_dict("records")`` has it."""


def trial_hover(row: Row, objectives: Sequence[Quantity]) -> str:
    """Returns hover text of a trial: its name, how it ended, every objective with its origin, and the whole spec."""
    title = f"<b>trial {html.escape(str(row['label']))}</b>"
    if _known(row["given"]):
        title += f" · given: {html.escape(str(row['given']))}"
    lines = [title, *_numbers(row, objectives)]
    if _known(row.get("retrained")):
        lines.append(html.escape(f"retrained: {row['retrained']}"))
    if row["on_front"]:
        lines.append("on the Pareto front" + (" · knee" if row["knee"] else ""))
    elif _known(row["rank"]):
        lines.append(f"rank {row['rank']} (0 is the front)")
    if row["state"] != "complete":
        reason = f": {html.escape(str(row['reason']))}" if _known(row["reason"]) else ""
        lines += _wrapped(f"{row['state']}{reason}".split(" "), " ")
        lines += [
            f"{one.short} {number(float(row[f'{one.name}_at_rung']), one.unit)} there"
            for one in objectives
            if _known(row.get(f"{one.name}_at_rung"))
        ]
    lines += _spec_lines(row)
    if _known(row["arch_id"]):
        lines.append(f"arch_id {row['arch_id']}")
    return "<br>".join(lines)


def reference_hover(row: Row, objectives: Sequence[Quantity], *, placed: bool) -> str:
    """Returns hover text of a published preset; ``placed`` when the figure has coordinates for it on every axis."""
    names = html.escape(str(row["name"]))
    counted = [o for o in objectives if o.name in row]
    lines = [f"<b>{names}</b> (published preset)", *_numbers(row, counted)]
    lines.append("counted at this study's input")
    if not placed:
        known = _known(row["dataset"])
        dataset = f"for {html.escape(str(row['dataset']))}, not comparable" if known else "not known"
        lines.append(f"published accuracy is {dataset}")
    lines += [f"{k}: {html.escape(str(row[k]))}" for k in ("published", "source") if _known(row[k])]
    return "<br>".join(lines)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a label stands relative to its marker, in Plotly's words; ``None`` when there is no room."""

    index: int
    position: str | None


# Plotly's text positions as the shift of the text's centre: in text widths, and in lines upwards.
_ANCHORS: Mapping[str, tuple[float, float]] = {
    "top left": (-0.5, 1.0),
    "bottom right": (0.5, -1.0),
    "top right": (0.5, 1.0),
    "bottom left": (-0.5, -1.0),
    "middle right": (0.5, 0.0),
    "middle left": (-0.5, 0.0),
    "top center": (0.0, 1.0),
    "bottom center": (0.0, -1.0),
}


def place_labels(
    anchors: NDArray[np.float64],
    texts: Sequence[str],
    obstacles: NDArray[np.float64],
    size: tuple[float, float],
) -> list[Placed]:
    """Choose a side for each label, in the order given, so that none covers a label, a marker or the edge.

    Args:
        anchors: ``(N, 2)`` marker centres in pixels, y upwards.
        texts: N labels; an empty one is not placed.
        obstacles: ``(M, 2)`` centres of all markers in pixels, the anchors among them or not.
        size: width and height of the plot area in pixels.

    Returns:
        One :class:`Placed` a label; where every side is taken its position is ``None``.
    """
    boxes = np.empty((0, 4))
    placed = []
    for index, text in enumerate(texts):
        position = None
        if text:
            for name, shift in _ANCHORS.items():
                box = _box(anchors[index], text, shift)
                if _free(box, boxes, obstacles, size):
                    position, boxes = name, np.vstack([boxes, box])
                    break
        placed.append(Placed(index, position))
    return placed


@dataclass(frozen=True, slots=True)
class Spot:
    """A row of a strip and the side of the marker on which its label stands, in Plotly's words."""

    row: int
    side: str


def stack_rows(
    starts: NDArray[np.float64], texts: Sequence[str], rows: int, width: float
) -> list[Spot | None]:
    """Returns a row for each marker with its label beside it, so that nothing in a row overlaps.

    Labels stand on the right, and on the left where they would run over the edge.

    Args:
        starts: ``(N,)`` marker centres in pixels.
        texts: N labels.
        rows: number of rows.
        width: width of the plot area in pixels.

    Returns:
        One spot a label; ``None`` where every row is full.
    """
    ends = [-np.inf] * rows
    result: list[Spot | None] = [None] * len(texts)
    for index in np.argsort(starts, kind="stable"):
        centre, length = starts[index], 10 + CHARACTER_WIDTH * len(texts[index])
        right = centre + length <= width
        left_end, right_end = (centre - 8, centre + length) if right else (centre - length, centre + 8)
        free = next((row for row in range(rows) if ends[row] < left_end), None)
        if free is not None:
            ends[free] = right_end
            result[index] = Spot(free, "middle right" if right else "middle left")
    return result


def given_labels(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    """Returns what stands beside trials: the name of a given network, else the trial's label.

    A network that was trained several times is named once, at its best or worst, whichever ``name`` has largest;
    the label of its other trials is empty.
    """
    texts = dict(zip(rows.index, rows["given"].fillna(rows["label"]).astype(str), strict=True))
    given = rows[rows["given"].notna() & rows["arch_id"].notna()]
    for _, group in given.groupby("arch_id", sort=False):
        if len(group) > 1 and not group[name].isna().all():
            texts |= dict.fromkeys(group.index, "")
            texts[group[name].idxmax()] = common_name([str(one) for one in group["given"]])
    return pd.Series(texts, index=rows.index, dtype=str)


def first_name(names: object) -> str:
    """Returns the first of several names of one network."""
    return str(names).split(", ")[0]


def _box(anchor: NDArray[np.float64], text: str, shift: tuple[float, float]) -> NDArray[np.float64]:
    """Left, bottom, right and top of a label in pixels."""
    width = CHARACTER_WIDTH * len(text)
    centre = anchor + np.array([shift[0] * (width + MARKER), shift[1] * (LINE_HEIGHT + MARKER) / 2])
    half = np.array([width / 2, LINE_HEIGHT / 2])
    return np.concatenate([centre - half, centre + half])


def _free(
    box: NDArray[np.float64],
    boxes: NDArray[np.float64],
    obstacles: NDArray[np.float64],
    size: tuple[float, float],
) -> bool:
    left, bottom, right, top = (float(edge) for edge in box)
    if left < 0 or bottom < 0 or right > size[0] or top > size[1]:
        return False
    apart = (boxes[:, 0] > right) | (boxes[:, 2] < left) | (boxes[:, 1] > top) | (boxes[:, 3] < bottom)
    x, y, radius = obstacles[:, 0], obstacles[:, 1], 4.0
    covered = (x > left - radius) & (x < right + radius) & (y > bottom - radius) & (y < top + radius)
    return bool(apart.all()) and not covered.any()


def _numbers(row: Row, objectives: Sequence[Quantity]) -> list[str]:
    lines = []
    for objective in objectives:
        value = float(row.get(objective.name, np.nan))
        origin = row.get(f"{objective.name}_origin")
        suffix = f" ({origin})" if _known(origin) else " (origin not recorded)" if np.isfinite(value) else ""
        lines.append(f"{objective.title}: <b>{number(value, objective.unit)}</b>{suffix}")
        reason = row.get(f"{objective.name}_unstable")
        if _known(reason):
            lines += [html.escape(part) for part in textwrap.wrap(f"unstable: {reason}", 64)]
    return lines


def _spec_lines(row: Row) -> list[str]:
    fields = {
        str(key).removeprefix("spec."): value for key, value in row.items() if str(key).startswith("spec.")
    }
    order = [*(f for f in _MAIN_FIELDS if f in fields), *(f for f in fields if f not in _MAIN_FIELDS)]
    items = [
        f"{_FIELD_TITLES.get(name, name)} {html.escape(_plain(fields[name]))}"
        for name in order
        if name not in _HIDDEN_FIELDS and _known(fields[name])
    ]
    return _wrapped(items, ", ")


def _wrapped(items: Sequence[str], separator: str, width: int = 64) -> list[str]:
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) < width:
            lines[-1] += separator + item
        else:
            lines.append(item)
    return lines


def _plain(value: object) -> str:
    """A list without brackets, as one value where all entries agree; true and false as yes and no."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    if not text.startswith("["):
        return text
    entries = text.strip("[]").replace('"', "").replace("null", "–").split(", ")
    return entries[0] if len(set(entries)) == 1 else ", ".join(entries)


def _known(value: object) -> bool:
    """Neither ``None`` nor NaN nor NA."""
    return value is not None and str(value) not in ("nan", "<NA>", "NaT", "None")
