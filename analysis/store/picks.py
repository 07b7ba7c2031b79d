"""Which trial of a study is meant: by label, or by what it is on the front; and runs as names of networks. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.pareto import knee, minimised, non_dominated
from analysis.quantities import described
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.runs import RECORD_FILE, STUDY_FILE, TRAIN_FILE, TRIALS_FOLDER, read_run
from archspace.checkpoint import WEIGHTS_FILE
from archspace.spec.archspec import ArchSpec
from archspace.spec.named import NamedNetwork, enter_form
from archspace.spec.naming import read_spec
from archspace.support.errors import FieldError, InputError, closest
from archspace.support.numbers import told_apart
from archspace.support.plugins import plugins_noted_in
from archspace.support.text_files import parse_json
from archspace.support.yaml_text import read_yaml

PICKS = ("knee", "best")
"""What a trial may be called beside its label: the knee of the front, the best in the task's metric."""
MANY_PICKS = ("front", "given")
"""What several trials may be called: all of the front, the networks that the study was given."""


def pick_trial(
    study: StudyRecord, pick: str, bounds: Mapping[str, float], *, partly: bool = False, field: str = "--pick"
) -> TrialRecord:
    """Returns the trial that the user means; of a network that came twice, the one that was trained.

    Args:
        study: the run.
        pick: ``knee`` (of the front), ``best`` (in the task's metric, or where that is no objective in the first
            one) or a trial's label.
        bounds: by quantity the most it may be, the least where more is better; only trials within them are
            candidates. What trials did not record but can be counted is counted here.
        partly: a label may be that of a trial that was stopped at a rung.
        field: what ``pick`` was given as, for messages.

    Raises:
        InputError: no such trial, none within the bounds, or trials on different data.
    """
    if pick not in PICKS:
        for trial in study.trials:
            if trial.label == pick:
                return _original(study, trial, partly=partly)
        raise _no_trial(study, pick, PICKS, field)
    candidates, points = _candidates(study, bounds)
    if pick == "best":
        return candidates[int(np.argmin(points[:, _judged_by(study)]))]
    front = np.flatnonzero(non_dominated(points))
    return candidates[int(front[knee(points[front])])]


def pick_trials(
    study: StudyRecord, picks: Sequence[str], bounds: Mapping[str, float]
) -> list[tuple[TrialRecord, str]]:
    """Returns the trials that the user means, each once, with what it was picked as.

    Args:
        study: the run.
        picks: any of :data:`MANY_PICKS`, or of :func:`pick_trial`: ``front``, ``given``, ``knee``, ``best``, labels.
        bounds: as of :func:`pick_trial`; given networks are not bounded.

    Raises:
        InputError: nothing is picked, no such trial, or none within the bounds.
    """
    picked: dict[str, tuple[TrialRecord, list[str]]] = {}
    for pick in picks:
        for trial in _many(study, pick, bounds):
            words = picked.setdefault(trial.label, (trial, []))[1]
            words += [pick] if pick not in words else []
    if not picked:
        raise FieldError("--pick", None, "chooses nothing", closest("", [*PICKS, *MANY_PICKS]))
    return [(trial, ", ".join(words)) for trial, words in picked.values()]


def _many(study: StudyRecord, pick: str, bounds: Mapping[str, float]) -> list[TrialRecord]:
    if pick == "given":
        given = _given(study)
        if not given:
            raise FieldError(
                "--pick", pick, f"{study.name} was given no network, or none has finished", "knee"
            )
        return given
    if pick == "front":
        candidates, points = _candidates(study, bounds)
        order = np.argsort(points[:, -1], kind="stable")
        front = non_dominated(points)
        return [candidates[i] for i in order if front[i]]
    known = [trial.label for trial in study.trials]
    if pick not in (*PICKS, *known):
        raise _no_trial(study, pick, (*PICKS, *MANY_PICKS))
    return [pick_trial(study, pick, bounds)]


