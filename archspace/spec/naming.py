"""What a user may write for a network: a preset, a file, an export or a run's trial. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError, closest
from archspace.support.plugins import plugins_noted_in

STUDY = "study.yaml"
RECORD = "trials/{label}/record.json"
"""Where a run keeps a trial's record."""


def read_spec(
    text: str,
    *,
    task: str | None = None,
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> ArchSpec:
    """The spec that ``text`` names, with changes.

    Args:
        text: a preset's name; a YAML or JSON file; a ``.safetensors`` checkpoint; an exported folder; or
            ``RUN:N``, trial N of the run folder RUN.
        task: replaces the spec's task.
        classes: replaces its number of classes.
        input_size: replaces its (H, W) in pixels.
        changes: other fields to replace, by name.

    Raises:
        InputError: nothing has that name (the message has the nearest preset), the file is broken, or a
            change breaks a rule.
    """
    spec = _named(text)
    given = {"task": task, "classes": classes, "input_size": input_size}
    replaced = {**(changes or {}), **{name: value for name, value in given.items() if value is not None}}
    return spec.replace(**replaced) if replaced else spec


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from ``HxW``; one number stands for a square.

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
    import yaml

    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise FieldError("set", pair, "must be FIELD=VALUE", "width=0.5")
        try:
            changes[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise FieldError(f"set {name.strip()}", value, "must be a YAML value", "[0, 3, 7]") from None
    return changes


def _named(text: str) -> ArchSpec:
    if text in PRESETS:
        return PRESETS[text].spec
    path = Path(text)
    if path.is_dir():
        return _of_folder(path)
    if path.is_file() and path.suffix == ".safetensors":
        from archspace.checkpoint import describe

        return describe(path).spec
    if path.exists():
        return ArchSpec.read(path)
    run, colon, trial = text.rpartition(":")
    if colon and trial and Path(run).is_dir():
        return _of_trial(Path(run), trial)
    raise InputError(
        f"SPEC: {text!r}: is no preset, file or RUN:N; nearest valid: {closest(text, list(PRESETS))}"
    )


def _of_folder(folder: Path) -> ArchSpec:
    if (folder / "spec.yaml").is_file():
        return ArchSpec.read(folder / "spec.yaml")
    if (folder / "weights.safetensors").is_file():
        from archspace.checkpoint import describe

        return describe(folder).spec
    hint = f"; a trial of a run is named {folder}:N" if (folder / "trials").is_dir() else ""
    raise InputError(f"SPEC: {str(folder)!r}: the folder holds no spec.yaml{hint}")


def _of_trial(run: Path, label: str) -> ArchSpec:
    path = run / RECORD.format(label=label)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(file.parent.name for file in run.glob(RECORD.format(label="*")))
        near = closest(label, known) if known else "none: the run has no trial yet"
        raise FieldError("SPEC trial", label, f"{run} has no such trial", near) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: broken trial record: {' '.join(str(error).split())}") from None
    spec = data.get("spec") if isinstance(data, dict) else None
    if spec is None:
        raise InputError(f"{path}: the trial has no network (its values did not make a valid spec)")
    with plugins_noted_in(run / STUDY):
        return ArchSpec.from_dict(spec)
