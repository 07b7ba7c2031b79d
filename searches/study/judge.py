"""One trial: spec -> cheap constraints -> build -> fit -> evaluate -> measure, as a record. Knows nothing of Optuna."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from analysis.devices.settings import OnProgress, no_progress
from analysis.quantities import QUANTITIES, metrics_of
from analysis.store.fingerprint import DataFingerprint
from analysis.store.records import Measurement, TrialRecord
from archspace.build import build
from archspace.checkpoint import WEIGHTS_FILE, save
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError
from searches.config.parts import Given
from searches.config.recipe import Recipe
from searches.config.study import StudyConfig
from searches.study.data import judged_on
from searches.study.gate import Gate
from searches.study.int8 import int8_metrics
from searches.study.measurer import Measurer
from searches.study.trained import keep_trained, read_trained
from searches.supernet.inherited import Heir
from searches.tasks.base import ImageTask, Task
from searches.tasks.table import make_task
from searches.training.callbacks import Callbacks
from searches.training.history import write_history
from searches.training.loop import Callback, Epoch, fit
from searches.training.resume import StateError, remove_state
from searches.training.steps import TrainingError

log = logging.getLogger(__name__)

ON = ("split", "images", "tokens", "dataset", "fingerprint")
"""What a metric says of the data that it was taken on."""

SAVE_SECONDS = 30.0
"""Seconds between two states of a trial on disk: a shorter trial writes none, unless it pauses at a rung."""

COUNTER = {"counter": "archspace plan", "counts": "convolution, transposed convolution and linear layers"}


def now() -> str:
    """Returns the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def recorder(
    label: str, number: int, seed: int, started: str, given: Given | None, data: Mapping[str, Any]
) -> Callable[..., TrialRecord]:
    """Returns what makes the record of a trial, that began at ``started``, of its remaining fields.

    It was not trained where they say nothing of epochs.
    """

    def make(*, epochs: int | None = 0, **fields: object) -> TrialRecord:
        return TrialRecord(
            label=label, number=number, seed=seed, given=None if given is None else given.name, data=data,
            epochs=epochs, started=started, finished=now(), **fields  # type: ignore[arg-type]
        )  # fmt: skip

    return make


def counted(spec: ArchSpec, wanted: Collection[str] = ()) -> dict[str, Measurement]:
    """Returns what is known of a network before any training.

    Args:
        spec: the network.
        wanted: names of quantities that are counted beside those that every trial records; others are passed over.

    Raises:
        InputError: a quantity's function cannot count the network.
    """
    return {
        name: Measurement(name, one.value_of(spec), one.unit, "counted", COUNTER)
        for name, one in QUANTITIES.items()
        if one.count and (one.always or name in wanted)
    }


