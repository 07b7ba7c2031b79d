"""Which fields of the networks mattered for a number: permutation importance of a random forest, with its doubt.

What it is: a forest learns the number from the fields on four fifths of the networks. On the fifth it has not seen, one
field at a time is shuffled; what the forest's R² loses by that is the field's importance. Each fifth takes its turn, so
every figure has a spread; few networks are dealt into fifths several times, since one deal is luck. It says what the
number was *predicted from*, not what caused it: fields that vary together share their importance. Where the forest
hardly predicts the number, nothing is said: what it did not learn may matter.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from archspace.support.numbers import counted

Floats = NDArray[np.float64]

LEAST = 20
"""Distinct networks below which nothing is said."""
MOST = 1000
"""Networks beyond which a random sample of this size is used."""
PREDICTED = 0.1
"""R² on unseen networks below which nothing is said."""
FOLDS, TREES, SHUFFLES = 5, 40, 3
FEW, DEALS = 200, 5
"""Networks below which the folds are dealt so many times."""
_T_95 = 2.776
"""Student's t for 95 % and four degrees of freedom."""
ABSENT: Final = object()
"""The entry of a field, or of a level of it, that a network does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWeight:
    """One field: the mean loss of R² when it is shuffled, and a 95 % interval over the folds; at least 0."""

    field: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What mattered for one number.

    Attributes:
        name: of the number.
        fields: the heaviest first; empty where ``reason`` says why.
        explained: R² of the forest on networks it has not seen; NaN where there is no forest.
        logarithm: whether all of it is of the number's logarithm.
        networks: how many it is drawn from.
        reason: why nothing can be said, else ``None``.
    """

    name: str
    fields: tuple[FieldWeight, ...] = ()
    explained: float = math.nan
    logarithm: bool = False
    networks: int = 0
    reason: str | None = None


def importance(
    name: str,
    fields: Mapping[str, Sequence[object]],
    values: Sequence[float],
    *,
    log: bool = False,
    seed: int = 0,
) -> Importance:
    """Returns the importance of each field that varies.

    Args:
        name: of the number.
        fields: by field a column of N entries: numbers, truths, texts, or lists (one entry a level; as JSON text too).
            :data:`ABSENT` gets one of the others' values at random, so that it tells of no other field.
        values: N numbers; an entry that is not finite is left out.
        log: whether the number spans orders of magnitude: its logarithm is taken if every value is above 0.
        seed: of the folds, the forest and the shuffles: the same input gives the same answer.
    """
    numbers = np.asarray(values, dtype=np.float64)
    kept = np.flatnonzero(np.isfinite(numbers))
    if len(kept) < LEAST:
        return Importance(
            name=name,
            networks=len(kept),
            reason=f"too few: {counted(len(kept), 'network')}, {LEAST} are needed",
        )
    random = np.random.default_rng(seed)
    if len(kept) > MOST:
        kept = np.sort(random.choice(kept, MOST, replace=False))
    numbers = numbers[kept]
    if np.ptp(numbers) == 0:
        return Importance(name=name, networks=len(kept), reason="every network has the same value")
    log = log and bool((numbers > 0).all())
    numbers = np.log(numbers) if log else numbers
    explained: list[float] = []
    losses: list[Floats] = []
    for deal in range(DEALS if len(kept) < FEW else 1):
        blocks = {field: _columns([column[int(i)] for i in kept], random) for field, column in fields.items()}
        blocks = {field: block for field, block in blocks.items() if block.shape[1]}
        if not blocks:
            return Importance(name=name, networks=len(kept), reason="no field varies")
        known, lost = _cross_validated(list(blocks.values()), numbers, random, seed + FOLDS * deal)
        explained.append(known)
        losses.append(lost)
    r2, every = float(np.mean(explained)), np.stack(losses)
    said = Importance(name=name, explained=r2, logarithm=log, networks=len(kept))
    if r2 < PREDICTED:
        reason = f"the fields do not predict it: R² {r2:.2g} on unseen networks, {PREDICTED:g} is needed"
        return replace(said, reason=reason)
    weights = [_weight(field, every[:, :, index]) for index, field in enumerate(blocks)]
    return replace(said, fields=tuple(sorted(weights, key=lambda weight: -weight.mean)))


