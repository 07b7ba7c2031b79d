"""The frames of a run folder, in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.quantities import Quantity, objective
from analysis.store.records import StudyRecord
from analysis.store.retrained import read_retrained, retrained_networks
from analysis.store.runs import read_run
from archspace.support.errors import FieldError
from reports.frames.retrained import with_retrained
from reports.frames.trials import front_frame, trial_frame


def trials(run: str | os.PathLike[str], objectives: Sequence[str] | None = None) -> pd.DataFrame:
    """Returns every trial of a study that is not running, one row each.

    As :func:`reports.frames.trials.trial_frame` has it.

    Numbers are raw values in their own unit (``macs``, ``params``, ``latency_ms``, ``miou`` in percent), each with
    ``<name>_origin`` beside it; ``on_front``, ``rank`` and ``knee`` are over ``objectives``. What was trained in
    full has ``retrained_<metric>`` and how (:func:`reports.frames.retrained.with_retrained`).

    Args:
        run: a run folder, or what ``searches.search`` returned.
        objectives: one to three names that the front is over; the study's own if left out.

    Raises:
        InputError: it is no run folder, no trial has ended yet, or no trial has a number for an objective.
    """
    study, chosen = study_and_objectives(run, objectives)
    return with_retrained(trial_frame(study, chosen), retrained_networks(study, read_retrained(Path(run))))


def front(run: str | os.PathLike[str], objectives: Sequence[str] | None = None) -> pd.DataFrame:
    """Returns the Pareto front of a study, one row a network, the cheapest first; else as :func:`trials`."""
    _, chosen = study_and_objectives(run, objectives)
    return front_frame(trials(run, objectives), chosen)


def study_and_objectives(
    run: str | os.PathLike[str], names: Sequence[str] | None
) -> tuple[StudyRecord, tuple[Quantity, ...]]:
    """Returns the study in a run folder, and the objectives of that name or its own.

    Raises:
        InputError: the folder cannot be read, or an objective is unknown or was not recorded.
    """
    study = read_run(Path(run))
    if names is None:
        return study, study.objectives
    chosen = tuple(objective(name, study.noted) for name in names)
    for one in chosen:
        if not any(one.name in trial.values or one.name in trial.measurements for trial in study.trials):
            raise FieldError("objectives", one.name, f"no trial of {study.name} has a number for it")
    return study, chosen
