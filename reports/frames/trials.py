"""Records of a study as tidy frames: one row a trial, raw values, every number with its origin."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.fronts.pareto import UNRANKED, knee, minimised, ranks
from analysis.quantities import QUANTITIES, Quantity, described
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.rungs import spent_until
from archspace.spec.archspec import ArchSpec
from archspace.support.csv_cells import defused
from archspace.support.errors import InputError, SpecError
from archspace.support.files import write_text
from archspace.support.numbers import amount

log = logging.getLogger(__name__)

_LEADING = ("label", "number", "state", "given", "arch_id", "unit", "on_front", "rank", "knee")
_TRAILING = ("duplicate_of", "reason", "seed", "dataset", "fingerprint", "started", "finished")
_BESIDE = ("_taken_in", "_first", "_unstable", "_at_rung")
_COST = ("epochs", "study_epochs")
_REFERENCE_COLUMNS = ("name", "network", "unit", "arch_id", "dataset", "published", "source")


def trial_frame(study: StudyRecord, objectives: Sequence[Quantity] | None = None) -> pd.DataFrame:
    """Returns one row a trial, in the order of the record.

    Columns: ``label, number, state, given, arch_id, unit`` (one name, or ``mixed`` when levels differ),
    ``on_front, rank, knee``; each objective and each further measurement as a raw value in its own unit with
    ``<name>_origin`` beside it; where a device measured it, ``<name>_taken_in`` (form and runtime), ``<name>_first``
    (what was measured before it was taken again) and, for what the study asks for, ``<name>_unstable`` (why it is not
    to be trusted);
    for a trial that was stopped at a rung, its metric there as ``<name>_at_rung``, never as ``<name>``;
    ``epochs`` that the trial was trained for and ``study_epochs`` that all trials had been when it ended, where the
    records have them;
    ``duplicate_of, reason, seed``; ``dataset`` and ``fingerprint``: name and content of the data that the trial was
    trained and judged on; ``started, finished``; the spec as ``spec.<field>`` (a list as JSON text).

    Front, ranks and knee are taken over the complete trials that have every chosen objective. A duplicate has
    the numbers of its original, so it shares its rank and ``on_front``; :func:`front_frame` lists it once.
    The rank of any other trial is missing.

    Args:
        study: the study as read.
        objectives: what the front is over; the study's own when left out.
    """
    chosen = tuple(objectives or study.objectives)
    names = _measured_names(study, chosen)
    frame = pd.DataFrame([_row(trial, names, study.asked) for trial in study.trials])
    spent = spent_until(study.trials)
    if spent is not None:
        frame["epochs"] = pd.array([trial.epochs for trial in study.trials], dtype="Int64")
        frame["study_epochs"] = [spent[trial.label] for trial in study.trials]
    for name in (*names, "number"):
        frame[name] = pd.to_numeric(frame[name])
    _mark_front(frame, chosen)
    specs = [column for column in frame.columns if column.startswith("spec.")]
    numbers = [f"{name}{part}" for name in names for part in ("", "_origin", *_BESIDE)]
    numbers = [column for column in numbers if column in frame]
    cost = [column for column in _COST if column in frame]
    return frame[[*_LEADING, *numbers, *cost, *_TRAILING, *specs]]


def front_frame(frame: pd.DataFrame, objectives: Sequence[Quantity]) -> pd.DataFrame:
    """Returns the front of a :func:`trial_frame`, each network once, least first in the first objective that is a cost.

    Without such an objective, best first in the first objective.
    """
    front = frame[frame["on_front"]]
    front = front[~front["duplicate_of"].isin(front["label"])]
    first = next((o for o in objectives if not o.quality), objectives[0])
    ascending = first.direction == "minimize"
    return front.sort_values(first.name, ascending=ascending, kind="stable").reset_index(drop=True)


def write_tables(
    frame: pd.DataFrame, objectives: Sequence[Quantity], folder: Path, suffix: str = ""
) -> dict[str, Path]:
    """Write ``front.csv`` (the front only) and ``trials.csv`` (every trial) with raw, unrounded values.

    Args:
        frame: a :func:`trial_frame`.
        objectives: the objectives of its front.
        folder: where to; made when missing.
        suffix: of the files' names, before ``.csv``.

    Returns:
        The two files by name, without the suffix.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"front.csv": front_frame(frame, objectives), "trials.csv": frame}
    files = {name: folder / name.replace(".csv", f"{suffix}.csv") for name in tables}
    for name, table in tables.items():
        write_csv(table, files[name])
    return files


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV under a temporary name, then rename; counted columns are whole numbers."""
    whole = frame.copy()
    for name in whole.columns:
        if described(str(name)).counted and (whole[name].dropna() % 1 == 0).all():
            whole[name] = whole[name].astype("Int64")
        elif not pd.api.types.is_numeric_dtype(whole[name]):
            whole[name] = whole[name].map(defused, na_action="ignore")
    write_text(path, whole.rename(columns=defused).to_csv(index=False))


def preset_references(study: StudyRecord) -> pd.DataFrame:
    """Returns published presets with their cost counted at the study's input size, channels, classes and task.

    Columns: ``name, network, unit, arch_id, dataset, published`` (what the paper reports, as text),
    ``source``, and ``macs, params, memory`` and the study's own counted objectives and constraints with
    ``<name>_origin`` = ``counted``. Presets that become the
    same network are one row with both names. Presets that cannot take the study's input are left out. Without
    any spec in the study the frame is empty.
    """
    spec = next((trial.spec for trial in study.trials if trial.spec), None)
    rows = list(_count_presets(study, spec).values()) if spec is not None else []
    numbers = [column for one in _counted_of(study) for column in (one.name, f"{one.name}_origin")]
    return pd.DataFrame(rows, columns=[*_REFERENCE_COLUMNS, *numbers])


def study_caption(study: StudyRecord, frame: pd.DataFrame) -> str:
    """Returns one line on a study: task, data, input size, and how many trials ended how."""
    on, size = data_words(study), input_words(study)
    # Ended trials of each kind; a duplicate is a trial that was answered without training.
    states = [f"{count} {state}" for state, count in frame["state"].value_counts().items()]
    copies = int(frame["duplicate_of"].notna().sum())
    parts = [
        ", ".join(str(part) for part in (study.config.get("task"), on) if part),
        f"input {size}" if size else "",
        f"{len(frame)} trials: "
        + ", ".join(states)
        + (f" ({copies} duplicate{'s' * (copies > 1)})" if copies else ""),
    ]
    return " · ".join(part for part in parts if part)


def input_words(study: StudyRecord) -> str:
    """Returns what a network of a study reads: ``96 × 128``, or of a text ``35 tokens``; empty where nothing says."""
    if study.config.get("task") == "language":
        window = (study.config.get("training") or {}).get("window")
        return f"{window} tokens" if window else ""
    return " × ".join(str(side) for side in (study.config.get("data") or {}).get("input_size") or ())


def data_words(study: StudyRecord) -> str:
    """Returns what the data of a study are called, with their layout where that is another word: ``discs (masks)``."""
    layout = str((study.config.get("data") or {}).get("layout") or "")
    name = study.data_name
    return name if name.casefold() == layout.casefold() or not layout else f"{name} ({layout})"


def unit_of(unit: object) -> str:
    """Returns the unit's name, ``mixed`` when a network's levels use different ones, ``conv`` when none uses a unit.

    ``unknown`` for a trial without a spec.
    """
    if not isinstance(unit, list | tuple):
        return str(unit) if unit else "unknown"
    distinct = {str(name) for name in unit if name}
    return distinct.pop() if len(distinct) == 1 else "mixed" if distinct else "conv"


def _measured_names(study: StudyRecord, objectives: Sequence[Quantity]) -> list[str]:
    """The chosen objectives, then every other number that some trial has, in order of appearance."""
    names = dict.fromkeys(o.name for o in (*objectives, *study.objectives))
    for trial in study.trials:
        names.update(dict.fromkeys((*trial.known, *(metric.name for metric in trial.rungs.values()))))
    return list(names)


def _row(trial: TrialRecord, names: Sequence[str], asked: Collection[str]) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(trial, name, None) for name in (*_LEADING[:5], *_TRAILING)}
    data = trial.data or {}
    row |= {"dataset": data.get("name"), "fingerprint": data.get("fingerprint")}
    row["unit"] = unit_of((trial.spec or {}).get("unit"))
    for name in names:
        measurement = trial.measurements.get(name)
        row[name] = trial.value(name)
        row[f"{name}_origin"] = measurement.origin if measurement is not None else None
        if measurement is not None and measurement.taken_in:
            row[f"{name}_taken_in"] = measurement.taken_in
            if name in asked:
                row[f"{name}_unstable"] = "; ".join(measurement.unstable) or None
        if name in trial.first:
            row[f"{name}_first"] = trial.first[name].value
    if trial.state == "stopped" and trial.rungs:
        last = trial.rungs[max(trial.rungs, key=int)]
        row[f"{last.name}_at_rung"] = last.value
    return row | _flat(trial.spec or {}, "spec.")


def _flat(data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Nested mappings as dotted columns, lists as JSON text."""
    row: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            row |= _flat(value, f"{prefix}{key}.")
        else:
            row[prefix + key] = json.dumps(value) if isinstance(value, list | tuple) else value
    return row


