"""What a YAML file has wrong, in one line: field, value, rule, nearest valid value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archspace.support.errors import LISTED, FieldError, InputError, closest
from archspace.support.numbers import written_number


def first_error(error: ValidationError, model: type[BaseModel]) -> InputError:
    """Returns the first thing wrong, as field, value, rule and nearest valid value."""
    errors = error.errors()
    first = next((one for one in errors if not _is_another(one)), errors[0])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    field = ".".join(str(part) for part in first["loc"]) or "study"
    nearest: object = first.get("ctx", {}).get("expected") or _bound(first.get("ctx", {}))
    message = first["msg"].removeprefix("Value error, ")
    rule = message[0].lower() + message[1:]
    if first["type"] == "extra_forbidden":
        rule = "unknown field"
        nearest = closest(str(first["loc"][-1]), list(_model_at(first["loc"][:-1], model).model_fields))
    elif (
        first["type"] == "string_pattern_mismatch"
    ):  # names of studies and trainings, which are names of folders
        rule = (
            "is the name of a folder: letters A to Z, digits, '.', '_' and '-', the first a letter or digit"
        )
        nearest = folder_name(str(first["input"])) or None
    elif first["type"] == "missing":
        return InputError(f"{field}: missing: this field is needed")
    elif first["type"] in ("model_type", "dict_type"):
        rule, nearest = _as_mapping(first, model)
    elif first["type"] in ("float_parsing", "float_type"):
        rule, nearest = "must be a number", written_number(first["input"])
    return FieldError(field, first["input"], rule, nearest)


def _is_another(error: ErrorDetails) -> bool:
    """Whether what is a mapping was held against a name that might have stood there, too."""
    return error["type"] == "string_type" and isinstance(error["input"], Mapping)


def _as_mapping(first: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, object]:
    """The rule for a value that is no mapping, and nearest the first of its fields that takes the value."""
    model, value = _model_at(first["loc"], model), first["input"]
    if first.get("ctx", {}).get("class_name") != model.__name__:
        return "must be a mapping", None
    names = list(model.model_fields)
    known = f"{', '.join(names[:LISTED])}{', ...' if len(names) > LISTED else ''}"
    for name in names:
        with suppress(ValidationError):
            model.model_validate({name: value})
            return f"must be a mapping of fields ({known})", f"{{{name}: {value}}}"
    return f"must be a mapping of fields ({known})", None


def folder_name(text: str) -> str:
    """Returns a text as a name that a study may have, as near as may be; empty where nothing of it is left.

    >>> folder_name("Äpfel & Birnen"), folder_name("=1+1")
    ('Apfel-Birnen', '1-1')
    """
    letters = unicodedata.normalize("NFKD", text)  # a letter apart from its accent
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")


def _bound(ctx: Mapping[str, Any]) -> object:
    return next((ctx[key] for key in ("ge", "le") if key in ctx), None)


def _model_at(loc: Iterable[int | str], model: type[BaseModel]) -> type[BaseModel]:
    """The model whose fields stand at ``loc``; keys of a mapping and names of a union's members lead nowhere."""
    for part in loc:
        if str(part) in model.model_fields:
            model = next(_models(model.model_fields[str(part)].annotation), model)
    return model


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in a type: itself, of an optional one, the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
