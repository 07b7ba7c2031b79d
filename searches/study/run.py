"""Run or resume a study to its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.quantities import objective
from analysis.store.runs import STUDY_FILE
from archspace.support.errors import InputError
from searches.config.study import StudyConfig, read_config
from searches.study.disk import full_disk_as_one_line
from searches.study.front import measure_again
from searches.study.progress import Progress
from searches.study.study import Study
from searches.study.workers import extra_workers
from searches.training.logs import log_to

log = logging.getLogger(__name__)


def read_study(source: str, changes: Mapping[str, Any], out: Path | None) -> tuple[StudyConfig, Path]:
    """The study that ``source`` names and its run folder.

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


def run_study(config: StudyConfig, folder: Path) -> Study:
    """Runs or resumes a study, its front measured again in the end.

    Raises:
        InputError: anything the user gave cannot be used, or the disk is full.
    """
    with full_disk_as_one_line(folder):
        return _run(config, folder)


def _run(config: StudyConfig, folder: Path) -> Study:
    console = Console(stderr=True)
    study = Study.open(config, folder)
    log_to(folder, console=not console.is_terminal)
    done = study.records()
    log.info("%s: %d of %d trials done", folder, len(done), config.trials + len(config.given))
    objectives = [objective(name) for name in config.objectives]
    progress = Progress(objectives, config.trials + len(config.given), done, console)
    try:
        with extra_workers(config, folder), progress:
            study.run(progress)
        measure_again(study)
    except KeyboardInterrupt:
        console.print(f"stopped; to go on: archspace search {folder}", highlight=False)
        raise
    return study
