"""More processes on one study: each claims trials of its own and ends with its parent."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from rich.console import Console

from analysis.quantities import objective
from searches.config.cores import usable_gpus
from searches.config.study import StudyConfig
from searches.study.disk import full_disk_as_one_line
from searches.study.joining import HOME, Role
from searches.study.progress import Doing, Progress, Reporter
from searches.training.loop import Epoch

log = logging.getLogger(__name__)


class OrphanProgress(Progress):
    """Progress that ends the process when its parent is gone, and tells the parent what is done."""

    parent = 0

    def epoch(self, epoch: Epoch) -> None:
        """An epoch ended; so does the process if nobody waits for it."""
        if os.getppid() != self.parent:
            os._exit(1)
        super().epoch(epoch)


def _work(
    config: StudyConfig,
    folder: Path,
    parent: int,
    fresh: bool,
    tensorboard: bool,
    role: Role,
    worker: int,
    channel: SimpleQueue[Doing] | None,
    said: bool,
) -> None:
    """A worker process; what goes wrong here is told by the first process, which meets it too, and by the log."""
    from archspace.support.errors import InputError
    from archspace.support.interrupts import sigterm_as_interrupt
    from archspace.support.plugins import load_plugins
    from searches.training.logs import log_to

    log_to(folder, console=said)
    log = logging.getLogger("searches")
    try:
        load_plugins(one.module for one in config.plugins)
        from searches.study.rung_trials import spent_by
        from searches.study.study import Study

        with full_disk_as_one_line(folder), sigterm_as_interrupt():
            study = Study.open(config, folder, fresh=fresh, tensorboard=tensorboard, role=role)
            objectives = [objective(name) for name in config.objectives]
            wanted = config.trials + len(config.given)
            progress = OrphanProgress(
                objectives, wanted, study.records(), Console(quiet=True), spent=spent_by(study.sampled)
            )
            progress.parent = parent
            if channel is not None:
                progress.follow(Reporter(worker, channel.put))
            try:
                study.run(progress)
            finally:
                study.close()
    except KeyboardInterrupt:
        log.info("worker stopped")
    except InputError as error:
        log_to(folder)  # to the file alone: the first process says it to the user
        log.error("worker ended: %s", error)


def on_device(config: StudyConfig, worker: int) -> StudyConfig:
    """Returns the study for one of its workers: on a machine with several GPUs each has its own."""
    gpus = usable_gpus()
    if config.device != "cuda" or gpus < 2:
        return config
    return config.model_copy(update={"device": f"cuda:{worker % gpus}"})


class Workers:
    """The study's worker processes beside this one, each with as many threads as the study says.

    Args:
        config: the study.
        folder: its run folder.
        shown: whether a live view shows what they do; else their log lines go to standard error, unless ``quiet``.
        quiet: whether nothing is to be seen of them.
        fresh: whether they measure even what the cache has.
        tensorboard: whether they write their trials for TensorBoard.
        role: what this machine does for the study.
    """

    def __init__(
        self,
        config: StudyConfig,
        folder: Path,
        *,
        shown: bool,
        quiet: bool,
        fresh: bool = False,
        tensorboard: bool = False,
        role: Role = HOME,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._channel: SimpleQueue[Doing] | None = context.SimpleQueue() if shown else None
        said = not (shown or quiet)
        known = (folder, os.getpid(), fresh, tensorboard, role)
        self._said: set[multiprocessing.process.BaseProcess] = set()
        self._crew = [
            context.Process(
                target=_work, args=(on_device(config, worker), *known, worker, self._channel, said)
            )
            for worker in range(1, config.workers)
        ]

    def doing(self) -> Iterator[Doing]:
        """What they have said since they were last asked."""
        while self._channel is not None and not self._channel.empty():
            yield self._channel.get()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Runs them while the block runs; what is left of them is terminated at its end."""
        try:
            for process in self._crew:
                process.start()
            yield
        finally:
            for process in self._crew:
                if process.is_alive():
                    process.terminate()  # it keeps the state of its training, and ends

    def join(self, seconds: float) -> bool:
        """Waits so long at most; returns whether all have ended. One that was killed is said, once."""
        for process in self._crew:
            process.join(seconds)
            code = process.exitcode
            if code is not None and code < 0 and process not in self._said:
                self._said.add(process)
                log.warning("a worker was ended by %s; its trial goes on", signal.Signals(-code).name)
        return not any(process.is_alive() for process in self._crew)
