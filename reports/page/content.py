"""What the page of a study says, as typed data: computed here, only rendered elsewhere."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.counts.architecture import Row, rows
from analysis.fronts.freed import free_fields, weighed
from analysis.fronts.importance import Importance
from analysis.quantities import Quantity, described
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.retrained import Retrained
from analysis.store.runs import STUDY_FILE
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from reports.figures.learning import Curves, learning_curves
from reports.figures.parallel import Coordinate, coordinates
from reports.figures.progress import Progress, progress
from reports.figures.seeds import Spread, seed_spreads
from reports.figures.tradeoffs import Pair, pairs, quality_of
from reports.frames.merge import Merged
from reports.frames.retrained import retrained_of, with_retrained
from reports.frames.trials import preset_references, trial_frame
from reports.page.origins import how_taken, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number of the chosen network: raw, with origin, how it was taken, and what was measured first.

    ``unstable`` says why it is not to be trusted, where the study asks for it.
    """

    name: str
    title: str
    short: str
    value: float
    unit: str
    origin: str
    how: str
    first: float | None = None
    unstable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The network that the page draws: the knee of the front, or the best where there is one objective.

    Attributes:
        label: of its trial.
        word: ``knee`` or ``best``.
        layers: the lines of ``archspace show``; empty where ``unseen`` says why.
    """

    label: str
    word: str
    name: str
    given: str | None
    arch_id: str | None
    numbers: tuple[Number, ...]
    layers: tuple[Row, ...]
    input_size: tuple[int, ...]
    unseen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything on the page.

    Attributes:
        frame: of :func:`reports.frames.trials.trial_frame`.
        numbers: the objectives and further numbers that trials have, as columns of ``frame``.
        quality: the objective that comparisons are about, if one says how good a network is.
        commands: (what for, command).
        retrained: networks that were trained in full.
        made_with: versions and the like as recorded, (name, value).
    """

    merged: Merged
    frame: pd.DataFrame
    numbers: tuple[Quantity, ...]
    quality: Quantity | None
    chosen: Chosen | None
    references: pd.DataFrame
    progress: Progress | None
    weights: tuple[Importance, ...]
    coordinates: tuple[Coordinate, ...]
    curves: Curves
    spreads: tuple[Spread, ...]
    pairs: tuple[Pair, ...]
    retrained: tuple[Retrained, ...]
    commands: tuple[tuple[str, str], ...]
    made_with: tuple[tuple[str, str], ...]

    @property
    def study(self) -> StudyRecord:
        """The study as read."""
        return self.merged.study

    @property
    def objectives(self) -> tuple[Quantity, ...]:
        """The study's."""
        return self.merged.study.objectives


def content_of(merged: Merged) -> Content:
    """Compute the page of a study; nothing is rendered.

    Works for a study of any number of objectives, with failed trials alone, and for one that is still running.
    """
    study = merged.study
    retrained = retrained_of(merged)
    frame = with_retrained(trial_frame(study), retrained)
    if len(merged.runs) > 1:
        names = [_run_of(merged, label) for label in frame["label"]]
        frame["study"] = pd.Categorical(names, categories=list(merged.runs))
    numbers = _numbers(frame, study)
    quality = quality_of(study.objectives) or quality_of(numbers)
    references = preset_references(study)
    space = study.config.get("space") or {}
    chosen = _chosen(merged, frame)
    return Content(
        merged=merged, frame=frame, numbers=numbers, quality=quality,
        chosen=chosen,
        references=references,
        progress=progress(frame, study.objectives),
        weights=weighed(space, study.trials, study.objectives),
        coordinates=tuple(coordinates(frame, study.objectives, free_fields(space))),
        curves=learning_curves(frame, merged.folders),
        spreads=tuple(seed_spreads(frame, quality or study.objectives[0], _trainings(merged, frame))),
        pairs=tuple(pairs(frame, quality, references, study.objectives)) if quality else (),
        retrained=retrained,
        commands=tuple(_commands(merged, chosen)),
        made_with=tuple(versions(study).items()),
    )  # fmt: skip


def _run_of(merged: Merged, label: str) -> str:
    """The name of the run that a trial of a merged study is of."""
    return next(name for name in merged.runs if label.startswith(f"{name}/"))


