"""Which trial of a run to export, and real images to prove the export on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.fronts.pareto import knee, minimised, non_dominated
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.runs import TRIALS_FOLDER
from archspace.support.errors import FieldError, InputError

if TYPE_CHECKING:
    from torch import Tensor

REAL_IMAGES = 4
COUNTED_BY_CARD = ("macs", "params")


def pick_trial(study: StudyRecord, pick: str, most: Mapping[str, float]) -> TrialRecord:
    """The trial that the user means.

    Args:
        pick: ``knee`` (of the front), ``best`` (the first objective's best) or a trial's label.
        most: upper bounds by quantity (``macs``); only trials within them are candidates.

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
    candidates = [
        t for t in trained
        if all(name in t.measurements and t.measurements[name].value <= bound for name, bound in most.items())
    ]  # fmt: skip
    if not candidates:
        bounds = ", ".join(f"{name} <= {bound:g}" for name, bound in most.items()) or "complete"
        raise InputError(f"{study.name}: no finished trial with {bounds}{_nearest(trained, most)}")
    points = minimised(
        np.array([[t.values[o.name] for o in study.objectives] for t in candidates]),
        [o.direction for o in study.objectives],
    )
    if pick == "best":
        return candidates[int(np.argmin(points[:, 0]))]
    front = np.flatnonzero(non_dominated(points))
    return candidates[int(front[knee(points[front])])]


def _nearest(trained: list[TrialRecord], most: Mapping[str, float]) -> str:
    for name in most:
        values = [t.measurements[name].value for t in trained if name in t.measurements]
        if values and min(values) > most[name]:
            return f"; the smallest {name} is {min(values):g}"
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
    """The first validation images of the study's data as network input; ``None`` when the data are gone."""
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
    numbers = [m.to_dict() for name, m in trial.measurements.items() if name not in COUNTED_BY_CARD]
    return {"found": found, "numbers": numbers}
