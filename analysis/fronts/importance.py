"""Which fields of the networks mattered for a number: permutation importance of a random forest, with its doubt.

What it is: a forest learns the number from the fields on four fifths of the networks. On the fifth it has not seen, one
field at a time is shuffled; what the forest's R² loses by that is the field's importance. Each fifth takes its turn, so
every figure has a spread. It says what the number was *predicted from*, not what caused it: fields that vary together
share their importance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archspace.support.numbers import counted

Floats = NDArray[np.float64]

LEAST = 20
"""Distinct networks below which nothing is said."""
MOST = 1000
"""Networks beyond which a random sample of this size is used."""
FOLDS, TREES, SHUFFLES = 5, 40, 3
_T_95 = 2.776
"""Student's t for 95 % and four degrees of freedom."""


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
        networks: how many it is drawn from.
        reason: why nothing can be said, else ``None``.
    """

    name: str
    fields: tuple[FieldWeight, ...] = ()
    explained: float = math.nan
    networks: int = 0
    reason: str | None = None


def importance(
    name: str, fields: Mapping[str, Sequence[object]], values: Sequence[float], *, seed: int = 0
) -> Importance:
    """Returns the importance of each field that varies.

    Args:
        name: of the number.
        fields: by field a column of N entries: numbers, truths, texts, or lists (one entry a level; as JSON text too).
        values: N numbers; an entry that is not finite is left out.
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
    blocks = {field: _columns([column[int(i)] for i in kept]) for field, column in fields.items()}
    blocks = {field: block for field, block in blocks.items() if block.shape[1]}
    if not blocks:
        return Importance(name=name, networks=len(kept), reason="no field varies")
    explained, losses = _cross_validated(blocks, numbers, random, seed)
    if explained <= 0:
        reason = "the fields do not predict it: a forest does no better on unseen networks than their mean"
        return Importance(name=name, networks=len(kept), explained=explained, reason=reason)
    weights = [_weight(field, losses[:, index]) for index, field in enumerate(blocks)]
    weights.sort(key=lambda weight: -weight.mean)
    return Importance(name=name, fields=tuple(weights), explained=explained, networks=len(kept))


def _cross_validated(
    blocks: Mapping[str, Floats], numbers: Floats, random: np.random.Generator, seed: int
) -> tuple[float, Floats]:
    """R² on unseen networks, and (FOLDS, fields) losses of it by shuffling."""
    from sklearn.ensemble import RandomForestRegressor

    table = np.hstack(list(blocks.values()))
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    parts = np.array_split(random.permutation(len(numbers)), FOLDS)
    variance = float(numbers.var())
    errors = np.empty(FOLDS)
    losses = np.empty((FOLDS, len(blocks)))
    for fold, unseen in enumerate(parts):
        training = np.setdiff1d(np.arange(len(numbers)), unseen)
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed + fold)
        forest.fit(table[training], numbers[training])
        target = numbers[unseen]
        errors[fold] = float(((forest.predict(table[unseen]) - target) ** 2).mean())
        for index, end in enumerate(ends):
            start = ends[index - 1] if index else 0
            worse = []
            for _ in range(SHUFFLES):
                shuffled = table[unseen].copy()
                shuffled[:, start:end] = shuffled[random.permutation(len(unseen)), start:end]
                worse.append(float(((forest.predict(shuffled) - target) ** 2).mean()))
            losses[fold, index] = (float(np.mean(worse)) - errors[fold]) / variance
    weighted = float(np.average(errors, weights=[len(part) for part in parts]))
    return 1 - weighted / variance, losses


def _weight(field: str, losses: Floats) -> FieldWeight:
    mean, reach = float(losses.mean()), _T_95 * float(losses.std(ddof=1)) / math.sqrt(len(losses))
    return FieldWeight(
        field=field, mean=max(mean, 0.0), low=max(mean - reach, 0.0), high=max(mean + reach, 0.0)
    )


def _columns(entries: Sequence[object]) -> Floats:
    """One field as (N, k) numbers, k columns that vary: a list gives one a level, a word its place in the alphabet."""
    lists = [_listed(entry) for entry in entries]
    width = max(len(entry) for entry in lists)
    columns = [_coded([entry[i] if i < len(entry) else None for entry in lists]) for i in range(width)]
    varying = [column for column in columns if np.ptp(column) > 0]
    return np.column_stack(varying) if varying else np.empty((len(entries), 0))


def _listed(entry: object) -> list[object]:
    if isinstance(entry, str) and entry.startswith("["):
        try:
            parsed = json.loads(entry)
        except ValueError:
            return [entry]
        return parsed if isinstance(parsed, list) and parsed else [None]
    return list(entry) if isinstance(entry, list | tuple) and entry else [entry]


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
