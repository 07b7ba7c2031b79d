"""What a trial costs beside its training: python -m tests.bench.trials [FINISHED ...] [--sampler NAME]

Prints a line a size. Studies with so many finished trials go on with trials that are judged by a formula in no time,
in the loop that every study runs in: suggest, claim, record, front, and the line that a person sees. ``cpu_ms`` is what
the processor had of it, ``sampler_ms`` what Optuna's sampler took, ``front_ms`` a front made from nothing. Opening
reads all.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shlex
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.samplers import BaseSampler
from rich.console import Console

from analysis.quantities import objective
from analysis.store.environment import environment
from analysis.store.records import Measurement, TrialRecord
from archspace.spec.archspec import ArchSpec
from searches.config.study import StudyConfig, parse_config
from searches.study.front import front_of
from searches.study.judge import Judge, counted, now
from searches.study.known import attributes
from searches.study.progress import Progress
from searches.study.space import draw
from searches.study.study import Study
from searches.study.tables import TableStorage
from tests.searches.studies import tiny

FURTHER, NETWORKS = 30, 1_000
CAP_MS = 500.0
SPACE: dict[str, Any] = {
    "network": "espnetv2",
    "unit": {"choices": ["eesp", "mobilenet", "shufflenetv2"]},
    "width": {"low": 0.25, "high": 2.0, "step": 0.005},
    "alphas": {"low": 0, "high": 7, "per_level": True},
    "fusion": {"choices": ["hff", "none"]},
    "residual": {"choices": [True, False]},
}  # fmt: skip


class Formula(Judge):
    """Says a network's accuracy by a formula, in no time."""

    def judge(self, spec: ArchSpec, *others: Any, **more: Any) -> dict[str, Measurement]:
        """Returns the accuracy."""
        return {"accuracy": accuracy(spec, counted(spec)["macs"].value)}


def accuracy(spec: ArchSpec, macs: float) -> Measurement:
    """Returns a number that grows with the network and differs between networks of one size."""
    value = 100 * (1 - macs**-0.2) - int(spec.arch_id[:4], 16) / 65536
    how = {"split": "val", "images": 60, "seed": 0, "epochs": 1, "class_accuracy": [value] * 10}
    return Measurement("accuracy", value, "%", "measured", how)


def prepare(config: StudyConfig, folder: Path, count: int) -> None:
    """Makes a study with ``count`` finished trials."""
    study = Study.open(config, folder)
    fill(study, count)
    study.close()