def _given(study: StudyRecord) -> list[TrialRecord]:
    """The given networks that were trained, without those that repeat one with another seed."""
    entries = study.config.get("given") or ()
    repeats = {
        one.get("name") for one in entries if isinstance(one, Mapping) and one.get("repeat_of") is not None
    }
    return [
        trial for trial in study.trials
        if trial.given is not None and trial.values and trial.duplicate_of is None and trial.given not in repeats
    ]  # fmt: skip


def _candidates(
    study: StudyRecord, bounds: Mapping[str, float]
) -> tuple[list[TrialRecord], NDArray[np.float64]]:
    """The trained trials within the bounds, and their objectives, all to be minimised.

    Raises:
        InputError: there is none.
    """
    trained = [t for t in study.trials if t.state == "complete" and t.duplicate_of is None]
    candidates = [t for t in trained if all(_within(t, n, limit) for n, limit in bounds.items())]
    if not candidates:
        if not trained:
            ended = ", ".join(sorted({trial.state for trial in study.trials}))
            raise InputError(
                f"{study.name}: no trial is complete, so there is none to choose (all are {ended})"
            )
        wanted = ", ".join(bound_text(name, limit) for name, limit in bounds.items())
        raise InputError(f"{study.name}: no finished trial with {wanted}{_nearest(trained, bounds)}")
    _on_one_data_set(study, candidates)
    points = minimised(
        np.array([[t.values[o.name] for o in study.objectives] for t in candidates]),
        [o.direction for o in study.objectives],
    )
    return candidates, points


def _on_one_data_set(study: StudyRecord, candidates: list[TrialRecord]) -> None:
    """Refuses to choose between trials that were judged on different data."""
    on = {str(t.data["fingerprint"]): str(t.data["name"]) for t in candidates if t.data is not None}
    if len(on) > 1:
        sets = ", ".join(f"{name} ({fingerprint})" for fingerprint, name in on.items())
        rule = "have no front in common; name a trial by its label"
        raise InputError(f"{study.name}: trials on different data, {sets}, {rule}")


def _judged_by(study: StudyRecord) -> int:
    """Which objective says what is best: the task's metric, else the first."""
    task = study.config.get("task")
    metrics = [i for i, one in enumerate(study.objectives) if task in one.main]
    return metrics[0] if metrics else 0


def _no_trial(study: StudyRecord, pick: str, words: Sequence[str], field: str = "--pick") -> FieldError:
    labels = [trial.label for trial in study.trials if trial.values]
    return FieldError(field, pick, f"{study.name} has no such trial", _near(pick, labels, words))


def _near(label: str, labels: list[str], words: Sequence[str] = PICKS) -> str:
    """The picks and labels that are near, in words."""
    return closest(label, [*words, *sorted(labels, key=lambda name: (len(name), name))])


def bound_text(name: str, limit: float) -> str:
    """Returns a bound in words: ``macs <= 1e+06``."""
    return f"{name} {'<=' if described(name).direction == 'minimize' else '>='} {limit:g}"


def _within(trial: TrialRecord, name: str, limit: float) -> bool:
    """Whether a trial keeps a bound; one without the number does not."""
    value = _value(trial, name)
    return value <= limit if described(name).direction == "minimize" else value >= limit


def _value(trial: TrialRecord, name: str) -> float:
    """What is known of a trial under ``name``; NaN where nothing is."""
    one, value = described(name), trial.value(name)
    if name in trial.measurements or one.count is None or trial.spec is None:
        return value
    return one.value_of(ArchSpec.from_dict(trial.spec))


def _nearest(trained: list[TrialRecord], bounds: Mapping[str, float]) -> str:
    """Where the first bound that no trial keeps lies, in words."""
    for name, limit in bounds.items():
        values = [value for value in (_value(t, name) for t in trained) if not math.isnan(value)]
        if not values:
            return f"; no trial has a number for {name}"
        if described(name).direction == "minimize" and min(values) > limit:
            return f"; the smallest {name} is {told_apart(min(values), limit)[0]}"
        if described(name).direction == "maximize" and max(values) < limit:
            return f"; the largest {name} is {told_apart(max(values), limit)[0]}"
    return ""


