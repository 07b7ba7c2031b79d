"""The proof of an export: what was written answers every sample as torch does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.export.agreement import (
    TOLERANCES,
    Agreement,
    ExportError,
    Runner,
    Sample,
)
from archspace.export.formats.base import Source


def compared(
    source: Source, run: Runner, runtime: str, *, version: str = "", tolerance: float | None = None
) -> dict[str, Agreement]:
    """Returns how ``run`` agrees with torch on every kind of input.

    Args:
        source: what is exported, with samples.
        run: answers one sample.
        runtime: its name, for the message and the card.
        version: of the runtime, for the card.
        tolerance: left out, that of the precision.

    Raises:
        ExportError: an answer has another shape, or differs by more than the tolerance.
    """
    limit = tolerance or TOLERANCES[source.options.precision]
    named = f"{runtime} {version}".strip()
    agreements = {}
    for kind, samples in source.samples.items():
        worst: Agreement | None = None
        same = []
        for sample in samples:
            one = _one(source, sample, _answers(run, sample, runtime), limit, named)
            same.append(one.same_class)
            if worst is None or not one.share <= worst.share:
                worst = one
        assert worst is not None
        images = sum(sample.inputs[0].shape[0] for sample in samples)
        agreements[kind] = Agreement(
            images, worst.max_difference, worst.max_output, min(1.0, float(np.mean(same))), worst.tolerance,
            named, worst.output,
        )  # fmt: skip
        if not agreements[kind].holds:
            raise ExportError(_refusal(runtime, kind, agreements[kind]))
    return agreements


def _answers(run: Runner, sample: Sample, runtime: str) -> Sequence[NDArray[Any]]:
    try:
        return run(sample.inputs)
    except ExportError:
        raise
    except Exception as error:  # every runtime has errors of its own
        reason = " ".join(str(error).split())[-300:]
        raise ExportError(
            f"export: {runtime} cannot run what was written: {reason}; nothing was written"
        ) from error


def _one(
    source: Source, sample: Sample, answers: Sequence[NDArray[Any]], limit: float, runtime: str
) -> Agreement:
    ports = source.signature.outputs
    worst: Agreement | None = None
    same = 1.0
    for port, ours, theirs in zip(ports, sample.outputs, answers, strict=True):
        if ours.shape != theirs.shape:
            shapes = f"{tuple(theirs.shape)} in {runtime}, {tuple(ours.shape)} in torch"
            raise ExportError(f"export: the {port.name} differ in shape: {shapes}")
        if port.classes is not None:
            same = min(same, float((ours.argmax(port.classes) == theirs.argmax(port.classes)).mean()))
        difference = float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max(initial=0.0))
        largest = float(np.abs(ours).max(initial=0.0))
        name = port.name if len(ports) > 1 else ""
        one = Agreement(1, difference, largest, same, limit * port.slack, runtime, name)
        if worst is None or not one.share <= worst.share:
            worst = one
    assert worst is not None
    return Agreement(1, worst.max_difference, worst.max_output, same, worst.tolerance, runtime, worst.output)


def _refusal(runtime: str, kind: str, one: Agreement) -> str:
    where = f" in {one.output}" if one.output else ""
    return (
        f"export: {runtime} differs from torch on {kind} input by {one.max_difference:.3g}{where}, "
        f"{one.relative:.3g} of the largest output; must be at most {one.tolerance:g} of it; nothing was written"
    )
