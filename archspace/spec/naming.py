"""From the text that names a network to the network: the one place where it is read. No torch until weights are asked.

Whatever a user may write for a network is a :class:`archspace.spec.named.Form`; other packages enter theirs, as
``analysis.store.picks`` does for a run's trials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspace.presets import PRESETS
from archspace.spec import forms as _forms  # noqa: F401  (our own forms are entered before any other)
from archspace.spec.archspec import ArchSpec
from archspace.spec.named import (
    FILE_SUFFIXES,
    FORMS,
    NamedNetwork,
    Need,
    enter_built_in,
    unfit,
    written,
)
from archspace.support.errors import FieldError, InputError, closest


def find_network(
    text: str,
    *,
    accept: Need = "spec",
    field: str = "SPEC",
    task: str | None = None,
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> NamedNetwork:
    """Returns the network that ``text`` names, with changes.

    Args:
        text: a preset's name, a spec file (YAML, JSON), ``RUN:N`` or ``RUN:knee``, a training folder, an export
            folder, a checkpoint, a published ``.pth``, or an ``.onnx`` file.
        accept: what the caller needs.
        field: what the caller calls the text, for messages.
        task: replaces the spec's task.
        classes: replaces its number of classes.
        input_size: replaces its (H, W) in pixels.
        changes: other fields to replace, by name. A trial that is changed in more than its input size is another
            network and leaves its weights behind; any other network refuses to be loaded then.

    Raises:
        InputError: nothing has that name (the message has the nearest ones), it lacks what ``accept`` asks for (the
            message has the forms that do not), the file is broken, or a change breaks a rule.
    """
    named = _named(text, accept, field)
    lacking = {
        "spec": named.spec is None,
        "weights": named.weights is None,
        "answers": named.spec is None or (named.weights is None and named.form != "onnx"),
    }
    if lacking.get(accept):
        raise unfit(named, accept, field)
    given = {"task": task, "classes": classes, "input_size": input_size}
    return named.changed({**(changes or {}), **{k: v for k, v in given.items() if v is not None}})


def read_spec(
    text: str,
    *,
    field: str = "SPEC",
    task: str | None = None,
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> ArchSpec:
    """Returns the spec of the network that ``text`` names, with changes; see :func:`find_network`.

    Raises:
        InputError: as :func:`find_network`.
    """
    named = find_network(
        text, field=field, task=task, classes=classes, input_size=input_size, changes=changes
    )
    assert named.spec is not None
    return named.spec


def parse_size(text: str) -> tuple[int, int]:
    """Returns height and width from ``HxW``; one number stands for a square.

    >>> parse_size("512x1024")
    (512, 1024)

    Raises:
        FieldError: the text is no size.
    """
    match = re.fullmatch(r"\s*(\d+)(?:\s*[xX×]\s*(\d+))?\s*", text)
    if match is None:
        raise FieldError("input", text, "must be HEIGHTxWIDTH in pixels", "224x224")
    return int(match[1]), int(match[2] or match[1])


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """Fields from ``field=value`` texts; a value is read as YAML (``alphas=[0, 3, 7]``).

    Raises:
        FieldError: a text has no ``=``, or its value is no YAML.
    """
    from archspace.support.yaml_text import parse_yaml

    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise FieldError("set", pair, "must be FIELD=VALUE", "width=0.5")
        try:
            changes[name.strip()] = parse_yaml(value, name.strip())
        except InputError:
            raise FieldError(f"set {name.strip()}", value, "must be a YAML value", "[0, 3, 7]") from None
    return changes


def _named(text: str, accept: Need, field: str) -> NamedNetwork:
    if (preset := FORMS["preset"].read(text)) is not None:
        return preset
    enter_built_in()
    for form in reversed(list(FORMS.values())):
        if (named := form.read(text)) is not None:
            return named
    if Path(text).exists():
        raise InputError(f"{field}: {text!r}: is no network; takes {written(accept)}")
    if Path(text).suffix in FILE_SUFFIXES or "/" in text:
        raise InputError(f"{field}: {text}: no such file or folder")
    rule = "is no preset, file or RUN:N"
    raise FieldError(field, text, rule, closest(text, list(PRESETS)))
