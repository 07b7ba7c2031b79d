"""Which studies and trainings a folder holds, and how each stands. No torch, no optuna.

A study is asked through its SQLite file where it has one, so that ten thousand trials are counted without reading ten
thousand records; through its records otherwise.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from analysis.quantities import QUANTITIES, Quantity, objective
from analysis.store.rungs import full_epochs, has_rungs, rungs_in
from analysis.store.running import held_locks
from analysis.store.runs import (
    RECORD_FILE,
    STUDY_FILE,
    TRAIN_FILE,
    TRIALS_FOLDER,
    read_quantities,
    read_record,
    read_study_config,
)
from archspace.support.errors import InputError
from archspace.support.yaml_text import read_yaml

State = Literal["running", "complete", "stopped", "failed", "broken"]

DEEPEST = 3
"""Folders below the one that is listed in which runs are looked for; inside a run too, but not in its trials."""
TOLD = ("metrics.json", "train.log")
STORAGE, STUDY_LOG, LOCK = "study.db", "study.log", "lock"
FAILED_MARK = " DEBUG failed: "
"""In the last line of the log of a training that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A study or a training as it stands.

    Attributes:
        path: its folder.
        kind: ``study``, ``comparison`` or ``training``.
        state: ``stopped`` means that it can go on; ``broken`` that its files cannot be read, for ``problem``.
        name, task, data: as its file says; the data by their folder's name, or their layout where they are built in.
        done, wanted: trials of a study; where networks are compared at rungs, full trainings' worth of epochs.
        paused: networks of a study that wait at a rung with the state of their training.
        metric: the first objective, or the metric of a training; ``best`` is its best value so far.
        unit: of ``best``.
        best: in the metric's unit.
        predicted: whether ``best`` is a prediction: of a study whose networks inherit weights and are not trained.
        trial: the label of the study's trial that has it.
        changed: when anything was written last, ISO 8601 in UTC.
        problem: why it is broken or failed.
    """

    path: str
    kind: Literal["study", "comparison", "training"]
    state: State
    name: str = ""
    task: str | None = None
    data: str | None = None
    done: int | None = None
    wanted: int | None = None
    paused: int = 0
    metric: str | None = None
    unit: str = ""
    best: float | None = None
    predicted: bool = False
    trial: str | None = None
    changed: str | None = None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return asdict(self)


def list_runs(folder: Path) -> list[Listed]:
    """Returns the studies and trainings in a folder (or the one that it is), those that changed last first.

    A run that cannot be read is one entry of the state ``broken``.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    locks = held_locks()
    runs = [_listed(run, locks) for run in sorted(_runs(folder, DEEPEST))]
    return sorted(runs, key=lambda run: run.changed or "", reverse=True)


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / STUDY_FILE).is_file() or (folder / TRAIN_FILE).is_file():
        yield folder
    if depth == 0:
        return
    try:
        below = [item for item in folder.iterdir() if item.is_dir() and not item.is_symlink()]
    except OSError:
        return
    for item in below:
        if item.name != TRIALS_FOLDER and not item.name.startswith("."):
            yield from _runs(item, depth - 1)


def _listed(folder: Path, locks: frozenset[int]) -> Listed:
    study = (folder / STUDY_FILE).is_file()
    try:
        return _study(folder, locks) if study else _training(folder, locks)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        file = folder / (STUDY_FILE if study else TRAIN_FILE)
        return Listed(
            path=str(folder), kind="study" if study else "training", state="broken", name=folder.name,
            changed=_changed(file), problem=" ".join(reason.split()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Trials:
    """What is known of a study's trials: how many are done and failed, and the best of the first objective.

    A trial is done that has values; in a study with rungs, a full training's worth of epochs counts as one.
    """

    complete: int
    failed: int
    begun: int
    running: bool
    best: tuple[float, str] | None
    paused: int = 0


def _study(folder: Path, locks: frozenset[int]) -> Listed:
    config = read_study_config(folder)
    first = objective(str(config["objectives"][0]), read_quantities(folder))
    trials = _from_storage(folder, config, first, locks) or _from_records(folder, config, first, locks)
    wanted = int(config.get("trials") or 0) + len(config.get("given") or ())
    state: State = "stopped"
    if trials.running:
        state = "running"
    elif trials.complete >= wanted and not trials.paused:
        state = "complete"
    elif trials.failed and not trials.complete:
        state = "failed"
    value, label = trials.best or (None, None)
    return Listed(
        path=str(folder), kind="comparison" if config.get("comparison") else "study", state=state,
        name=str(config["name"]), task=config.get("task"), data=_data(config),
        done=trials.complete, wanted=wanted, paused=trials.paused,
        metric=first.name, unit=first.unit, best=value, trial=label,
        predicted=bool((config.get("judging") or {}).get("supernet")) and first.source not in ("counted", "device"),
        changed=_changed(*(folder / name for name in (STUDY_FILE, STORAGE, STUDY_LOG))),
    )  # fmt: skip


_COUNTS = """SELECT t.state, COUNT(*) FROM trials t JOIN studies s USING (study_id)
WHERE s.study_name IN (?, ?) GROUP BY t.state"""
_RUNNING = """SELECT s.study_name, t.number FROM trials t JOIN studies s USING (study_id)
WHERE s.study_name IN (?, ?) AND t.state = 'RUNNING'"""
_BEST = """SELECT v.value, s.study_name, t.number FROM trial_values v JOIN trials t USING (trial_id)
JOIN studies s USING (study_id) JOIN trial_user_attributes a ON a.trial_id = t.trial_id AND a.key = 'record'
WHERE s.study_name IN (?, ?) AND t.state = 'COMPLETE' AND v.objective = 0 AND v.value_type = 'FINITE'
AND a.value_json LIKE '%"state": "complete"%' ORDER BY v.value {} LIMIT 1"""


def _from_storage(
    folder: Path, config: dict[str, Any], first: Quantity, locks: frozenset[int]
) -> _Trials | None:
    """From Optuna's tables in the run folder; ``None`` where there are none, or they are not as expected."""
    path, name = folder / STORAGE, str(config["name"])
    if not path.is_file():
        return None
    names = (name, f"{name}/given")

    def label(study: str, number: int) -> str:
        return f"{'given-' if study.endswith('/given') else ''}{number}"

    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)) as tables:
            counts: list[tuple[str, int]] = tables.execute(_COUNTS, names).fetchall()
            running = tables.execute(_RUNNING, names).fetchall()
            order = "DESC" if first.direction == "maximize" else "ASC"
            best = tables.execute(_BEST.format(order), names).fetchone()
            rungs = rungs_in(tables, name, full_epochs(config)) if has_rungs(config) else None
    except sqlite3.Error:
        return None
    by_state = dict(counts)
    return _Trials(
        complete=by_state.get("COMPLETE", 0) if rungs is None else rungs.done,
        paused=0 if rungs is None else rungs.paused, failed=by_state.get("FAIL", 0), begun=sum(by_state.values()),
        running=any(_is_held(folder, label(*one), locks) for one in running),
        best=None if best is None else (float(best[0]), label(*best[1:])),
    )  # fmt: skip


