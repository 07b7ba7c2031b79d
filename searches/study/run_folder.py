"""The run folder and the Optuna study of a StudyConfig: made, or checked to be this very study's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna

from analysis.quantities import objective
from analysis.store.runs import STUDY_FILE, write_quantities
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from searches.config.changes import first_difference
from searches.config.study import StudyConfig, parse_config, read_config

FREE_TO_CHANGE = frozenset({"trials", "device", "threads", "workers", "storage", "plugins"})
"""Fields that may differ when a study is resumed."""


def open_run(config: StudyConfig, folder: Path) -> StudyConfig:
    """Makes the run folder, or checks that it holds this very study; returns the study to run.

    Raises:
        InputError: the folder holds another study, or is of a newer version.
    """
    path = folder / STUDY_FILE
    if path.is_file():
        differs = first_difference(_identity(read_config(str(path))), _identity(config))
        if differs is not None:
            name, held, new = differs
            rule = f"{folder} holds another study ({name}: {held} -> {new}); give another --out, or resume it as it was"
            raise FieldError(name, new, rule, held)
    elif folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: not empty and not a run folder; give another --out")
    write_text(path, config.to_yaml())
    write_quantities(folder, (*config.objectives, *config.constraints))
    return config


def _identity(config: StudyConfig) -> dict[str, Any]:
    """The fields that make a study this study, as plain data; where its data lie is not one of them."""
    return config.model_dump(mode="json", exclude={**dict.fromkeys(FREE_TO_CHANGE, True), "data": {"root"}})


def open_study(
    storage: optuna.storages.BaseStorage, name: str, config: StudyConfig, sampler: optuna.samplers.BaseSampler
) -> optuna.Study:
    """Returns the Optuna study called ``name``, created if the storage has none.

    Raises:
        FieldError: the storage has another study of that name.
    """
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
        study.set_user_attr("identity", json.dumps(identity, sort_keys=True))
    elif _held_identity(held, config) != identity:
        raise FieldError(
            "name", config.name, "the storage holds another study of this name", f"{config.name}-2"
        )
    return study


def _held_identity(text: str, config: StudyConfig) -> dict[str, Any] | None:
    """What a storage keeps of its study, with the fields that an earlier archspace did not have at their defaults."""
    free = config.model_dump(mode="json", include=set(FREE_TO_CHANGE))  # a comparison is no study with trials
    try:
        return _identity(parse_config({**free, **json.loads(text)}))
    except (ValueError, InputError):
        return None
