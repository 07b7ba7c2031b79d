"""A layer-wise predictor as it is kept: for which device, its error on networks it never saw, and when. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.predictors.layerwise import Layerwise
from analysis.store.environment import cpu_model, package_version
from analysis.store.records import Measurement
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.text_files import parse_json

FORMAT = 1
NAME = "layerwise"
QUANTITY = (
    "CPU time of the one thread that runs the network, median of runs, while a reference network takes its time of a "
    "quiet machine: wall latency of a run that nobody interrupts"
)


def device_key(threads: int = 1) -> dict[str, Any]:
    """Returns this machine's CPU with torch eager on ``threads`` threads. No torch is imported."""
    return {
        "device": "cpu", "model": cpu_model(), "runtime": f"torch {package_version('torch')} eager",
        "threads": threads, "precision": "float32", "batch": 1,
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A fitted predictor with where it holds and how wrong it is.

    Attributes:
        device: what makes this device another: model, runtime and version, threads, precision, batch.
        calibrated: ISO 8601 time in UTC.
        predictor: in units of the reference network.
        reference_ms: milliseconds of the reference network on the quiet machine.
        error: on whole held-out networks (:func:`analysis.predictors.scores.scores`); ``refused`` of them.
        blind_error: the same with every piece's time from a regressor that was not fitted on that piece.
        wall_error: of the same predictions, beside wall latencies of those networks with enough uninterrupted runs;
            ``None`` where fewer than two had them.
        fitted_on: how many networks and configurations, minutes, space, seed, load of the machine.
        rows: each held-out network: measured and predicted.
        environment: :func:`analysis.store.environment.environment` of the calibration.
    """

    device: Mapping[str, Any]
    calibrated: str
    predictor: Layerwise
    reference_ms: float
    error: Mapping[str, Any]
    blind_error: Mapping[str, Any]
    wall_error: Mapping[str, Any] | None
    fitted_on: Mapping[str, Any]
    rows: tuple[Mapping[str, Any], ...] = field(default=())
    environment: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, spec: ArchSpec) -> Measurement:
        """Returns latency of a network in milliseconds, marked predicted.

        Raises:
            Unseen: it has a piece that was never calibrated.
        """
        answer = self.predictor(spec)
        how = {
            "predictor": NAME, "quantity": QUANTITY, "device": dict(self.device), "calibrated": self.calibrated,
            "error": dict(self.error), "looked_up": answer.looked_up,
            "regressor_rmspe": self.predictor.regressor.error,
            "pieces_ms": {path: time * self.reference_ms for path, time in answer.pieces.items()},
        }  # fmt: skip
        return Measurement("latency_ms", answer.time * self.reference_ms, "ms", "predicted", how)

    def differences(self, device: Mapping[str, Any]) -> list[str]:
        """In what the device of this predictor differs from ``device``, as lines for people."""
        names = sorted({*self.device, *device})
        return [
            f"{name} {self.device.get(name)!r} (here {device.get(name)!r})"
            for name in names
            if self.device.get(name) != device.get(name)
        ]

    def summary(self) -> dict[str, Any]:
        """Returns all but the predictor itself and the rows, as plain data."""
        return {
            "format": FORMAT, "predictor": NAME, "quantity": QUANTITY, "device": dict(self.device),
            "calibrated": self.calibrated, "reference_ms": self.reference_ms, "error": dict(self.error),
            "blind_error": dict(self.blind_error),
            "wall_error": None if self.wall_error is None else dict(self.wall_error), "fitted_on": dict(self.fitted_on),
            "environment": dict(self.environment),
        }  # fmt: skip

    def write(self, path: Path) -> None:
        """Keeps it as JSON, whole or not at all."""
        data = {**self.summary(), "rows": [dict(row) for row in self.rows], "model": self.predictor.to_dict()}
        write_text(path, json.dumps(data, allow_nan=False))

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """Returns inverse of :meth:`write`.

        Raises:
            InputError: no such file, or no predictor in it.
        """
        try:
            data = parse_json(path.read_text(encoding="utf-8"), path.name)
        except OSError as error:
            raise InputError(
                f"{path}: {error.strerror or error}; make one with: archspace calibrate"
            ) from None
        except ValueError:
            raise InputError(f"{path}: not JSON; a predictor is made by: archspace calibrate") from None
        if not isinstance(data, dict) or data.get("predictor") != NAME:
            raise InputError(f"{path}: no layer-wise predictor; make one with: archspace calibrate")
        if data.get("format") != FORMAT:
            raise InputError(f"{path}: format {data.get('format')}: written by a newer archspace")
        kept = (
            "device",
            "calibrated",
            "reference_ms",
            "error",
            "blind_error",
            "wall_error",
            "fitted_on",
            "environment",
        )
        try:
            return cls(
                predictor=Layerwise.from_dict(data["model"]), rows=tuple(data["rows"]),
                **{name: data[name] for name in kept},
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"{path}: broken predictor ({type(error).__name__}: {error}); calibrate again"
            ) from None
