"""A table of trained networks: metric at every epoch and seed, costs, and how it was made, in one JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

from analysis.store.fingerprint import DataFingerprint
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from archspace.support.numbers import counted
from archspace.support.seeds import MOST_SEED, SEED_RULE, nearest_seed
from archspace.support.text_files import read_json

TABLE_FORMAT = 1
BACKWARD = 2
"""MACs of a backward pass in those of a forward pass: one for the gradient of the input, one for the weights'."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network of a table.

    Attributes:
        arch_id: of its spec.
        params: the values of the space's free fields that name it.
        counted: ``params`` and ``macs``.
        metric: by seed, the metric after every epoch; NaN where it was no number, and from where a training diverged.
        seconds: by seed, CPU seconds of the training, evaluation included.
        latency: the measurement in the deployed form, as :func:`searches.bench.latencies.kept` has it, or ``None``.
    """

    arch_id: str
    params: Mapping[str, Any]
    counted: Mapping[str, float]
    metric: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    latency: Mapping[str, Any] | None = None

    @property
    def diverged(self) -> tuple[int, int] | None:
        """The first seed and epoch of which the metric is no number; ``None`` where there is none."""
        lost = (
            (seed, i)
            for seed, curve in self.metric.items()
            for i, one in enumerate(curve, 1)
            if math.isnan(one)
        )
        return next(lost, None)

    def with_training(self, seed: int, metric: Iterable[float], seconds: float) -> Row:
        """Returns the row with one more training."""
        return replace(
            self, metric={**self.metric, seed: tuple(metric)}, seconds={**self.seconds, seed: seconds}
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A tabular yardstick.

    Attributes:
        study: the study that says space, data and training, without paths.
        fixed: fields of every network that task and data give.
        metric: what was judged, on which split: ``name``, ``split``, ``images``.
        epochs: of each training.
        train_images: that each epoch reads.
        seeds: every network is trained with each.
        data: what it was made on.
        made: environment and commit of each stretch of the computing.
        rows: by ``arch_id``, in the grid's order.
        path: where it was read.
    """

    study: Mapping[str, Any]
    fixed: Mapping[str, Any]
    metric: Mapping[str, Any]
    epochs: int
    train_images: int
    seeds: tuple[int, ...]
    data: DataFingerprint
    made: tuple[Mapping[str, Any], ...] = ()
    rows: Mapping[str, Row] = field(default_factory=dict)
    path: Path | None = field(default=None, compare=False)

    @property
    def where(self) -> str:
        """What begins a message about it."""
        return f"table {self.name}" if self.path is None else str(self.path)

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study["name"])

    @property
    def missing(self) -> list[tuple[int, str]]:
        """(seed, arch_id) of every training that the table lacks; the first seed's of all networks come first."""
        return [
            (seed, key) for seed in self.seeds for key, row in self.rows.items() if seed not in row.metric
        ]

    @property
    def unmeasured(self) -> list[str]:
        """``arch_id`` of every network without a latency."""
        return [key for key, row in self.rows.items() if row.latency is None]

    def training_macs(self, row: Row, epochs: int | None = None) -> float:
        """Returns MACs that training a network for so many epochs takes, forward and backward."""
        passes = (self.epochs if epochs is None else epochs) * self.train_images
        return (1 + BACKWARD) * row.counted["macs"] * passes

    def with_row(self, row: Row) -> Table:
        """Returns the table with a row put in place of the one of its network."""
        return replace(self, rows={**self.rows, row.arch_id: row})

    def save(self, path: Path) -> None:
        """Writes the table, a line a network, whole or not at all."""
        head = {
            "format": TABLE_FORMAT, "study": self.study, "fixed": self.fixed, "metric": self.metric,
            "epochs": self.epochs,
            "train_images": self.train_images, "seeds": list(self.seeds), "data": self.data.to_dict(),
            "made": list(self.made),
        }  # fmt: skip
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        rows = ",\n".join(json.dumps(_plain(row)) for row in self.rows.values())
        write_text(path, "{\n" + ",\n".join([*lines, f'"networks": [\n{rows}\n]']) + "\n}\n")

    @classmethod
    def load(cls, path: Path) -> Table:
        """Reads a table.

        Raises:
            InputError: there is none, it is of another version, or it is damaged; a number that no table has is said
                with its place.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such table; 'archspace tabulate' makes one")
        data = read_json(path)
        version = data.get("format") if isinstance(data, dict) else None
        if version != TABLE_FORMAT or "networks" not in data:
            raise InputError(
                f"{path}: format: {version!r}: this archspace reads tables of format {TABLE_FORMAT}"
            )
        try:
            _check(data, str(path))
            rows = [_row(row) for row in data["networks"]]
            return cls(
                data["study"], data["fixed"], data["metric"], data["epochs"], data["train_images"],
                tuple(data["seeds"]),
                DataFingerprint.from_dict(data["data"]), tuple(data["made"]), {row.arch_id: row for row in rows},
                path,
            )  # fmt: skip
        except FieldError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is damaged: {type(error).__name__}: {error}") from None


def _plain(row: Row) -> dict[str, Any]:
    return {
        "arch_id": row.arch_id, "params": dict(row.params), "counted": dict(row.counted),
        "metric": {
            str(seed): [round(value, 4) if math.isfinite(value) else None for value in values]
            for seed, values in sorted(row.metric.items())
        },
        "seconds": {str(seed): round(value, 2) for seed, value in sorted(row.seconds.items())},
        "latency": row.latency,
    }  # fmt: skip


def _row(data: Mapping[str, Any]) -> Row:
    return Row(
        data["arch_id"], data["params"], data["counted"],
        {
            int(seed): tuple(value if _finite(value) else math.nan for value in values)
            for seed, values in data["metric"].items()
        },
        {int(seed): float(value) for seed, value in data["seconds"].items()},
        data["latency"],
    )  # fmt: skip


def _check(data: Mapping[str, Any], where: str) -> None:
    """Refuses numbers that no table of ours has; parts that are missing are another's to refuse.

    Raises:
        FieldError: with the file, the row, the field and what would do.
    """
    for part, name in (("study", "name"), ("fixed", "task"), ("metric", "name")):
        if not isinstance(data[part].get(name), str):
            raise FieldError(f"{where}: {part}.{name}", data[part].get(name), "a text")
    if not isinstance(data["study"].get("space"), dict):
        raise FieldError(f"{where}: study.space", data["study"].get("space"), "a mapping of fields")
    if not isinstance(data["networks"], list):
        raise FieldError(f"{where}: networks", data["networks"], "a list of rows")
    for name in ("epochs", "train_images"):
        _check_count(f"{where}: {name}", data[name])
    seeds = data["seeds"]
    for seed in seeds:
        if not _whole(seed) or seed != nearest_seed(seed):
            nearest = nearest_seed(math.floor(seed)) if _finite(seed) else f"0 to {MOST_SEED}"
            raise FieldError(f"{where}: seeds", seeds, f"{SEED_RULE}, a whole number", nearest)
    if not seeds or len(set(seeds)) < len(seeds):
        raise FieldError(
            f"{where}: seeds", seeds, "different seeds, at least one", list(dict.fromkeys(seeds)) or [0]
        )
    percent = data["metric"].get("unit") == "%"
    met: set[str] = set()
    for number, row in enumerate(data["networks"]):
        key = row["arch_id"]
        at = f"{where}: networks[{number}] {key}"
        if not isinstance(key, str) or key in met:
            rule = "another network has it too" if isinstance(key, str) else "a text"
            raise FieldError(f"{where}: networks[{number}]: arch_id", key, rule)
        met.add(key)
        for name in ("params", "macs"):
            _check_count(f"{at}: counted.{name}", row["counted"][name])
        _check_trainings(row, at, [str(seed) for seed in seeds], data["epochs"], percent)
        latency = row["latency"]
        if latency is not None and not (_finite(latency["value"]) and latency["value"] > 0):
            raise FieldError(f"{at}: latency.value", latency["value"], "a number above 0", "null")


def _check_count(at: str, value: object) -> None:
    if not _whole(value) or value < 1:
        raise FieldError(at, value, "a whole number from 1 on", 1)


def _check_trainings(row: Mapping[str, Any], at: str, seeds: list[str], epochs: int, percent: bool) -> None:
    """Refuses trainings of a row that are not the table's: other seeds, other epochs, no numbers."""
    metric, seconds = row["metric"], row["seconds"]
    for name, trained in (("metric", metric), ("seconds", seconds)):
        for seed in trained:
            if seed not in seeds:
                raise FieldError(f"{at}: {name}", seed, "a seed that the table has not", ", ".join(seeds))
    if set(metric) != set(seconds):
        rule = f"the metric is there for the seeds {', '.join(metric) or 'none'}"
        raise FieldError(f"{at}: seconds", list(seconds), rule, list(metric))
    for seed, curve in metric.items():
        if len(curve) != epochs:
            rule = "the metric after every epoch of the training"
            raise FieldError(
                f"{at}: metric.{seed}", counted(len(curve), "epoch"), rule, counted(epochs, "epoch")
            )
        for epoch, value in enumerate(curve, 1):
            if value is not None and not _number(value):
                rule = "a number, or null where a training diverged"
                raise FieldError(f"{at}: metric.{seed} after epoch {epoch}", value, rule, "null")
            if percent and _finite(value) and not 0 <= value <= 100:
                rule = "per cent, from 0 to 100"
                raise FieldError(
                    f"{at}: metric.{seed} after epoch {epoch}", value, rule, min(max(value, 0), 100)
                )
        if not _finite(seconds[seed]) or seconds[seed] < 0:
            raise FieldError(f"{at}: seconds.{seed}", seconds[seed], "a number from 0 on", 0)


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: object) -> TypeGuard[int | float]:
    return _number(value) and math.isfinite(value)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
