"""More processes on one study: each claims trials of its own and ends with its parent."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from analysis.records import objective
from searches.config import StudyConfig
from searches.progress import Progress
from searches.training import Epoch


class OrphanProgress(Progress):
    """Progress that ends the process when its parent is gone."""

    parent = 0

    def epoch(self, epoch: Epoch) -> None:
        """An epoch ended; so does the process if nobody waits for it."""
        if os.getppid() != self.parent:
            os._exit(1)
        super().epoch(epoch)


def _work(config: StudyConfig, folder: Path, parent: int) -> None:
    from searches.logs import log_to
    from searches.study import Study

    log_to(folder)
    study = Study.open(config, folder)
    objectives = [objective(name) for name in config.objectives]
    progress = OrphanProgress(objectives, config.trials, study.records(), Console(quiet=True))
    progress.parent = parent
    try:
        study.run(progress)
    except KeyboardInterrupt:
        logging.getLogger("searches").info("worker stopped")


@contextmanager
def extra_workers(config: StudyConfig, folder: Path) -> Iterator[None]:
    """The study's other worker processes, each with as many threads as the study says; joined at the end."""
    context = multiprocessing.get_context("spawn")
    crew = [
        context.Process(target=_work, args=(config, folder, os.getpid())) for _ in range(config.workers - 1)
    ]
    for process in crew:
        process.start()
    try:
        yield
        for process in crew:
            process.join()
    finally:
        for process in crew:
            if process.is_alive():
                process.terminate()