class MeasuredElsewhere(Exception):
    """A network is trained and has to be measured by a machine that holds the device."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Trains and measures networks for one study, on data of this fingerprint.

    ``elsewhere``: another machine measures what is trained here. With a ``heir`` none is trained.
    """

    config: StudyConfig
    task: Task
    measurer: Measurer | None
    gate: Gate
    fingerprint: DataFingerprint
    elsewhere: bool = False
    heir: Heir | None = None

    @property
    def data(self) -> dict[str, Any]:
        """What the record of a trial says of its data."""
        return self.fingerprint.record({"train": len(self.task.train), "val": len(self.task.val)})

    def judge(
        self,
        spec: ArchSpec,
        recipe: Recipe,
        seed: int,
        folder: Path,
        callback: Callback,
        *,
        weights: Path | None = None,
        on_progress: OnProgress = no_progress,
    ) -> dict[str, Measurement]:
        """Trains ``spec`` and measures it; weights, history and metric go to ``folder``.

        A network with ``weights`` is evaluated instead of trained, and so are those of a study with a supernet, with
        the weights that they inherit.
        A trial that was killed, or paused (:meth:`rung`), goes on from its state in ``folder``; one that was trained
        before, but not measured because the device was away, is not trained again.
        A study that asks for nothing of a device measures nothing.

        Raises:
            TrainingError: the loss is not finite.
            DeviceAway: the device cannot be reached now.
            MeasuredElsewhere: it is trained, and another machine measures it.
            InputError: the weights are not of this network.
        """
        network, metric = self.obtained(spec, recipe, seed, folder, callback, weights)
        with self.gate.working():
            known = {self.task.metric: metric, **self._further(network, metric)}
        if self.elsewhere:
            raise MeasuredElsewhere
        if self.measurer is not None:
            label = f"trial {folder.name}"
            known |= self.measurer.measured(network, label=label, on_progress=on_progress)
        return known

    def obtained(
        self,
        spec: ArchSpec,
        recipe: Recipe,
        seed: int,
        folder: Path,
        callback: Callback,
        weights: Path | None,
    ) -> tuple[Network, Measurement]:
        """Returns the network with its weights, on the CPU, and its metric; nothing is measured on a device."""
        with self.gate.working():
            if weights is not None:
                return self._evaluated(spec, weights)
            if (known := read_trained(folder, spec, recipe, self.task)) is not None:
                return known
            if self.heir is not None:
                return self._inherited(self.heir, spec, recipe, folder)
            return self._train(spec, recipe, seed, folder, callback)

    def rung(
        self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, callback: Callback, epochs: int
    ) -> dict[str, Measurement]:
        """Trains ``spec`` up to so many epochs and returns what the evaluation says there; nothing is measured.

        The state of the training stays in ``folder``: :meth:`judge` and a later rung go on from it.

        Raises:
            TrainingError: the loss is not finite.
        """
        with self.gate.working():
            network, metric = self._train(spec, recipe, seed, folder, callback, until=epochs)
            return {self.task.metric: metric, **self._further(network, metric)}

    def _further(self, network: Network, metric: Measurement) -> dict[str, Measurement]:
        """What the study asks for of the evaluation, beside its headline.

        Raises:
            FieldError: the evaluation of these data does not yield it.
        """
        wanted = [one for one in metrics_of(self.config.task)[1:] if one.name in self.config.asked]
        taken = replace(metric, how={name: metric.how[name] for name in ON if name in metric.how})
        measurements = int8_metrics(network, self.task, self.config, wanted, taken, self._pause)
        for one in (one for one in wanted if one.name not in measurements):
            value = metric.how.get(one.name)
            if value is None:
                rule = "the evaluation of these data does not yield it"
                raise FieldError("objectives", one.name, rule, self.task.metric)
            measurements[one.name] = replace(taken, name=one.name, value=float(value), unit=one.unit)
        return measurements

    def _train(
        self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, callback: Callback,
        until: int | None = None,
    ) -> tuple[Network, Measurement]:  # fmt: skip
        """Trains to the end, or ``until`` an epoch, and evaluates; weights and history go to ``folder``."""
        network, history = self._fitted(spec, recipe, seed, folder, Callbacks(callback, self.gate), until)
        metric = self._metric(network, self.task, {"seed": seed, "epochs": len(history)}, final=until is None)
        network.cpu().eval()
        write_history(folder, history)
        network.class_names = self.task.class_names
        partly = {} if until is None else {"epochs": until}
        crop = {} if self.config.data.crop == "squash" else {"crop": self.config.data.crop}
        notes = {"study": self.config.name, "seed": seed, "data": self.data, **crop, **partly}
        save(network, folder / WEIGHTS_FILE, preprocessing=self.task.preprocessing, notes=notes)
        if until is None:
            keep_trained(folder, spec, recipe, self.task, metric)
            remove_state(folder)
        return network, metric

    def _inherited(
        self, heir: Heir, spec: ArchSpec, recipe: Recipe, folder: Path
    ) -> tuple[Network, Measurement]:
        """The network with the weights that it inherits, and its metric, a prediction of what training comes to."""
        torch.set_num_threads(self.config.threads)
        judged = heir.asked_for(spec, self._pause)
        network, metric = judged.network, heir.measurement(judged, self._taken({}))
        save(network, folder / WEIGHTS_FILE, preprocessing=network.preprocessing,
             notes={"study": self.config.name, **heir.notes()})  # fmt: skip
        keep_trained(folder, spec, recipe, self.task, metric)
        return network, metric

    def _fitted(
        self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, callback: Callback, until: int | None
    ) -> tuple[Network, list[Epoch]]:
        """The trained network and its epochs; a state that they cannot go on from is none."""
        torch.set_num_threads(self.config.threads)
        while True:
            torch.manual_seed(seed)
            network = build(spec)
            try:
                return network, fit(
                    network, self.task, recipe, seed=seed, device=torch.device(self.config.device), folder=folder,
                    callback=callback, save_seconds=SAVE_SECONDS, save_epochs=False, until=until,
                )  # fmt: skip
            except StateError as error:
                log.warning("trial %s starts again: %s", folder.name, error)
                remove_state(folder)

    def _evaluated(self, spec: ArchSpec, weights: Path) -> tuple[Network, Measurement]:
        """The network of a checkpoint, for the study's image size, and its metric; images are prepared as it says."""
        other = find_network(str(weights), accept="weights", field="weights").load()
        network = build(spec)
        try:
            network.load_state_dict(other.state_dict())
        except RuntimeError:
            rule = (
                f"has the weights of {other.spec.label} for {other.spec.classes} classes, not of {spec.label}"
            )
            raise InputError(f"{weights}: {rule} for {spec.classes}") from None
        task = self.task
        if isinstance(task, ImageTask) and other.preprocessing is not None:
            task = make_task(self.config.task, task.train, task.val, other.preprocessing)
        network.preprocessing = other.preprocessing
        metric = self._metric(network.to(self.config.device), task, {"weights": str(weights)})
        return network.cpu().eval(), metric

    def _metric(
        self, network: Network, task: Task, how: Mapping[str, object], *, final: bool = True
    ) -> Measurement:
        """The metric on the validation split, and how it was taken.

        Raises:
            TrainingError: it is ``final`` and infinite, as the perplexity of a network that has learned nonsense.
        """
        device = torch.device(self.config.device)
        evaluation = task.evaluate(network, task.val, device, on_batch=self._pause)
        if final and math.isinf(evaluation.value):
            raise TrainingError(f"{task.metric} is infinite after training; a smaller lr may help")
        taken = {**self._taken(how), **evaluation.to_dict(), "torch": torch.__version__}
        return Measurement(task.metric, evaluation.value, QUANTITIES[task.metric].unit, "measured", taken)

    def _taken(self, how: Mapping[str, object]) -> dict[str, Any]:
        """What a metric says of the data and the device that it was taken on."""
        config = self.config
        return {
            "split": "val", self.task.counts: len(self.task.val), **judged_on(config),
            "dataset": self.fingerprint.name, "fingerprint": self.fingerprint.splits["val"].short,
            **how, "device": config.device, "threads": config.threads,
        }  # fmt: skip

    def _pause(self, items: int) -> None:
        self.gate.pause()
