"""What the export of a trial says of it, and real images to prove the export on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.quantities import described
from analysis.store.records import StudyRecord, TrialRecord
from archspace.support.errors import InputError
from archspace.support.numbers import counted

if TYPE_CHECKING:
    from torch import Tensor

REAL_IMAGES = 4


def real_images(study: StudyRecord, preprocessing: Any) -> Tensor | None:
    """Returns the first validation images of the study's data as network input; ``None`` when there are none (now)."""
    from searches.config.study import parse_config
    from searches.data.dataset import Split
    from searches.study.data import open_data

    if preprocessing is None:  # of a text
        return None
    try:
        split = open_data(parse_config(dict(study.config)))["val"].split
    except InputError:
        return None
    assert isinstance(split, Split), "of a network of images"
    return preprocessing.apply(np.asarray(split.images[:REAL_IMAGES]))  # type: ignore[no-any-return]


def export_card(study: StudyRecord, trial: TrialRecord, picked: str) -> dict[str, Any]:
    """Returns what the export's card says of the trial: how it was found, and its numbers with their origin."""
    short = short_training(study, trial)
    origin = {
        "study": study.name,
        "trial": trial.label,
        "picked as": picked,
        **({} if short is None else {"weights": short}),
        "objectives": ", ".join(o.name for o in study.objectives),
        "task": study.config["task"],
        "data": {**said(study.config["data"]), "name": study.data_name, **_content(trial)},
        **({} if inherited_from(trial) else {"training": dict(study.config["training"])}),
        "seed": trial.seed,
    }
    numbers = [
        {**m.to_dict(), "title": described(n, study.noted).title, **_doubt(study, trial, n)}
        for n, m in trial.measurements.items()
    ]
    return {"found": origin, "numbers": numbers}


def said(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a study's data that say something."""
    return {name: value for name, value in data.items() if value not in (None, {}, [])}


def _content(trial: TrialRecord) -> dict[str, Any]:
    """The fingerprint of the data that a trial was trained on, where its record has one."""
    return {} if trial.data is None else {"fingerprint": trial.data["fingerprint"]}


def _doubt(study: StudyRecord, trial: TrialRecord, name: str) -> dict[str, Any]:
    """Why a number that the study asked for is unstable, and what was measured before it was taken again."""
    reasons = trial.measurements[name].unstable if name in study.asked else ()
    return {
        **({"unstable": list(reasons)} if reasons else {}),
        **({"first": trial.first[name].value} if name in trial.first else {}),
    }


def inherited_from(trial: TrialRecord) -> str | None:
    """Returns the supernet whose weights a trial was judged by, or ``None`` where it was trained."""
    return next(
        (str(one.how["supernet"]) for one in trial.measurements.values() if "supernet" in one.how), None
    )


def short_training(study: StudyRecord, trial: TrialRecord) -> str | None:
    """Returns what a trial's weights are, in a sentence; ``None`` where they were given and not trained here."""
    supernet = inherited_from(trial)
    if supernet is not None:
        return f"inherited from {supernet}, not trained alone"
    taken = next((one.how for one in trial.measurements.values() if "epochs" in one.how), None)
    if taken is None:
        return None
    epochs, learned = taken["epochs"], (study.config.get("data") or {}).get("train")
    counts = "tokens" if "tokens" in taken else "images"
    share = f" on {learned:,} {counts}" if isinstance(learned, int) else ""
    return f"of a search: {counted(epochs, 'epoch')}{share}, no full training"
