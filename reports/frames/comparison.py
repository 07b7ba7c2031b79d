"""A comparison's records beside the published rows, as plain frames. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.fields.theoretical import receptive_fields
from analysis.fronts.correlation import RankCorrelation, mean_interval, rank_correlation
from analysis.quantities import COMPARED, main_metric
from analysis.store.records import Measurement, StudyRecord, TrialRecord
from archspace.plan.counts import FLOAT32_BYTES
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from reports.frames.published import published
from reports.frames.trials import unit_of

MODULE_COLUMNS = {
    "params_M": ("params", 1e6),
    "size_MB": ("size", 1e6),
    "miou_pct": ("metric", 1.0),
    "fps": ("fps", 1.0),
}
"""Columns of the published modules: our quantity, and its base units in one of theirs."""


def comparison_of(study: StudyRecord) -> Mapping[str, Any]:
    """Returns what a study compares.

    Raises:
        InputError: it is no comparison.
    """
    comparison = study.config.get("comparison")
    if not isinstance(comparison, Mapping):
        raise InputError(f"{study.name}: is no comparison, but a search; its front: archspace pareto RUN")
    return comparison


def network_frame(study: StudyRecord) -> pd.DataFrame:
    """Returns one row a network, in the order of the study; repeats with other seeds are one row.

    Columns: ``name``, ``unit``, ``label``, ``wanted`` and ``seeds`` (repeats that were to finish, and that did),
    ``reason`` (why one did not); ``metric`` (mean over seeds), ``metric_low`` and ``metric_high`` (95 % interval of
    the mean; missing for one seed); ``params``, ``macs``, ``memory`` and ``size`` (bytes), ``field`` (side of the
    encoder's receptive field in pixels; infinite for the whole image), ``latency_ms``, ``fps`` and ``energy_mj``,
    each with its ``<name>_origin``, where a device measured it ``<name>_taken_in`` (form and runtime), and, where one
    of its measurements is not to be trusted, ``<name>_unstable`` (why); ``energy_missing``: why there is no energy.

    Raises:
        InputError: no network has finished.
    """
    metric = main_metric(study.config["task"]).name
    by_name = {trial.given: trial for trial in study.trials}
    given: list[dict[str, Any]] = [
        {"name": one, "repeat_of": None} if isinstance(one, str) else one for one in study.config["given"]
    ]
    rows = []
    for one in given:
        if one.get("repeat_of"):
            continue
        names = [one["name"], *(other["name"] for other in given if other.get("repeat_of") == one["name"])]
        trials = [by_name[name] for name in names if name in by_name]
        rows.append(_row(one["name"], len(names), trials, metric, study.asked))
    frame = pd.DataFrame(rows)
    if not frame["seeds"].any():
        raise InputError(f"{study.name}: no network of the comparison has finished yet")
    return frame


def _row(
    name: str, wanted: int, trials: Sequence[TrialRecord], metric: str, asked: Collection[str]
) -> dict[str, Any]:
    complete = [trial for trial in trials if trial.state == "complete"]
    row: dict[str, Any] = {
        "name": name,
        "wanted": wanted,
        "seeds": len(complete),
        "unit": "unknown",
        "label": name,
    }
    row["reason"] = next((trial.reason for trial in trials if trial.reason), None)
    for quantity in (metric, *COMPARED):
        key = "metric" if quantity == metric else quantity
        measurements = [t.measurements[quantity] for t in complete or trials if quantity in t.measurements]
        spread = mean_interval([one.value for one in measurements]) if measurements else None
        row |= {
            key: spread and spread.value,
            f"{key}_origin": measurements[0].origin if measurements else None,
            **_how(key, measurements, quantity in asked),
        }
        if key == "metric":
            row |= {"metric_low": spread and spread.low, "metric_high": spread and spread.high}
    for trial in trials[:1]:
        row |= {"unit": unit_of((trial.spec or {}).get("unit")), **_counted(trial)}
        row["label"] = trial.network or row["label"]
    row["size"] = row["params"] and FLOAT32_BYTES * row["params"]
    row["fps"] = row["latency_ms"] and 1e3 / row["latency_ms"]
    row |= {"size_origin": row["params_origin"], "fps_origin": row["latency_ms_origin"]}
    row |= {
        f"fps{part}": row[f"latency_ms{part}"]
        for part in ("_taken_in", "_unstable")
        if f"latency_ms{part}" in row
    }
    return row | {"energy_missing": _energy_missing(complete)}


def _how(key: str, measurements: Sequence[Measurement], asked: bool) -> dict[str, str]:
    """In which form a device measured it, and why that is not to be trusted, as columns."""
    forms = dict.fromkeys(one.taken_in for one in measurements if one.taken_in)
    reasons = dict.fromkeys(reason for one in measurements for reason in one.unstable) if asked else {}
    return {
        **({f"{key}_taken_in": "; ".join(forms)} if forms else {}),
        **({f"{key}_unstable": "; ".join(reasons)} if reasons else {}),
    }


def _counted(trial: TrialRecord) -> dict[str, Any]:
    """Label and receptive field of the encoder's last level; no field where plan or flow are not known here."""
    try:
        spec = ArchSpec.from_dict(trial.spec or {})
        label = {"label": spec.label}
        fields = [field for field in receptive_fields(spec) if field.name != "head"]
    except InputError:
        return {"field": None, "field_origin": None}
    return {
        **label,
        "field": float("inf") if fields[-1].side is None else float(fields[-1].side),
        "field_origin": "counted",
    }


def _energy_missing(trials: Sequence[TrialRecord]) -> str | None:
    """Why there is no energy, as the device's records say."""
    records = [
        t.measurements["latency_ms"].how.get("record") or {} for t in trials if "latency_ms" in t.measurements
    ]
    reasons = (record.get("missing", {}).get("energy_mj") for record in records)
    return next((str(reason) for reason in reasons if reason), None)


def with_published_modules(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the frame of ``compare modules`` with ``published_<name>`` columns (raw) and ``<name>_source``."""
    rows = {row["network"].casefold(): row for row in published("modules").to_dict("records")}
    result = frame.copy()
    origins = [rows.get(name.casefold(), {}).get("origin", "") for name in frame["name"]]
    result["published_origin"] = ["published" if origin == "quoted-text" else origin for origin in origins]
    for column, (key, factor) in MODULE_COLUMNS.items():
        cells = [rows.get(name.casefold(), {}).get(column, "") for name in frame["name"]]
        result[f"published_{key}"] = [float(cell) * factor if cell else None for cell in cells]
        result[f"published_{key}_text"] = cells
    return result


def correlations(frame: pd.DataFrame) -> dict[str, RankCorrelation]:
    """Returns the rank correlation of our numbers with the published ones, by quantity.

    None where there is no order.
    """
    by_quantity = {}
    for key, _ in MODULE_COLUMNS.values():
        pairs = [
            [None if pd.isna(v) else float(v) for v in frame[column]] for column in (key, f"published_{key}")
        ]
        correlation = rank_correlation(*pairs)
        if correlation is not None:
            by_quantity[key] = correlation
    return by_quantity


def step_frame(study: StudyRecord, networks: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a step of an ablation whose two networks have finished.

    Columns: ``part, change, base, variant``; ``before`` and ``after`` (the metric), ``delta`` (points) with
    ``delta_low`` and ``delta_high`` (95 % interval of the mean difference over shared seeds; missing for one seed),
    ``seeds``; ``delta_params_pct``; ``published_delta``, ``published_delta_params_pct``,
    ``published_says`` (what is published where no delta is), ``published_source`` and ``published_origin``.
    """
    rows: dict[str | None, dict[str, Any]] = {
        row["variant"]: dict(row) for _, row in published("ablations").iterrows()
    }
    by_name = networks.set_index("name")
    steps = []
    for step in comparison_of(study).get("steps", ()):
        pairs = _pairs(study, step["base"], step["variant"])
        if not pairs:
            continue
        spread = mean_interval([after - before for before, after in pairs])
        row = rows.get(step["published"], {})
        base, variant = by_name.loc[step["base"]], by_name.loc[step["variant"]]
        steps.append({
            **{name: step[name] for name in ("part", "change", "base", "variant")},
            "before": sum(before for before, _ in pairs) / len(pairs),
            "after": sum(after for _, after in pairs) / len(pairs),
            "delta": spread.value, "delta_low": spread.low, "delta_high": spread.high, "seeds": spread.n,
            "delta_params_pct": 100 * (variant["params"] / base["params"] - 1),
            "published_delta": _number(row.get("delta_points")), "published_text": row.get("delta_points", ""),
            "published_delta_params_pct": _number(row.get("delta_params_pct")),
            "published_says": "" if row.get("delta_points") else row.get("note", ""),
            "published_source": row.get("source", ""), "published_origin": row.get("origin", ""),
        })  # fmt: skip
    if not steps:
        raise InputError(f"{study.name}: no step of the ablation has both of its networks yet")
    return pd.DataFrame(steps)


def _pairs(study: StudyRecord, base: str, variant: str) -> list[tuple[float, float]]:
    """The metric before and after, of every seed with which both networks finished."""
    metric = main_metric(study.config["task"]).name
    names = {one["name"]: one.get("repeat_of") or one["name"] for one in study.config["given"]}
    values: dict[str, dict[int | None, float]] = {base: {}, variant: {}}
    for trial in study.trials:
        name = names.get(trial.given or "", "")
        if name in values and trial.state == "complete":
            values[name][trial.seed] = trial.measurements[metric].value
    return [(values[base][seed], values[variant][seed]) for seed in values[base] if seed in values[variant]]


def _number(text: str | None) -> float | None:
    return float(text) if text else None
