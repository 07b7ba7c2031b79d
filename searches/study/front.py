"""The front of a study: who is on it, and its numbers measured once more when the study is done."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np

from analysis.devices.base import DeviceAway
from analysis.devices.board_queue import with_retries
from analysis.fronts.pareto import minimised, non_dominated
from analysis.quantities import objective
from analysis.store.records import TrialRecord
from analysis.store.runs import TRIALS_FOLDER, read_remeasured, write_remeasured
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import number
from searches.config.study import StudyConfig
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


def remeasure_front(study: Study) -> None:
    """Measures every network of the front anew, one after the other, and keeps it beside the trial's own numbers.

    A search looks at many networks and keeps the quickest it saw, so the numbers of its front are on the lucky side;
    fresh ones, taken when nothing else of the study runs, are not. What was done is not done twice, and a device
    that is away is waited for as the study says.
    """
    measurer, config = study.judge.measurer, study.config
    if not (config.measure.again and measurer.wanted):
        return
    for record in front_of(config, study.records()):
        if read_remeasured(study.folder / TRIALS_FOLDER / record.label):
            continue
        network = build(ArchSpec.from_dict(record.spec or {})).eval()
        try:
            remeasured = with_retries(
                partial(measurer.measured, network, fresh=True), limit_s=config.measure.wait_s,
                on_progress=lambda what, _: log.warning("%s", what),
            )  # fmt: skip
        except DeviceAway as away:
            log.warning("%s: the front is not measured again: %s", config.measure.device, away)
            return
        write_remeasured(study.folder, record.label, remeasured)
        changes = ", ".join(
            f"{n} {number(record.measurements[n].value, one.unit)} -> {number(one.value, one.unit)}"
            for n, one in remeasured.items()
            if n in record.measurements
        )
        log.info("trial %s measured again: %s", record.label, changes)
