"""The JSON schema of a study's and of a training's YAML file, for editors and for the documentation. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analysis.quantities import goals
from archspace.plan.design import NETWORKS
from archspace.plan.request import UNITS
from archspace.presets import PRESETS
from archspace.spec.record import FIELDS, SpecRecord
from searches.config.data import OF_PICTURES, OF_TEXT, TEXT
from searches.config.described import attribute_docs
from searches.config.parts import Free, fixed_by_data
from searches.config.study import StudyConfig
from searches.config.training import TrainConfig

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def study_schema(layouts: Iterable[str]) -> dict[str, Any]:
    """Returns the JSON schema of ``study.yaml``; names that a plug-in may add to are proposed, not enforced.

    Args:
        layouts: names of the data layouts that there are.
    """
    schema = {"$schema": DRAFT, **StudyConfig.model_json_schema(), "title": "archspace study"}
    fields, parts = schema["properties"], schema["$defs"]
    parts["Free"] = Free.model_json_schema()
    parts["Free"].pop("title")
    fields["space"] = {**fields["space"], "properties": _space(), "additionalProperties": False}
    fields["objectives"]["items"] = _proposed(goals())
    fields["constraints"]["propertyNames"] = _proposed(goals())
    fields["given"]["items"] = {"anyOf": [_proposed(PRESETS), {"$ref": "#/$defs/Given"}]}
    parts["DataConfig"]["properties"]["layout"].update(_proposed([*layouts, TEXT]))
    parts["DataConfig"] |= {
        "if": {"properties": {"layout": {"const": TEXT}}, "required": ["layout"]},
        "then": {"properties": dict.fromkeys(OF_PICTURES, False)},
        "else": {"properties": dict.fromkeys(OF_TEXT, False), "required": ["input_size"]},
    }
    return _with_plugins(schema)


def training_schema() -> dict[str, Any]:
    """Returns the JSON schema of ``train.yaml`` and of a recipe."""
    return _with_plugins({"$schema": DRAFT, **TrainConfig.model_json_schema(), "title": "archspace training"})


def _with_plugins(schema: dict[str, Any]) -> dict[str, Any]:
    """A file names a plug-in by its module alone; a run folder has its version too."""
    field = schema["properties"].get("plugins")
    if field is not None:
        field["items"] = {"anyOf": [{"type": "string"}, field["items"]]}
    return schema


def space_fields() -> dict[str, str]:
    """Returns the fields that a study's ``space`` may have, and what each means."""
    docs = attribute_docs(SpecRecord)
    return {name: docs[name] for name in FIELDS if name not in fixed_by_data("language")}


def _space() -> dict[str, Any]:
    known: dict[str, Iterable[str]] = {"network": NETWORKS, "unit": UNITS}
    free = {"$ref": "#/$defs/Free"}
    fixed: dict[str, Any] = {"type": ["string", "number", "boolean", "array", "null"]}
    return {
        name: {
            "description": text,
            "anyOf": [*([{"enum": sorted(known[name])}] if name in known else []), fixed, free],
        }
        for name, text in space_fields().items()
    }


def _proposed(names: Iterable[str]) -> dict[str, Any]:
    """A text for which an editor proposes ``names``; any other text is right too."""
    return {"anyOf": [{"enum": sorted(names)}, {"type": "string"}]}
