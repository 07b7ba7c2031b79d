"""What the docstring of a configuration's class says of its fields: for JSON schemas and for the documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
_ENTRY = re.compile(r"(\w+(?:, \w+)*): (.*)")


def attribute_docs(cls: type) -> dict[str, str]:
    """Returns what the docstrings of ``cls`` and its bases say of each attribute, each as one line of Markdown."""
    return {
        name: text
        for base in reversed(cls.__mro__)
        if base is not BaseModel
        for name, text in _attributes(base.__dict__.get("__doc__") or "")
    }


def summary(cls: type) -> str:
    """Returns the first paragraph of the docstring of ``cls`` as one line of Markdown."""
    return _line(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0])


def _attributes(doc: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the docstring's section ``Attributes``; names with a comma between them share one text."""
    _, _, section = inspect.cleandoc(doc).partition("\nAttributes:\n")
    block = re.match(r"(?:(?: {4}.*)?\n?)*", section)
    for entry in re.split(r"\n(?= {4}\w)", f"\n{block[0]}" if block else "")[1:]:
        match = _ENTRY.match(_line(entry))
        if match is not None:
            yield from ((name, match[2]) for name in match[1].split(", "))


def _line(text: str) -> str:
    return " ".join(_ROLE.sub(r"``\1``", text).replace("``", "`").split())


def describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Puts the docstring's words into the JSON schema of ``model``."""
    schema["description"] = summary(model)
    docs = attribute_docs(model)
    for name, property_ in schema.get("properties", {}).items():
        property_.pop("title", None)
        if name in docs:
            property_["description"] = docs[name]
