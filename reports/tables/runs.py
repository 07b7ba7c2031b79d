"""What was measured, read from run folders and JSON files, as rows for the tables. No torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from analysis.counts.complexity import count
from analysis.devices.record import DeviceRecord
from analysis.quantities import QUANTITIES, task_of_metrics
from analysis.store.picks import pick_trial
from analysis.store.records import Measurement, StudyRecord, TrialRecord
from analysis.store.retrained import RETRAINED_FILE, RetrainedRecord, read_retrained, read_retrained_file
from analysis.store.runs import STUDY_FILE, TRAIN_FILE, read_run
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError, SpecError
from archspace.support.text_files import read_json
from archspace.support.yaml_text import read_yaml
from reports.frames.trials import unit_of
from reports.style.names import network_name, unit_name
from reports.tables.table import EMPTY, Cell, Origin, Row
from reports.tables.tasks import TaskColumn, TaskTables

METRICS_FILE = "metrics.json"
EDGE = "edge-device"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """One measured network.

    Attributes:
        task: as tables call it.
        group: layout of the data, or the device; empty where the file does not say.
        texts: by published column (``network``, ``split``, ``input_size``, ...).
        values: cells by name of metric, measurement or count.
        source: which file or run it comes from, and how it was taken.
        root: the folder of the data.
        data: what the data are called; empty where the file does not say.
        fingerprint: of the split that was judged; empty where the file keeps none.
        notes: further footnotes.
    """

    task: str
    group: str
    texts: Mapping[str, str]
    values: Mapping[str, Cell]
    source: str
    root: str = ""
    data: str = ""
    fingerprint: str = ""
    notes: tuple[str, ...] = ()


def read_results(path: Path) -> list[NetworkResult]:
    """Returns every measured network of a run or training folder, a JSON file of metrics or a device, or one trial.

    Raises:
        InputError: it is none of these, is broken, or holds nothing that is complete.
    """
    if (path / STUDY_FILE).is_file():
        return _study(path, read_run(path))
    run, colon, label = str(path).rpartition(":")
    if colon and Path(run, STUDY_FILE).is_file():
        study = read_run(Path(run))
        return list(_trial(Path(run), study, pick_trial(study, label, {}, field="RUN:N")))
    if (path / RETRAINED_FILE).is_file():
        folder = path.resolve().parents[1]
        return [_retrained(folder, read_run(folder), read_retrained_file(path / RETRAINED_FILE))]
    if path.is_dir():
        if not (path / METRICS_FILE).is_file():
            raise InputError(f"{path}: no run: it has neither {STUDY_FILE} nor {METRICS_FILE}")
        return [_metrics(path / METRICS_FILE, _train_config(path / TRAIN_FILE))]
    data = _json(path)
    records = data.get("records")  # a file of several, as measure writes it
    entries = records if isinstance(records, list) and records else [data]
    if all(
        isinstance(one, Mapping) and isinstance(one.get("latency_ms"), Mapping) and "device" in one
        for one in entries
    ):
        return [_device(path, one) for one in entries]
    return [_metrics(path, {})]


def result_row(result: NetworkResult, task: TaskTables, quantities: tuple[TaskColumn, ...]) -> Row:
    """Returns a measured network as a row of a table with these columns."""
    labels = tuple(result.texts.get(column, "") for column in task.labels.values())
    cells = []
    for quantity in quantities:
        fits = not quantity.split or quantity.split == result.texts.get("split")
        known = (result.values[name] for name in quantity.measured if fits and name in result.values)
        cells.append(next(known, EMPTY))
    return Row(labels, tuple(cells), (result.source, *result.notes))


def _study(path: Path, study: StudyRecord) -> list[NetworkResult]:
    complete = [t for t in study.trials if t.state == "complete" and t.duplicate_of is None]
    if not complete:
        ended = ", ".join(sorted({trial.state for trial in study.trials}))
        raise InputError(f"{path}: no complete trial, so there is nothing to tabulate (all are {ended})")
    results = [result for trial in complete for result in _trial(path, study, trial)]
    return [*results, *(_retrained(path, study, one) for one in read_retrained(path))]


def _retrained(path: Path, study: StudyRecord, record: RetrainedRecord) -> NetworkResult:
    """A network of a study that was trained in full, on the split on which it was judged."""
    trial = next((one for one in study.trials if one.label == record.trial), None)
    metric, spec = record.measurements[record.metric], {} if trial is None else trial.spec or {}
    data, setting = study.config.get("data") or {}, record.setting
    numbers = {n: v for n, v in metric.how.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    values = {name: Cell(float(value), "measured") for name, value in numbers.items()}
    values |= {name: _measured(one, name in study.asked) for name, one in record.measurements.items()}
    counted = {} if trial is None else trial.measurements
    values |= {n: Cell(counted[n].value, "counted") for n in ("params", "macs") if n in counted}
    given = None if trial is None else trial.given
    width = spec.get("width")
    texts = {
        "network": f"{given or record.network} ({study.name}:{record.trial}, retrained)", "split": setting.split,
        "input_size": "x".join(map(str, spec.get("input_size") or ())),
        "width": f"{width:g}" if isinstance(width, int | float) else "",
        "protocol": _protocol(study.config.get("task"), data.get("crop")),
        "fps_device": _latency_on(record.measurements),
    }  # fmt: skip
    return NetworkResult(
        task=str(study.config.get("task", "")), group=str(data.get("layout") or ""), texts=texts, values=values,
        source=f"run {path.name}, {setting.words}, seed {record.seed}", root=str(data.get("root") or ""),
        data=study.data_name, fingerprint=_fingerprint(metric.how.get("data"), setting.split), notes=record.notes,
    )  # fmt: skip


def _trial(path: Path, study: StudyRecord, trial: TrialRecord) -> Iterator[NetworkResult]:
    """A trial as a row of its task, and one of its device for each device that measured it."""
    data, spec = study.config.get("data") or {}, trial.spec or {}
    size = spec.get("input_size") or data.get("input_size") or ()
    width = spec.get("width")
    named = (network_name(str(spec.get("network", ""))), unit_name(unit_of(spec.get("unit"))))
    name = trial.given or " ".join(text for text in named if text)
    texts = {
        "network": f"{name} ({study.name}:{trial.label})", "split": "val", "input_size": "x".join(map(str, size)),
        "width": f"{width:g}" if isinstance(width, int | float) else "",
        "protocol": _protocol(study.config.get("task"), data.get("crop")),
    }  # fmt: skip
    values = {n: Cell(v, "unknown") for n, v in trial.values.items()}
    values |= {n: _measured(m, n in study.asked) for n, m in trial.measurements.items()}
    how = trial.measurements["latency_ms"].how if "latency_ms" in trial.measurements else {}
    record = how.get("record")
    device = record.get("device") if isinstance(record, Mapping) else how.get("device")
    on = f", latency on {device}" if device else ""
    texts["fps_device"] = _latency_on(trial.measurements)
    source = f"run {path.name}, seed {study.config.get('seed', 'not recorded')}{on}"
    yield NetworkResult(
        task=str(study.config.get("task", spec.get("task", ""))), group=str(data.get("layout") or ""), texts=texts,
        values=values, source=source, root=str(data.get("root") or ""), data=study.data_name,
        fingerprint=_fingerprint(trial.data, "val"),
    )  # fmt: skip
    if isinstance(record, Mapping):
        yield _device(path, record, name=texts["network"], asked=study.asked)


def _measured(taken: Measurement, asked: bool) -> Cell:
    """A trial's number; one that its study asked for bears the mark of an unstable one, and what was not steady."""
    kinds = dict.fromkeys(reason.partition(":")[0] for reason in taken.unstable) if asked else {}
    notes = (f"unstable: {', '.join(kinds)}",) if kinds else ()
    return Cell(taken.value, _origin(taken.origin), notes=notes, unstable=bool(notes))


