"""A table of trained networks: metric at every epoch and seed, costs, and how it was made, in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analysis.store.fingerprint import DataFingerprint
from archspace.support.errors import InputError
from archspace.support.files import write_text
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
        metric: by seed, the metric after every epoch, in percent.
        seconds: by seed, CPU seconds of the training, evaluation included.
        latency: the measurement in the deployed form, as :func:`searches.bench.latencies.kept` has it, or ``None``.
    """

    arch_id: str
    params: Mapping[str, Any]
    counted: Mapping[str, float]
    metric: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    latency: Mapping[str, Any] | None = None

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
            InputError: there is none, it is of another version, or it is damaged.
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
            rows = [_row(row) for row in data["networks"]]
            return cls(
                data["study"], data["fixed"], data["metric"], data["epochs"], data["train_images"],
                tuple(data["seeds"]),
                DataFingerprint.from_dict(data["data"]), tuple(data["made"]), {row.arch_id: row for row in rows},
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is damaged: {type(error).__name__}: {error}") from None


def _plain(row: Row) -> dict[str, Any]:
    return {
        "arch_id": row.arch_id, "params": dict(row.params), "counted": dict(row.counted),
        "metric": {str(seed): [round(value, 4) for value in values] for seed, values in sorted(row.metric.items())},
        "seconds": {str(seed): round(value, 2) for seed, value in sorted(row.seconds.items())},
        "latency": row.latency,
    }  # fmt: skip


def _row(data: Mapping[str, Any]) -> Row:
    return Row(
        data["arch_id"], data["params"], data["counted"],
        {int(seed): tuple(values) for seed, values in data["metric"].items()},
        {int(seed): float(value) for seed, value in data["seconds"].items()},
        data["latency"],
    )  # fmt: skip
