"""The page's data for its script: columns of the table and the figures' infos, compact enough for 10,000 trials."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.fronts.importance import Importance
from analysis.quantities import Quantity
from reports.figures import parallel, progress
from reports.figures.seeds import Spread
from reports.figures.tradeoffs import Pair
from reports.frames.origins import doubts
from reports.page.content import Content
from reports.style.axes import LOG_RATIO, axis_order
from reports.style.legend import studies_of
from reports.style.names import unit_name
from reports.style.style import column_scale, study_colour, unit_style

_TEXTS = (("label", "trial"), ("network", "network"), ("unit", "unit"), ("state", "state"))
_SPEC_SHOWN = (
    "width",
    "branches",
    "alphas",
    "receptive_field",
    "fusion",
    "reinforcement",
    "activation",
    "decoder",
)


def page_data(content: Content) -> dict[str, Any]:
    """Returns plain data for JSON; numbers have six digits (whole ones all), what is not finite is ``None``."""
    frame = content.frame
    units, studies = [str(unit) for unit in frame["unit"].unique()], studies_of(frame)
    return {
        "columns": [*_text_columns(frame), *(_number_column(frame, one, content) for one in content.numbers),
                    *_spec_columns(content), _coded("reason", "reason", frame["reason"].tolist())],
        "front": np.flatnonzero(frame["on_front"] & frame["duplicate_of"].isna()).tolist(),
        "given": np.flatnonzero(frame["given"].notna()).tolist(),
        "ranks": [None if pd.isna(rank) else int(rank) for rank in frame["rank"]],
        "knee": next(iter(np.flatnonzero(frame["knee"]).tolist()), None),
        "looks": {unit: [(look := unit_style(unit)).colour, look.symbol, unit_name(unit)] for unit in units},
        "studies": [[name, study_colour(place)] for place, name in enumerate(studies)],
        "study_of": [studies.index(name) for name in frame["study"]] if studies else [],
        "axes": _first_axes(content),
        "progress": _progress(content),
        "lacking": {"progress": progress.lacking(content.progress), "parallel": parallel.lacking(frame)},
        "weights": [
            _weights(*pair) for pair in zip(content.weights, content.objectives, strict=True)
        ],
        "parallel": [
            {"name": one.name, "ticks": one.ticks, "places": _numbers(one.places, 3)} for one in content.coordinates
        ],
        "curves": _curves(content),
        "spreads": [_spread(one) for one in content.spreads[:30]],
        "spread_of": (content.quality or content.objectives[0]).label,
        "pairs": [_pair(one, content.references) for one in content.pairs],
    }  # fmt: skip


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element, whatever texts it holds."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _text_columns(frame: pd.DataFrame) -> list[dict[str, Any]]:
    network = frame["given"].astype(object).where(frame["given"].notna(), frame.get("spec.network"))
    texts = frame.assign(network=network)
    return [_coded(name, title, texts[name].tolist()) for name, title in _TEXTS]


def _spec_columns(content: Content) -> list[dict[str, Any]]:
    """Fields that vary, of those that are always of interest and those that the study left free."""
    columns = []
    space: Mapping[str, Any] = content.study.config.get("space") or {}
    for name in dict.fromkeys((*_SPEC_SHOWN, *space)):
        column = None if name in ("network", "unit") else content.frame.get(f"spec.{name}")
        if column is not None and column.astype(str).nunique() > 1:
            columns.append(
                _coded(f"spec.{name}", name.replace("_", " "), [_short(entry) for entry in column])
            )
    return columns


def _short(entry: object) -> object:
    """A list as ``2-3-7``, or as its one value where all agree; true and false as words."""
    if isinstance(entry, str) and entry.startswith("["):
        parts = ["–" if one is None else str(one) for one in json.loads(entry)]
        return parts[0] if parts and len(set(parts)) == 1 else "-".join(parts)
    if isinstance(entry, bool | np.bool_):
        return "yes" if entry else "no"
    return f"{entry:g}" if isinstance(entry, float) and math.isfinite(entry) else entry


def _coded(key: str, title: str, entries: Sequence[object]) -> dict[str, Any]:
    """A column of words: the distinct ones, and each row's place among them (-1 for nothing)."""
    words: dict[str, int] = {}
    codes = [
        -1 if entry is None or entry is pd.NA or entry != entry else words.setdefault(str(entry), len(words))
        for entry in entries
    ]
    return {"key": key, "title": title, "kind": "text", "words": list(words), "codes": codes}


