"""The engine that trains a study's networks as tasks of a Ray cluster; only this process touches the storage."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from analysis.store.records import Measurement
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.files import replacing
from archspace.support.interrupts import sigterm_kept
from archspace.support.machine import machine
from searches.cluster.task import Asked, Told, files_in, train
from searches.config.recipe import Recipe
from searches.config.study import StudyConfig
from searches.study.joining import made_with
from searches.study.judge import Judge
from searches.study.study import Study
from searches.study.trained import read_trained
from searches.training.loop import Callback
from searches.training.resume import STATE_FILE, remove_state
from searches.training.steps import TrainingError

log = logging.getLogger(__name__)

POLL_S = 0.2
"""Between two looks at whether a task has told something, and whether it is still wanted."""

TOKEN = Path("~/.ray/auth_token")
"""Where Ray keeps what lets a driver of this user into the clusters that it has started."""

MOST_LOSSES = 3
"""A trial whose node is lost so often in a row without a new state has failed: it may be what kills them."""


@dataclass(slots=True)
class RayEngine:
    """A connection to a Ray cluster.

    Attributes:
        workers: trials at a time.
        stopping: set when the study ends here.
    """

    workers: int
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextmanager
    def connected(
        cls, config: StudyConfig, address: str | None, *, every: bool = False
    ) -> Iterator[RayEngine]:
        """Connects to a cluster while the block runs, or starts one on this machine.

        Args:
            config: the study.
            address: of the cluster, ``auto`` for the one that this machine is part of; one of its own if ``None``.
            every: run as many trials at a time as the cluster has room for, instead of the study's ``workers``.

        Raises:
            FieldError: Ray is missing, there is no such cluster, or it has no room for one trial.
        """
        if config.judging.supernet is not None:
            raise FieldError(
                "--engine", "ray", "networks that inherit their weights are judged in seconds here", "local"
            )
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of a study goes to anybody
        if address is not None and TOKEN.expanduser().is_file():
            os.environ.setdefault("RAY_AUTH_MODE", "token")  # which is what 'ray start' asks for by itself
        try:
            import ray
        except ImportError:
            raise FieldError(
                "--engine", "ray", "Ray is not installed", "pip install 'archspace[ray]'"
            ) from None
        alone = not ray.is_initialized()
        if alone:
            try:
                with sigterm_kept():  # Ray's own handler prints a trace and aborts
                    ray.init(
                        address=address or "local", include_dashboard=False, log_to_driver=False,
                        logging_level=logging.ERROR,
                    )  # fmt: skip
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = str(error).splitlines()[0]
                raise FieldError("--address", address, f"no Ray cluster answers: {reason}", "auto") from None
        try:
            room = _room(config, ray.cluster_resources())  # type: ignore[no-untyped-call]
            yield cls(room if every else config.workers)
        finally:
            if alone:
                ray.shutdown()

    def adopted(self, study: Study) -> Study:
        """Returns the study with a judge that has its networks trained in the cluster."""
        given = {one.name: getattr(study.judge, one.name) for one in fields(Judge)}
        return replace(study, judge=RayJudge(**given, engine=self, run=study.folder))


def _room(config: StudyConfig, resources: Mapping[str, float]) -> int:
    """How many trials of a study a cluster has room for.

    Raises:
        FieldError: for none.
    """
    room = int(resources.get("CPU", 0)) // config.threads
    if not room:
        most = int(resources.get("CPU", 0))
        raise FieldError("threads", config.threads, f"the Ray cluster has {most} CPUs in all", max(1, most))
    if config.device.startswith("cuda"):
        room = min(room, int(resources.get("GPU", 0)))
        if not room:
            raise FieldError("device", config.device, "the Ray cluster has no GPU", "cpu")
    return room


@dataclass(frozen=True, slots=True)
class RayJudge(Judge):
    """Has networks trained by tasks of a Ray cluster, and measures them here.

    ``engine``: the cluster; ``run``: the run folder.
    """

    engine: RayEngine = field(kw_only=True)
    run: Path = field(kw_only=True)

    def obtained(
        self,
        spec: ArchSpec,
        recipe: Recipe,
        seed: int,
        folder: Path,
        callback: Callback,
        weights: Path | None,
    ) -> tuple[Network, Measurement]:
        """See :class:`Judge`; given weights are evaluated here."""
        if weights is not None:
            return self._evaluated(spec, weights)
        if (known := read_trained(folder, spec, recipe, self.task)) is None:
            self._remote(spec, recipe, seed, folder, callback, None)
            remove_state(folder)
            known = read_trained(folder, spec, recipe, self.task)
        if known is None:
            raise TrainingError("what came back of the training is not of this trial")
        return known

    def rung(
        self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, callback: Callback, epochs: int
    ) -> dict[str, Measurement]:
        """See :class:`Judge`."""
        return self._remote(spec, recipe, seed, folder, callback, epochs)

    def _remote(
        self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, callback: Callback, until: int | None
    ) -> dict[str, Measurement]:
        """Trains in the cluster, again and again where nodes are lost, each time from the last state that came back."""
        losses = 0
        while True:
            asked = self._asked(spec, recipe, seed, folder, until)
            lost, came = self._followed(asked, folder, callback)
            if lost is None:
                return {name: Measurement.from_dict(one) for name, one in (came or {}).items()}
            losses = 1 if (folder / STATE_FILE).is_file() and came is not None else losses + 1
            if losses >= MOST_LOSSES:
                raise RuntimeError(f"its node was lost {losses} times in a row: {lost}")
            log.warning("trial %s: its node was lost (%s); it goes on from its last state", folder.name, lost)

    def _asked(self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, until: int | None) -> Asked:
        device = "cuda" if self.config.device.startswith("cuda") else self.config.device
        study = self.config.model_dump(mode="json") | {"device": device, "workers": 1}
        return Asked(
            study=json.dumps(study), made_with=made_with(), data=self.fingerprint.to_dict(), machine=machine(),
            run=str(self.run.absolute()), label=folder.name, spec=spec.to_dict(),
            recipe=recipe.model_dump(mode="json"), seed=seed, until=until, files=files_in(folder),
        )  # fmt: skip

    def _followed(
        self, asked: Asked, folder: Path, callback: Callback
    ) -> tuple[str | None, Mapping[str, Any] | None]:
        """Runs one task to its end.

        Returns:
            Why its node was lost, else ``None``; and what the training came to. Of a lost one, not ``None`` where a
            state came back before.

        Raises:
            InputError: a node cannot do what was asked.
            RuntimeError: the training failed.
        """
        import ray

        gpus = 1 if self.config.device.startswith("cuda") else 0
        task = ray.remote(num_cpus=self.config.threads, num_gpus=gpus, max_retries=0)(train)
        parts: Any
        parts, came = task.options(num_returns="streaming", name=f"trial {asked.label}").remote(asked), False
        try:
            while True:
                callback.pause()
                if self.engine.stopping.is_set():
                    raise KeyboardInterrupt
                ready, _ = ray.wait([parts], timeout=POLL_S, fetch_local=False)
                if not ready:
                    continue
                told: Told = ray.get(next(parts))
                _write(folder, told.files)
                came = came or bool(told.files)
                if told.error is not None:
                    raise _raised(*told.error)
                if told.measurements is not None:
                    return None, told.measurements
                _passed_on(told, callback)
        except (ray.exceptions.RayTaskError, StopIteration) as error:
            raise InputError(
                f"Ray: a node cannot run archspace: {str(error).strip().splitlines()[-1]}"
            ) from None
        except ray.exceptions.RayError as error:
            return str(error).strip().splitlines()[0], {} if came else None
        except BaseException:
            ray.cancel(parts, force=True)
            raise


def _passed_on(told: Told, callback: Callback) -> None:
    if told.begun is not None:
        callback.begun(told.begun)
    if told.step is not None:
        callback.step(told.step)
    if told.epoch is not None:
        callback.epoch(told.epoch)


def _raised(kind: str, text: str) -> Exception:
    """What the training failed by, as if it had been trained here."""
    if not kind:
        return InputError(text)
    if kind == TrainingError.__name__:
        return TrainingError(text)
    return RuntimeError(text) if kind == "RuntimeError" else RuntimeError(f"{kind}: {text}")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if Path(name).name == name:
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
