"""Several run folders as one study: the same objectives, task and data, or refused with the reason.

Data are the same where their content is (:mod:`analysis.store.fingerprint`); studies of an earlier archspace keep none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.store.fingerprint import read_fingerprint
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.runs import TRIALS_FOLDER, read_run
from archspace.support.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One study out of one or more run folders.

    Attributes:
        study: its labels are ``NAME/label`` where there are several runs.
        folders: the folder of each trial by label.
        runs: the run folders by the name that labels begin with.
        notes: what differs between the runs and is to be values_text.
    """

    study: StudyRecord
    folders: Mapping[str, Path]
    runs: Mapping[str, Path]
    notes: tuple[str, ...] = ()


def merge_runs(folders: Sequence[Path]) -> Merged:
    """Read one or more run folders as one study.

    Raises:
        InputError: a folder is no readable run or given twice, or two runs have other objectives,
            another task or other data; the message names both and the difference.
    """
    places = [folder.resolve() for folder in folders]
    for place, folder in zip(places, folders, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder}: the same run folder is given twice")
    studies = [read_run(folder) for folder in folders]
    for folder, study in zip(folders[1:], studies[1:], strict=True):
        _check_alike(folders[0], studies[0], folder, study)
    names = _names(folders, studies)
    runs = dict(zip(names, folders, strict=True))
    if len(studies) == 1:
        trial_folders = {trial.label: folders[0] / TRIALS_FOLDER / trial.label for trial in studies[0].trials}
        return Merged(study=studies[0], folders=trial_folders, runs=runs)
    trials: list[TrialRecord] = []
    trial_folders = {}
    for name, folder, study in zip(names, folders, studies, strict=True):
        for trial in study.trials:
            original = None if trial.duplicate_of is None else f"{name}/{trial.duplicate_of}"
            trials.append(replace(trial, label=f"{name}/{trial.label}", duplicate_of=original))
            trial_folders[trials[-1].label] = folder / TRIALS_FOLDER / trial.label
    config = dict(studies[0].config)
    if any(study.config.get("constraints") != config.get("constraints") for study in studies):
        config["constraints"] = {}  # each run kept its own, as a note says: none of them is the page's
    config["space"] = _joined([study.config.get("space") or {} for study in studies])
    merged = replace(studies[0], name=" + ".join(names), trials=tuple(trials), config=config)
    return Merged(study=merged, folders=trial_folders, runs=runs, notes=tuple(_differences(names, studies)))


def _joined(spaces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One space of several: a field is free where one of them frees it, or where they fix it to different values.

    Empty where one of them is: a run of given networks alone.
    """
    joined: dict[str, Any] = {}
    for name in dict.fromkeys(name for space in spaces for name in space) if all(spaces) else ():
        values = [space.get(name) for space in spaces]
        free = next((value for value in values if isinstance(value, Mapping)), None)
        joined[name] = free or (values[0] if values.count(values[0]) == len(values) else {"choices": values})
    return joined


@dataclass(frozen=True, slots=True)
class Alike:
    """Runs on the same data.

    Attributes:
        folders: of the runs.
        apart: what is different from the data of the first group; empty for that itself.
    """

    folders: tuple[Path, ...]
    apart: str = ""


def by_data(folders: Sequence[Path]) -> list[Alike]:
    """Returns the runs in groups of the same data, in the order given; one that keeps no fingerprint joins the first.

    Raises:
        InputError: a fingerprint cannot be read.
    """
    groups: list[Alike] = []
    for folder in folders:
        place = next((i for i, one in enumerate(groups) if other_data(one.folders[0], folder) is None), None)
        if place is not None:
            groups[place] = replace(groups[place], folders=(*groups[place].folders, folder))
        else:
            apart = other_data(groups[0].folders[0], folder) if groups else None
            groups.append(Alike((folder,), apart or ""))
    return groups


def _names(folders: Sequence[Path], studies: Sequence[StudyRecord]) -> list[str]:
    """A name of its own for each run: the study's, else with the folder's, else with a number."""
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [f"{name}-{place}" for place, name in enumerate(names, start=1)]
    return names


def _check_alike(first: Path, a: StudyRecord, second: Path, b: StudyRecord) -> None:
    """Refuse runs whose numbers do not mean the same."""
    sides = [{o.name for o in study.objectives} for study in (a, b)]
    if sides[0] != sides[1]:
        _refuse(first, second, "objectives", *(", ".join(sorted(side)) for side in sides))
    if a.config.get("task") != b.config.get("task"):
        _refuse(first, second, "task", a.config.get("task"), b.config.get("task"))
    data = [_data(study.config) for study in (a, b)]
    for key in sorted(data[0].keys() | data[1].keys()):
        if data[0].get(key) != data[1].get(key):
            _refuse(first, second, f"data.{key}", data[0].get(key), data[1].get(key))
    if (differing := other_data(first, second)) is not None:
        raise InputError(f"{second}: cannot share a front with {first}, it is of other data: {differing}")


def other_data(first: Path, second: Path) -> str | None:
    """Returns what is different in the data of the second run, or ``None``: nothing, or one keeps no fingerprint.

    Raises:
        InputError: a fingerprint cannot be read.
    """
    held, new = (read_fingerprint(folder, items=True) for folder in (first, second))
    if held is None or new is None:
        return None
    return "; ".join(held.compare(new)) or None


def _refuse(first: Path, second: Path, field: str, there: object, here: object) -> None:
    raise InputError(f"{second}: cannot be merged with {first}: {field}: {here} here, {there} there")


def _data(config: Mapping[str, Any]) -> dict[str, Any]:
    """How the data of a study are read; what they are called and where they lay is no part of it."""
    return {key: value for key, value in (config.get("data") or {}).items() if key not in ("root", "name")}


def _differences(names: Sequence[str], studies: Sequence[StudyRecord]) -> list[str]:
    """Settings of training, measuring and limits that differ, a line each; and whose data are not known."""
    silent = [name for name, study in zip(names, studies, strict=True) if study.data is None]
    lines = []
    if 0 < len(silent) < len(studies):
        lines.append(f"{', '.join(silent)} kept no fingerprint of the data, which may be others")
    for part in ("training", "latency", "measure", "constraints", "device"):
        flat = [_flat(study.config.get(part), part) for study in studies]
        for key in dict.fromkeys(key for one in flat for key in one):
            values = [one.get(key) for one in flat]
            if any(value != values[0] for value in values):
                values_text = "; ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
                lines.append(f"the runs differ in {key} ({values_text})")
    return lines


def _flat(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        return {name: value}
    return {key: one for part, inner in value.items() for key, one in _flat(inner, f"{name}.{part}").items()}
