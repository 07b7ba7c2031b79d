"""What search methods are tried on: a table with the noise that a method sees, and the truth it is scored by.

A method sees the metric of one training, as it would if it trained the network itself; it is scored on the mean over
all seeds, one of which no method ever sees. Compute is counted, in MACs of all passes of the trainings, which a method
knows beforehand; beside it stands what the trainings took, in CPU seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.pareto import hypervolume, non_dominated
from analysis.quantities import described
from archspace.support.errors import InputError
from searches.bench.grid import Grid
from searches.bench.scores import ScoreTable
from searches.bench.table import Table

Floats = NDArray[np.float64]
HELD_OUT = 1
"""Seeds of a table that no method sees."""
MARGIN = 0.1
"""How far the reference point of the hypervolume lies beyond the worst values, as a share of their range."""


class BudgetSpent(Exception):
    """The method has used all compute that it was given."""


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """A complete table as arrays, N networks, S seeds, E epochs.

    Attributes:
        grid: the networks, and the values that name them.
        curves: (N, S, E) the metric after each epoch, with its sign turned where less of it is better.
        counts: (N, 2) MACs of one forward pass, and parameters.
        epoch_cost: (N,) compute of one epoch in MACs, in trainings of the network of mean cost.
        noise: standard deviation over the seeds of one training's final metric, pooled over all networks.
        score_names, scores: names and (N, S) values of zero-cost scores, where they were made.
        score_share: what scoring a network once costs, as a share of training it for an epoch.
        epoch_seconds: (N,) compute of one epoch in CPU seconds, in trainings of the network of mean cost; each is the
            least over the seeds, as all that disturbs a training adds to it.
    """

    name: str
    grid: Grid
    curves: Floats
    counts: Floats
    epoch_cost: Floats
    noise: float
    score_names: tuple[str, ...] = ()
    scores: Floats | None = None
    score_share: float = 0.0
    epoch_seconds: Floats | None = None

    @classmethod
    def of(cls, table: Table, grid: Grid, scores: ScoreTable | None = None) -> Yardstick:
        """Returns the yardstick of a table, and of the zero-cost scores of its networks where there are some.

        Raises:
            InputError: trainings are missing or diverged, or the grid is of another space.
        """
        if table.missing:
            rule = f"{len(table.missing)} trainings are missing; 'archspace tabulate' goes on with it"
            raise InputError(f"{table.name}: {rule}")
        if len(table.seeds) <= HELD_OUT:
            raise InputError(
                f"{table.name}: seeds: {len(table.seeds)}: one is held out, so at least two are needed"
            )
        keys = [cell.spec.arch_id for cell in grid.cells]
        if set(keys) != set(table.rows):
            raise InputError(
                f"{table.name}: its networks are not those of its space; it was made by another version"
            )
        rows = [table.rows[key] for key in keys]
        for row in rows:
            if row.diverged is not None:
                seed, epoch = row.diverged
                rule = f"seed {seed} diverged: there is no metric after epoch {epoch}; a yardstick needs them all"
                raise InputError(f"{table.where}: network {row.arch_id}: {rule}")
        better = -1 if described(table.metric["name"]).direction == "minimize" else 1
        curves = better * np.array([[row.metric[seed] for seed in table.seeds] for row in rows])
        cost = np.array([table.training_macs(row, 1) for row in rows])
        took = np.array([min(row.seconds.values()) for row in rows])
        return cls(
            table.name, grid, curves, np.array([[row.counted["macs"], row.counted["params"]] for row in rows]),
            cost / (cost.mean() * table.epochs), float(np.sqrt(curves[:, :, -1].var(axis=1, ddof=1).mean())),
            () if scores is None else scores.names, None if scores is None else scores.array(keys),
            0.0 if scores is None else scores.images / table.train_images, took / (took.mean() * table.epochs),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def macs(self) -> Floats:
        """(N,) of one forward pass."""
        return self.counts[:, 0]

    @property
    def epochs(self) -> int:
        """Epochs of a full training."""
        return int(self.curves.shape[2])

    @property
    def truth(self) -> Floats:
        """(N,) mean over all seeds of the final metric."""
        return np.asarray(self.curves[:, :, -1].mean(axis=1))

    def points(self, values: Floats, index: Any = slice(None)) -> Floats:
        """(n, 2) of networks for a front: what the metric lacks to 100 %, and log10 MACs; less is better."""
        return np.column_stack([100.0 - values, np.log10(self.macs[index])])

    @property
    def reference(self) -> Floats:
        """(2,) a tenth of the range beyond the lowest true metric and the largest MACs, so that these count too."""
        points = self.points(self.truth)
        worst, span = points.max(axis=0), np.ptp(points, axis=0)
        return np.asarray(worst + MARGIN * np.where(span > 0, span, 1.0))

    def volume(self, index: Any) -> float:
        """Returns hypervolume of the true points of some networks, as a share of that of all networks."""
        truth = self.points(self.truth)
        whole = hypervolume(truth, self.reference)
        return hypervolume(truth[index], self.reference) / whole if len(index) else 0.0


class Mark(NamedTuple):
    """How far a method had come.

    Attributes:
        spent, seconds: compute by MACs and by CPU seconds, in trainings of the network of mean cost.
        volume: hypervolume of the true values of what it would choose, as a share of that of all networks.
    """

    spent: float
    seconds: float
    volume: float


@dataclass(slots=True, eq=False)
class Ledger:
    """What one run of a method has trained and seen, and what that cost.

    Attributes:
        budget: compute that it may spend, in trainings of the network of mean cost.
        exact: it sees the truth instead of one training (a check of the harness).
        timed: it goes on until the budget is spent in CPU seconds, too.
        spent, seconds: so far, by MACs and by CPU seconds.
        trained: epochs of each network that was begun.
        seen: the last value that it saw of each.
        history: after each full training.
    """

    yardstick: Yardstick
    budget: float
    seed: int
    exact: bool = False
    timed: bool = False
    spent: float = 0.0
    seconds: float = 0.0
    trained: dict[int, int] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)
    history: list[Mark] = field(default_factory=list)
    _seeds: NDArray[np.int64] = field(init=False)
    _scored: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 1])
        seeds = self.yardstick.curves.shape[1] - HELD_OUT
        self._seeds = rng.integers(seeds, size=len(self.yardstick))

    def train(self, index: int, epochs: int | None = None) -> float:
        """Trains a network up to so many epochs, going on from those it has, and returns the metric there.

        What was trained before costs nothing.

        Raises:
            BudgetSpent: the budget ends within this training.
        """
        stick = self.yardstick
        upto = stick.epochs if epochs is None else epochs
        more = max(0, upto - self.trained.get(index, 0))
        if more:
            self._pay(more, index)
            self.trained[index] = upto
            value = stick.truth[index] if self.exact else stick.curves[index, self._seeds[index], upto - 1]
            self.seen[index] = float(value)
            if upto == stick.epochs:
                self.history.append(Mark(self.spent, self.seconds, stick.volume(self.chosen)))
        return self.seen[index]

    def _pay(self, epochs: float, index: int | list[int]) -> None:
        """Pays for so many epochs of some networks.

        Raises:
            BudgetSpent: the budget ends within them.
        """
        stick = self.yardstick
        times = stick.epoch_cost if stick.epoch_seconds is None else stick.epoch_seconds
        spent = self.spent + epochs * float(np.sum(stick.epoch_cost[index]))
        seconds = self.seconds + epochs * float(np.sum(times[index]))
        if min(spent, seconds if self.timed else np.inf) > self.budget:
            raise BudgetSpent
        self.spent, self.seconds = spent, seconds

    def scored(self, index: NDArray[np.int64]) -> Floats:
        """Returns (n, S) zero-cost scores of networks; each costs a pass forward and backward for each score, once.

        Raises:
            BudgetSpent: the budget ends with them.
        """
        stick = self.yardstick
        assert stick.scores is not None, "the yardstick has scores"
        new = [i for i in index.tolist() if i not in self._scored]
        self._pay(stick.scores.shape[1] * stick.score_share, new)
        self._scored.update(new)
        return np.asarray(stick.scores[index])

    @property
    def finished(self) -> list[int]:
        """Networks that were trained to the end, in the order in which they were begun."""
        return [index for index, epochs in self.trained.items() if epochs == self.yardstick.epochs]

    @property
    def chosen(self) -> NDArray[np.int64]:
        """The front of what it saw of the networks trained to the end."""
        index = np.array(self.finished, dtype=np.int64)
        if not len(index):
            return index
        values = np.array([self.seen[i] for i in index])
        return index[non_dominated(self.yardstick.points(values, index))]


def random_runs(yardstick: Yardstick, draws: int, runs: int) -> Floats:
    """Returns (runs, draws) share of hypervolume of random search that sees the truth, after 1, 2, ... networks."""
    shares = np.zeros((runs, draws))
    for seed in range(runs):
        ledger = Ledger(yardstick, np.inf, seed, exact=True)
        for index in np.random.default_rng(seed).permutation(len(yardstick))[:draws]:
            ledger.train(int(index))
        shares[seed] = [mark.volume for mark in ledger.history]
    return shares


def expected_random(yardstick: Yardstick, draws: int) -> Floats:
    """Returns (draws,) expected share of hypervolume of 1, 2, ... networks drawn at random without replacement.

    In closed form, for a chooser that knows the truth: a piece of the volume is missed when all draws are among the
    networks that do not dominate it, so each piece counts with 1 - C(N - m, k) / C(N, k), m the networks that do.
    """
    points, corner, count = yardstick.points(yardstick.truth), yardstick.reference, len(yardstick)
    firsts, seconds = (
        np.unique(np.append(points[:, 0], corner[0])),
        np.unique(np.append(points[:, 1], corner[1])),
    )
    areas = np.outer(np.diff(firsts), np.diff(seconds))
    below = (points[:, 0, None, None] <= firsts[None, :-1, None]) & (
        points[:, 1, None, None] <= seconds[None, None, :-1]
    )
    dominating = below.sum(axis=0)
    missed = np.ones(count + 1)
    expected = np.empty(draws)
    whole = areas[dominating > 0].sum()
    for k in range(draws):
        left = count - np.arange(count + 1) - k
        missed = missed * np.clip(left, 0, None) / (count - k)
        expected[k] = (areas * (1.0 - missed[dominating])).sum() / whole
    return expected
