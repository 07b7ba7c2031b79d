"""Which trial of a run to export, and real images to prove the export on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.fronts.pareto import knee, minimised, non_dominated
from analysis.quantities import described
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.runs import TRIALS_FOLDER
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError

if TYPE_CHECKING:
    from torch import Tensor

REAL_IMAGES = 4


def pick_trial(study: StudyRecord, pick: str, bounds: Mapping[str, float]) -> TrialRecord:
    """The trial that the user means.

    Args:
        study: the study as read.
        pick: ``knee`` (of the front), ``best`` (the first objective's best) or a trial's label.
        bounds: by quantity the most it may be, the least where more is better; only trials within them are
            candidates. What trials did not record but can be counted is counted here.

    Raises:
        InputError: no such trial, or none within the bounds.
    """
    trained = [t for t in study.trials if t.state == "complete" and t.duplicate_of is None]
    if pick not in ("knee", "best"):
        for trial in study.trials:
            if trial.label == pick:
                return _original(study, trial)
        labels = ", ".join(t.label for t in trained)
        raise FieldError("--pick", pick, "no such trial", f"knee, best, or one of {labels}")
    candidates = [t for t in trained if all(_within(t, n, limit) for n, limit in bounds.items())]
    if not candidates:
        wanted = ", ".join(bound_text(name, limit) for name, limit in bounds.items()) or "complete"
        raise InputError(f"{study.name}: no finished trial with {wanted}{_nearest(trained, bounds)}")
    points = minimised(
        np.array([[t.values[o.name] for o in study.objectives] for t in candidates]),
        [o.direction for o in study.objectives],
    )
    if pick == "best":
        return candidates[int(np.argmin(points[:, 0]))]
    front = np.flatnonzero(non_dominated(points))
    return candidates[int(front[knee(points[front])])]


def bound_text(name: str, limit: float) -> str:
    """A bound in words: ``macs <= 1e+06``."""
    return f"{name} {'<=' if described(name).direction == 'minimize' else '>='} {limit:g}"


def _within(trial: TrialRecord, name: str, limit: float) -> bool:
    """Whether a trial keeps a bound; one without the number does not."""
    value = _value(trial, name)
    return value <= limit if described(name).direction == "minimize" else value >= limit


def _value(trial: TrialRecord, name: str) -> float:
    """What is known of a trial under ``name``; NaN where nothing is."""
    if name in trial.measurements:
        return trial.measurements[name].value
    one = described(name)
    if one.count is None or trial.spec is None:
        return trial.values.get(name, math.nan)
    return one.value_of(ArchSpec.from_dict(trial.spec))


def _nearest(trained: list[TrialRecord], bounds: Mapping[str, float]) -> str:
    """Where the first bound that no trial keeps lies, in words."""
    for name, limit in bounds.items():
        values = [value for value in (_value(t, name) for t in trained) if not math.isnan(value)]
        if not values:
            return f"; no trial has a number for {name}"
        if described(name).direction == "minimize" and min(values) > limit:
            return f"; the smallest {name} is {min(values):g}"
        if described(name).direction == "maximize" and max(values) < limit:
            return f"; the largest {name} is {max(values):g}"
    return ""


def _original(study: StudyRecord, trial: TrialRecord) -> TrialRecord:
    """The trial that was trained, where ``trial`` was answered from the record."""
    if trial.duplicate_of is not None:
        return next(t for t in study.trials if t.label == trial.duplicate_of)
    if not trial.values:
        raise InputError(f"trial {trial.label}: {trial.state}, not trained: {trial.reason}")
    return trial


def weights_of(folder: Path, trial: TrialRecord) -> Path:
    """The trained weights of a trial.

    Raises:
        InputError: the run folder does not have them.
    """
    path = folder / TRIALS_FOLDER / trial.label / "weights.safetensors"
    if not path.is_file():
        raise InputError(f"{path}: trial {trial.label} has no weights")
    return path


def real_images(study: StudyRecord, preprocessing: Any) -> Tensor | None:
    """The first validation images of a study as network input; ``None`` when the data or a plug-in is gone."""
    from searches.config.study import parse_config
    from searches.data.dataset import load_split

    try:
        config = parse_config(dict(study.config))
        data = config.data
        split = load_split(
            data.layout, "val", root=data.root, input_size=data.input_size, channels=data.channels,
            task=config.task, seed=data.seed,
        )  # fmt: skip
    except InputError:
        return None
    return preprocessing.apply(np.asarray(split.images[:REAL_IMAGES]))  # type: ignore[no-any-return]


def export_card(study: StudyRecord, trial: TrialRecord, picked: str) -> dict[str, Any]:
    """What the export's card says of the trial: how it was found, and its numbers with their origin."""
    found = {
        "study": study.name,
        "trial": trial.label,
        "picked as": picked,
        "objectives": ", ".join(o.name for o in study.objectives),
        "task": study.config["task"],
        "data": dict(study.config["data"]),
        "training": dict(study.config["training"]),
        "seed": trial.seed,
    }
    numbers = [
        {**m.to_dict(), "title": described(n, study.noted).title} for n, m in trial.measurements.items()
    ]
    return {"found": found, "numbers": numbers}
