"""Latency as a predictor that ``archspace calibrate`` made says it, where a study measures on its device. No torch."""

from __future__ import annotations

from pathlib import Path

from analysis.predictors.kept import default_file
from analysis.predictors.many import ManyNetworks
from analysis.predictors.record import Calibration, device_key
from archspace.support.errors import FieldError
from searches.config.parts import MeasureConfig

FIELD = "judging.latency"
LATENCY = "latency_ms"


def latency_predictor(name: str, measure: MeasureConfig | None = None) -> ManyNetworks:
    """Returns the predictor in a file, or that of this machine (``cpu``).

    Args:
        measure: how the study measures; the predictor must be of that device. Anything is right if left out.

    Raises:
        FieldError: it is of another device, runtime, precision or number of threads than the study measures with.
        InputError: there is no such predictor.
    """
    path = default_file(name) if name == "cpu" else Path(name).expanduser()
    made = Calibration.read(path)
    if measure is not None:
        _check(name, made, measure)
    return ManyNetworks(made)


def _check(name: str, made: Calibration, measure: MeasureConfig) -> None:
    if measure.device != "cpu":
        rule = f"predicts this machine's CPU; the study measures on {measure.device}"
        raise FieldError(FIELD, name, rule, "measure: {device: cpu}")
    runtime = str(made.device.get("runtime", ""))
    if measure.runtime is not None and not runtime.startswith(measure.runtime):
        rule = f"predicts {runtime}; the study measures with {measure.runtime}"
        raise FieldError(FIELD, name, rule, f"measure: {{runtime: {runtime.split()[0]}}}")
    wanted = {**device_key(measure.threads), "precision": measure.precision}
    differences = made.differences(wanted)
    if differences:
        raise FieldError(
            FIELD, name, f"is of another device: {'; '.join(differences)}", "archspace calibrate here"
        )
