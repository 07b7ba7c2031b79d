"""Zero-cost scores of many networks, made once for each, and what they took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from searches.judging.zero_cost import Sample, score

Floats = NDArray[np.float64]


class Scorer:
    """Scores networks as they are initialised with one seed; each is scored once.

    Attributes:
        names: of the scores.
        seconds: that all scores took so far.
        networks: that were scored so far.

    Args:
        names: of the scores.
        sample: what they are scored on, made when the first network is.
        threads: CPU threads.
    """

    def __init__(self, names: Sequence[str], sample: Callable[[], Sample], threads: int = 1) -> None:
        self.names, self.seconds = tuple(names), 0.0
        self._make, self._threads = sample, threads
        self._sample: Sample | None = None
        self._known: dict[ArchSpec, list[float]] = {}

    @property
    def networks(self) -> int:
        """Networks that were scored so far."""
        return len(self._known)

    def scores(self, specs: Sequence[ArchSpec]) -> Floats:
        """Returns (N, S) scores, more is better; not finite where one does not exist."""
        for spec in specs:
            if spec not in self._known:
                self._known[spec] = self._scored(spec)
        return np.array([self._known[spec] for spec in specs]).reshape(len(specs), len(self.names))

    def _scored(self, spec: ArchSpec) -> list[float]:
        began = time.process_time()
        torch.set_num_threads(self._threads)
        self._sample = self._sample or self._make()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = build(spec)
        found = [score(name, network, self._sample) for name in self.names]
        self.seconds += time.process_time() - began
        return found