def _number_column(frame: pd.DataFrame, one: Quantity, content: Content) -> dict[str, Any]:
    values = frame[one.name].to_numpy(dtype=float)
    finite = values[np.isfinite(values)]
    header, factor, digits = column_scale(one, finite.tolist())
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    column = {
        "key": one.name, "title": header, "scaled": header.removeprefix(one.name).strip(" ()"),
        "label": one.label if one.unit else one.name, "kind": "number",
        "factor": factor, "digits": digits, "unit": one.unit, "better": one.direction,
        "objective": one in content.objectives, "si": one.counted,
        "log": one.counted and low > 0 and high > LOG_RATIO * low,
        "values": _numbers(values), "origins": _coded("", "", frame[f"{one.name}_origin"].tolist()),
    }  # fmt: skip
    if f"{one.name}_first" in frame:
        column["first"] = _numbers(frame[f"{one.name}_first"])
    doubtful = doubts(frame, one.name)
    if doubtful.any():
        column["unstable"] = np.flatnonzero(doubtful).tolist()
    taken_in = frame.get(f"{one.name}_taken_in")
    if taken_in is not None:
        column["taken_in"] = sorted(taken_in.dropna().unique())
    return column


def _first_axes(content: Content) -> list[str | None]:
    """What the plot shows first: a cost against a quality; with one objective, against what else is known."""
    goals = [*content.objectives, *(one for one in content.numbers if one not in content.objectives)]
    goals = goals[: max(2, len(content.objectives))]
    names: list[str | None] = [one.name for one in axis_order(goals)]
    return [names[0], names[-1]] if len(names) > 1 else [None, names[0]]


def _progress(content: Content) -> dict[str, Any] | None:
    one = content.progress
    if one is None:
        return None
    return {
        "trials": one.trials if one.epochs is None else one.epochs,
        "counted": "trials ended" if one.epochs is None else "epochs of training in all",
        "shares": _numbers(one.shares, 5),
        "total": one.total if one.epochs is None else one.all_epochs,
        "reference": one.reference_text,
    }


def _curves(content: Content) -> dict[str, Any]:
    curves = content.curves
    lines = [
        [one.label, one.unit, one.on_front, one.epochs, _numbers(one.values, 5)] for one in curves.curves
    ]
    metric = (content.quality or content.objectives[0]).title
    return {"judged": curves.judged, "total": curves.total, "metric": metric, "lines": lines}


def _spread(one: Spread) -> dict[str, Any]:
    ends = {"low": _number(one.low), "high": _number(one.high), "mean": _number(one.mean)}
    return {"name": one.title, "unit": one.unit, "values": _numbers(one.values), **ends}


def _weights(one: Importance, objective: Quantity) -> dict[str, Any]:
    fields = [
        [weight.field, _number(weight.mean, 4), _number(weight.low, 4), _number(weight.high, 4)]
        for weight in one.fields[:12]
    ]
    return {
        "title": objective.title, "explained": _number(one.explained, 3), "logarithm": one.logarithm,
        "networks": one.networks,
        "reason": one.reason, "fields": fields,
    }  # fmt: skip


def _pair(one: Pair, references: pd.DataFrame) -> dict[str, Any]:
    presets: list[list[Any]] = []
    if one.cost.name in references:
        near = references[
            (references[one.cost.name] >= one.x.low) & (references[one.cost.name] <= one.x.high)
        ]
        presets = [[str(r["name"]), _number(r[one.cost.name])] for r in near.to_dict("records")]
    return {
        "x": one.cost.name, "y": one.quality.name, "front": np.flatnonzero(one.front).tolist(), "presets": presets,
        "title": f"{one.quality.title} against {one.cost.title.lower()}",
    }  # fmt: skip


def _numbers(values: Iterable[float], digits: int = 6) -> list[float | int | None]:
    return [_number(value, digits) for value in values]


def _number(value: float, digits: int = 6) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 2**53 else float(f"{value:.{digits}g}")
