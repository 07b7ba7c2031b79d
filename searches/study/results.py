"""What a study came to: its run folder, from which a network is picked, loaded and exported. Needs no Optuna."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.store.picks import bound_text, pick_trial
from analysis.store.records import StudyRecord, TrialRecord
from analysis.store.runs import read_run
from archspace.spec.naming import find_network
from searches.study.card import export_card, real_images

if TYPE_CHECKING:
    from archspace.export.export import ExportReport
    from archspace.network import Network


@dataclass(frozen=True, slots=True)
class StudyResults:
    """The results of a study, read from its run folder whenever they are asked for.

    It stands for the folder wherever a path is taken: ``reports.front(results)``.

    Every ``pick`` below is ``knee`` (of the front), ``best`` (in the task's metric) or a trial's label (``"7"``,
    ``"given-0"``, or the number); ``bounds`` has by quantity, in its own unit, the most that it may be, the least where
    more is better (``{"macs": 5e6}``), which the knee and the best must keep.

    Attributes:
        folder: the run folder.
    """

    folder: Path

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "folder", Path(folder))

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def record(self) -> StudyRecord:
        """The study as plain data: its config, its objectives, and every trial that ended.

        Raises:
            InputError: there is no such run folder, or no trial has ended yet.
        """
        return read_run(self.folder)

    def pick(self, pick: str | int = "knee", *, bounds: Mapping[str, float] | None = None) -> TrialRecord:
        """Returns the record of one trial: its label, spec, values and every number with its origin.

        Raises:
            InputError: there is no such trial, or none within the bounds.
        """
        return pick_trial(self.record, str(pick), bounds or {})

    def load(self, pick: str | int = "knee", *, bounds: Mapping[str, float] | None = None) -> Network:
        """Returns the trained network of one trial, in eval mode, with ``.spec`` and ``.preprocessing``.

        Its weights are those of the study's short training; :func:`searches.retrain` makes the real ones.

        Raises:
            InputError: there is no such trial, none within the bounds, or its weights are gone.
        """
        trial = self.pick(pick, bounds=bounds)
        return find_network(f"{self.folder}:{trial.label}", accept="weights", field="RUN").load()

    def export(
        self,
        pick: str | int = "knee",
        folder: str | os.PathLike[str] | None = None,
        *,
        bounds: Mapping[str, float] | None = None,
    ) -> ExportReport:
        """Writes one trial's network as spec, weights, ONNX and card, and proves that ONNX Runtime agrees with torch.

        The proof is on random numbers and, where the study's data are still there, on its validation images.

        Args:
            pick: which.
            folder: where to; ``export/PICK`` in the run folder if left out.
            bounds: by quantity, as above.

        Raises:
            InputError: there is no such trial, its weights are gone, or the folder holds something else.
            ExportError: the answers differ; nothing is left behind.
        """
        from archspace.export.export import export

        record, kept = self.record, bounds or {}
        trial = pick_trial(record, str(pick), kept)
        network = self.load(trial.label)
        picked = ", ".join([str(pick), *(bound_text(name, limit) for name, limit in kept.items())])
        return export(
            network,
            folder or self.folder / "export" / str(pick),
            real_inputs=real_images(record, network.preprocessing),
            card=export_card(record, trial, picked),
        )
