"""What INT8 needs of data, and what it costs and gains: calibration images, the metric before and after, latency."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from analysis.quantities import QUANTITIES
from analysis.store.environment import cpu_model
from archspace.export.agreement import Runner
from archspace.export.onnx_network import RunnerNetwork
from archspace.export.quantisation import LEAST_IMAGES, Calibration, Quantised
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.spec.named import NamedNetwork
from archspace.support.errors import FieldError
from searches.config.training import TrainData
from searches.data.dataset import Split
from searches.tasks.base import ImageTask
from searches.training.evaluate import images_task, usual_crop
from searches.training.layout import layout_for

WARMUP, PAIRS = 5, 50
"""Untimed runs of each form, and pairs of timed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The data on which INT8 is judged.

    Attributes:
        task: with the split.
        about: split, data, number of images.
    """

    task: ImageTask
    about: dict[str, Any]


def calibration_of(
    split: Split, task: ImageTask, images: int, about: dict[str, Any] | None = None
) -> Calibration:
    """Returns so many images of a split as the network reads them, spread over the classes.

    Raises:
        FieldError: these are fewer than INT8 needs.
    """
    count = min(images, len(split))
    if count < LEAST_IMAGES:
        what = "--calibrate" if images < LEAST_IMAGES else "calibration"
        rule = f"too few images to calibrate INT8 (the split has {len(split)})"
        raise FieldError(what, count, rule, f"at least {LEAST_IMAGES}")
    pixels = np.asarray(split.head(count).images)
    return Calibration(images=task.preprocessing.apply(pixels), about=about or {})


def calibrated(named: NamedNetwork, network: Network, data: TrainData, images: int) -> Calibration:
    """Returns images of the training split of a network's data.

    Raises:
        InputError: the data cannot be used, or are too few.
    """
    task, about = _opened(named, network, data, "train")
    return calibration_of(task.train, task, images, {"split": "train", "dataset": about["data"]["name"]})


def judged_on(named: NamedNetwork, network: Network, data: TrainData, split: str) -> Judged:
    """Returns a split of a network's data.

    Raises:
        InputError: the data cannot be used.
    """
    task, about = _opened(named, network, data, split)
    return Judged(
        task=task, about={"split": split, "images": len(task.val), "dataset": about["data"]["name"]}
    )


def _opened(
    named: NamedNetwork, network: Network, data: TrainData, split: str
) -> tuple[ImageTask, dict[str, Any]]:
    layout = layout_for(network.spec.task, data)
    return images_task(named.text, network, layout, data, split, usual_crop(named, network))


def judgement(
    spec: ArchSpec,
    batch: int,
    on: Judged,
    quantised: Quantised,
    tell: Callable[[str], object] = lambda now: None,
) -> dict[str, Any]:
    """Returns the metric and the latency of a network before and after INT8, as plain data for the card.

    The latency is of one batch on one thread, both forms in turns in this process.

    Args:
        spec: of the network.
        batch: of its files; of a free one, 1.
        on: what it is judged on.
        quantised: before and after.
        tell: told what is being done.
    """
    cpu = torch.device("cpu")
    metric: dict[str, Any] = {"name": on.task.metric, "unit": QUANTITIES[on.task.metric].unit, **on.about}
    for name, run in (("before", quantised.before), ("after", quantised.after)):
        tell(f"{on.task.metric} {name} INT8")
        metric[name] = on.task.evaluate(RunnerNetwork(spec, run, batch), on.task.val, cpu).value
    tell("latency before and after INT8, in turns")
    image = torch.randn(batch, spec.channels, *spec.input_size).numpy()
    return {"metric": metric, "latency_ms": _in_turns(quantised.before, quantised.after, (image,))}


def _in_turns(before: Runner, after: Runner, inputs: Any) -> dict[str, Any]:
    """Medians, spreads and the median of the ratios of pairs."""
    times: dict[str, list[float]] = {"before": [], "after": []}
    for i in range(WARMUP + PAIRS):
        for name, run in (("before", before), ("after", after)):
            start = time.perf_counter_ns()
            run(inputs)
            if i >= WARMUP:
                times[name].append((time.perf_counter_ns() - start) / 1e6)
    pairs = np.array([times["before"], times["after"]])
    low, middle, high = np.percentile(pairs, (25, 50, 75), axis=1)
    return {
        "before": middle[0], "after": middle[1], "interquartile_range": (high - low).tolist(),
        "ratio": float(np.median(pairs[0] / pairs[1])), "n": PAIRS, "threads": 1, "device": cpu_model(),
    }  # fmt: skip
