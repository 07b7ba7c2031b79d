"""The front of a study: who is on it, and its numbers measured once more when the study is done."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

import numpy as np

from analysis.devices.base import DeviceAway
from analysis.devices.board_queue import with_retries
from analysis.fronts.pareto import minimised, non_dominated
from analysis.quantities import objective
from analysis.store.constraints import with_remeasured
from analysis.store.records import Measurement, TrialRecord, unstable
from analysis.store.runs import TRIALS_FOLDER, read_remeasured
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import number
from searches.config.study import StudyConfig
from searches.study.judge import now
from searches.study.progress import Progress
from searches.study.study import Study

log = logging.getLogger(__name__)


def front_of(config: StudyConfig, records: list[TrialRecord]) -> list[TrialRecord]:
    """Feasible trained trials that no other beats, by the last objective."""
    trials = [r for r in records if r.state == "complete" and r.duplicate_of is None]
    if not trials:
        return []
    names = config.objectives
    directions = [objective(name).direction for name in names]
    points = minimised(np.array([[t.values[n] for n in names] for t in trials]), directions)
    front = [trials[i] for i in np.flatnonzero(non_dominated(points))]
    return sorted(front, key=lambda t: t.values[names[-1]])


def remeasure_front(study: Study, progress: Progress) -> None:
    """Measures every network of the front anew, one after the other; the new numbers replace the trials' own.

    A search looks at many networks and keeps the quickest it saw, so the numbers of its front are on the lucky side;
    fresh ones, taken when nothing else of the study runs, are not. A front whose numbers were replaced may have other
    networks on it: it is done when all were measured again. What was done is not done twice, unless the study is run
    with ``fresh``, and a device that is away is waited for as the study says.
    """
    measurer, config = study.judge.measurer, study.config
    if measurer is None or not (config.measure.again and measurer.wanted):
        return
    _adopt(study)
    since = now() if measurer.fresh else ""
    while (record := _next(front_of(config, study.records()), since)) is not None:
        label = f"trial {record.label}"
        progress.note(f"{label} of the front is measured again", 0.0)
        network = build(ArchSpec.from_dict(record.spec or {})).eval()
        try:
            remeasured = with_retries(
                partial(measurer.measured, network, fresh=True, label=label, on_progress=progress.note),
                limit_s=config.measure.wait_s, on_progress=lambda what, _: log.warning("%s", what),
            )  # fmt: skip
        except DeviceAway as away:
            log.warning("%s: the front is not measured again: %s", config.measure.device, away)
            return
        _replace(study, record, remeasured)
        changes = ", ".join(
            f"{n} {number(record.measurements[n].value, one.unit)} -> {number(one.value, one.unit)}"
            for n, one in remeasured.items()
            if n in record.measurements
        )
        log.info("%s measured again: %s", label, changes)
        for name, reasons in unstable(remeasured, config.asked).items():
            progress.warn(f"{label}: {name}, measured again, is unstable: {'; '.join(reasons)}")


def _next(front: list[TrialRecord], since: str) -> TrialRecord | None:
    """The first network whose numbers were not taken again, or not since then (ISO 8601, UTC)."""
    for record in front:
        taken = [str(record.measurements[name].how.get("measured_at", "")) for name in record.first]
        if not taken or max(taken) < since:
            return record
    return None


def _replace(study: Study, record: TrialRecord, remeasured: Mapping[str, Measurement]) -> None:
    """Gives the new numbers to every trial of the network: they do not depend on its weights."""
    for one in study.records():
        if one.arch_id == record.arch_id and one.values:
            study.replace(with_remeasured(one, remeasured, study.config.constraints))


def _adopt(study: Study) -> None:
    """Takes over what an earlier archspace measured again and kept in files of its own."""
    for record in study.records():
        remeasured = read_remeasured(study.folder / TRIALS_FOLDER / record.label) if not record.first else {}
        if remeasured and record.values:
            _replace(study, record, remeasured)
