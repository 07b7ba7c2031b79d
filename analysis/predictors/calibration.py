"""Calibrating: times random networks of a space, most where least is known, fits, and checks on others."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from analysis.predictors.journal import Journal
from analysis.predictors.layerwise import Layerwise, Unseen, fit
from analysis.predictors.pieces import Piece, pieces_of
from analysis.predictors.record import Calibration
from analysis.predictors.scores import scores
from analysis.predictors.spaces import check_space, random_specs
from analysis.predictors.timing import Timed, Timer, load_average
from analysis.store.environment import environment
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError

CANDIDATES = 6
"""Random networks among which the one is timed that teaches most."""

UNKNOWN = 0.25
"""Expected relative error of a piece that was never timed."""

NOISE = 0.04
"""Expected relative error of a piece timed in one network; it falls with the root of their number."""

PER_LAYER = 2e5
"""MACs in the time of which a layer could be called without doing anything; for ranking candidates only."""

MOST_KNOWN = 200
"""A space that gives only known networks so many times in a row has no other."""

CHECK_SEED = 1_000_003
QUIET = 10
"""Percentile of the reference's medians that is its time on a quiet machine."""

OnProgress = Callable[[str, float, float], None]
"""Called with what is being done, the share of it that is done and the seconds left."""


def nobody(doing: str, share: float, left_s: float) -> None:
    """Tells nobody."""


def calibrate(
    timer: Timer, space: Mapping[str, Any], out: Path, *, minutes: float = 10.0, check: int = 100, seed: int = 0,
    on_progress: OnProgress = nobody,
) -> Calibration:  # fmt: skip
    """Times networks of ``space`` for ``minutes``, fits the predictor, checks it, and writes it to ``out``.

    Measurements go to ``out`` with the ending ``.jsonl``; called again, it goes on from those.

    Args:
        timer: the device.
        space: as :mod:`analysis.predictors.spaces` reads it.
        out: the predictor, as JSON.
        minutes: on the wall, of drawing and timing networks to fit on; checking comes on top.
        check: random networks that it is checked on. None of them, by ``arch_id``, is fitted on.
        seed: of the random networks.
        on_progress: progress.

    Raises:
        InputError: an option or the space is wrong, or the journal is of another calibration.
    """
    if not minutes > 0:
        raise FieldError("minutes", minutes, "must be above 0", 10)
    if check < 2:
        raise FieldError("check", check, "needs at least 2 networks to tell an error", 100)
    check_space(space)
    head = {"device": timer.key(), "space": dict(space), "seed": seed}
    journal = Journal(out.with_suffix(".jsonl"), head)
    held_out = _held_out(space, seed, check)
    _time_pieces(timer, space, seed, journal, set(held_out), minutes * 60, on_progress)
    on_progress("fitting", 1.0, 0.0)
    fitted, blind = fit(list(journal.observed()))
    _time_whole(timer, journal, held_out, on_progress)
    calibration = _record(journal, fitted, blind, set(held_out), head)
    calibration.write(out)
    return calibration