def _device(
    path: Path, data: Mapping[str, Any], name: str | None = None, asked: Collection[str] | None = None
) -> NetworkResult:
    try:
        record = DeviceRecord.from_dict(data)
        also = [one.name for one in QUANTITIES.values() if one.source == "device"]
        taken = record.measurements(also)
        values = {n: _measured(one, asked is None or n in asked) for n, one in taken.items()}
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{path}: {error}") from None
        raise InputError(f"{path}: broken record of a device: {_one_line(error)}") from None
    how = record.how
    size, clocks = how.get("input_size") or (), how.get("power_mode") or ""
    texts = {
        "network": name or record.label, "input_size": "x".join(map(str, size)), "batch": str(record.batch),
        "precision": str(how.get("precision") or ""), "runtime": record.runtime, "clock": str(clocks),
    }  # fmt: skip
    notes = tuple(f"{quantity}: {why}" for quantity, why in record.missing.items())
    device = str(how.get("model") or record.device)
    return NetworkResult(
        task=EDGE, group=device, texts=texts, values=values, source=f"{path.name}", notes=notes
    )


def _metrics(path: Path, config: Mapping[str, Any]) -> NetworkResult:
    """A metrics.json of ``archspace train``, or what ``archspace evaluate --json`` printed."""
    data = _json(path)
    spec = config.get("spec") if isinstance(config.get("spec"), Mapping) else None
    task = data.get("task") or (spec or {}).get("task")
    task = task or task_of_metrics(data)
    if task is None or "network" not in data:
        raise InputError(f"{path}: neither metrics of 'train' or 'evaluate --json', nor a record of a device")
    origin = _origin(data.get("origin", "measured"))
    numbers = {n: v for n, v in data.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    values = {n: Cell(float(v), origin) for n, v in numbers.items()}
    values |= {
        n: Cell(math.nan, origin) for n, v in data.items() if v is None and n not in ("run", "arch_id")
    }
    values |= _counts(path, spec, data.get("counted"))
    held = config.get("data") or {}
    layout = data.get("layout") or held.get("layout") or Path(str(held.get("root") or "")).name
    on = data["data"] if isinstance(data.get("data"), Mapping) else {}
    size = data.get("input_size") or (spec or {}).get("input_size") or ()
    texts = {
        "network": str(data["network"]), "split": str(data.get("split", "")), "input_size": "x".join(map(str, size)),
        "width": f"{spec['width']:g}" if spec and isinstance(spec.get("width"), int | float) else "",
        "protocol": _protocol(task, data.get("crop") or held.get("crop")),
    }  # fmt: skip
    images = f", {data['images']} images" if "images" in data else ""
    place = path.parent.name if path.name == METRICS_FILE else path.name
    return NetworkResult(
        task=str(task), group=str(layout), texts=texts, values=values, source=f"{place}{images}",
        root=str(held.get("root") or ""), data=str(on.get("name") or held.get("name") or ""),
        fingerprint=_fingerprint(on, str(data.get("split", ""))),
    )  # fmt: skip


def _fingerprint(record: Mapping[str, Any] | None, split: str) -> str:
    """The fingerprint of a split, from what a record says of its data (all of them, or that split alone)."""
    data = record or {}
    one = data if data.get("split") == split else (data.get("splits") or {}).get(split) or {}
    return str(one.get("fingerprint") or "")


def _protocol(task: object, crop: object) -> str:
    """How images were brought to their size, where that is not as the task's papers do it."""
    usual = "centre" if task == "classification" else "squash"
    words = {"squash": "whole image resized", "centre": "centre crop"}
    return "" if crop in (None, usual) else words.get(str(crop), str(crop))


def _latency_on(taken: Mapping[str, Measurement]) -> str:
    """The device of a latency, its model where the record has it, and the runtime."""
    latency = taken.get("latency_ms")
    record = None if latency is None else latency.how.get("record", latency.how)
    how = record if isinstance(record, Mapping) else {}
    model = (how.get("how") or {}).get("model") if isinstance(how.get("how"), Mapping) else None
    return ", ".join(str(part) for part in (model or how.get("device"), how.get("runtime")) if part)


def _origin(word: object) -> Origin:
    """An origin that a file states; a word that is none says nothing."""
    return cast(Origin, word) if word in get_args(Origin) else "unknown"


def _counts(path: Path, spec: Mapping[str, Any] | None, counted: object) -> dict[str, Cell]:
    """Parameters and MACs from the spec, else as ``counted`` when it was trained: its unit may be of a plug-in."""
    if spec is None:
        return {}
    try:
        cost = count(ArchSpec.from_dict(spec))
    except SpecError as error:
        if isinstance(counted, Mapping):
            return {n: Cell(float(counted[n]), "counted") for n in ("params", "macs") if n in counted}
        raise InputError(f"{path.parent / TRAIN_FILE}: spec.{error}") from None
    return {"params": Cell(float(cost.params), "counted"), "macs": Cell(float(cost.macs), "counted")}


def _train_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    data = read_yaml(path)
    return data if isinstance(data, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: not a JSON object")
    return data


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
