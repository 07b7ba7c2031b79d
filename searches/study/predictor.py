"""How far the predictor of a study's screen was off: on trials left out, and on those that it spoke of beforehand."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.quantities import described
from analysis.store.records import TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.support.files import write_text
from archspace.support.text_files import read_json
from searches.config.parts import SCREENED
from searches.config.study import StudyConfig
from searches.judging.choosing import Goal
from searches.judging.surrogate import LEAST_CHECKED, SIDE_95
from searches.study.pool import Ended, Screened, Screening

log = logging.getLogger(__name__)

PREDICTOR_FILE = "predictor.json"
"""In the run folder of a study with a screen: by quantity, how far its predictor was off."""


def ended_of_records(records: Sequence[TrialRecord]) -> list[Ended]:
    """Returns the trials of a study that ended with values, a network once, as a screen knows them."""
    found: dict[str, Ended] = {}
    for one in records:
        if one.values and one.spec is not None:
            values = {name: one.value(name) for name in one.known}
            spec = ArchSpec.from_dict(one.spec)
            found.setdefault(str(one.arch_id), Ended(spec, one.params, values, one.state == "complete"))
    return list(found.values())


def predictor_errors(screening: Screening, records: Sequence[TrialRecord]) -> dict[str, dict[str, Any]]:
    """Returns by guessed quantity how far the predictor is off; empty before trials are enough to say.

    ``left_out``: each trial guessed from all others. ``ahead``: what was said of a trial when it was chosen, beside
    what came. ``error`` is a root mean square, in the quantity's unit (``relative``: as a share of it, which is how
    costs are guessed).
    """
    shared = Screened(screening, [described(name).direction for name in screening.objectives])
    known = shared.networks([*screening.others, *ended_of_records(records)])
    left_out = shared.chooser.left_out(known) if len(known) else {}
    goals = {goal.name: goal for goal in shared.chooser.guessed}
    return {
        name: {
            "unit": described(name).unit, "relative": not goals[name].maximised, "left_out": one.to_dict(),
            "ahead": _ahead(goals[name], records),
        }
        for name, one in left_out.items()
    }  # fmt: skip


def _ahead(goal: Goal, records: Sequence[TrialRecord]) -> dict[str, Any] | None:
    """How far what was said beforehand was off."""
    said, came, spread = [], [], []
    for one in records:
        value = one.value(goal.name)
        if goal.name in one.predicted and one.values and one.duplicate_of is None and math.isfinite(value):
            guess = one.predicted[goal.name]
            said.append(guess.value)
            came.append(value)
            spread.append(float(guess.how["deviation"]) / (1.0 if goal.maximised else guess.value))
    if not said:
        return None
    missed = goal.scaled(np.array(came)) - goal.scaled(np.array(said))
    inside = np.abs(missed) <= SIDE_95 * np.array(spread)
    return {
        "networks": len(said), "error": float(np.sqrt(np.mean(missed**2))), "inside_95": float(inside.mean())
    }  # fmt: skip


def keep_errors(
    folder: Path, config: StudyConfig, records: Sequence[TrialRecord], errors: Mapping[str, Any]
) -> None:
    """Writes ``predictor.json``, where something can be said, and lines about it to the log."""
    if errors:
        write_text(folder / PREDICTOR_FILE, json.dumps(errors, indent=1, allow_nan=False) + "\n")
    for line in error_lines(config, records, errors):
        log.info("%s", line)


def read_errors(folder: Path) -> dict[str, Any]:
    """Returns what ``predictor.json`` says; empty where there is none."""
    path = folder / PREDICTOR_FILE
    return dict(read_json(path)) if path.is_file() else {}


def error_lines(config: StudyConfig, records: Sequence[TrialRecord], errors: Mapping[str, Any]) -> list[str]:
    """Returns a line a quantity, for people, and one on those of which too few trials are known to say it."""
    lines = []
    for name, one in errors.items():
        out, ahead = one["left_out"], one["ahead"]
        say = partial(amount_off, unit=one["unit"], relative=one["relative"])
        rank = "" if out["kendall"] is None else f", Kendall {out['kendall']:.2f}"
        line = (
            f"predictor of {name}: off by {say(out['error'])} on {out['networks']} trials left out{rank}, "
            f"{out['inside_95']:.0%} of them within its 95 % interval"
        )
        if ahead is not None:
            line += f"; by {say(ahead['error'])} on the {ahead['networks']} that it chose"
        lines.append(line)
    asked = dict.fromkeys((*config.objectives, *config.constraints))
    silent = [name for name in asked if not described(name).counted and name not in errors]
    few = len({one.arch_id for one in records if one.values}) < LEAST_CHECKED
    if silent and few and config.trials and config.sampler.name == SCREENED:
        needed = f"{LEAST_CHECKED} different networks are needed to say how far it is off"
        lines.append(f"predictor of {', '.join(silent)}: {needed}")
    return lines


def amount_off(error: float, unit: str, *, relative: bool) -> str:
    """Returns an error for people: as a share, or in the quantity's unit (points, where that is percent)."""
    if relative:
        return f"{error:.1%}"
    return f"{error:.2f} {'points' if unit == '%' else unit}".rstrip()
