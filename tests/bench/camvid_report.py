"""What the runs of tests.bench.camvid came to, as files: networks, gain over random search, picture, specs, weights."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analysis.counts.complexity import count
from analysis.drawing.figure_files import write_pictures
from analysis.fronts.correlation import mean_interval
from analysis.fronts.pareto import hypervolume
from analysis.store.environment import environment
from analysis.store.records import StudyRecord
from analysis.store.retrained import (
    RETRAINED_FOLDER,
    Retrained,
    agreements,
    read_retrained,
    retrained_networks,
)
from analysis.store.runs import read_run
from archspace.checkpoint import WEIGHTS_FILE
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.yaml_text import dump_yaml
from reports.style.style import STUDY_COLOURS
from reports.style.theme import themed

STUDIES: Mapping[str, str] = {
    "search": "found by the search",
    "random": "found by random search",
    "published": "published",
}
SIZE_OF_PAPERS = (360, 480)


def report(runs: Path, out: Path, spent: Mapping[str, Any]) -> None:
    """Writes all that the runs in ``runs`` have so far into ``out``; what is not there yet is left out and said."""
    out.mkdir(parents=True, exist_ok=True)
    studies = {}
    for name in STUDIES:
        try:
            studies[name] = read_run(runs / name)
        except InputError:
            print(f"report: no {name} yet")
    trained = {name: retrained_networks(one, read_retrained(runs / name)) for name, one in studies.items()}
    rows = [row(name, one) for name, networks in trained.items() for one in networks]
    write_networks(out, rows)
    gain = gain_over_random(studies)
    agreed = [one.words for one in agreements(trained["search"])] if "search" in trained else []
    summary = {
        **{key: value for key, value in environment().items() if key != "command"},
        "command": "make evidence-cpu CAMVID=FOLDER",
        "cpu_hours": {name: round(one["cpu_s"] / 3600, 2) for name, one in spent.items()},
        "pieces_left": [name for name, one in spent.items() if not one["ended"]],
        "gain_over_random": gain,
        "search_and_full_training": agreed,
        "differences": differences(rows),
    }
    write_text(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    for name, study in studies.items():
        config = {**study.config, "data": {**study.config["data"], "root": "camvid"}}
        write_text(out / f"{name}.yaml", dump_yaml(config))
        write_trials(out / f"{name}-trials.csv", study)
    keep_networks(runs, out, trained)
    figure = picture(studies, rows)
    _, problem = write_pictures({out / "front.png": figure})
    for line in (problem, *(f"{one['network']}: {one['words']}" for one in summary["differences"])):
        if line:
            print(f"report: {line}")
    print(f"report: {out}: {len(rows)} networks trained in full")


def row(study: str, one: Retrained) -> dict[str, Any]:
    """What is known of a network that was trained in full."""
    spec = ArchSpec.from_dict(one.trial.spec or {})
    mean = mean_interval([record.value for record in one.records])
    return {
        "study": study, "network": one.name, "trial": one.trial.label, "arch_id": one.trial.arch_id,
        "params": count(spec).params, "macs": count(spec).macs,
        "macs_360x480": count(spec.replace(input_size=SIZE_OF_PAPERS)).macs,
        "miou_search_val": round(one.searched, 2),
        "split": one.setting.split, "epochs": one.setting.epochs, "seeds": mean.n, "miou": round(mean.value, 2),
        "low": None if mean.low is None else round(mean.low, 2),
        "high": None if mean.high is None else round(mean.high, 2),
        "each": [round(record.value, 2) for record in one.records],
    }  # fmt: skip


def write_networks(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the networks that were trained in full, best first."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda one: -one["miou"])
    with (out / "networks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ordered[0]))
        writer.writeheader()
        writer.writerows({**one, "each": " ".join(map(str, one["each"]))} for one in ordered)


def complete(study: StudyRecord) -> list[tuple[float, float, str]]:
    """mIoU, MACs and label of the study's own trainings, in the order in which they ended."""
    done = [t for t in study.trials if t.state == "complete" and t.duplicate_of is None]
    done.sort(key=lambda trial: trial.finished or "")
    return [(trial.value("miou"), trial.value("macs"), trial.label) for trial in done]


