"""One trial: spec -> cheap constraints -> build -> fit -> evaluate -> measure, as a record. Knows nothing of Optuna."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from analysis.quantities import QUANTITIES
from analysis.store.records import Measurement
from archspace.build import build
from archspace.checkpoint import WEIGHTS_FILE, load, save
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from searches.config.parts import Bound
from searches.config.recipe import Recipe
from searches.config.study import StudyConfig
from searches.study.measurer import Measurer
from searches.tasks.base import ImageTask
from searches.tasks.table import make_task
from searches.training.history import write_history
from searches.training.loop import Callback, fit

log = logging.getLogger(__name__)

TRAINED_FILE = "trained.json"
"""The metric of a trial that was trained, beside its weights."""

COUNTER = {"counter": "archspace plan", "counts": "convolution, transposed convolution and linear layers"}


def now() -> str:
    """Returns the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


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


def violations(measured: Mapping[str, Measurement], constraints: Mapping[str, Bound]) -> dict[str, float]:
    """By constraint, the relative amount by which it is broken (above 0) or kept (0 or below)."""
    amounts: dict[str, float] = {}
    for name, bound in constraints.items():
        if name not in measured:
            continue
        value = measured[name].value
        if bound.max is not None:
            amounts[f"{name} <= {bound.max:g}"] = (value - bound.max) / max(abs(bound.max), 1e-12)
        if bound.min is not None:
            amounts[f"{name} >= {bound.min:g}"] = (bound.min - value) / max(abs(bound.min), 1e-12)
    return amounts


def broken(
    amounts: Mapping[str, float], measured: Mapping[str, Measurement], constraints: Mapping[str, Bound]
) -> str | None:
    """Returns the broken constraints in words, or ``None``."""
    words = []
    for rule, amount in amounts.items():
        if amount > 0:
            name, sign, _ = rule.split()
            bound = constraints[name].max if sign == "<=" else constraints[name].min
            limit, value = _told_apart(bound or 0.0, measured[name].value)
            words.append(f"{name} {sign} {limit} but is {value}")
    return "constraint " + "; ".join(words) if words else None


def _told_apart(*numbers: float) -> list[str]:
    """Numbers with as few digits, six or more, as show that they differ."""
    for digits in range(6, 18):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if len(set(texts)) == len(texts):
            break
    return texts


@dataclass(frozen=True, slots=True)
class Judge:
    """Trains and measures networks for one study."""

    config: StudyConfig
    task: ImageTask
    measurer: Measurer

    def judge(
        self,
        spec: ArchSpec,
        recipe: Recipe,
        seed: int,
        folder: Path,
        callback: Callback,
        *,
        weights: Path | None = None,
    ) -> dict[str, Measurement]:
        """Trains ``spec`` from scratch and measures it; weights, history and metric go to ``folder``.

        A network with ``weights`` is evaluated instead of trained.
        A trial that was trained before, but not measured because the device was away, is not trained again.

        Raises:
            TrainingError: the loss is not finite.
            DeviceAway: the device cannot be reached now.
            InputError: the weights are not of this network.
        """
        if weights is not None:
            network, metric = self._evaluated(spec, weights)
        else:
            network, metric = self._trained(spec, folder) or self._train(spec, recipe, seed, folder, callback)
        return {self.task.metric: metric, **self._further(metric), **self.measurer.measured(network)}

    def _further(self, metric: Measurement) -> dict[str, Measurement]:
        """What the study asks for of the evaluation, beside its headline.

        Raises:
            FieldError: the evaluation of these data does not yield it.
        """
        asked = dict.fromkeys((*self.config.objectives, *self.config.constraints))
        measurements = {}
        for one in (QUANTITIES[name] for name in asked if name != self.task.metric):
            if one.source != "evaluation":
                continue
            value = metric.how.get(one.name)
            if value is None:
                rule = "the evaluation of these data does not yield it"
                raise FieldError("objectives", one.name, rule, self.task.metric)
            how = {"split": metric.how.get("split")}
            measurements[one.name] = Measurement(one.name, float(value), one.unit, "measured", how)
        return measurements

    def _trained(self, spec: ArchSpec, folder: Path) -> tuple[Network, Measurement] | None:
        """The network and its metric as an earlier process left them in ``folder``."""
        if not (folder / TRAINED_FILE).is_file():
            return None
        data = json.loads((folder / TRAINED_FILE).read_text(encoding="utf-8"))
        try:
            network = load(folder / WEIGHTS_FILE)
        except InputError:
            return None
        return (network, Measurement.from_dict(data["metric"])) if data["arch_id"] == spec.arch_id else None

    def _train(
        self, spec: ArchSpec, recipe: Recipe, seed: int, folder: Path, callback: Callback
    ) -> tuple[Network, Measurement]:
        config, device = self.config, torch.device(self.config.device)
        torch.set_num_threads(config.threads)
        torch.manual_seed(seed)
        network = build(spec)
        history = fit(network, self.task, recipe, seed=seed, device=device, callback=callback)
        epochs = sum(stage.epochs for stage in recipe.plan())
        metric = self._metric(network, self.task, {"seed": seed, "epochs": epochs})
        network.cpu().eval()
        write_history(folder, history)
        save(network, folder / WEIGHTS_FILE, preprocessing=self.task.preprocessing,
             notes={"classes": list(self.task.classes), "study": config.name, "seed": seed,
                    **({} if config.data.crop == "squash" else {"crop": config.data.crop})})  # fmt: skip
        trained = {"arch_id": spec.arch_id, "metric": metric.to_dict()}
        write_text(folder / TRAINED_FILE, json.dumps(trained) + "\n")
        return network, metric

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
        if other.preprocessing is not None:
            task = make_task(self.config.task, self.task.train, self.task.val, other.preprocessing)
        metric = self._metric(network.to(self.config.device), task, {"weights": str(weights)})
        return network.cpu().eval(), metric

    def _metric(self, network: Network, task: ImageTask, how: Mapping[str, object]) -> Measurement:
        """The metric on the validation split, and how it was taken."""
        config = self.config
        evaluation = task.evaluate(network, task.val, torch.device(config.device))
        taken = {
            "split": "val", "images": len(task.val), "layout": config.data.layout,
            "input_size": list(config.input_size), "crop": config.data.crop, **how, "device": config.device,
            "threads": config.threads, **evaluation.to_dict(), "torch": torch.__version__,
        }  # fmt: skip
        return Measurement(task.metric, evaluation.value, QUANTITIES[task.metric].unit, "measured", taken)
