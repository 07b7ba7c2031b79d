"""Zero-cost scores of every network of a table, in a JSON file beside it, and what they took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.store.environment import environment
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from archspace.support.text_files import read_json
from searches.bench.grid import table_grid
from searches.bench.table import Table
from searches.bench.tabulate import held, judged_at_input
from searches.config.screen import SCORE_NAMES
from searches.config.study import StudyConfig
from searches.data.kept import refuse_other_data
from searches.judging.scoring import Scorer
from searches.judging.zero_cost import sample_of
from searches.study.data import fingerprinted, open_data, task_on
from searches.tasks.base import ImageTask

Floats = NDArray[np.float64]
OnScored = Callable[["ScoreTable", str], None]
"""Called with the scores after each network, and with what they came to in words."""
SCORES_FORMAT = 1
IMAGES = 32


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Zero-cost scores of the networks of a table.

    Attributes:
        table: its name.
        names: of the scores.
        images: that each score saw.
        made: environment of the computing.
        rows: by ``arch_id`` the scores in the order of ``names``; ``None`` where one does not exist.
        seconds: by ``arch_id`` CPU seconds of all scores together.
    """

    table: str
    names: tuple[str, ...] = SCORE_NAMES
    images: int = IMAGES
    made: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def array(self, keys: Sequence[str]) -> Floats:
        """Returns (N, S) scores of networks; NaN where one does not exist.

        Raises:
            InputError: a network has not been scored.
        """
        lacking = [key for key in keys if key not in self.rows]
        if lacking:
            rule = f"{len(lacking)} networks have no scores; 'archspace tabulate --scores' goes on with them"
            raise InputError(f"{self.table}: {rule}")
        return np.array(
            [[np.nan if v is None else v for v in self.rows[key]] for key in keys], dtype=np.float64
        )

    def with_network(self, key: str, scores: Floats, seconds: float) -> ScoreTable:
        """Returns the scores with those of one network more."""
        row = [float(v) if np.isfinite(v) else None for v in scores]
        return replace(
            self, rows={**self.rows, key: row}, seconds={**self.seconds, key: round(seconds, 3)}
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Writes them, a line a network, whole or not at all."""
        head = {
            "format": SCORES_FORMAT, "table": self.table, "names": list(self.names), "images": self.images,
            "made": dict(self.made),
        }  # fmt: skip
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        rows = [
            json.dumps({"arch_id": key, "scores": list(row), "seconds": self.seconds[key]})
            for key, row in self.rows.items()
        ]
        write_text(path, "{\n" + ",\n".join([*lines, '"networks": [\n' + ",\n".join(rows) + "\n]"]) + "\n}\n")

    @classmethod
    def load(cls, path: Path) -> ScoreTable:
        """Reads scores.

        Raises:
            InputError: there are none, they are of another version, or damaged.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such scores; 'archspace tabulate --scores' makes them")
        data = read_json(path)
        version = data.get("format") if isinstance(data, dict) else None
        if version != SCORES_FORMAT:
            raise InputError(
                f"{path}: format: {version!r}: this archspace reads scores of format {SCORES_FORMAT}"
            )
        try:
            networks = data["networks"]
            return cls(
                data["table"], tuple(data["names"]), int(data["images"]), data["made"],
                {one["arch_id"]: tuple(one["scores"]) for one in networks},
                {one["arch_id"]: float(one["seconds"]) for one in networks},
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is damaged: {type(error).__name__}: {error}") from None


def scores_path(table: Path) -> Path:
    """Returns where the scores of a table's networks lie.

    >>> scores_path(Path("cifar10-table.json")).name
    'cifar10-table-scores.json'
    """
    return table.with_name(f"{table.stem}-scores.json")


def score_networks(
    config: StudyConfig, path: Path, *, minutes: float | None = None, on_scored: OnScored | None = None
) -> ScoreTable:
    """Scores what the scores of the table at ``path`` lack, writing them after every network, and returns them.

    Args:
        config: the table's study; the scores see the first images of its training split.
        minutes: score no network after so many; ``None`` for all of them.

    Raises:
        InputError: there is no such table, it is of other data, or another process works on it.
    """
    table, target = Table.load(path), scores_path(path)
    with held(target):
        sources = open_data(config)
        refuse_other_data(str(path), table.data, fingerprinted(config, sources))
        task = judged_at_input(task_on(config, sources))
        if not isinstance(task, ImageTask):
            raise FieldError("task", config.task, "zero-cost scores are of images", "classification")
        made = ScoreTable.load(target) if target.is_file() else ScoreTable(table.name)
        made = replace(made, made=environment(("torch", "numpy")))
        scorer = Scorer(
            made.names, lambda: sample_of(task, config.training.plan()[-1], config.input_size, images=made.images),
            config.threads,
        )  # fmt: skip
        end = None if minutes is None else time.monotonic() + 60 * minutes
        for cell in table_grid(table).cells:
            if cell.spec.arch_id in made.rows:
                continue
            if end is not None and time.monotonic() > end:
                break
            before = scorer.seconds
            row = scorer.scores([cell.spec])[0]
            made = made.with_network(cell.spec.arch_id, row, scorer.seconds - before)
            made.save(target)
            if on_scored is not None:
                on_scored(made, f"{cell.spec.label}: {scorer.seconds - before:.2f} s")
        return made