def write_trials(path: Path, study: StudyRecord) -> None:
    """Writes every trial that was trained, with its fields."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", "network", "arch_id", "miou", "macs", "params", "epochs", "spec"])
        for t in study.trials:
            writer.writerow([t.label, t.state, t.given or t.network, t.arch_id, t.value("miou"), t.value("macs"),
                             t.value("params"), t.epochs, json.dumps(t.spec)])  # fmt: skip


def gain_over_random(studies: Mapping[str, StudyRecord]) -> dict[str, Any] | None:
    """Hypervolume and best mIoU of both at the compute that the cheaper of the two has spent.

    Compute is the MACs of the trained networks, summed: images and epochs are the same for all. The reference is no
    mIoU at the limit of the MACs.
    """
    if not {"search", "random"} <= set(studies):
        return None
    runs = {name: complete(studies[name]) for name in ("search", "random")}
    if not all(runs.values()):
        return None
    spent = {name: np.cumsum([macs for _, macs, _ in one]) for name, one in runs.items()}
    limit = min(float(one[-1]) for one in spent.values())
    most = max(macs for one in runs.values() for _, macs, _ in one) + 1
    found: dict[str, Any] = {"compute_macs": limit, "reference": [0.0, most]}
    for name, one in runs.items():
        within = [point for point, so_far in zip(one, spent[name], strict=True) if so_far <= limit]
        points = [(-miou, macs) for miou, macs, _ in within]
        found[name] = {
            "trainings": len(within), "best_miou": round(max(miou for miou, _, _ in within), 2),
            "hypervolume": round(hypervolume(points, (0.0, most)) / (100 * most), 5),
        }  # fmt: skip
    return found


def differences(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The found network against each published one: difference of means, Welch's 95 % interval, sizes compared."""
    from scipy import stats

    own = max(
        (one for one in rows if one["study"] == "search" and one["seeds"] > 1),
        key=lambda one: one["miou"],
        default=None,
    )
    lines = []
    for other in rows if own else ():
        if other is own or other["seeds"] < 2 or own is None:
            continue
        test = stats.ttest_ind(own["each"], other["each"], equal_var=False)
        low, high = test.confidence_interval()
        smaller = own["params"] <= other["params"] and own["macs"] <= other["macs"]
        size = "no larger in parameters and MACs" if smaller else "larger in parameters or MACs"
        more = own["miou"] - other["miou"]
        words = f"found {own['miou']:.2f}, this {other['miou']:.2f}: {more:+.2f} ({low:+.2f} to {high:+.2f}), {size}"
        lines.append({"network": other["network"], "study": other["study"], "words": words,
                      "difference": round(more, 2),
                      "interval": [round(float(v), 2) if math.isfinite(v) else None for v in (low, high)],
                      "no_larger": smaller})  # fmt: skip
    return lines


def keep_networks(runs: Path, out: Path, trained: Mapping[str, Sequence[Retrained]]) -> None:
    """Copies spec and weights of the networks that were found, those of the first seed."""
    for one in trained.get("search", ()):
        first, folder = one.records[0], out / "networks"
        folder.mkdir(exist_ok=True)
        name = f"{one.trial.arch_id}-seed{first.seed}"
        write_text(folder / f"{one.trial.arch_id}.yaml", ArchSpec.from_dict(one.trial.spec or {}).to_yaml())
        weights = runs / "search" / RETRAINED_FOLDER / first.folder / WEIGHTS_FILE
        if weights.is_file():  # those of trainings that another machine has ended are there
            shutil.copyfile(weights, folder / f"{name}{weights.suffix}")


def picture(studies: Mapping[str, StudyRecord], rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """mIoU against MACs: small, what the studies saw after few epochs; large with intervals, full trainings."""
    figure = go.Figure()
    for (name, words), colour in zip(STUDIES.items(), STUDY_COLOURS, strict=False):
        if name in studies:
            points = complete(studies[name])
            figure.add_trace(go.Scatter(
                x=[macs / 1e6 for _, macs, _ in points], y=[miou for miou, _, _ in points], mode="markers",
                marker={"color": colour, "size": 6, "opacity": 0.5}, name=f"{words}: val, in the study",
            ))  # fmt: skip
        full = [one for one in rows if one["study"] == name]
        if full:
            halves = [0.0 if one["high"] is None else one["high"] - one["miou"] for one in full]
            figure.add_trace(go.Scatter(
                x=[one["macs"] / 1e6 for one in full], y=[one["miou"] for one in full], mode="markers+text",
                text=[one["network"] if name == "published" else "" for one in full], textposition="bottom center",
                error_y={"type": "data", "array": halves, "color": colour},
                marker={"color": colour, "size": 12, "symbol": "diamond"}, name=f"{words}: test, in full",
            ))  # fmt: skip
    figure = themed(figure, "CamVid at 184 x 240", "one recipe for all; bars: 95 % intervals over seeds")
    figure.update_xaxes(title="MACs (M)", rangemode="tozero")
    figure.update_yaxes(title="mIoU (%)", rangemode="tozero")
    return figure