def _trainings(merged: Merged, frame: pd.DataFrame) -> list[str] | None:
    """The run of each row where runs differ, so that results of different trainings are not one spread."""
    return [str(merged.folders[label].parents[1]) for label in frame["label"]] if merged.notes else None


def numbers_known(frame: pd.DataFrame) -> list[str]:
    """Returns names of the columns that hold numbers of trials with an origin."""
    return [column.removesuffix("_origin") for column in frame.columns if column.endswith("_origin")]


def _numbers(frame: pd.DataFrame, study: StudyRecord) -> tuple[Quantity, ...]:
    """The objectives, then what else is known of some trial; a number of no known kind has no unit."""
    objectives = study.objectives
    noted = {**study.noted, **{one.name: one for one in objectives}}
    names = dict.fromkeys([*(o.name for o in objectives), *numbers_known(frame)])
    quantities = (described(name, noted) for name in names)
    return tuple(one for one in quantities if one in objectives or np.isfinite(frame[one.name]).any())


def _chosen(merged: Merged, frame: pd.DataFrame) -> Chosen | None:
    """The trial that the frame marks as knee."""
    labels = frame.loc[frame["knee"], "label"].tolist()
    if not labels:
        return None
    trial = next(one for one in merged.study.trials if one.label == labels[0])
    spec, layers, unseen = _drawn(trial)
    return Chosen(
        label=trial.label, word="knee" if len(merged.study.objectives) > 1 else "best",
        name=trial.network or (spec.label if spec else str((trial.spec or {}).get("network", "unknown network"))),
        given=trial.given, arch_id=trial.arch_id,
        numbers=tuple(_number(trial, name, merged.study) for name in trial.known),
        layers=layers, input_size=spec.input_size if spec else (), unseen=unseen,
    )  # fmt: skip


def _drawn(trial: TrialRecord) -> tuple[ArchSpec | None, tuple[Row, ...], str | None]:
    """The network's spec and lines, or why they cannot be shown."""
    if trial.spec is None:
        return None, (), "the trial's record holds no spec"
    try:
        spec = ArchSpec.from_dict(trial.spec)
        return spec, tuple(rows(spec)), None
    except InputError as error:
        return None, (), f"this archspace cannot plan its spec: {error}"


def _number(trial: TrialRecord, name: str, study: StudyRecord) -> Number:
    taken, first = trial.measurements.get(name), trial.first.get(name)
    known = described(name, study.noted)
    return Number(
        name=name, title=known.title, short=known.short, value=float(trial.value(name)),
        unit=known.unit or (taken.unit if taken else ""),
        origin=taken.origin if taken else "origin unknown", how=how_taken(taken) if taken else "",
        first=None if first is None else first.value,
        unstable=taken.unstable if taken and name in study.asked else (),
    )  # fmt: skip


def _commands(merged: Merged, chosen: Chosen | None) -> list[tuple[str, str]]:
    """How to do it again and go on, for people who copy a line into a terminal."""
    commands = []
    data = " --data DATA" if (merged.study.config.get("data") or {}).get("root") is not None else ""
    for name, run in merged.runs.items():
        folder, copy = shlex.quote(str(run)), shlex.quote(f"{run}-again")
        study, at = shlex.quote(str(run / STUDY_FILE)), f" ({name})" if len(merged.runs) > 1 else ""
        commands += [
            (f"Search again{at}", f"archspace search {study}{data} --out {copy}"),
            (f"Go on with the study{at}", f"archspace search {folder}{data}"),
            (f"The front as table and plot{at}", f"archspace pareto {folder}"),
        ]
    if chosen is not None:
        run = merged.folders[chosen.label].parents[1]
        label = merged.folders[chosen.label].name
        one, trial = shlex.quote(str(run)), shlex.quote(f"{run}:{label}")
        commands += [
            (
                "Train the chosen network in full, and export it",
                f"archspace retrain {one} --pick {shlex.quote(label)}{data}",
            ),
            ("Export it as the search left it", f"archspace export {one} --pick {shlex.quote(label)}"),
            ("Its layers", f"archspace show {trial}"),
        ]
    every = " ".join(shlex.quote(str(run)) for run in merged.runs.values())
    return [*commands, ("This page again", f"archspace report {every}")]
