"""Run folders on disk: ``study.yaml`` and ``trials/<label>/record.json``, or a training's ``train.yaml``. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from analysis.quantities import Quantity, described, objective
from analysis.store.constraints import Limits, limits_of, shared, with_remeasured
from analysis.store.fingerprint import read_fingerprint
from analysis.store.records import RUN_FORMAT, Measurement, StudyRecord, TrialRecord, TrialState
from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.text_files import parse_json
from archspace.support.yaml_text import read_yaml

STUDY_FILE = "study.yaml"
TRAIN_FILE = "train.yaml"
TRIALS_FOLDER = "trials"
RECORD_FILE = "record.json"
REMEASURED_FILE = "again.json"
KNOWN_FILE = "known.json"
"""What another run trained, in the run folder of a study that starts from it."""
QUANTITIES_FILE = "quantities.json"
"""What the study's quantities are, so that a run made with a plug-in can be read without it."""


def read_run(folder: Path) -> StudyRecord:
    """Read a run folder: what was asked, and every trial that is not running.

    Given trials come first, then the sampled ones, each kind by number.

    Raises:
        InputError: the folder is missing, is no run folder, was written by a newer archspace, has a broken
            file (named in the message), or has no finished trial.
    """
    config = read_study_config(folder)
    files = sorted((folder / TRIALS_FOLDER).glob(f"*/{RECORD_FILE}"))
    limits = limits_of(config)
    ended = (trial for trial in (read_record(file, limits) for file in files) if trial.state != "running")
    trials = shared(ended, limits)
    if not trials:
        raise InputError(f"{folder}: no finished trial yet")
    noted = read_quantities(folder)
    trials.sort(key=lambda trial: (trial.given is None, trial.number, trial.label))
    return StudyRecord(
        name=str(config.get("name") or folder.name),
        config=config,
        objectives=tuple(objective(name, noted) for name in config["objectives"]),
        trials=tuple(trials),
        noted=noted,
        data=read_fingerprint(folder),
    )


def read_record(path: Path, constraints: Mapping[str, Limits] | None = None) -> TrialRecord:
    """Read one ``record.json``.

    An earlier archspace kept numbers that were taken again in a file of their own; they replace the first here.

    Args:
        path: the file.
        constraints: of its study.

    Raises:
        InputError: the file cannot be read, is not JSON, or is not a trial's record.
    """
    try:
        data = parse_json(path.read_text(encoding="utf-8"), path.name)
        trial = TrialRecord.from_dict(data)
        _check_record(trial)
        if not trial.first and trial.values and (remeasured := read_remeasured(path.parent)):
            trial = with_remeasured(trial, remeasured, constraints or {})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: broken trial record: {_one_line(error)}") from error
    return trial


def read_remeasured(folder: Path) -> dict[str, Measurement]:
    """Returns what an earlier archspace kept of a trial's second measuring in ``folder``, by name; empty for none."""
    path = folder / REMEASURED_FILE
    if not path.is_file():
        return {}
    data = parse_json(path.read_text(encoding="utf-8"), path.name)
    return {name: Measurement.from_dict(entry) for name, entry in data.items()}


def read_quantities(folder: Path) -> dict[str, Quantity]:
    """Returns what the run in ``folder`` says of its quantities, by name; empty for one that an older archspace wrote.

    Raises:
        InputError: the file is broken.
    """
    path = folder / QUANTITIES_FILE
    if not path.is_file():
        return {}
    try:
        data = parse_json(path.read_text(encoding="utf-8"), path.name)
        return {one["name"]: Quantity.from_dict(one) for one in data}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: cannot be read: {_one_line(error)}") from error


def write_quantities(folder: Path, names: Iterable[str]) -> None:
    """Keeps what the quantities of these names are in the run in ``folder``."""
    data = [described(name).to_dict() for name in dict.fromkeys(names)]
    write_text(folder / QUANTITIES_FILE, json.dumps(data, indent=1) + "\n")


def write_record(folder: Path, record: TrialRecord) -> Path:
    """Write a trial's record into its run folder, whole or not at all.

    Args:
        folder: the run folder; ``trials/<label>`` is made when missing.
        record: what to write. Numbers that are not finite become ``null``, as JSON has none.

    Returns:
        The written ``record.json``.

    Raises:
        InputError: the label cannot be the name of a folder.
    """
    if Path(record.label).name != record.label or record.label in ("", ".."):
        raise InputError(f"trial label {record.label!r}: must be the plain name of a folder")
    path = folder / TRIALS_FOLDER / record.label / RECORD_FILE
    text = json.dumps(_plain(record.to_dict()), indent=1, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text + "\n")
    return path


def is_whole(path: Path) -> bool:
    """Returns whether a record is there to its end, as far as its last letters tell: a machine that lost its power may
    leave an empty file.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 2))
            return file.read() == b"}\n"
    except OSError:
        return False


def read_study_config(folder: Path) -> dict[str, Any]:
    """Returns ``study.yaml`` of a run folder as plain data.

    Raises:
        InputError: there is no such folder, it is no run folder, or was written by a newer archspace.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file; give the run's folder")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder")
    if not (folder / STUDY_FILE).is_file():
        inside = (
            f"; 'archspace runs {folder}' lists those in it" if any(folder.glob(f"*/{STUDY_FILE}")) else ""
        )
        raise InputError(f"{folder}: not a run folder: it has no {STUDY_FILE}{inside}")
    return _read_config(folder / STUDY_FILE)


def _read_config(path: Path) -> dict[str, Any]:
    """``study.yaml`` as plain data, with the keys that a reader needs checked."""
    config = read_yaml(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: not a study: the file holds no mapping")
    version = config.get("format")
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError(f"{path}: format: {version!r}: must be the whole number of a run format")
    if version > RUN_FORMAT:
        raise InputError(
            f"{path}: format {version} was written by a newer archspace; this one reads up to {RUN_FORMAT}: "
            "update archspace"
        )
    if version < 1:
        raise InputError(
            f"{path}: format {version}: there is no such format; this archspace reads {RUN_FORMAT}"
        )
    names = config.get("objectives")
    if not isinstance(names, list) or not names:
        raise InputError(f"{path}: objectives: {names!r}: must be a list of at least one objective")
    return config


def _check_record(trial: TrialRecord) -> None:
    """Refuse what would fail later, far from the file."""
    if trial.state not in get_args(TrialState):
        raise ValueError(f"state {trial.state!r} is none of {', '.join(get_args(TrialState))}")
    if not isinstance(trial.label, str) or not isinstance(trial.number, int):
        raise TypeError(f"label {trial.label!r} and number {trial.number!r} must be text and a whole number")
    if trial.spec is not None and not isinstance(trial.spec, Mapping):
        raise TypeError("spec must be a mapping or null")


def _plain(data: object) -> object:
    """``data`` for JSON: tuples become lists, NumPy's numbers plain ones, what is not finite ``None``."""
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if not isinstance(data, bool | int | float | str) and hasattr(data, "tolist"):
        return _plain(data.tolist())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def _one_line(error: Exception) -> str:
    """Kind and text of an error without line breaks."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