def _original(study: StudyRecord, trial: TrialRecord, *, partly: bool) -> TrialRecord:
    """The trial that was trained, where ``trial`` was answered from the record."""
    if trial.duplicate_of is not None:
        trial = next(t for t in study.trials if t.label == trial.duplicate_of)
    if not trial.values and not (partly and trial.rungs):
        how = "not trained in full" if trial.state == "stopped" else "not trained"
        raise InputError(f"trial {trial.label}: {trial.state}, {how}: {trial.reason}")
    return trial


@enter_form("training folder", "a training folder", "spec", "weights", "answers")
def _training(text: str) -> NamedNetwork | None:
    """The run folder of ``archspace train``; until the training is over it has no weights."""
    folder = Path(text)
    path = folder / TRAIN_FILE
    if not path.is_file():
        return None
    data = read_yaml(path)
    what = data.get("spec") if isinstance(data, dict) else None
    if what is None:
        raise InputError(f"{path}: names no network (spec)")
    with plugins_noted_in(path):
        spec = read_spec(what) if isinstance(what, str) else ArchSpec.from_dict(what)
    weights = folder / WEIGHTS_FILE
    there = weights.is_file()
    return NamedNetwork(
        text=text, form="training folder", spec=spec, weights=weights if there else None, run=folder,
        lacks="" if there else "the training is not over",
    )  # fmt: skip


@enter_form("trial", "a run's trial (RUN:N, RUN:knee, RUN:best)", "spec", "weights", "answers")
def _trial(text: str) -> NamedNetwork | None:
    """``RUN:N`` and ``RUN:knee``; a network that came twice has the weights of the trial that was trained."""
    folder = Path(text)
    if (folder / STUDY_FILE).is_file() or (folder / TRIALS_FOLDER).is_dir():
        known = " or ".join(f"{folder}:{pick}" for pick in PICKS)
        raise InputError(f"SPEC: {folder}: is a study; a trial of a run is named {folder}:N, {known}")
    run, colon, label = text.rpartition(":")
    folder = Path(run)
    if not (run and colon and folder.is_dir()):
        return None
    if label in PICKS:
        label = pick_trial(read_run(folder), label, {}).label
    data = _record(folder, label)
    if data.get("spec") is None:
        raise InputError(f"{text}: the trial has no network (its values did not make a valid spec)")
    trained = str(data.get("duplicate_of") or label)
    weights = _weights(folder / TRIALS_FOLDER / trained, data)
    state = ": ".join(str(data[name]) for name in ("state", "reason") if data.get(name))
    with plugins_noted_in(folder / STUDY_FILE):
        spec = ArchSpec.from_dict(data["spec"])
    return NamedNetwork(
        text=text, form="trial", spec=spec, weights=weights, run=folder, trial=trained,
        lacks="" if weights else f"trial {label} is {state or 'not trained'}",
    )  # fmt: skip


def _record(run: Path, label: str) -> dict[str, Any]:
    path = run / TRIALS_FOLDER / label / RECORD_FILE
    try:
        data = parse_json(path.read_text(encoding="utf-8"), path.name)
    except (FileNotFoundError, NotADirectoryError):
        labels = [file.parent.name for file in run.glob(f"{TRIALS_FOLDER}/*/{RECORD_FILE}")]
        near = _near(label, labels) if labels else "none: the run has no trial yet"
        raise FieldError("SPEC trial", label, f"{run} has no such trial", near) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: broken trial record: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: broken trial record: not a mapping")
    return data


def _weights(folder: Path, record: Mapping[str, Any]) -> Path | None:
    """The weights that a trial left, or the checkpoint that was evaluated instead of training.

    Those of a trial that was stopped at a rung are there for ``archspace replay`` alone.
    """
    if record.get("state") == "stopped":
        return None
    own = folder / WEIGHTS_FILE
    if own.is_file():
        return own
    taken = ((one.get("how") or {}).get("weights") for one in (record.get("measurements") or {}).values())
    return next((Path(path) for path in taken if path and Path(path).is_file()), None)