def _cross_validated(
    blocks: Sequence[Floats], numbers: Floats, random: np.random.Generator, seed: int
) -> tuple[float, Floats]:
    """R² on unseen networks, and (FOLDS, fields) losses of it by shuffling."""
    from sklearn.ensemble import RandomForestRegressor

    table = np.hstack(blocks)
    ends = np.cumsum([block.shape[1] for block in blocks])
    parts = np.array_split(random.permutation(len(numbers)), FOLDS)
    variance = float(numbers.var())
    errors = np.empty(FOLDS)
    losses = np.empty((FOLDS, len(blocks)))
    for fold, unseen in enumerate(parts):
        training = np.setdiff1d(np.arange(len(numbers)), unseen)
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed + fold)
        forest.fit(table[training], numbers[training])
        target = numbers[unseen]
        shown = [table[unseen]]
        for block, end in zip(blocks, ends, strict=True):
            for _ in range(SHUFFLES):
                shuffled = table[unseen].copy()
                columns = slice(end - block.shape[1], end)
                shuffled[:, columns] = shuffled[random.permutation(len(unseen)), columns]
                shown.append(shuffled)
        answers = forest.predict(np.vstack(shown)).reshape(len(shown), -1)
        squares = ((answers - target) ** 2).mean(axis=1)
        errors[fold] = squares[0]
        losses[fold] = (squares[1:].reshape(len(blocks), SHUFFLES).mean(axis=1) - squares[0]) / variance
    weighted = float(np.average(errors, weights=[len(part) for part in parts]))
    return 1 - weighted / variance, losses


def _weight(field: str, losses: Floats) -> FieldWeight:
    """The mean of (deals, FOLDS) losses; the spread is that of one deal's folds, which deals do not make smaller."""
    mean, reach = float(losses.mean()), _T_95 * math.sqrt(float(losses.var(axis=1, ddof=1).mean()) / FOLDS)
    return FieldWeight(
        field=field, mean=max(mean, 0.0), low=max(mean - reach, 0.0), high=max(mean + reach, 0.0)
    )


def _columns(entries: Sequence[object], random: np.random.Generator) -> Floats:
    """One field as (N, k) numbers, k columns that vary: a list gives one a level, a word its place in the alphabet."""
    lists = [_listed(entry) for entry in entries]
    width = max(len(entry) for entry in lists)
    levels = ([entry[i] if i < len(entry) else ABSENT for entry in lists] for i in range(width))
    varying = [column for column in (_filled(level, random) for level in levels) if np.ptp(column) > 0]
    return np.column_stack(varying) if varying else np.empty((len(entries), 0))


def _listed(entry: object) -> list[object]:
    if isinstance(entry, str) and entry.startswith("["):
        try:
            parsed = json.loads(entry)
        except ValueError:
            return [entry]
        return parsed if isinstance(parsed, list) and parsed else [None]
    return list(entry) if isinstance(entry, list | tuple) and entry else [entry]


def _filled(entries: Sequence[object], random: np.random.Generator) -> Floats:
    """The codes of a column, what is absent drawn among those that are there."""
    there = np.array([entry is not ABSENT for entry in entries])
    column = np.zeros(len(entries))
    if there.any():
        column[there] = codes = _coded([entry for entry in entries if entry is not ABSENT])
        column[~there] = random.choice(codes, np.count_nonzero(~there)) if not there.all() else ()
    return column


def _coded(entries: Sequence[object]) -> Floats:
    """Numbers as they are; where there are words, each entry's place among the sorted ones; nothing is below all."""
    missing = [entry is None or entry != entry for entry in entries]
    present = [entry for entry, gone in zip(entries, missing, strict=True) if not gone]
    if all(isinstance(entry, bool | int | float | np.number | np.bool_) for entry in present):
        codes = [math.nan if gone else float(entry)  # type: ignore[arg-type]
                 for entry, gone in zip(entries, missing, strict=True)]  # fmt: skip
    else:
        order = {word: place for place, word in enumerate(sorted({str(entry) for entry in present}))}
        codes = [
            math.nan if gone else float(order[str(entry)])
            for entry, gone in zip(entries, missing, strict=True)
        ]
    column = np.array(codes)
    least = float(np.nanmin(column)) if present else 0.0
    column[np.isnan(column)] = least - 1
    return column
