"""Run or resume a study to its end."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from rich.console import Console

from analysis.quantities import objective
from analysis.store.records import TrialRecord
from archspace.support.errors import FieldError
from archspace.support.numbers import counted
from archspace.support.terminal import working
from searches.config.changes import changed
from searches.config.source import read_study
from searches.config.study import StudyConfig, parse_config
from searches.study.disk import full_disk_as_one_line
from searches.study.front import remeasure_front
from searches.study.joining import HOME, Role, address_without_password
from searches.study.progress import Progress
from searches.study.queue import JOIN_SECONDS
from searches.study.results import StudyResults
from searches.study.rung_trials import spent_by
from searches.study.screening import Screen
from searches.study.stopped import stop_paused
from searches.study.study import Study
from searches.study.survey import unused
from searches.study.workers import Workers, on_device
from searches.training.logs import logging_to
from searches.training.tensorboard_log import require_tensorboard

if TYPE_CHECKING:
    from searches.cluster.crew import RayCrew
    from searches.cluster.ray_engine import RayEngine

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engine:
    """What trains the networks of a study.

    Attributes:
        name: ``local``, processes of this machine, or ``ray``, tasks of a Ray cluster.
        address: of the cluster, ``auto`` for the one that this machine is part of; one is started here if ``None``.
        every: as many trials at a time as the cluster has room for, instead of the study's ``workers``.
    """

    name: Literal["local", "ray"] = "local"
    address: str | None = None
    every: bool = False


LOCAL = Engine()


def search(
    study: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str] | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    progress: bool = False,
    fresh: bool = False,
    engine: Engine = LOCAL,
) -> StudyResults:
    """Runs a study to its end, or goes on with the one in its run folder, and returns its results.

    The same study in the same folder is not run twice: what is done is kept, and a run that was stopped, even killed,
    goes on. More than one of ``workers`` starts Python anew for each, so a script needs ``if __name__ == "__main__":``.

    Args:
        study: the fields of a study as a mapping (those of ``study.yaml``: ``name``, ``task``, ``data``, ``space``,
            ``objectives``, ...), a YAML file, a built-in study (``"digits"``), or a run folder.
        out: the run folder; that of ``study``, else ``runs/NAME``, if left out.
        changes: values that replace the study's, by dotted field (``{"trials": 4, "data.root": "~/camvid"}``).
        progress: a live view on a terminal, elsewhere a line a trial on standard error; silent if left out.
        fresh: measure even what the cache of measurements has, and the front once more.
        engine: what trains the networks: ``Engine("ray")``, or processes of this machine if left out.

    Raises:
        InputError: no such study, a field is wrong, the data cannot be used, or the folder holds another study.
    """
    given, folder = dict(changes or {}), None if out is None else Path(out)
    if isinstance(study, Mapping):
        config = parse_config(changed(study, given))
        folder = folder or Path("runs") / config.name
    else:
        config, folder = read_study(os.fspath(study), given, folder)
    with _threads_kept():
        run_study(config, folder, progress=progress, fresh=fresh, engine=engine)
    return StudyResults(folder)


def run_study(
    config: StudyConfig,
    folder: Path,
    *,
    progress: bool = True,
    fresh: bool = False,
    tensorboard: bool = False,
    role: Role = HOME,
    engine: Engine = LOCAL,
) -> Study:
    """Runs or resumes a study, its front measured again in the end.

    Args:
        config: the study.
        folder: its run folder.
        progress: whether standard error shows how far it is.
        fresh: measure even what the cache has, and the front once more.
        tensorboard: also write each trial for TensorBoard, in ``tensorboard`` in the run folder.
        role: what this machine does for the study.
        engine: what trains the networks.

    Raises:
        InputError: anything the user gave cannot be used, or the disk is full.
    """
    if tensorboard:
        require_tensorboard()
    console = Console(stderr=True, quiet=not progress)
    with full_disk_as_one_line(folder), ExitStack() as stack:
        ray = None
        if engine.name == "ray":
            if tensorboard:
                raise FieldError(
                    "--tensorboard", True, "what a Ray task sees is not written for it", "--engine local"
                )
            from searches.cluster.ray_engine import RayEngine

            role = replace(role, trains=False)
            with working("connecting to Ray", quiet=console.quiet):
                ray = stack.enter_context(RayEngine.connected(config, engine.address, every=engine.every))
        return _run(config, folder, console, fresh, tensorboard, role, ray)


def _run(
    config: StudyConfig, folder: Path, console: Console, fresh: bool, tensorboard: bool, role: Role,
    ray: RayEngine | None,
) -> Study:  # fmt: skip
    with working(f"{folder}: reading the data, opening the storage", quiet=console.quiet):
        first = config if ray is not None else on_device(config, 0)
        study = Study.open(first, folder, fresh=fresh, tensorboard=tensorboard, role=role)
        study = study if ray is None else ray.adopted(study)
    with logging_to(folder, console=not (console.is_terminal or console.quiet)):
        done = study.records()
        log.info("%s: %s", folder, done_so_far(study, done))
        shown = console.is_terminal and not console.quiet
        if role.home and study.judged.start_line:
            _say(study.judged.start_line, logging.INFO, console if shown else None)
        if role.home and config.trials:
            say_unused(study, console if shown else None)
        objectives = [objective(name) for name in config.objectives]
        workers: Workers | RayCrew
        if ray is not None:
            from searches.cluster.crew import RayCrew

            workers = RayCrew(
                ray, config, partial(Study.open, config, folder, fresh=fresh, role=role), shown=shown
            )
        else:
            workers = Workers(
                config,
                folder,
                shown=shown,
                quiet=console.quiet,
                fresh=fresh,
                tensorboard=tensorboard,
                role=role,
            )
        progress = Progress(
            objectives,
            config.trials + len(config.given),
            done,
            console,
            workers=config.workers if ray is None else ray.workers,
            others=workers.doing,
            spent=spent_by(study.sampled),
        )
        try:
            with progress:
                with workers.running():
                    study.run(progress, wait=True)
                    progress.idle()
                    while not workers.join(JOIN_SECONDS):
                        progress.ended(study.records())
                study.mirror()
                study.note_status(always=True)
                if study.drain.asked():
                    console.print(
                        f"drained; to go on: {again(config, folder, role)}", highlight=False, soft_wrap=True
                    )
                elif role.home:
                    stop_paused(study)
                    remeasure_front(study, progress)
                    study.judged.sum_up(folder, study.config, study.records())
        except KeyboardInterrupt:
            console.print(
                f"stopped; to go on: {again(config, folder, role)}", highlight=False, soft_wrap=True
            )
            raise
        finally:
            study.close()
    return study


def say_unused(study: Study, terminal: Console | None) -> None:
    """Says in a line what the space has and none of its networks."""
    unseen = unused(Screen(study.space, study.config.constraints), study.config.seed)
    if unseen:
        said = f"space: no network of it has {', '.join(unseen)}; what cannot be honoured is dropped"
        _say(said, logging.WARNING, terminal)


def _say(line: str, level: int, terminal: Console | None) -> None:
    """Says a line in the log, and where a live view hides that."""
    log.log(level, "%s", line)
    if terminal is not None:
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)


def again(config: StudyConfig, folder: Path, role: Role) -> str:
    """Returns the command that goes on with a study."""
    if role.home or config.storage is None:
        return f"archspace search {shlex.quote(str(folder))}"
    where = f"{shlex.quote(address_without_password(config.storage))} {config.name}"
    return f"archspace worker {where} --out {shlex.quote(str(folder))}"


def done_so_far(study: Study, records: list[TrialRecord]) -> str:
    """Returns how much of a study is done, in words."""
    wanted = study.config.trials + len(study.config.given)
    spent_now = spent_by(study.sampled)
    if spent_now is None:
        return f"{len(records)} of {wanted} trials done"
    spent, given = spent_now(), sum(record.given is not None for record in records)
    paused = counted(spent.paused, "network")
    return f"{given + spent.trainings:.1f} of {wanted} trainings done, {paused} paused at a rung"


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Gives the caller's process its number of torch threads back."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
