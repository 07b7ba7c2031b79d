"""The networks that a study is given, beside those that it samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspace.presets import PRESETS, preset
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from searches.config.parts import Given
from searches.config.study import StudyConfig


def fitted(given: Given, fixed: Mapping[str, Any]) -> ArchSpec:
    """A given network for the study's task and data."""
    spec = given_spec(given.spec)
    return spec.replace(**{name: fixed[name] for name in ("task", "classes", "input_size", "channels")})


def check_weights(config: StudyConfig, fixed: Mapping[str, Any]) -> None:
    """Refuses a checkpoint that is for other data, before anything is trained."""
    for one in config.reference:
        if one.weights is None:
            continue
        if not one.weights.exists():
            raise InputError(f"{one.weights}: no such checkpoint")
        spec = given_spec(one.spec)
        for name in ("task", "classes", "channels"):
            if getattr(spec, name) != fixed[name]:
                rule = f"{one.name} is a checkpoint for another value; the study's data have {fixed[name]}"
                raise FieldError(name, getattr(spec, name), rule, fixed[name])


def given_spec(name: str | Mapping[str, Any]) -> ArchSpec:
    """The spec of a preset, a spec file or plain fields."""
    if not isinstance(name, str):
        return ArchSpec.from_dict(name)
    if name in PRESETS or not Path(name).suffix:
        return preset(name).spec
    return ArchSpec.read(Path(name))
