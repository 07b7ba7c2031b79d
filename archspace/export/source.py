"""What a format is given: the folded network with named inputs and outputs, and the runs to compare."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archspace.class_names import ClassNames
from archspace.export.deploy import deployed
from archspace.export.flat import Flat, Halved, flattened, freed
from archspace.export.formats.base import Source
from archspace.export.onnx_suppression import suppressed
from archspace.export.program import size_step
from archspace.export.quantisation import Calibration
from archspace.export.samples import TRACED_BATCH, images_by_kind, samples_of
from archspace.export.signature import ANY, ExportOptions
from archspace.export.thresholds import thresholds
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError

COMPARED = 4
"""Calibration images on which INT8 is compared with torch."""


def make_source(
    network: Network,
    real: Tensor | None,
    options: ExportOptions,
    metadata: dict[str, Any],
    calibration: Calibration | None = None,
) -> Source:
    """Returns what formats are given.

    Args:
        network: on the CPU, float32, in eval mode.
        real: (N, C, H, W) preprocessed images, if there are some.
        options: batch, sizes, precision.
        metadata: of :func:`described`; names and shapes of inputs and outputs are added.
        calibration: images for INT8; answers are then compared on real images alone, whose ranges those of noise are
            not.

    Raises:
        FieldError: the real images do not fit, or an option does not fit the task.
    """
    task = network.spec.task
    if options.nms and task != "detection":
        raise FieldError("--nms", task, "is for detectors", "leave it out")
    if options.free_size and task in ("detection", "language"):
        rule = "a detector's boxes are of one size" if task == "detection" else "texts are cut to one length"
        raise FieldError("--input", "any", rule, "leave it out")
    if options.nms and options.batch != 1:
        raise FieldError("--batch", options.batch, "with --nms an image leaves alone", 1)
    form: Flat = flattened(deployed(network))
    inputs = images_by_kind(network, real)
    if options.int8:
        inputs = {"real": inputs["real"] if real is not None else _calibrated(network, calibration)}
    signature = freed(form.signature, options)
    samples = samples_of(flattened(network), inputs, options)
    shown = suppressed(signature) if options.nms else signature
    ports = {
        "inputs": [port.to_dict() for port in shown.inputs],
        "outputs": [port.to_dict() for port in shown.outputs],
    }
    return Source(
        network=network, inputs=inputs, metadata={**metadata, **ports}, options=options,
        form=(Halved(form) if options.half else form).eval(), signature=signature, samples=samples,
        shown=shown, example=_example(form, options), calibration=calibration,
    )  # fmt: skip


def _calibrated(network: Network, calibration: Calibration | None) -> Tensor:
    """The first calibration images, as those on which answers are compared.

    Raises:
        FieldError: there are none, or they have another shape.
    """
    if calibration is None:
        raise FieldError("calibration", None, "INT8 needs images that say its ranges", "a Calibration")
    return images_by_kind(network, calibration.images)["real"][:COMPARED]


def _example(form: Flat, options: ExportOptions) -> tuple[Tensor, ...]:
    """Zeros of the shapes that are traced; where the size is free, of maps with several positions everywhere."""
    batch = TRACED_BATCH if options.batch == ANY else options.batch
    traced = freed(form.signature, ExportOptions(batch=batch))
    shapes = [[int(side) for side in port.shape] for port in traced.inputs]
    if options.free_size:
        step = size_step(form.network)
        shapes[0][2:] = [2 * step, 3 * step]
    return tuple(
        torch.zeros(shape, dtype=getattr(torch, port.dtype))
        for shape, port in zip(shapes, traced.inputs, strict=True)
    )


def described(
    spec: ArchSpec, preprocessing: Preprocessing | None, named: ClassNames | None, options: ExportOptions
) -> dict[str, Any]:
    """Returns what travels in every format that holds metadata."""
    return {
        "arch_id": spec.arch_id, "spec": spec.to_dict(), "task": spec.task,
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
        **({} if named is None else named.to_notes()),
        "thresholds": thresholds(spec.task, options), "precision": options.precision, "nms": options.nms,
    }  # fmt: skip