def _held_out(space: Mapping[str, Any], seed: int, count: int) -> dict[str, ArchSpec]:
    """Networks to check on by ``arch_id``: the first different ones of their own seed."""
    specs: dict[str, ArchSpec] = {}
    known = 0
    for spec in random_specs(space, seed + CHECK_SEED):
        known = known + 1 if spec.arch_id in specs else 0
        specs.setdefault(spec.arch_id, spec)
        if len(specs) == count:
            return specs
        if known > MOST_KNOWN:
            break
    rule = f"the space has about {len(specs)} networks, and some are to be fitted on"
    raise FieldError("check", count, rule, max(2, len(specs) // 2))


def _time_pieces(
    timer: Timer, space: Mapping[str, Any], seed: int, journal: Journal, held_out: set[str], seconds: float,
    on_progress: OnProgress,
) -> None:  # fmt: skip
    """Times networks to fit on until ``seconds`` are spent, or the space has no other."""
    spent = sum(line["seconds"] for line in journal.of("fit"))
    taken = held_out | {line["arch_id"] for line in journal.lines}
    met: dict[str, int] = defaultdict(int)
    for network in journal.observed():
        for key in {piece.key for piece in pieces_of(network.spec)}:
            met[key] += 1
    # Another stream after every interruption: the first one's beginning is taken.
    started = time.monotonic()
    for spec in _teaching(random_specs(space, seed + len(journal.lines)), taken, met):
        if spent >= seconds:
            return
        on_progress(f"timing units, {len(met)} configurations", spent / seconds, seconds - spent)
        timed = timer.time_pieces(spec)
        ended = time.monotonic()
        journal.add(_line("fit", spec, timed, ended - started))
        spent, started = spent + ended - started, ended
        taken.add(spec.arch_id)
        for key in {piece.key for piece in pieces_of(spec)}:
            met[key] += 1


def _teaching(specs: Iterator[ArchSpec], taken: set[str], met: Mapping[str, int]) -> Iterator[ArchSpec]:
    """Of every few new random networks the one whose time is least known; ends when none is new."""
    while True:
        for _ in range(MOST_KNOWN // CANDIDATES):
            drawn = {spec.arch_id: spec for spec in islice(specs, CANDIDATES)}
            new = [spec for name, spec in drawn.items() if name not in taken]
            if new:
                yield max(new, key=lambda spec: doubt(pieces_of(spec), met))
                break
        else:
            return


def doubt(pieces: tuple[Piece, ...], met: Mapping[str, int]) -> float:
    """Expected relative error of a network's time, from how often each of its pieces was timed."""
    work, variance = 0.0, 0.0
    by_key: dict[str, float] = defaultdict(float)
    for piece in pieces:
        macs, layers = sum(piece.numbers[1:9]), piece.numbers[0] + piece.numbers[-1]
        by_key[piece.key] += macs + PER_LAYER * layers
    for key, share in by_key.items():
        times = met.get(key, 0)
        variance += (share * (NOISE / np.sqrt(times) if times else UNKNOWN)) ** 2
        work += share
    return float(np.sqrt(variance) / work)


def _time_whole(
    timer: Timer, journal: Journal, held_out: Mapping[str, ArchSpec], on_progress: OnProgress
) -> None:
    done = {line["arch_id"] for line in journal.of("check")}
    left = [spec for name, spec in held_out.items() if name not in done]
    started = time.monotonic()
    for index, spec in enumerate(left):
        each = (time.monotonic() - started) / index if index else 1.0
        on_progress("timing held-out networks", index / len(left), each * (len(left) - index))
        begun = time.monotonic()
        timed = timer.time_whole(spec)
        journal.add(_line("check", spec, timed, time.monotonic() - begun))


def _line(role: str, spec: ArchSpec, timed: Timed, seconds: float) -> dict[str, Any]:
    return {
        "role": role, "arch_id": spec.arch_id, "spec": spec.to_dict(), "total": timed.total, "pieces": timed.pieces,
        "reference_ms": timed.reference_ms, "error": timed.error, "runs": timed.runs, "wall_ms": timed.wall_ms,
        "seconds": seconds, "load": load_average(),
    }  # fmt: skip


def _wall_error(rows: list[dict[str, Any]]) -> dict[str, float | int] | None:
    """Of predictions beside the wall's times of uninterrupted runs, which a busy machine leaves to few networks."""
    timed = [row for row in rows if row["wall_ms"] is not None]
    if len(timed) < 2:
        return None
    return scores([row["wall_ms"] for row in timed], [row["predicted_ms"] for row in timed])


def _record(
    journal: Journal, fitted: Layerwise, blind: Layerwise, held_out: set[str], head: Mapping[str, Any]
) -> Calibration:
    """The predictor with its error on the held-out networks, in milliseconds of a quiet machine."""
    fits, checks = journal.of("fit"), [c for c in journal.of("check") if c["arch_id"] in held_out]
    reference = float(np.percentile([line["reference_ms"] for line in journal.lines], QUIET))
    rows, refused = [], 0
    for line in checks:
        spec = ArchSpec.from_dict(line["spec"])
        try:
            answer, unaided = fitted(spec), blind(spec)
        except Unseen:
            refused += 1
            continue
        rows.append(
            {
                "arch_id": line["arch_id"], "label": spec.label, "measured_ms": line["total"] * reference,
                "predicted_ms": answer.time * reference, "blind_ms": unaided.time * reference,
                "looked_up": answer.looked_up, "measured_error": line["error"], "wall_ms": line["wall_ms"],
            }
        )  # fmt: skip
    true = [row["measured_ms"] for row in rows]
    loads = [line["load"] for line in journal.lines if line["load"] is not None]
    return Calibration(
        device=head["device"], calibrated=journal.last().isoformat(timespec="seconds"), predictor=fitted,
        reference_ms=reference,
        error={**scores(true, [row["predicted_ms"] for row in rows]), "refused": refused},
        blind_error=scores(true, [row["blind_ms"] for row in rows]),
        wall_error=_wall_error(rows),
        fitted_on={
            "networks": len(fits), "configurations": len(fitted.table), "seed": head["seed"],
            "minutes": sum(line["seconds"] for line in fits) / 60, "space": head["space"],
            "check_minutes": sum(line["seconds"] for line in checks) / 60,
            "load_average": [min(loads), float(np.median(loads)), max(loads)] if loads else None,
            "measured_error": float(np.median([line["error"] for line in checks])),
        },
        rows=tuple(rows), environment=environment(),
    )  # fmt: skip
