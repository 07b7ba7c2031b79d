"""What another run trained, known to a study from its start: never counted as its trials, and marked as another run's.

It is read once and kept in the run folder, so that the study stays what it is when the other run goes on or goes away.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from analysis.quantities import QUANTITIES
from analysis.store.constraints import Limits, excesses
from analysis.store.fingerprint import DataFingerprint, read_fingerprint
from analysis.store.records import TrialRecord
from analysis.store.runs import KNOWN_FILE, STUDY_FILE, TRIALS_FOLDER, read_run
from archspace.checkpoint import WEIGHTS_FILE
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, SpecError, about
from archspace.support.files import write_text
from archspace.support.numbers import counted
from archspace.support.text_files import read_json
from searches.config.changes import first_difference
from searches.config.parts import SCREENED, SamplerConfig
from searches.config.study import StudyConfig, read_config
from searches.judging.features import axis_of, value_in
from searches.study.pool import Ended
from searches.study.run_folder import with_runtime
from searches.study.screening import Screen
from searches.study.space import values_of
from searches.study.trained import TRAINED_FILE
from searches.training.history import HISTORY_FILE

log = logging.getLogger(__name__)

FIELD = "from"
FROM_ATTR = "from"
"""A trial's user attribute, where it is another run's: ``RUN:N``."""
GENERATIONS = ("NSGAIISampler:generation", "NSGAIIISampler:generation")
"""Optuna's system attributes by which its genetic samplers know a trial's generation: another run's are the first."""
STARTING = (SCREENED, "tpe", "gp")
"""Samplers whose first trials are random ones, fewer of them where something is known."""


@dataclass(frozen=True, slots=True)
class Known:
    """What another run trained.

    Attributes:
        run: its run folder, as the study names it.
        records: its trials that were trained, each network once.
    """

    run: Path
    records: tuple[TrialRecord, ...] = ()

    def label(self, record: TrialRecord) -> str:
        """Returns the name of a trial for people: ``RUN:N``."""
        return f"{self.run}:{record.label}"

    def twin(self, arch_id: str) -> TrialRecord | None:
        """Returns the trial of a network that was trained there, if one was."""
        return next((one for one in self.records if one.arch_id == arch_id), None)

    def adopt(self, record: TrialRecord, folder: Path) -> bool:
        """Copies what a training left into the folder of a trial; whether it was all still there."""
        there = self.run / TRIALS_FOLDER / (record.duplicate_of or record.label)
        files = [there / name for name in (TRAINED_FILE, WEIGHTS_FILE)]
        if not all(file.is_file() for file in files):
            return False
        folder.mkdir(parents=True, exist_ok=True)
        for file in [*files, *(one for one in [there / HISTORY_FILE] if one.is_file())]:
            shutil.copyfile(file, folder / file.name)
        return True

    def save(self, folder: Path) -> None:
        """Keeps it in the run folder."""
        data = {"run": str(self.run), "trials": [one.to_dict() for one in self.records]}
        write_text(folder / KNOWN_FILE, json.dumps(data) + "\n")


def known_of(config: StudyConfig, folder: Path, data: DataFingerprint) -> Known | None:
    """Returns what the run that a study starts from trained; ``None`` for one that starts from none.

    Raises:
        FieldError: it does not fit the study; the message says in what.
        InputError: there is no such run, or nothing was trained.
    """
    if config.from_ is None:
        return None
    kept = folder / KNOWN_FILE
    if kept.is_file():
        held = read_json(kept)
        return Known(Path(held["run"]), _readable(TrialRecord.from_dict(one) for one in held["trials"]))
    return known_from(Path(config.from_), config, data)


def known_from(run: Path, config: StudyConfig, data: DataFingerprint, field: str = FIELD) -> Known:
    """Returns what a run trained, for a study on these data.

    Args:
        field: what names the run, for messages.

    Raises:
        FieldError: it does not fit the study; the message says in what.
        InputError: there is no such run, or nothing was trained.
    """
    with about(field):
        study = read_run(run)
    theirs = with_runtime(read_config(str(run / STUDY_FILE)), run)
    unfit = misfit(config, theirs)
    if unfit is not None:
        raise FieldError(field, str(run), unfit, "leave it out")
    made_on = read_fingerprint(run, items=True)
    differing = ["it keeps no fingerprint of them"] if made_on is None else made_on.compare(data)
    if differing:
        raise FieldError(field, str(run), f"was made on other data: {'; '.join(differing)}", "leave it out")
    apart = {one.name for one in theirs.reference if not one.alike}
    records: dict[str, TrialRecord] = {}
    for one in study.trials:
        if one.values and one.spec is not None and one.duplicate_of is None and one.given not in apart:
            records.setdefault(str(one.arch_id), one)
    return Known(run, _readable(records.values()))


