"""How a study stands while it runs: who works on what, how fast, what failed. No torch, no optuna."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.text_files import parse_json

STATUS_FILE = "status.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A trial that has begun and not ended.

    Attributes:
        trial: its label.
        state: ``runs``; ``silent`` where nothing was heard of its worker for its lease's time, by that machine's own
            clock; ``stopped`` where its worker was ended by Ctrl-C or SIGTERM and has said so; ``died`` where it was a
            process of this machine and is gone; or what it waits for.
        host, process: whose it is; ``None`` where it waits.
        since, heard: when it was claimed, and when its worker was heard of last; ISO 8601 in UTC, by its own clock.
    """

    trial: str
    state: str
    host: str | None = None
    process: int | None = None
    since: str | None = None
    heard: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """How a study stands.

    Attributes:
        name: of the study.
        at: when this was seen, ISO 8601 in UTC.
        done, wanted: trials; where networks are compared at rungs, full trainings' worth of epochs.
        ended: trials by how they ended.
        working: trials that have begun and not ended.
        per_hour: trials (trainings) that ended well, of late; ``None`` with fewer than two.
        left_s: seconds to the end at this rate; ``None`` where nobody works or no rate is known.
        failures: why trials failed, with how often.
    """

    name: str
    at: str
    done: float
    wanted: int
    ended: Mapping[str, int] = field(default_factory=dict)
    working: tuple[Worked, ...] = ()
    per_hour: float | None = None
    left_s: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunStatus:
        """Returns inverse of :meth:`to_dict`."""
        working = tuple(Worked(**one) for one in data.get("working", ()))
        return cls(**{**data, "working": working})


def keep_status(folder: Path, status: RunStatus) -> None:
    """Writes the status into the run folder, where a page finds it."""
    write_text(folder / STATUS_FILE, json.dumps(status.to_dict(), indent=1) + "\n")


def read_status(folder: Path) -> RunStatus | None:
    """Returns the status that a run folder keeps; ``None`` where it keeps none that can be read."""
    path = folder / STATUS_FILE
    try:
        return RunStatus.from_dict(parse_json(path.read_text(encoding="utf-8"), path.name))
    except (OSError, ValueError, TypeError, InputError):
        return None
