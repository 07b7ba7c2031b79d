"""What ``archspace screen`` prints and writes: the predicted front, every number marked as counted or predicted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.predictors.many import ManyNetworks
from analysis.quantities import described
from archspace.support.csv_cells import csv_text
from archspace.support.files import write_text
from archspace.support.numbers import amount
from archspace.support.terminal import Column, TerminalTable, output
from searches.config.study import StudyConfig
from searches.judging.surrogate import LEAST_CHECKED, LEAST_POINTS, LeftOut
from searches.study.predictor import amount_off
from searches.study.screened_space import ScreenedSpace


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What screening the space of a study came to.

    Attributes:
        run: whose trials the predictor learned from, and ``trials`` how many there were.
        errors: of the predictor, by quantity, on trials left out.
        trained: by ``arch_id`` the trial of a network that is trained already.
        latency: what the latencies are predicted by.
    """

    config: StudyConfig
    space: ScreenedSpace
    run: Path | None
    trials: int
    errors: Mapping[str, LeftOut]
    trained: Mapping[str, str]
    latency: ManyNetworks | None

    @property
    def front(self) -> NDArray[np.int64]:
        """The networks of the predicted front, by the last objective that is known."""
        index = np.flatnonzero(self.space.front)
        last = next((n for n in reversed(self.known) if n in self.config.objectives), None)
        return index if last is None else index[np.argsort(self.values(last)[index], kind="stable")]

    @property
    def known(self) -> list[str]:
        """What is counted or predicted: the objectives first."""
        objectives = [name for name in self.config.objectives if name not in self.space.unknown]
        return list(dict.fromkeys((*objectives, *self.space.guesses, *self.space.values)))

    def values(self, name: str) -> NDArray[np.float64]:
        """Returns (N,) what is known of a quantity."""
        guess = self.space.guesses.get(name)
        return self.space.values[name] if guess is None else guess.mean

    def best(self, top: int) -> NDArray[np.int64]:
        """Returns the ``top`` networks of the front that should add most for their cost, in the front's order."""
        front = self.front
        if len(front) <= top:
            return front
        if not len(self.space.worth):
            return front[np.linspace(0, len(front) - 1, top).round().astype(np.int64)]
        kept = set(front[np.argsort(-self.space.worth[front], kind="stable")[:top]].tolist())
        return np.array([i for i in front.tolist() if i in kept])

    def row(self, index: int) -> dict[str, Any]:
        """Returns a network for machines: every number with where it is from, and with its deviation if predicted."""
        one = self.space.networks[index]
        row: dict[str, Any] = {
            "network": one.spec.label, "arch_id": one.spec.arch_id, "trained_as": self.trained.get(one.spec.arch_id)
        }  # fmt: skip
        for name in self.known:
            guess = self.space.guesses.get(name)
            row |= {
                name: float(self.values(name)[index]),
                f"{name}_origin": "predicted" if guess else "counted",
            }
            if guess is not None:
                row[f"{name}_deviation"] = float(guess.deviation[index])
        if len(self.space.worth):
            row["gain_for_cost"] = float(self.space.worth[index])
        return {**row, "spec": one.spec.to_dict()}


def write(found: Found, out: Path | None, specs: Path | None, top: int) -> None:
    """Writes the front as CSV and the printed networks as spec files, where they are asked for."""
    if out is not None:
        rows = [found.row(int(index)) for index in found.front]
        cells = [[json.dumps(v) if isinstance(v, dict) else v for v in row.values()] for row in rows]
        write_text(out, csv_text([list(rows[0]) if rows else [], *cells]))
    if specs is not None:
        for index in found.best(top):
            spec = found.space.networks[int(index)].spec
            write_text(specs / f"{spec.arch_id}.yaml", spec.to_yaml())


def show(found: Found, out: Path | None, specs: Path | None, top: int, as_json: bool) -> None:
    """Prints what was looked at, the best of the front, and what the numbers are worth."""
    space, shown = found.space, found.best(top)
    if as_json:
        print(json.dumps({  # noqa: T201
            "study": found.config.name, "run": None if found.run is None else str(found.run), "trials": found.trials,
            "looked_at": space.drawn, "built": space.built, "different": space.different, "kept": len(space.networks),
            "on_front": int(space.front.sum()), "not_predicted": list(space.unknown),
            "errors": {name: one.to_dict() for name, one in found.errors.items()},
            "seconds": dict(space.seconds), "front": [found.row(int(index)) for index in found.front],
        }))  # fmt: skip
        return
    console = output()
    objectives = [name for name in found.config.objectives if name in found.known]
    limited = [name for name in found.config.constraints if name in found.known and name not in objectives]
    names = [*objectives, *limited]
    heads = [f"{described(n).label}\n{'predicted' if n in space.guesses else 'counted'}" for n in names]
    table = TerminalTable(
        "architecture", Column("network", "text"), *(Column(head, "number") for head in heads), "trained as",
        title=f"predicted front of {found.config.name}",
    )  # fmt: skip
    for index in shown.tolist():
        spec = space.networks[index].spec
        cells = [_cell(found, name, index) for name in names]
        table.add(spec.arch_id, spec.label, *cells, found.trained.get(spec.arch_id, ""))
    table.print(console)
    for line in _lines(found, len(shown), out, specs):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cell(found: Found, name: str, index: int) -> str:
    unit, guess = described(name).unit, found.space.guesses.get(name)
    value = amount(float(found.values(name)[index]), unit)
    return value if guess is None else f"{value} ± {amount(float(guess.deviation[index]), unit)}"


def _lines(found: Found, shown: int, out: Path | None, specs: Path | None) -> list[str]:
    space = found.space
    count = int(space.front.sum())
    lines = [
        f"{space.drawn:,} networks looked at in {sum(space.seconds.values()):.1f} CPU seconds, "
        f"{space.different:,} different, {len(space.networks):,} within the limits that are counted; "
        f"{count:,} on the predicted front, {shown} shown"
    ]
    for name, one in found.errors.items():
        quantity = described(name)
        error = amount_off(one.error, quantity.unit, relative=quantity.direction == "minimize")
        inherited = found.config.judging.supernet is not None and quantity.source == "evaluation"
        trials = f"{one.networks} trials{', judged by inherited weights themselves' if inherited else ''}"
        lines.append(f"{name}: predicted from {trials}, off by {error} on those left out")
    own = () if found.latency is None else ("latency_ms",)
    lines += [
        f"{name}: predicted from fewer than {LEAST_CHECKED} trials, which are too few to say how far it is off"
        for name in space.guesses if name not in (*found.errors, *own)
    ]  # fmt: skip
    if found.latency is not None and "latency_ms" in found.known:
        device = found.latency.made.device
        lines.append(
            f"latency_ms: predicted for {device['model']}, {device['runtime']}, off by {found.latency.error:.1%} "
            "on held-out networks"
        )
    for name in space.unknown:
        if described(name).source == "device" and name == "latency_ms":
            lines.append(f"{name}: not predicted: --latency names a predictor, or a run that measured it")
        else:
            lines.append(
                f"{name}: not predicted: --run names a run with {LEAST_POINTS} trained networks or more"
            )
    lines += [f"wrote {path}" for path in (out, specs) if path is not None]
    return [*lines, "nothing was trained"]
