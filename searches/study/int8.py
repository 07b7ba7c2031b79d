"""What the INT8 form of a trial's network comes to on the validation split."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from analysis.quantities import Quantity
from analysis.store.records import Measurement
from archspace.export.formats import FORMATS
from archspace.export.formats.base import check_formats
from archspace.export.onnx_network import RunnerNetwork
from archspace.export.quantisation import USUAL_IMAGES
from archspace.export.signature import ExportOptions
from archspace.export.source import make_source
from archspace.network import Network
from searches.config.study import INT8_FORMATS, StudyConfig
from searches.tasks.base import ImageTask, Task
from searches.tasks.table import make_task
from searches.training.int8 import calibration_of


def int8_metrics(
    network: Network, task: Task, config: StudyConfig, wanted: Sequence[Quantity], metric: Measurement,
    on_batch: Callable[[int], None] = lambda items: None,
) -> dict[str, Measurement]:  # fmt: skip
    """Returns what a study asks of the INT8 form: exported for the study's runtime, calibrated on training images.

    Args:
        network: trained.
        task: its data.
        config: the study; its runtime says the form.
        wanted: quantities; those that are ``int8_of`` a metric of the task are taken.
        metric: of the network itself: the data that it was taken on, and whether it was measured.
        on_batch: told how many images a batch had.

    Raises:
        InputError: the network has no such form, or the training images are too few.
    """
    wanted = [one for one in wanted if one.int8_of]
    if not wanted:
        return {}
    assert isinstance(task, ImageTask), "a text has no such metric"
    if network.preprocessing is not None:
        task = make_task(config.task, task.train, task.val, network.preprocessing)
    format = INT8_FORMATS[config.measure.runtime]
    options = ExportOptions(precision="int8")
    check_formats({format: FORMATS[format]}, options, config.task)
    calibration = calibration_of(task.train, task, USUAL_IMAGES)
    with tempfile.TemporaryDirectory(prefix="archspace-int8-") as folder:
        source = make_source(network.cpu().float().eval(), None, options, {}, calibration)
        written = FORMATS[format].write(source, Path(folder))
    assert written.quantised is not None, "INT8 was asked for"
    answering = RunnerNetwork(network.spec, written.quantised.after)
    evaluation = task.evaluate(answering, task.val, torch.device("cpu"), on_batch=on_batch)
    runtime = next(iter(written.agreements.values())).runtime
    taken = {
        **metric.how, "form": f"{format}, convolutions and linear layers INT8", "runtime": runtime,
        "calibration_images": len(calibration.images),
    }  # fmt: skip
    return {
        one.name: Measurement(one.name, evaluation.values[one.int8_of], one.unit, metric.origin, taken)
        for one in wanted
    }
