"""What a node of a Ray cluster does for a study: it trains one network and tells its driver how far it is.

It never touches the study's storage. What a training needs comes with the task, what it leaves goes back in parts: an
epoch, a state to go on from, at last the weights with their metric.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from analysis.store.fingerprint import DataFingerprint
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.machine import machine
from archspace.support.plugins import load_plugins
from searches.config.recipe import Recipe
from searches.config.study import parse_config
from searches.data.kept import refuse_other_data
from searches.study.data import fingerprinted, open_data, task_on
from searches.study.files import OWN
from searches.study.gate import Gate
from searches.study.joining import same_code
from searches.study.judge import Judge
from searches.training.loop import Callback, Epoch, Step
from searches.training.resume import STATE_FILE

STEP_S = 0.5
"""Between two words on how far a training is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A training that a node is asked for.

    Attributes:
        study: fields of the study, as JSON.
        made_with: code and plug-ins of the driver.
        data: fingerprint of the study's data, as plain data.
        run, machine: the driver's run folder and machine: a node there waits while it measures.
        label: of the trial.
        spec, recipe, seed: what is trained how.
        until: pause after so many epochs; to the end if ``None``.
        files: what the trial's folder holds, by name.
    """

    study: str
    made_with: Mapping[str, Any]
    data: Mapping[str, Any]
    run: str
    machine: str
    label: str
    spec: Mapping[str, Any]
    recipe: Mapping[str, Any]
    seed: int
    until: int | None
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a node tells.

    Attributes:
        begun: the epochs that were done before, when a training begins.
        step, epoch: a step or an epoch that was done.
        files: of the trial's folder, by name: a state to go on from; at the end all that the training left.
        measurements: what the end came to, as plain data.
        error: how the training failed: kind and text; the kind is empty where what was asked for cannot be done here.
    """

    begun: Sequence[Epoch] | None = None
    step: Step | None = None
    epoch: Epoch | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    measurements: Mapping[str, Any] | None = None
    error: tuple[str, str] | None = None


def train(asked: Asked) -> Iterator[Told]:
    """Trains a network and yields what is to be told; the last says how it ended."""
    said: SimpleQueue[Told] = SimpleQueue()
    worker = threading.Thread(target=_train, args=(asked, said), daemon=True)
    worker.start()
    while True:
        told = said.get()
        yield told
        if told.error is not None or told.measurements is not None:
            return


def _train(asked: Asked, said: SimpleQueue[Told]) -> None:
    try:
        load_plugins(asked.made_with.get("plugins") or {})
        same_code(asked.label, asked.made_with)
        judge = judge_of(
            asked.study, json.dumps(asked.data), asked.run if asked.machine == machine() else None
        )
        with tempfile.TemporaryDirectory(prefix="archspace-") as scratch:
            folder = Path(scratch) / asked.label
            folder.mkdir()
            for name, content in asked.files.items():
                (folder / name).write_bytes(content)
            spec, recipe = ArchSpec.from_dict(asked.spec), Recipe.model_validate(asked.recipe)
            teller = _Teller(folder, said)
            if asked.until is None:
                _, metric = judge.obtained(spec, recipe, asked.seed, folder, teller, None)
                known = {metric.name: metric}
            else:
                known = judge.rung(spec, recipe, asked.seed, folder, teller, asked.until)
            plain = {name: one.to_dict() for name, one in known.items()}
            said.put(Told(files=files_in(folder), measurements=plain))
    except InputError as error:
        said.put(Told(error=("", str(error))))
    except Exception as error:  # whatever it is, the driver says it and goes on with other trials
        said.put(Told(error=(type(error).__name__, str(error))))


@functools.lru_cache(maxsize=1)
def judge_of(study: str, data: str, run: str | None) -> Judge:
    """Returns what trains networks of a study in this process; its data are opened once and compared.

    Args:
        study: its fields, as JSON.
        data: fingerprint of its data, as JSON.
        run: the driver's run folder if this is the driver's machine.

    Raises:
        InputError: the data are missing here, or are other ones.
    """
    config = parse_config(json.loads(study))
    sources = open_data(config)
    known, here = DataFingerprint.from_dict(json.loads(data)), fingerprinted(config, sources)
    refuse_other_data(f"the study {config.name}", known, here, instead="")
    gate = Gate(
        Path(run) if run is not None else Path(tempfile.gettempdir()) / f"archspace-ray-{os.getuid()}"
    )
    return Judge(config, task_on(config, sources), None, gate, known)


def files_in(folder: Path) -> dict[str, bytes]:
    """Returns the files of a trial's folder that are not of one machine alone, by name."""
    paths = sorted(folder.glob("*")) if folder.is_dir() else []
    return {
        path.name: path.read_bytes()
        for path in paths
        if path.is_file() and path.name not in OWN and not path.name.startswith(".")
    }


class _Teller(Callback):
    """Tells of a training in another process; sends a new state as soon as it is on the disk."""

    def __init__(self, folder: Path, said: SimpleQueue[Told]) -> None:
        self._state, self._said = folder / STATE_FILE, said
        self._sent, self._last = self._stamp(), 0.0

    def begun(self, done: Sequence[Epoch]) -> None:
        self._said.put(Told(begun=tuple(done)))

    def step(self, step: Step) -> None:
        now = time.monotonic()
        if now - self._last > STEP_S:
            self._last = now
            self._said.put(Told(step=step))
        self._send()

    def epoch(self, epoch: Epoch) -> None:
        self._said.put(Told(epoch=epoch))
        self._send()

    def _send(self) -> None:
        if (stamp := self._stamp()) != self._sent:
            self._sent = stamp
            self._said.put(Told(files={STATE_FILE: self._state.read_bytes()}))

    def _stamp(self) -> int | None:
        return self._state.stat().st_mtime_ns if self._state.is_file() else None
