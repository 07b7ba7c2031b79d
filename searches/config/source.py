"""Which study a user means, and where its run folder is. No torch, no optuna."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.store.runs import STUDY_FILE
from archspace.support.errors import InputError
from searches.config.study import StudyConfig, read_config


def read_study(source: str, changes: Mapping[str, Any], out: Path | None) -> tuple[StudyConfig, Path]:
    """Returns the study that ``source`` names and its run folder.

    Args:
        source: a YAML file, a built-in study, or a run folder.
        changes: values that replace the study's, by dotted field.
        out: run folder; that of ``source``, else ``runs/NAME``, if left out.

    Raises:
        InputError: there is no such study, or a field is wrong.
    """
    if Path(source, STUDY_FILE).is_file():
        out, source = out or Path(source), str(Path(source, STUDY_FILE))
    elif Path(source).is_dir():
        raise InputError(f"{source}: not a run folder: it has no {STUDY_FILE}")
    config = read_config(source, changes)
    return config, out or Path("runs") / config.name
