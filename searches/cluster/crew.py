"""More trials of one study at once in a Ray cluster: a thread of the driver follows each."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from analysis.quantities import objective
from archspace.support.errors import InputError
from searches.cluster.ray_engine import RayEngine
from searches.config.study import StudyConfig
from searches.study.progress import Doing, Progress, Reporter
from searches.study.rung_trials import spent_by
from searches.study.study import Study

log = logging.getLogger(__name__)


class RayCrew:
    """Threads of this process, each of which follows one trial at a time in the cluster beside the first.

    Args:
        engine: the cluster.
        config: the study.
        opening: opens the study, for each of them.
        shown: whether a live view shows what they do.
    """

    def __init__(
        self, engine: RayEngine, config: StudyConfig, opening: Callable[[], Study], *, shown: bool
    ) -> None:
        self._engine, self._config, self._opening = engine, config, opening
        self._channel: queue.SimpleQueue[Doing] = queue.SimpleQueue()
        self._shown, self._failed = shown, list[BaseException]()
        self._crew = [
            threading.Thread(target=self._work, args=(number,), name=f"ray-{number}", daemon=True)
            for number in range(1, engine.workers)
        ]

    def _work(self, number: int) -> None:
        """Runs trials; what goes wrong here is told by the first thread, which meets it too, and by the log."""
        try:
            study = self._engine.adopted(self._opening())
            objectives = [objective(name) for name in self._config.objectives]
            wanted = self._config.trials + len(self._config.given)
            quiet = Console(quiet=True)
            progress = Progress(objectives, wanted, study.records(), quiet, spent=spent_by(study.sampled))
            if self._shown:
                progress.follow(Reporter(number, self._channel.put))
            try:
                study.run(progress)
            finally:
                study.close()
        except KeyboardInterrupt:
            log.info("worker stopped")
        except InputError as error:
            log.debug("worker ended: %s", error)

    def doing(self) -> Iterator[Doing]:
        """What the threads have said since they were last asked."""
        while not self._channel.empty():
            yield self._channel.get()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Runs them while the block runs; what is left of them is stopped at its end."""
        try:
            for thread in self._crew:
                thread.start()
            yield
        finally:
            self._engine.stopping.set()
            for thread in self._crew:
                if thread.ident is not None:
                    thread.join()

    def join(self, seconds: float) -> bool:
        """Waits so long at most; returns whether all have ended."""
        for thread in self._crew:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._crew)
