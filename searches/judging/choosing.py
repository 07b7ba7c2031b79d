"""Which of many untrained networks to train next: the one that is expected to add most to the front for its cost.

What can be counted of a network is known exactly; the rest is guessed from the networks that were trained. One and the
same code chooses in a study (:mod:`searches.study.screened`) and on a yardstick (:mod:`searches.bench.methods`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.pareto import non_dominated
from searches.judging.improvement import chance, expected_volume
from searches.judging.surrogate import Guess, LeftOut, Surrogate

Floats = NDArray[np.float64]
MARGIN = 0.1
"""How far the reference point lies beyond the worst values that were seen, as a share of their range."""
REFERENCES, FARTHEST = 8, 3.0
"""The first networks, by whose scores others are placed, and how many of their deviations away at most."""
LEAST_CORRECTED = 4
"""Measured networks from which a predictor of others is corrected by them."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that is optimised, or only bounded.

    Attributes:
        name: of the quantity.
        maximised: more is better; else less is, and the number is taken as its logarithm.
        low, high: limits on it, in its own unit.
    """

    name: str
    maximised: bool = False
    low: float | None = None
    high: float | None = None

    def scaled(self, values: Floats) -> Floats:
        """Returns numbers of which less is better."""
        return -values if self.maximised else np.log(np.maximum(values, 1e-12))

    def natural(self, guess: Guess) -> Guess:
        """Returns a guess of scaled numbers in the quantity's own unit."""
        if self.maximised:
            return Guess(-guess.mean, guess.deviation)
        mean = np.exp(guess.mean)
        return Guess(mean, mean * guess.deviation)

    def kept(self, guess: Guess) -> Floats:
        """Returns (N,) how likely the limits are kept."""
        low, high = (
            None if one is None else float(self.scaled(np.array([one]))[0]) for one in (self.low, self.high)
        )
        return chance(guess.mean, guess.deviation, *((high, low) if self.maximised else (low, high)))


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """Networks as a chooser sees them, N of them.

    Attributes:
        table: (N, D) their features.
        values: by quantity (N,) what is counted, or was measured; NaN where it was not.
        feasible: (N,) whether they may be on the front.
        predicted: by quantity (N,) what a predictor of another kind says; NaN where it refuses.
    """

    table: Floats
    values: Mapping[str, Floats]
    feasible: NDArray[np.bool_]
    predicted: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is thought of N candidates.

    Attributes:
        guesses: by quantity that is not counted, in its own unit.
        gain: (N,) expected gain in hypervolume, times how likely the limits are kept.
        worth: (N,) gain for its cost.
    """

    guesses: Mapping[str, Guess]
    gain: Floats
    worth: Floats

    def order(self) -> NDArray[np.int64]:
        """Returns the candidates, the best first."""
        return np.argsort(-self.worth, kind="stable")


class Chooser:
    """Judges candidates by what was trained.

    Args:
        objectives: what is optimised.
        limits: further numbers that are bounded; counted ones are kept by the candidates already.
        counted: names of what is counted.
        errors: of predictors of another kind, by quantity, relative.
        seed: of the predictors.
    """

    def __init__(
        self,
        objectives: Sequence[Goal],
        limits: Sequence[Goal] = (),
        *,
        counted: frozenset[str] = frozenset(),
        errors: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        self.objectives, self.counted, self._errors = tuple(objectives), counted, dict(errors or {})
        named = {goal.name: goal for goal in (*limits, *objectives)}
        self.guessed = tuple(goal for name, goal in named.items() if name not in counted)
        self._seed = seed
        self._models: dict[tuple[str, int], Surrogate] = {}

    def judged(
        self, known: Networks, candidates: Networks, cost: Floats, running: Networks | None = None
    ) -> Judged:
        """Returns what is thought of candidates.

        Args:
            known: what was trained, in the order in which it came; one at least.
            candidates: what could be trained; ``feasible`` is not read.
            cost: (N,) of training each.
            running: what is being trained elsewhere: it is taken for what is guessed of it, so that the candidates
                spread out.
        """
        guesses = {goal.name: self._guess(goal, known, candidates) for goal in self.guessed}
        front = self._believed(known)[known.feasible]
        corner = self._corner(known, candidates)
        if running is not None and len(running):
            believed = {goal.name: self._guess(goal, known, running) for goal in self.guessed}
            front = np.vstack([front, self._means(running, believed)[0]])
        front = front[np.isfinite(front).all(axis=1)]
        front = front[non_dominated(front)] if len(front) else front
        mean, deviation = self._means(candidates, guesses)
        gain = expected_volume(front, corner, mean, deviation)
        for goal in self.guessed:
            if goal.low is not None or goal.high is not None:
                gain = gain * goal.kept(guesses[goal.name])
        natural = {goal.name: goal.natural(guesses[goal.name]) for goal in self.guessed}
        return Judged(natural, gain, gain / cost)

    def left_out(self, known: Networks) -> dict[str, LeftOut]:
        """Returns how far each guessed number is missed of networks left out; of logarithms for what is minimised."""
        found = {}
        for goal in self.guessed:
            values = goal.scaled(known.values[goal.name])
            seen = np.isfinite(values)
            one = self._model(goal, known).left_out(known.table[seen], values[seen])
            if one is not None:
                found[goal.name] = one
        return found

    def _guess(self, goal: Goal, known: Networks, wanted: Networks) -> Guess:
        """A scaled guess: of a predictor where one speaks of the quantity, else from what was trained."""
        values = goal.scaled(known.values[goal.name])
        seen = np.isfinite(values)
        if seen.any():
            guess = self._model(goal, known).guess(known.table[seen], values[seen], wanted.table)
        else:
            guess = Guess(np.zeros(len(wanted)), np.ones(len(wanted)))
        if goal.name not in wanted.predicted:
            return guess
        said = goal.scaled(wanted.predicted[goal.name])
        missed = values[seen] - goal.scaled(known.predicted[goal.name])[seen]
        missed = missed[np.isfinite(missed)]
        shift, error = 0.0, self._errors.get(goal.name, 0.0)
        if len(missed) >= LEAST_CORRECTED:
            shift = float(np.median(missed))
            error = max(error, float(np.sqrt(np.mean((missed - shift) ** 2))))
        speaks = np.isfinite(said)
        return Guess(np.where(speaks, said + shift, guess.mean), np.where(speaks, error, guess.deviation))

    def _model(self, goal: Goal, known: Networks) -> Surrogate:
        return self._models.setdefault((goal.name, known.table.shape[1]), Surrogate(self._seed))

    def _points(self, networks: Networks) -> Floats:
        return np.column_stack([goal.scaled(networks.values[goal.name]) for goal in self.objectives])

    def _believed(self, known: Networks) -> Floats:
        """(N, O) points of what was trained, without the luck of a single training where a predictor can tell."""
        points = self._points(known)
        for column, goal in enumerate(self.objectives):
            if goal.name not in self.counted:
                values = points[:, column]
                seen = np.isfinite(values)
                values[seen] = self._model(goal, known).smoothed(known.table[seen], values[seen])
        return points

    def _corner(self, known: Networks, candidates: Networks) -> Floats:
        """(O,) a little beyond the worst of what was trained, and of what is counted of the candidates."""
        points = self._points(known)
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return np.full(len(self.objectives), 1.0)
        worst, best = points.max(axis=0), points.min(axis=0)
        for column, goal in enumerate(self.objectives):
            if goal.name in self.counted and len(candidates):
                values = goal.scaled(candidates.values[goal.name])
                worst[column] = max(worst[column], values.max())
                best[column] = min(best[column], values.min())
        return np.asarray(worst + MARGIN * np.where(worst > best, worst - best, 1.0))

    def _means(self, networks: Networks, guesses: Mapping[str, Guess]) -> tuple[Floats, Floats]:
        means, deviations = [], []
        for goal in self.objectives:
            if goal.name in self.counted:
                means.append(goal.scaled(networks.values[goal.name]))
                deviations.append(np.zeros(len(networks)))
            else:
                means.append(guesses[goal.name].mean)
                deviations.append(guesses[goal.name].deviation)
        return np.column_stack(means), np.column_stack(deviations)


def with_scores(
    chooser: Chooser, use: str, scores: tuple[Floats, Floats, Floats], known: Networks, candidates: Networks,
    cost: Floats, running: Networks | None, judged: Judged,
) -> Judged:  # fmt: skip
    """Returns what is thought of candidates with the help of zero-cost scores.

    Args:
        use: ``feature``: the predictor reads the joined score as one number more; ``filter``: what is not of the better
            half by it is worth nothing.
        scores: (N, S) of what is known, of the candidates and of what is running.
        judged: what is thought of them without.
    """
    if use == "filter":
        share = joined(scores[1])
        return replace(judged, worth=np.where(share >= np.median(share), judged.worth, -np.inf))
    columns = [placed(one, scores[0][:REFERENCES]) for one in scores]
    wider = [
        replace(one, table=np.column_stack([one.table, column]))
        for one, column in zip((known, candidates), columns, strict=False)
    ]
    if running is not None:
        running = replace(running, table=np.column_stack([running.table, columns[2]]))
    return chooser.judged(wider[0], wider[1], cost, running)


def placed(scores: Floats, references: Floats) -> Floats:
    """Returns (N,) where networks stand by their scores (N, S), in the mean over them; references (R, S) are about 0.5.

    It does not change when more networks become known, so that what was learned from it holds.
    """
    finite = np.where(np.isfinite(references), references, np.nan)
    known = ~np.isnan(finite).all(axis=0)
    if not known.any():
        return np.full(len(scores), 0.5)
    centre, spread = np.nanmean(finite[:, known], axis=0), np.nanstd(finite[:, known], axis=0)
    steps = (scores[:, known] - centre) / np.where(spread > 0, spread, 1.0)
    steps = np.clip(
        np.nan_to_num(steps, nan=-FARTHEST, posinf=FARTHEST, neginf=-FARTHEST), -FARTHEST, FARTHEST
    )
    return np.asarray(0.5 + steps.mean(axis=1) / (2 * FARTHEST))


def joined(scores: Floats) -> Floats:
    """Returns (N,) the mean rank of each network over its scores (N, S), from 0 to 1; more is better.

    A score that does not exist for a network is the lowest.

    >>> joined(np.array([[1.0, 5.0], [2.0, float("nan")], [3.0, 9.0]])).tolist()
    [0.25, 0.25, 1.0]
    """
    if len(scores) < 2:
        return np.ones(len(scores))
    from scipy.stats import rankdata  # a second to import, for studies that score alone

    ordered = np.where(np.isnan(scores), -np.inf, scores)
    places = np.column_stack([rankdata(column) for column in ordered.T])
    return np.asarray(((places - 1) / (len(scores) - 1)).mean(axis=1))


def training_cost(macs: Floats) -> Floats:
    """Returns (N,) cost of training: MACs (N,), and their mean for all that does not grow with the network.

    >>> training_cost(np.array([1.0, 3.0])).tolist()
    [3.0, 5.0]
    """
    return np.asarray(macs + macs.mean())


def stratum(cost: Floats, parts: int, number: int) -> NDArray[np.int64]:
    """Returns the candidates of one of ``parts`` equal parts of them by cost, the cheapest part for number 0."""
    found = np.array_split(np.argsort(cost, kind="stable"), min(parts, len(cost)))
    return found[number % len(found)]
