"""One trial: spec -> cheap constraints -> build -> fit -> evaluate -> measure, as a record. Knows nothing of Optuna."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from analysis.complexity import count
from analysis.devices.base import Settings
from analysis.devices.local import LocalDevice
from analysis.devices.target import Target
from analysis.records import OBJECTIVES, Measurement
from archspace.build import build
from archspace.checkpoint import save
from archspace.spec import ArchSpec
from searches.config import Bound, StudyConfig
from searches.tasks.base import Task
from searches.training.history import write_history
from searches.training.loop import Watch, fit

log = logging.getLogger(__name__)

COUNTER = {"counter": "archspace plan", "counts": "convolution, transposed convolution and linear layers"}


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def counted(spec: ArchSpec) -> dict[str, Measurement]:
    """What is known of a network before any training."""
    cost = count(spec)
    numbers = {"macs": cost.macs, "params": cost.params, "memory": cost.activation_bytes}
    return {
        name: Measurement(name, float(value), OBJECTIVES[name].unit, "counted", COUNTER)
        for name, value in numbers.items()
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


def broken(amounts: Mapping[str, float], measured: Mapping[str, Measurement]) -> str | None:
    """The broken constraints in words, or ``None``."""
    words = [
        f"{rule} but is {measured[rule.split()[0]].value:g}" for rule, amount in amounts.items() if amount > 0
    ]
    return "constraint " + "; ".join(words) if words else None


@dataclass(frozen=True, slots=True)
class Judge:
    """Trains and measures networks for one study."""

    config: StudyConfig
    task: Task

    def judge(self, spec: ArchSpec, seed: int, folder: Path, watch: Watch) -> dict[str, Measurement]:
        """Trains ``spec`` from scratch and measures it; weights and history go to ``folder``.

        Raises:
            TrainingError: the loss is not finite.
        """
        config, device = self.config, torch.device(self.config.device)
        torch.set_num_threads(config.threads)
        torch.manual_seed(seed)
        network = build(spec)
        history = fit(network, self.task, config.training, seed=seed, device=device, watch=watch)
        found = self.task.evaluate(network, self.task.val, device)
        how = {
            "split": "val", "images": len(self.task.val), "layout": config.data.layout, "seed": seed,
            "epochs": config.training.epochs, "device": config.device, "threads": config.threads,
            **found.to_dict(), "torch": torch.__version__,
        }  # fmt: skip
        metric = Measurement(self.task.metric, found.value, "%", "measured", how)
        network.cpu().eval()
        target = Target(
            label=spec.label, arch_id=spec.arch_id, input_size=spec.input_size, channels=spec.channels,
            network=network,
        )  # fmt: skip
        settings = Settings(
            threads=config.latency.threads,
            warmup=config.latency.warmup,
            runs=config.latency.runs,
            power=False,
        )
        latency = LocalDevice("cpu").measure(target, settings).measurements()["latency_ms"]
        write_history(folder, history)
        save(network, folder / "weights.safetensors", preprocessing=self.task.preprocessing,
             notes={"classes": list(self.task.classes), "study": config.name, "seed": seed})  # fmt: skip
        return {self.task.metric: metric, "latency_ms": latency}
