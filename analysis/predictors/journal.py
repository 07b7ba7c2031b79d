"""The measurements of a calibration as they are taken: one JSON line each, so that a killed run goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.predictors.layerwise import Observed
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.files import unwritable

JOURNAL_FORMAT = 1


class Journal:
    """A file whose first line says what is being calibrated and every other one is a timed network.

    Args:
        path: made if it is not there. A last line that was cut off is dropped.
        head: device, space and seed; a journal of another head is refused.

    Raises:
        InputError: the file is of another calibration, is none, or cannot be written.
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []
        wanted = json.loads(json.dumps({"format": JOURNAL_FORMAT, **head}))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                os.truncate(path, len(whole.encode()))
            if whole:
                self._read(whole, wanted)
            else:
                self._append(wanted)
        except OSError as error:
            raise unwritable(path, error) from error
        except UnicodeDecodeError:
            raise InputError(f"{path}: no journal of a calibration; give another --out") from None

    def _read(self, text: str, wanted: Mapping[str, Any]) -> None:
        try:
            head, *self.lines = [json.loads(line) for line in text.splitlines()]
        except ValueError:
            raise InputError(f"{self.path}: no journal of a calibration; give another --out") from None
        other = [name for name in wanted if not isinstance(head, dict) or head.get(name) != wanted[name]]
        if other:
            raise InputError(
                f"{self.path}: measured for another {' and '.join(other)}; remove it, or give another --out"
            )

    def _append(self, line: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def add(self, line: Mapping[str, Any]) -> None:
        """Keeps one timed network."""
        try:
            self._append(line)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.lines.append(dict(line))

    def of(self, role: str) -> list[dict[str, Any]]:
        """Returns lines of one role: ``fit`` or ``check``."""
        return [line for line in self.lines if line["role"] == role]

    def last(self) -> datetime:
        """Returns when the last network was timed, in UTC."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    def observed(self) -> Iterator[Observed]:
        """Yields the networks to fit on."""
        for line in self.of("fit"):
            yield Observed(ArchSpec.from_dict(line["spec"]), line["total"], line["pieces"])
