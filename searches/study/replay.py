"""A trial trained once more from its record alone, and compared bit by bit with what the study kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis.store.fingerprint import read_fingerprint
from analysis.store.picks import pick_trial
from analysis.store.records import TrialRecord
from analysis.store.runs import TRIALS_FOLDER, read_run
from archspace.checkpoint import WEIGHTS_FILE, load
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from searches.config.recipe import Recipe
from searches.config.source import read_study
from searches.config.study import StudyConfig
from searches.data.kept import refuse_other_data
from searches.study.data import fingerprinted, open_data, task_on
from searches.study.gate import Gate
from searches.study.judge import Judge
from searches.supernet.inherited import heir_of
from searches.training.device import check_device
from searches.training.loop import Callback


@dataclass(frozen=True, slots=True)
class Replay:
    """What training a trial again came to.

    Attributes:
        label: of the trial.
        metric: name of what it is judged by.
        kept, again: its values in the record and now.
        differing: names of the tensors of the weights that are not the same bit by bit; ``None`` where the study's
            weights are gone.
        largest: the largest difference of a weight.
        changed: what differs from when the study trained it, by name: then and now.
        epochs: at which it was stopped and is compared; ``None`` for one that was trained in full.
    """

    label: str
    metric: str
    kept: float
    again: float
    differing: tuple[str, ...] | None
    largest: float
    changed: Mapping[str, tuple[Any, Any]]
    epochs: int | None = None

    @property
    def same(self) -> bool:
        """Whether all that was kept came out again."""
        return self.kept == self.again and not self.differing


def replay(run: Path, pick: str, changes: Mapping[str, Any], callback: Callback) -> Replay:
    """Trains a trial again, in a temporary folder, and returns how it compares; nothing of the run is changed.

    It is trained without a pause, also one that had paused at rungs; one that was stopped, up to where it was.

    Args:
        run: the study's run folder.
        pick: a trial's label, or ``knee``, ``best``; of a network that came twice, the trial that was trained.
        changes: values that replace the study's, by dotted field (``data.root``, ``device``, ``threads``).

    Raises:
        InputError: no such run or trial, it was not trained, or the data are others.
    """
    config, folder = read_study(str(run), changes, None)
    record = pick_trial(read_run(folder), pick, {}, partly=True)
    recipe = trained_by(config, record)
    check_device(config.device)
    sources = open_data(config)
    data, held = fingerprinted(config, sources), read_fingerprint(folder, items=True)
    if held is not None:
        refuse_other_data(str(folder), held, data, "; --data says where they are")
    task = task_on(config, sources)
    epochs = record.epochs if record.state == "stopped" else None
    measured = record.measurements[task.metric] if epochs is None else record.rungs[str(epochs)]
    assert record.spec is not None and record.seed is not None
    with tempfile.TemporaryDirectory(prefix="archspace-replay-") as scratch:
        spec = ArchSpec.from_dict(dict(record.spec))
        heir = heir_of(config, task, data, [spec])
        judge = Judge(config, task, None, Gate(Path(scratch)), data, heir=heir)
        place = Path(scratch) / record.label
        if epochs is None:
            known = judge.judge(spec, recipe, record.seed, place, callback)
        else:
            known = judge.rung(spec, recipe, record.seed, place, callback, epochs)
        differing, largest = _compared(
            folder / TRIALS_FOLDER / record.label / WEIGHTS_FILE, place / WEIGHTS_FILE
        )
    now = known[task.metric]
    changed = {
        name: (measured.how[name], now.how[name])
        for name in ("torch", "device", "threads")
        if name in measured.how and measured.how[name] != now.how[name]
    }
    return Replay(record.label, task.metric, measured.value, now.value, differing, largest, changed, epochs)


def trained_by(config: StudyConfig, record: TrialRecord) -> Recipe:
    """Returns the recipe that a trial was trained by.

    Raises:
        InputError: it was not trained, but evaluated with given weights.
    """
    if record.given is None:
        return config.training
    given = next((one for one in config.reference if one.name == record.given), None)
    if given is None:
        raise InputError(f"trial {record.label}: the study has no given network {record.given!r}")
    if given.weights is not None:
        rule = f"was not trained, its weights are {given.weights}; 'archspace evaluate' judges them again"
        raise InputError(f"trial {record.label}: {rule}")
    return config.recipe_of(given)


def _compared(kept: Path, again: Path) -> tuple[tuple[str, ...] | None, float]:
    """Tensors that differ between two checkpoints of one network, and the largest difference."""
    if not kept.is_file():
        return None, 0.0
    ours, theirs = load(kept).state_dict(), load(again).state_dict()
    differing = tuple(name for name, tensor in ours.items() if not torch.equal(tensor, theirs[name]))
    largest = max((float((ours[name] - theirs[name]).abs().max()) for name in differing), default=0.0)
    return differing, largest
