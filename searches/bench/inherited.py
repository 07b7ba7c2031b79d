"""How well inherited weights order the networks of a table, beside what costs nothing, and what judging them costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.numbers import counted
from searches.bench.agreement import Agreement, agreement_with
from searches.bench.grid import table_grid
from searches.bench.table import Row, Table
from searches.judging.zero_cost import SCORES, Sample, sample_of, score
from searches.supernet.inherited import Heir

Floats: TypeAlias = NDArray[np.float64]
OnDone: TypeAlias = Callable[[int, int, str], None]
JUDGED = 1000
"""Networks that the cost of judging and of training is said for."""


@dataclass(frozen=True, slots=True, eq=False)
class Inheritance:
    """A supernet on a table.

    Attributes:
        networks: of the table that were trained with at least one seed and that the supernet has.
        left_out: those that were trained and that it has not.
        diverged: those that it has and of which a training has no metric at its end.
        trainings: of these, over all seeds.
        agreements: Kendall's tau with the trained metric, by judgement: ``inherited``, the expected metric that
            inherited weights are judged by, ``inherited answers``, the metric of their answers, ``params``, ``macs``,
            and the zero-cost scores.
        values: by ``arch_id``, inherited metric and mean of the trained ones.
        judging_s, training_s: CPU seconds of judging and of training one network, means.
        supernet_s: CPU seconds of training the supernet.
    """

    networks: int
    left_out: int
    diverged: int
    trainings: int
    agreements: Mapping[str, Agreement]
    values: Mapping[str, tuple[float, float]]
    judging_s: float
    training_s: float
    supernet_s: float

    @property
    def speedup(self) -> float:
        """By how much judging :data:`JUDGED` networks is cheaper than training them, the supernet being there."""
        return self.training_s / self.judging_s

    @property
    def speedup_with_supernet(self) -> float:
        """The same, the training of the supernet counted among the costs of judging."""
        return JUDGED * self.training_s / (JUDGED * self.judging_s + self.supernet_s)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "networks": self.networks, "left_out": self.left_out, "diverged": self.diverged,
            "trainings": self.trainings,
            "kendall": {
                name: {"overall": _finite(one.overall), "inside_macs_bins": _finite(one.inside), "judged": one.judged}
                for name, one in self.agreements.items()
            },
            "judging_cpu_s": round(self.judging_s, 3), "training_cpu_s": round(self.training_s, 3),
            "supernet_cpu_s": round(self.supernet_s, 1), "speedup": round(self.speedup, 1),
            f"speedup_of_{JUDGED}_with_supernet": round(self.speedup_with_supernet, 1),
            "values": {key: [round(value, 4) for value in pair] for key, pair in self.values.items()},
        }  # fmt: skip


def inheritance(
    heir: Heir, table: Table, supernet_s: float, *, zero_cost: bool = True, on_done: OnDone = lambda *done: None
) -> Inheritance:  # fmt: skip
    """Returns how well inherited weights order the networks that a table has so far.

    Args:
        heir: a trained supernet, on the data of the table.
        table: complete or not.
        supernet_s: CPU seconds of training the supernet.
        zero_cost: take the zero-cost scores too.
        on_done: called after each network with how many are done, how many there are, and words.

    Raises:
        InputError: the supernet is for other data, or fewer than two networks are trained in the table and in its
            space.
    """
    for name, value in heir.fixed.items():
        if table.fixed.get(name) != value:
            where, rule = f"table {table.name}: {name}", "the supernet is for another value"
            raise FieldError(where, table.fixed.get(name), rule, value)
    cells = {cell.spec.arch_id: cell.spec for cell in table_grid(table).cells}
    trained = [row for row in table.rows.values() if row.metric and row.arch_id in cells]
    held = heir.of_space(cells[row.arch_id] for row in trained)
    known = [row for row in trained if row.arch_id in held]
    rows = [row for row in known if all(math.isfinite(curve[-1]) for curve in row.metric.values())]
    if len(rows) < 2:
        lost = f", {len(known) - len(rows)} of them diverged" if len(rows) < len(known) else ""
        had = f"{counted(len(trained), 'network')} trained, of which {heir.folder} has {len(known)}{lost}"
        raise InputError(f"table {table.name}: {had}; an order needs two")
    specs = [cells[row.arch_id] for row in rows]
    inherited, answers, seconds = _inherited(heir, specs, str(table.metric["name"]), on_done)
    truth = np.array([np.mean([curve[-1] for curve in row.metric.values()]) for row in rows])
    macs = np.array([row.counted["macs"] for row in rows], dtype=np.float64)
    judgements: dict[str, Floats] = {
        "inherited": inherited, "inherited answers": answers,
        "params": np.array([float(row.counted["params"]) for row in rows]), "macs": macs,
    }  # fmt: skip
    if zero_cost:
        on_done(len(rows), len(rows), "zero-cost scores")
        stage = heir.config.study.training.plan()[0]
        judgements |= zero_cost_of(specs, sample_of(heir.task, stage, heir.config.study.input_size))
    return Inheritance(
        len(rows), len(trained) - len(known), len(known) - len(rows), sum(len(row.metric) for row in rows),
        {name: agreement_with(truth, macs, values) for name, values in judgements.items()},
        {row.arch_id: (float(a), float(b)) for row, a, b in zip(rows, inherited, truth, strict=True)},
        seconds, _training_seconds(rows), supernet_s,
    )  # fmt: skip


def zero_cost_of(specs: Sequence[ArchSpec], sample: Sample) -> dict[str, Floats]:
    """Returns every zero-cost score (N,) of N networks."""
    found = {name: np.zeros(len(specs)) for name in SCORES}
    for index, spec in enumerate(specs):
        torch.manual_seed(0)
        network = build(spec)
        for name, values in found.items():
            values[index] = score(name, network, sample)
    return found


def _inherited(
    heir: Heir, specs: list[ArchSpec], metric: str, on_done: OnDone
) -> tuple[Floats, Floats, float]:
    """By network the expected metric and that of its answers, and mean CPU seconds of judging one."""
    expected, answers = np.empty(len(specs)), np.empty(len(specs))
    heir.judged(specs[0])  # what is done once for all is no cost of one
    began = time.process_time()
    for number, spec in enumerate(specs):
        judged = heir.judged(spec)
        expected[number], answers[number] = judged.expected, judged.evaluation.values[metric]
        on_done(number + 1, len(specs), f"{spec.label}: {metric} {expected[number]:.2f} predicted")
    return expected, answers, (time.process_time() - began) / len(specs)


def _training_seconds(rows: list[Row]) -> float:
    return float(np.mean([seconds for row in rows for seconds in row.seconds.values()]))


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
