"""More processes on one study: each claims trials of its own and ends with its parent."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from analysis.quantities import objective
from searches.config.study import StudyConfig
from searches.study.disk import full_disk_as_one_line
from searches.study.progress import Progress
from searches.training.loop import Epoch


class OrphanProgress(Progress):
    """Progress that ends the process when its parent is gone."""

    parent = 0

    def epoch(self, epoch: Epoch) -> None:
        """An epoch ended; so does the process if nobody waits for it."""
        if os.getppid() != self.parent:
            os._exit(1)
        super().epoch(epoch)


def _work(config: StudyConfig, folder: Path, parent: int, tensorboard: bool) -> None:
    """A worker process; what goes wrong here is told by the first process, which meets it too, and by the log."""
    from archspace.support.errors import InputError
    from archspace.support.plugins import load_plugins
    from searches.training.logs import log_to

    log_to(folder)
    log = logging.getLogger("searches")
    try:
        load_plugins(one.module for one in config.plugins)
        from searches.study.study import Study

        with full_disk_as_one_line(folder):
            study = Study.open(config, folder, tensorboard=tensorboard)
            objectives = [objective(name) for name in config.objectives]
            wanted = config.trials + len(config.given)
            progress = OrphanProgress(objectives, wanted, study.records(), Console(quiet=True))
            progress.parent = parent
            study.run(progress)
    except KeyboardInterrupt:
        log.info("worker stopped")
    except InputError as error:
        log.error("worker ended: %s", error)


@contextmanager
def extra_workers(config: StudyConfig, folder: Path, *, tensorboard: bool = False) -> Iterator[None]:
    """The study's other worker processes, each with as many threads as the study says; joined at the end."""
    context = multiprocessing.get_context("spawn")
    arguments = (config, folder, os.getpid(), tensorboard)
    crew = [context.Process(target=_work, args=arguments) for _ in range(config.workers - 1)]
    try:
        for process in crew:
            process.start()
        yield
        for process in crew:
            process.join()
    finally:
        for process in crew:
            if process.is_alive():
                process.terminate()