def fill(study: Study, count: int) -> None:
    """Enters ``count`` finished trials, as a study of random networks leaves them, in one transaction."""
    rng, distributions = np.random.default_rng(0), study.space.distributions()
    population, target = study.config.sampler.population, study.sampled.study
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    networks: list[tuple[dict[str, Any], ArchSpec]] = []
    while len(networks) < min(count, NETWORKS):
        drawn = {name: draw(distribution, rng) for name, distribution in distributions.items()}
        networks.append((drawn, study.space.spec(study.space.fields(drawn))))
    for number in range(count):
        drawn, spec = networks[number % NETWORKS]
        record = record_of(study.config, spec, number, drawn)
        trial = {"trial_id": number + 1}
        rows["trials"].append({**trial, "number": number, "study_id": target._study_id, "state": "COMPLETE"})
        for objective_number, name in enumerate(study.config.objectives):
            value = {"objective": objective_number, "value": record.values[name], "value_type": "FINITE"}
            rows["trial_values"].append({**trial, **value})
        for name, value in drawn.items():
            d = distributions[name]
            param = {"param_value": d.to_internal_repr(value), "distribution_json": distribution_to_json(d)}
            rows["trial_params"].append({**trial, "param_name": name, **param})
        for name, value in {**attributes(record), "record": record.to_dict()}.items():
            rows["trial_user_attributes"].append({**trial, "key": name, "value_json": json.dumps(value)})
        generation = {"key": "NSGAIISampler:generation", "value_json": str(number // population)}
        rows["trial_system_attributes"].append({**trial, **generation})
    for number in range(1, count // population + 1):
        parents = list(range((number - 1) * population + 1, number * population + 1))
        key = {"key": f"NSGAIISampler:parent:{number}", "value_json": json.dumps(parents)}
        rows["study_system_attributes"].append({"study_id": target._study_id, **key})
    assert isinstance(study.storage, TableStorage)
    with study.storage.engine.begin() as connection:
        for table, values in rows.items():
            columns = [sqlalchemy.column(name) for name in values[0]]
            connection.execute(sqlalchemy.insert(sqlalchemy.table(table, *columns)), values)


def record_of(config: StudyConfig, spec: ArchSpec, number: int, params: Mapping[str, Any]) -> TrialRecord:
    """Returns the record of a trial as the study's own look."""
    known = counted(spec)
    known |= {"accuracy": accuracy(spec, known["macs"].value)}
    return TrialRecord(
        label=str(number), number=number, state="complete", spec=spec.to_dict(), arch_id=spec.arch_id,
        network=spec.label, seed=number, values={name: known[name].value for name in config.objectives},
        measurements=known, params=params, started=now(), finished=now(),
    )  # fmt: skip


class Timed:
    """A sampler that says how long it took."""

    def __init__(self, inner: BaseSampler) -> None:
        self.inner, self.seconds = inner, 0.0

    def __getattribute__(self, name: str) -> Any:
        if name in ("inner", "seconds", "__class__", "__dict__"):
            return object.__getattribute__(self, name)
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return found(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - begin

        return timed


def further(config: StudyConfig, folder: Path) -> dict[str, float]:
    """Opens a study with finished trials and runs some more; milliseconds a trial."""
    begin = time.perf_counter()
    opened = Study.open(config, folder)
    judge = opened.judge
    formula = Formula(judge.config, judge.task, None, judge.gate, judge.fingerprint)
    study = replace(opened, judge=formula)
    study.records()
    open_s = time.perf_counter() - begin
    timed = Timed(study.sampled.study.sampler)
    study.sampled.study.sampler = timed  # type: ignore[assignment]
    ended: list[float] = [time.perf_counter()]

    class Clock(Progress):
        def finished(self, record: TrialRecord, records: Any) -> None:
            super().finished(record, records)
            ended.append(time.perf_counter())

    objectives = [objective(name) for name in config.objectives]
    processor = time.process_time()
    study.run(Clock(objectives, config.trials, study.records(), Console(quiet=True)))
    each = np.diff(ended) * 1e3
    begin = time.perf_counter()
    front_of(config, study.records())
    front_ms = (time.perf_counter() - begin) * 1e3
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {
        "open_s": open_s, "trial_ms": statistics.median(each), "p90_ms": float(np.quantile(each, 0.9)),
        "cpu_ms": (time.process_time() - processor) * 1e3 / len(each),
        "sampler_ms": timed.seconds * 1e3 / len(each), "front_ms": front_ms, "memory_mb": memory,
    }  # fmt: skip


def main() -> None:
    """Prints the figures of each size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("finished", nargs="*", type=int, default=[0, 1_000, 10_000])
    parser.add_argument("--sampler", default="nsga2")
    parser.add_argument("--storage")
    parser.add_argument("--json", type=Path, help="Also write the figures, with versions and machine.")
    asked = parser.parse_args()
    typed = shlex.join(["python", "-m", "tests.bench.trials", *sys.argv[1:]])
    figures: dict[str, Any] = {
        "sampler": asked.sampler,
        "environment": {**environment(), "command": typed},
        "trials": {},
    }
    for count in asked.finished:
        with tempfile.TemporaryDirectory() as scratch:
            config = parse_config(tiny(
                space=SPACE, sampler={"name": asked.sampler, "population": 50}, trials=count + FURTHER,
                storage=asked.storage, name=f"bench-{count}",
            ))  # fmt: skip
            context = multiprocessing.get_context("spawn")  # its memory is not that of the study
            filling = context.Process(target=prepare, args=(config, Path(scratch) / "run", count))
            filling.start()
            filling.join()
            assert filling.exitcode == 0
            each = figures["trials"][count] = further(config, Path(scratch) / "run")
        print(
            f"{count} trials: " + ", ".join(f"{name} {value:.1f}" for name, value in each.items()), flush=True
        )
        assert each["trial_ms"] < CAP_MS, f"beyond {CAP_MS:g} ms"
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
