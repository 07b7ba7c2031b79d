"""Limits on what a device measures, first on what is predicted: a network that surely breaks one is not trained.

A predictor says so where the study has one; else the trials of this run that were measured on the study's device, once
they are enough for an error to be stated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.predictors.many import ManyNetworks
from analysis.quantities import QUANTITIES
from analysis.store.constraints import Limits
from analysis.store.records import Measurement, TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import told_apart
from searches.judging.features import COUNTED, Encoder
from searches.judging.latency import LATENCY
from searches.judging.surrogate import LEAST_CHECKED, Surrogate


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a network is not trained: in words, and the predictions that say so, by quantity."""

    reason: str
    predicted: Mapping[str, Measurement]


class Forecast:
    """Predicts what a device would measure of a network, for limits.

    Args:
        constraints: of the study; those on what a device measures are looked at.
        encoder: networks of the space as numbers.
        latency: predicts latencies; the study's own measured trials do where there is none.
        seed: of the study.
    """

    def __init__(
        self, constraints: Mapping[str, Limits], encoder: Encoder, latency: ManyNetworks | None, seed: int
    ) -> None:
        self.limits = {
            name: bound for name, bound in constraints.items() if QUANTITIES[name].source == "device"
        }
        self._encoder, self._latency = encoder, latency
        self._models = {name: Surrogate(seed) for name in self.limits}

    def broken(self, spec: ArchSpec, records: Sequence[TrialRecord]) -> Hopeless | None:
        """Returns why a network is not worth training; ``None`` where it may be.

        Args:
            records: trials of this run that ended.
        """
        for name, bound in self.limits.items():
            one = self.predicted(name, spec, records)
            words = None if one is None else _broken(one, bound)
            if one is not None and words is not None:
                return Hopeless(words, {name: one})
        return None

    def predicted(self, name: str, spec: ArchSpec, records: Sequence[TrialRecord]) -> Measurement | None:
        """Returns what is predicted of a limited quantity, with its relative error; ``None`` where nothing can say."""
        if name == LATENCY and self._latency is not None:
            value = float(self._latency.latencies([spec])[0])
            if math.isfinite(value):
                how = {
                    "predictor": "layerwise", "error": self._latency.error,
                    "calibrated": self._latency.made.calibrated, "device": dict(self._latency.made.device),
                }  # fmt: skip
                return Measurement(name, value, QUANTITIES[name].unit, "predicted", how)
        return self._by_trials(name, spec, records)

    def _by_trials(self, name: str, spec: ArchSpec, records: Sequence[TrialRecord]) -> Measurement | None:
        known: dict[str, tuple[ArchSpec, float]] = {}
        for record in records:
            taken = record.measurements.get(name)
            if taken is None or taken.origin != "measured" or not taken.value > 0 or record.spec is None:
                continue
            known.setdefault(str(record.arch_id), (ArchSpec.from_dict(record.spec), taken.value))
        if len(known) < LEAST_CHECKED:
            return None
        values = np.log(np.array([value for _, value in known.values()]))
        table = self._rows([one for one, _ in known.values()])
        model = self._models[name]
        left_out, guess = model.left_out(table, values), model.guess(table, values, self._rows([spec]))
        assert left_out is not None, "there are enough"
        error = max(left_out.error, float(guess.deviation[0]))
        how = {"predictor": "measured trials of this run", "error": error, "left_out": left_out.to_dict()}
        return Measurement(name, math.exp(float(guess.mean[0])), QUANTITIES[name].unit, "predicted", how)

    def _rows(self, specs: Sequence[ArchSpec]) -> np.ndarray:
        counts = [[QUANTITIES[name].value_of(spec) for name in COUNTED] for spec in specs]
        return self._encoder(specs, np.array(counts))


def _broken(one: Measurement, bound: Limits) -> str | None:
    """The limit that a prediction breaks by more than its error, in words."""
    error = float(one.how["error"])
    for sign, limit, certain in (
        ("<=", bound.max, one.value / (1 + error)), (">=", bound.min, one.value * (1 + error)),
    ):  # fmt: skip
        if limit is not None and (certain > limit if sign == "<=" else certain < limit):
            said, rule = told_apart(one.value, limit)
            return f"constraint {one.name} {sign} {rule} but is predicted as {said} (error {error:.1%}); not trained"
    return None