def _mark_front(frame: pd.DataFrame, objectives: Sequence[Quantity]) -> None:
    """Add ``rank``, ``on_front`` and ``knee``."""
    names = [o.name for o in objectives]
    values = frame[names].to_numpy(dtype=float).copy()
    values[(frame["state"] != "complete").to_numpy()] = np.nan
    points = minimised(values, [o.direction for o in objectives])
    depth = ranks(points)
    frame["rank"] = pd.array(np.where(depth == UNRANKED, 0, depth), dtype="Int64")
    frame.loc[depth == UNRANKED, "rank"] = pd.NA
    frame["on_front"] = depth == 0
    frame["knee"] = False
    if (depth == 0).any():
        frame.loc[frame.index[knee(points)], "knee"] = True


def _count_presets(study: StudyRecord, like: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Rows of :func:`preset_references` by arch_id."""
    from archspace.presets import PRESETS

    size = (study.config.get("data") or {}).get("input_size") or like["input_size"]
    wanted = {"task": like["task"], "classes": like["classes"], "input_size": tuple(size)}
    if like.get("channels") is not None and like["task"] != "language":
        wanted["channels"] = like["channels"]
    rows: dict[str, dict[str, Any]] = {}
    quantities = _counted_of(study)
    # Presets for the study's own task first: they name a network that several presets become.
    for name, preset in sorted(PRESETS.items(), key=lambda item: item[1].spec.task != like["task"]):
        try:
            spec = preset.spec.replace(**wanted)
            if spec.arch_id in rows:
                rows[spec.arch_id]["name"] += f", {name}"
                continue
            numbers = _counts(spec, quantities)
        except SpecError as error:
            log.debug("preset %s left out: %s", name, error)
            continue
        row = {
            "name": name,
            "network": spec.network,
            "unit": unit_of(spec.unit),
            "arch_id": spec.arch_id,
            "dataset": preset.published.get("dataset"),
            "published": _published(preset.published),
            "source": preset.source,
        }
        rows[spec.arch_id] = row | numbers
    return rows


def _counted_of(study: StudyRecord) -> list[Quantity]:
    """What presets are counted by: what every trial records, and the study's own counted quantities."""
    asked = (*(one.name for one in study.objectives), *(study.config.get("constraints") or {}))
    return [one for one in QUANTITIES.values() if one.count and (one.always or one.name in asked)]


def _counts(spec: ArchSpec, quantities: Sequence[Quantity]) -> dict[str, Any]:
    """The numbers of a preset with their origin; one that a plug-in cannot count for it is missing.

    Raises:
        SpecError: the network cannot be planned.
    """
    row: dict[str, Any] = {}
    for one in quantities:
        try:
            row |= {one.name: one.value_of(spec), f"{one.name}_origin": "counted"}
        except SpecError:
            raise
        except InputError as error:
            log.debug("%s", error)
    return row


def _published(numbers: Mapping[str, Any]) -> str | None:
    """Published numbers as text, without the dataset."""
    known = {key: value for key, value in numbers.items() if value is not None and key != "dataset"}
    return ", ".join(f"{key} {_brief(key, value)}" for key, value in known.items()) or None


def _brief(key: str, value: object) -> str:
    """A published number with a letter for its size where it counts something."""
    if isinstance(value, int | float) and key in ("params", "macs", "conv_macs"):
        return amount(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
