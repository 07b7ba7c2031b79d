"""When a study stops because trial after trial comes to nothing."""

from __future__ import annotations

from pathlib import Path

from analysis.store.records import TrialRecord
from archspace.support.errors import InputError

MOST_FAILURES = 5
"""A study stops after this many failed trials in a row."""
MOST_HOPELESS = 40
"""A study stops after so many networks in a row that are predicted to break a limit."""


class Streaks:
    """Counts trials in a row that came to nothing.

    Args:
        folder: the run folder, for the message.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._failed, self._hopeless = folder, 0, 0

    def ended(self, record: TrialRecord) -> None:
        """Takes the next trial that ended.

        Raises:
            InputError: too many in a row failed, or were predicted to break a limit.
        """
        forecast = any(one.origin == "predicted" for one in record.measurements.values())
        self._failed = self._failed + 1 if record.state == "failed" else 0
        self._hopeless = self._hopeless + 1 if forecast else 0
        if self._failed >= MOST_FAILURES:
            raise InputError(f"{self._folder}: {self._failed} trials failed in a row; last: {record.reason}")
        if self._hopeless >= MOST_HOPELESS:
            rule = f"{self._hopeless} networks in a row are predicted to break a limit; loosen it, or widen the space"
            raise InputError(f"{self._folder}: {rule}; last: {record.reason}")
