"""Search methods replayed on trained tables: python -m tests.bench.search [TABLE ...] [--out FOLDER]

For each table (by default the complete ones of docs/evidence/yardstick) a figure, the curves and a summary are
written, and a line a method is printed: hypervolume of the true values at the end, the compute to what random search
has then, and Wilcoxon's test against it. How well MACs, parameters and zero-cost scores order the networks is printed
and written too. Fails where random search leaves its closed form.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from analysis.drawing.figure_files import write_pictures
from analysis.store.environment import environment
from archspace.support.files import write_text
from reports.figures.replays import MethodCurve, replays_figure
from searches.bench.agreement import BINS, judgements
from searches.bench.grid import table_grid
from searches.bench.methods import METHODS, NEED_SCORES
from searches.bench.replay import BASELINE, COMPUTE, Replays, Standing, median_interval, replay_all, standings
from searches.bench.scores import ScoreTable, scores_path
from searches.bench.table import Table
from searches.bench.yardstick import Yardstick, expected_random, random_runs

FOLDER = Path(__file__).parents[2] / "docs" / "evidence" / "yardstick"
CHECK_RUNS, SIGMAS = 400, 5.0


def main() -> None:
    """Replays and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--budget", type=float, default=60.0, help="trainings of the network of mean cost")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--methods", help="with a comma between two; all that the table has what they need for"
    )
    words = parser.parse_args()
    for path in words.tables or sorted(FOLDER.glob("*-table.json")):
        table = Table.load(path)
        if not words.tables and table.missing:
            print(f"{path.name}: passed over, {len(table.missing)} trainings are missing")
            continue
        scores = ScoreTable.load(scores_path(path)) if scores_path(path).is_file() else None
        stick = Yardstick.of(table, table_grid(table), scores)
        check_harness(stick)
        agree(words.out, stick, said(words))
        usual = [name for name in METHODS if scores is not None or name not in NEED_SCORES]
        methods = words.methods.split(",") if words.methods else usual
        replays = replay_all(
            stick, methods, budget=words.budget, seeds=words.seeds, workers=words.workers,
            on_done=lambda done, of: print(f"\r{done} of {of} replays", end="", flush=True),
        )  # fmt: skip
        print(f"\r{path.name}: {len(stick)} networks, noise of a training {stick.noise:.2f} points")
        for one in replays.values():
            found = standings(one)
            print(f"compute in {COMPUTE[one.compute_is]}")
            for line in lines(found, one):
                print(line)
            write(words.out, stick, one, found, said(words))


def said(words: argparse.Namespace) -> str:
    """The command as a reader types it again: what was replayed, on which tables."""
    methods = ["--methods", words.methods] if words.methods else []
    given = [*map(str, words.tables), *methods]
    return shlex.join(["python", "-m", "tests.bench.search", *given]) if given else "make bench-search"


def check_harness(stick: Yardstick) -> None:
    """Fails where random search that sees the truth is not what the closed form expects."""
    draws = min(40, len(stick))
    shares = random_runs(stick, draws, CHECK_RUNS)
    error = np.maximum(shares.std(axis=0, ddof=1) / CHECK_RUNS**0.5, 1e-9)
    worst = float(np.max(np.abs(shares.mean(axis=0) - expected_random(stick, draws)) / error))
    print(
        f"random search against its closed form: at most {worst:.1f} standard errors apart over {draws} draws"
    )
    if worst > SIGMAS:
        raise SystemExit("the harness is wrong: random search leaves its closed form")


def agree(folder: Path, stick: Yardstick, command: str) -> None:
    """Prints and writes how well cheap judgements order the networks, over all and among those of like cost."""
    found = judgements(stick)
    print(f"Kendall's tau with the true metric, over all and in the mean of {BINS} bins of equal MACs")
    for name, one in found.items():
        print(f"  {name:<18} {one.overall:>6.3f} {one.inside:>6.3f}   ({one.judged} networks)")
    rows = [
        {"judgement": name, **{k: round(v, 4) if np.isfinite(v) else None for k, v in asdict(one).items()}}
        for name, one in found.items()
    ]
    summary = {
        "yardstick": stick.name,
        "bins": BINS,
        **environment(("numpy",)),
        "command": command,
        "kendall": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{stick.name}-agreement.json", json.dumps(summary, indent=1) + "\n")


def lines(found: list[Standing], replays: Replays) -> list[str]:
    """The table for a terminal."""
    head = f"{'method':<12} {'final HV %':>10} {'95 %':>13} {'to random':>9} {'share':>6} {'p random':>9} {'s':>6}"
    rows = []
    for one in found:
        p = one.p.get(BASELINE)
        rows.append(
            f"{one.method:<12} {100 * one.median:>10.2f} {100 * one.low:>6.2f}–{100 * one.high:<6.2f}"
            f" {reached(one):>9} {share(one):>6} {'' if p is None else f'{p:.2g}':>9}"
            f" {replays.seconds[one.method]:>6.2f}"
        )
    return [head, *rows]


def reached(one: Standing) -> str:
    """The compute, in mean trainings, at which a method's median is where random search's ends."""
    return f"{one.compute:.1f}" if np.isfinite(one.compute) else "never"


def share(one: Standing) -> str:
    """The same as a share of what random search needs."""
    return f"{100 * one.share:.0f}%" if np.isfinite(one.compute) else ""


def write(folder: Path, stick: Yardstick, replays: Replays, found: list[Standing], command: str) -> None:
    """Writes curves, summary and figure."""
    folder.mkdir(parents=True, exist_ok=True)
    told = COMPUTE[replays.compute_is]
    name = f"{replays.yardstick}-replays" + ("-seconds" if replays.compute_is == "seconds" else "")
    curves = []
    for one in found:
        volumes = replays.curves(one.method)
        low, high = median_interval(volumes)
        curves.append(MethodCurve(
            method=one.method, median=np.median(volumes, axis=0), low=low, high=high,
            summary=f"random's end after {reached(one)} trainings" if np.isfinite(one.compute) else "never at it",
        ))  # fmt: skip
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "compute", "median", "low", "high"])
        for curve in curves:
            for at, *values in zip(replays.compute, curve.median, curve.low, curve.high, strict=True):
                writer.writerow([curve.method, f"{at:.3f}", *(f"{value:.5f}" for value in values)])
    summary: dict[str, Any] = {
        "yardstick": replays.yardstick, "networks": len(stick), "noise_points": round(stick.noise, 4),
        "reference": {"metric": round(100 - float(stick.reference[0]), 4), "macs": 10 ** float(stick.reference[1])},
        "compute": told, "budget_trainings": replays.budget, "replays": len(next(iter(replays.histories.values()))),
        **environment(("optuna", "numpy", "scikit-learn", "scipy")), "command": command,
        "methods": [
            {
                "method": one.method, "median": one.median, "interval": [one.low, one.high], "mean": one.mean,
                "compute_to_random": one.compute if np.isfinite(one.compute) else None, "reached": one.reached,
                "p_holm": dict(one.p), "cpu_seconds": round(replays.seconds[one.method], 3),
            }
            for one in found
        ],
    }  # fmt: skip
    write_text(folder / f"{name}.json", json.dumps(summary, indent=1) + "\n")
    figure = replays_figure(
        replays.compute, curves, told=told, title=f"Search methods replayed on {replays.yardstick}",
        subtitle=f"medians of {summary['replays']} replays with 95 % bootstrap bands; {len(stick)} trained networks",
    )  # fmt: skip
    _, problem = write_pictures({folder / f"{name}.png": figure})
    if problem:
        print(problem)


if __name__ == "__main__":
    main()
