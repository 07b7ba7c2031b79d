"""Sphinx directive ``config-fields``: the fields of a configuration class, from the class itself.

Each field has its type and rules, its default, and the words of the class's docstring. Of a class that is no
configuration (``SpecRecord``) the names and the words are all there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from searches.config.described import attribute_docs
from searches.config.parts import Part

BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
NAMES = {"string": "text", "boolean": "true or false", "number": "number", "integer": "whole number"}


def type_words(schema: Mapping[str, Any]) -> str:
    """Returns the type and rules of a field in words, from its JSON schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"mapping, [its fields](#{name.lower()})"
    if "anyOf" in schema:
        words = [type_words(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema or "const" in schema:
        values = [
            f"`{json.dumps(one)}`".replace('"', "") for one in schema.get("enum", [schema.get("const")])
        ]
        return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"list of {len(schema['prefixItems'])} ({type_words(schema['prefixItems'][0])})"
        return f"list of {type_words(schema.get('items', {}))}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return "mapping" + (f" of names to {type_words(inner)}" if isinstance(inner, dict) else "")
    bounds = [text.format(f"{schema[key]:g}") for key, text in BOUNDS.items() if key in schema]
    return ", ".join([{**NAMES, None: "any value"}.get(kind, str(kind)), *bounds])


def _default(name: str, schema: Mapping[str, Any], required: Iterable[str]) -> str:
    if name in required:
        return "needed"
    value = schema.get("default")
    if value in (None, "", [], {}):
        return "may be left out"
    if isinstance(value, dict):
        return "may be left out"
    return f"default `{json.dumps(value)}`".replace('"', "")


def field_lines(cls: type, names: Iterable[str] | None = None) -> list[str]:
    """Returns a definition list in Markdown: one entry for each field of ``cls``, or for those of ``names``."""
    docs = attribute_docs(cls)
    if issubclass(cls, Part):
        schema = cls.model_json_schema()
        heads = {
            name: f"`{name}` — {type_words(field)}; {_default(name, field, schema.get('required', ()))}"
            for name, field in schema["properties"].items()
        }
    else:
        heads = {name: f"`{name}`" for name in docs}
    lines = []
    for name in heads if names is None else names:
        text = docs[name]
        lines += [heads[name], f": {text[0].upper()}{text[1:]}", ""]
    return lines


class ConfigFields(SphinxDirective):
    """``{config-fields} module.Class``; ``:except:`` names fields to leave out, ``:only:`` those to show."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"except": str.split, "only": str.split}

    def run(self) -> list[nodes.Node]:
        """The definition list."""
        module, _, name = self.arguments[0].rpartition(".")
        cls = getattr(import_module(module), name)
        docs = attribute_docs(cls)
        wanted = self.options.get("only") or [
            field for field in docs if field not in self.options.get("except", ())
        ]
        return self.parse_text_to_nodes("\n".join(field_lines(cls, wanted)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directive."""
    app.add_directive("config-fields", ConfigFields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
