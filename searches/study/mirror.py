"""What the storage says of ended trials, written into the run folder: ``record.json``, and files of other machines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from analysis.store.records import TrialRecord
from analysis.store.runs import RECORD_FILE, TRIALS_FOLDER, is_whole, write_record
from searches.study.files import Files, pulled
from searches.training.resume import remove_state


class Mirror:
    """Brings a run folder up to what the storage says, each record once.

    Args:
        folder: the run folder.
        files: where the files of trials are for all machines; ``None`` where there is one machine.
    """

    def __init__(self, folder: Path, files: Files | None) -> None:
        self._folder, self._files = folder, files
        self._written: dict[int, bool] = {}

    def write(self, records: Iterable[TrialRecord]) -> None:
        """Writes every ``record.json`` that is new, or that a crash kept from being whole, with the trial's files."""
        for record in records:
            if self._written.get(record.number) == bool(record.first):
                continue
            self._written[record.number] = bool(record.first)
            folder = self._folder / TRIALS_FOLDER / record.label
            path = folder / RECORD_FILE
            if not path.is_file() and self._files is not None:
                pulled(self._files, record.label, folder, anew=True)
                remove_state(folder)
            if not is_whole(path) or (record.first and '"first"' not in path.read_text(encoding="utf-8")):
                write_record(self._folder, record)