def _readable(records: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Those whose network can be built here: not those of a plug-in that is gone."""
    kept = []
    for record in records:
        try:
            ArchSpec.from_dict(record.spec or {})
        except SpecError as error:
            log.warning("%s: trial %s is passed over: %s", FIELD, record.label, error)
            continue
        kept.append(record)
    return tuple(kept)


def misfit(config: StudyConfig, theirs: StudyConfig) -> str | None:
    """Returns why another study's numbers mean something else than a study's; ``None`` where they mean the same.

    It is the first of what differs: task, data, training, the weights that networks are judged by, or how an objective
    is measured.
    """
    one = theirs.model_dump(
        mode="json", include={"task", "data", "training"}, exclude={"data": {"root", "name"}}
    )
    other = config.model_dump(
        mode="json", include={"task", "data", "training"}, exclude={"data": {"root", "name"}}
    )
    differs = first_difference(one, other)
    if differs is not None:
        return (
            f"its {differs[0]} is {differs[1]}, this study's is {differs[2]}; its numbers would not hold here"
        )
    if theirs.judging.supernet != config.judging.supernet:
        return (
            f"its networks {_judged(theirs)}, this study's {_judged(config)}; its numbers would not hold here"
        )
    for name in config.objectives:
        known = (*theirs.objectives, *theirs.constraints)
        if QUANTITIES[name].source != "counted" and name not in known:
            return f"its trials have no {name}, which this study optimises; it has {', '.join(theirs.objectives)}"
        if QUANTITIES[name].source == "device":
            differs = first_difference(_taken(theirs), _taken(config))
            if differs is not None:
                return f"it measured {name} with {differs[0]} {differs[1]}, this study measures with {differs[2]}"
    return None


def _judged(config: StudyConfig) -> str:
    """What becomes of a study's networks before they are judged."""
    supernet = config.judging.supernet
    return "are trained" if supernet is None else f"inherit the weights of {supernet}"


def _taken(config: StudyConfig) -> dict[str, Any]:
    return config.measure.model_dump(mode="json", include={"device", "runtime", "precision", "threads"})


def ended_of_run(known: Known, screen: Screen, constraints: Mapping[str, Limits]) -> tuple[Ended, ...]:
    """Returns another run's networks as a screen knows them, with their values in this space where they have some."""
    found = []
    for record in known.records:
        spec = ArchSpec.from_dict(record.spec or {})
        values = {name: record.value(name) for name in record.known}
        values |= {name: QUANTITIES[name].value_of(spec) for name in screen.limits}
        feasible = all(amount <= 0 for amount in excesses(values, constraints).values())
        found.append(Ended(spec, mapped(record, spec, screen), values, feasible))
    return tuple(found)


def mapped(record: TrialRecord, spec: ArchSpec, screen: Screen) -> dict[str, Any]:
    """Returns the values that name a network in this space; empty where it is not in it."""
    drawn: dict[str, Any] = {}
    for name, distribution in screen.space.distributions().items():
        value = record.params.get(name, _of_spec(spec, name))
        if value is None and not _holds(distribution, None):
            value = values_of(distribution, 2)[0]
        if not _holds(distribution, value):
            return {}
        drawn[name] = value
    candidate = screen.candidate(drawn)
    return drawn if candidate is not None and candidate.spec.arch_id == spec.arch_id else {}


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a field may have a value."""
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (ValueError, TypeError):
        return False


def _of_spec(spec: ArchSpec, name: str) -> Any:
    """What a network has of a parameter (``alphas.3``), ``None`` where it has none."""
    field, _, level = name.partition(".")
    return value_in(spec, axis_of(field, int(level) if level else None, ()))


def known_trials(
    ended: Sequence[Ended],
    known: Known,
    screen: Screen,
    objectives: Sequence[str],
    constraints: Mapping[str, Limits],
) -> list[FrozenTrial]:
    """Returns another run's networks that are in this space as trials that a sampler may learn from.

    Their numbers are negative: no trial of the study has such.
    """
    free = screen.space.distributions()
    made: list[FrozenTrial] = []
    for one, record in zip(ended, known.records, strict=True):
        if not one.params:
            continue
        values = [one.values.get(n, QUANTITIES[n].value_of(one.spec) if QUANTITIES[n].count else float("nan"))
                  for n in objectives]  # fmt: skip
        trial = optuna.trial.create_trial(
            params=dict(one.params), distributions=free, values=values, state=TrialState.COMPLETE,
            user_attrs={FROM_ATTR: known.label(record)}, system_attrs=dict.fromkeys(GENERATIONS, 0),
            constraints=excesses(one.values, constraints) or None,
        )  # fmt: skip
        trial.number = trial._trial_id = -1 - len(made)
        made.append(trial)
    return made


def start_line(known: Known, ended: Sequence[Ended], sampler: SamplerConfig) -> str:
    """Returns in a line how much another run tells a study, and how many random trials that saves it.

    Args:
        known: what it trained.
        ended: the same as the study's screen knows it; empty for a study that samples nothing.
        sampler: of the study.
    """
    inside = sum(bool(one.params) for one in ended)
    line = f"{FIELD} {known.run}: {counted(len(known.records), 'network')} known"
    if not ended:
        return line
    line += f", {len(ended) - inside} of them outside this space"
    if sampler.name not in STARTING:
        return line
    left = sampler.startup - (len(ended) if sampler.name == SCREENED else inside)
    return f"{line}; {max(0, left)} random trials come first instead of {sampler.startup}"
