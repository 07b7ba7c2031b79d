"""A latency predictor fitted on a device whose true times are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.predictors.layerwise import fit
from analysis.predictors.record import Calibration, device_key
from archspace.spec.archspec import ArchSpec
from tests.analysis.predictors.devices import REFERENCE_MS, KnownDevice, observed


def calibrated(specs: Sequence[ArchSpec], path: Path | None = None, *, error: float = 0.05) -> Calibration:
    """The predictor of this machine, in the tests' words, fitted on networks; kept at ``path`` where one is given.

    Args:
        error: that it states of itself.
    """
    predictor, _ = fit(observed(KnownDevice(), list(specs)))
    scores = {"networks": len(specs), "rmspe": error}
    made = Calibration(
        device=device_key(), calibrated="2026-01-01T00:00:00+00:00", predictor=predictor, reference_ms=REFERENCE_MS,
        error=scores, blind_error=scores, wall_error=None, fitted_on={"networks": len(specs)},
    )  # fmt: skip
    if path is not None:
        made.write(path)
    return made
