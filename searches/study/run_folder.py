"""The run folder and the Optuna study of a StudyConfig: made, or checked to be this very study's."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.devices.deployed import deployed_runtime, usual_before
from analysis.quantities import objective
from analysis.store.fingerprint import DataFingerprint
from analysis.store.runs import STUDY_FILE, write_quantities
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from searches.config.changes import first_difference
from searches.config.study import StudyConfig, parse_config, read_config
from searches.data.kept import keep_fingerprint, refuse_other_data

DATA_ATTR = "data"
"""What an Optuna study knows of its data: a :class:`DataFingerprint` as plain data."""

if TYPE_CHECKING:
    import optuna

FREE_TO_CHANGE = frozenset(
    {"trials", "device", "threads", "workers", "storage", "plugins", "artifacts", "lease_s"}
)
"""Fields that may differ when a study is resumed."""


def check_folder(config: StudyConfig, folder: Path) -> None:
    """Refuses a folder that cannot be the run folder of a study; nothing is written.

    Raises:
        InputError: it holds another study or something else, or is of a newer version.
    """
    path = folder / STUDY_FILE
    if path.is_file():
        held_config = with_runtime(read_config(str(path)), folder)
        differs = first_difference(_identity(held_config), _identity(with_runtime(config, folder)))
        if differs is not None:
            name, held, new = differs
            rule = f"{folder} holds another study ({name}: {held} -> {new}); give another --out, or resume it as it was"
            raise FieldError(name, new, rule, held)
        return
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise InputError(
            f"{folder}: {'' if there == folder.absolute() else f'{there} '}is a file; give a folder"
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: not empty and not a run folder; give another --out")


def open_run(config: StudyConfig, folder: Path, data: DataFingerprint) -> None:
    """Makes the run folder of a study on these data, or brings it up to date."""
    write_text(folder / STUDY_FILE, config.to_yaml())
    write_quantities(folder, (*config.objectives, *config.constraints))
    keep_fingerprint(folder, data)


def with_runtime(config: StudyConfig, folder: Path) -> StudyConfig:
    """Returns the study with the runtime that measures its networks named, so that all its trials have one.

    Left out, it is what runs the exported file on the study's device. A run folder that names none was begun by an
    earlier archspace, which measured with torch: it goes on so.
    """
    if config.measure.runtime is not None or not config.measures:
        return config
    path = folder / STUDY_FILE
    if path.is_file():
        return _with_runtime_before(config, read_config(str(path)).measure.runtime)
    runtime = deployed_runtime(config.measure.device)
    return config.model_copy(update={"measure": config.measure.model_copy(update={"runtime": runtime})})


def _with_runtime_before(config: StudyConfig, runtime: str | None = None) -> StudyConfig:
    """The study with the runtime that it was begun with, in an earlier archspace's words none."""
    if config.measure.runtime is not None or not config.measures:
        return config
    runtime = runtime or usual_before(config.measure.device)
    return config.model_copy(update={"measure": config.measure.model_copy(update={"runtime": runtime})})


def _identity(config: StudyConfig) -> dict[str, Any]:
    """The fields that make a study this study, as plain data; what its data are called and where is none of them.

    Whether they are the same is seen from their content (:mod:`searches.data.kept`).
    """
    return config.model_dump(
        mode="json", exclude={**dict.fromkeys(FREE_TO_CHANGE, True), "data": {"root", "name"}}
    )


def check_name(storage: optuna.storages.BaseStorage, config: StudyConfig, folder: Path) -> None:
    """Refuses a name that the trials in a run folder do not have: its file was changed by hand.

    Raises:
        FieldError: with the name that they have.
    """
    import optuna

    names = [one for one in optuna.get_all_study_names(storage) if not one.endswith("/given")]
    if names and config.name not in names:
        raise FieldError(
            "name", config.name, f"the trials in {folder} are of a study of another name", names[0]
        )


def open_study(
    storage: optuna.storages.BaseStorage, name: str, config: StudyConfig, data: DataFingerprint,
    sampler: optuna.samplers.BaseSampler,
) -> optuna.Study:  # fmt: skip
    """Returns the Optuna study called ``name``, created if the storage has none, with a fingerprint of its data.

    Raises:
        FieldError: the storage has another study of that name.
        InputError: its trials were made on other data.
    """
    import optuna

    directions = [objective(metric).direction for metric in config.objectives]
    identity = _identity(config)
    try:
        study = optuna.create_study(
            storage=storage, study_name=name, directions=directions, load_if_exists=True, sampler=sampler
        )
        held = study.user_attrs.get("identity")
    except ValueError:
        held = "other directions"
    if held is None:
        name_objectives(study, config.objectives)
        study.set_user_attr("identity", json.dumps(identity, sort_keys=True))
    elif (other := _held_identity(held, config)) != identity:
        first = None if other is None else first_difference(other, identity)
        which = "" if first is None else f" ({first[0]}: {first[1]} there, {first[2]} here)"
        rule = f"the storage holds another study of this name{which}"
        raise FieldError("name", config.name, rule, f"{config.name}-2, or the study as it was begun")
    made_on = study.user_attrs.get(DATA_ATTR)
    if made_on is None:
        study.set_user_attr(DATA_ATTR, data.to_dict())
    else:
        refuse_other_data(f"the storage's study {config.name}", DataFingerprint.from_dict(made_on), data)
    return study


def name_objectives(study: optuna.Study, names: tuple[str, ...]) -> None:
    """Gives an Optuna study the names of what it optimises, which Optuna numbers from 0 otherwise."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(names))


def _held_identity(text: str, config: StudyConfig) -> dict[str, Any] | None:
    """What a storage keeps of its study, with the fields that an earlier archspace did not have at their defaults."""
    free = config.model_dump(mode="json", include=set(FREE_TO_CHANGE))  # a comparison is no study with trials
    try:
        return _identity(_with_runtime_before(parse_config({**free, **json.loads(text)})))
    except (ValueError, InputError):
        return None
