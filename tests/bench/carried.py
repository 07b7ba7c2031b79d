"""Runs as text, without weights, so that another machine goes on with what has ended on this one.

A study's storage, its trials and the full trainings that have ended are carried; a training in mid-course begins again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from archspace.support.files import write_text
from archspace.support.text_files import read_json, read_text

NAMES = (
    "pieces.json", "study.yaml", "status.json", "quantities.json", "data.json", "record.json", "trained.json",
    "history.csv", "retrained.json", "evaluation.json", "metrics.json", "train.yaml",
)  # fmt: skip
STORAGE, DUMPED = "study.db", "study.sql"


def carry(runs: Path, kept: Path, places: Mapping[str, Path]) -> None:
    """Writes into ``kept`` the text of all that has ended in ``runs``; ``places`` has the words for machine's paths."""
    texts = {path: read_text(path) for path in _ended(runs)}
    texts |= {path.with_name(DUMPED): _dumped(path) for path in sorted(runs.glob(f"*/{STORAGE}"))}
    for path, text in texts.items():
        for word, place in places.items():
            text = text.replace(str(place), word)
        write_text(kept / path.relative_to(runs), text)


def lay_out(kept: Path, runs: Path, places: Mapping[str, Path]) -> bool:
    """Lays what :func:`carry` wrote into an empty ``runs``; returns whether there was anything."""
    if not kept.is_dir() or (runs.is_dir() and any(runs.iterdir())):
        return False
    for path in sorted(kept.rglob("*")):
        if path.is_file():
            text = read_text(path)
            for word, here in places.items():
                text = text.replace(word, str(here))
            place = runs / path.relative_to(kept)
            if path.name == DUMPED:
                _make(place.with_name(STORAGE), text)
            else:
                write_text(place, text)
    return True


def _dumped(storage: Path) -> str:
    """A storage in SQL."""
    with closing(sqlite3.connect(storage)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def _make(storage: Path, sql: str) -> None:
    storage.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(storage)) as connection:
        connection.executescript(sql)


def _ended(runs: Path) -> Iterator[Path]:
    """The files of all but trials and trainings that are still under way."""
    for path in sorted(runs.rglob("*")):
        if path.name not in NAMES or not path.is_file():
            continue
        within = path.parent.parent.name
        if within == "trials" and _state(path.with_name("record.json")) not in ("complete", "infeasible"):
            continue
        if within == "retrained" and not path.with_name("retrained.json").is_file():
            continue
        yield path


def _state(record: Path) -> str | None:
    return str(read_json(record)["state"]) if record.is_file() else None