def _from_records(folder: Path, config: dict[str, Any], first: Quantity, locks: frozenset[int]) -> _Trials:
    """From the trials' own folders; a record that cannot be read counts as begun."""
    complete, failed, begun, running, epochs = 0, 0, 0, False, 0
    best: tuple[float, str] | None = None
    for trial in sorted((folder / TRIALS_FOLDER).glob("*")):
        begun += 1
        if not (trial / RECORD_FILE).is_file():
            running = running or _is_held(folder, trial.name, locks)
            continue
        try:
            record = read_record(trial / RECORD_FILE)
        except InputError:
            continue
        failed += record.state == "failed"
        sampled = record.given is None and has_rungs(config)
        complete += bool(record.values) and not sampled
        epochs += (record.epochs or 0) if sampled else 0
        value = record.values.get(first.name, math.nan)
        sign = -1 if first.direction == "minimize" else 1
        if (
            record.state == "complete"
            and math.isfinite(value)
            and (best is None or sign * value > sign * best[0])
        ):
            best = value, record.label
    return _Trials(complete + epochs // full_epochs(config), failed, begun, running, best)


def _is_held(folder: Path, label: str, locks: frozenset[int]) -> bool:
    try:
        return (folder / TRIALS_FOLDER / label / LOCK).stat().st_ino in locks
    except OSError:
        return False


def _training(folder: Path, locks: frozenset[int]) -> Listed:
    config = read_yaml(folder / TRAIN_FILE)
    if not isinstance(config, dict):
        raise InputError(f"{folder / TRAIN_FILE}: not a training: the file holds no mapping")
    spec = config.get("spec")
    lock, metrics = folder / LOCK, folder / TOLD[0]
    said: dict[str, Any] = json.loads(metrics.read_text(encoding="utf-8")) if metrics.is_file() else {}
    problem = None if said else _failure(folder / TOLD[1])
    state: State = "complete" if said else "stopped" if problem is None else "failed"
    if lock.is_file() and lock.stat().st_ino in locks:
        state = "running"
    metric = next((one for one in QUANTITIES.values() if one.main and one.name in said), None)
    return Listed(
        path=str(folder), kind="training", state=state, name=str(config.get("name") or folder.name),
        task=spec.get("task") if isinstance(spec, dict) else None, data=_data(config),
        metric=None if metric is None else metric.name, unit="" if metric is None else metric.unit,
        best=None if metric is None else said[metric.name],
        changed=_changed(folder / TRAIN_FILE, metrics, folder / TOLD[1]), problem=problem,
    )  # fmt: skip


def _failure(log: Path) -> str | None:
    """Why a training failed, from the last line of its log; ``None`` if it did not."""
    if not log.is_file():
        return None
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        last = file.read().decode("utf-8", "replace").rstrip().rpartition("\n")[2]
    return last.partition(FAILED_MARK)[2] or None


def _data(config: dict[str, Any]) -> str | None:
    """What the data are called: their own name, their folder's, or their layout's."""
    data = config.get("data") or {}
    root = data.get("root")
    return data.get("name") or (Path(root).name if root else data.get("layout"))


def _changed(*files: Path) -> str | None:
    times = [file.stat().st_mtime for file in files if file.is_file()]
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else None


def age_s(listed: Listed) -> float | None:
    """Returns seconds since a run changed."""
    if listed.changed is None:
        return None
    return max(0.0, time.time() - datetime.fromisoformat(listed.changed).timestamp())
