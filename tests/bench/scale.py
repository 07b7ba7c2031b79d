"""How far one study goes: python -m tests.bench.scale [--workers 1 2 4 8] [--finished 10000] [--json FILE]

Trials a second of studies whose networks are judged by a formula in no time, in the loop that every study runs in, with
so many workers on a journal file, SQLite, PostgreSQL and Ray; and what is done with a study of so many finished trials:
open, suggest, claim, record, front, ``archspace runs``, ``archspace status``, report, page, dashboard; and its memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import fields, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.quantities import objective
from analysis.store.environment import environment
from analysis.store.listing import list_runs
from analysis.store.records import Measurement
from archspace.spec.archspec import ArchSpec
from searches.config.study import StudyConfig, parse_config
from searches.study.dashboard import dashboard
from searches.study.joining import opened_studies
from searches.study.judge import Judge, counted
from searches.study.progress import Progress
from searches.study.status import status_of
from searches.study.study import Study
from tests.bench.report import build, open_page
from tests.bench.trials import FURTHER, SPACE, Formula, accuracy, further, prepare
from tests.postgresql import is_installed, postgresql_server
from tests.reports.browser import chromium
from tests.searches.studies import tiny

TRIALS, BUSY_S = 4000, 10.0
"""More trials than are done in the seconds for which each study runs."""


def ray_formula(fields: dict[str, Any]) -> float:
    """What a task of Ray does here: as good as nothing."""
    spec = ArchSpec.from_dict(fields)
    return accuracy(spec, counted(spec)["macs"].value).value


class RayFormula(Formula):
    """Has the formula worked out by a task of Ray."""

    def judge(self, spec: ArchSpec, *others: Any, **more: Any) -> dict[str, Measurement]:
        """Returns the accuracy."""
        import ray

        value = ray.get(ray.remote(ray_formula).remote(spec.to_dict()))
        return {"accuracy": replace(accuracy(spec, counted(spec)["macs"].value), value=value)}


class OutOfTime(Exception):
    """The study has run for long enough."""


class Clock(Progress):
    """Ends the study when its time is over, and counts."""

    end, count = 0.0, 0

    def finished(self, record: Any, records: Any) -> None:
        """A trial ended."""
        super().finished(record, records)
        self.count += 1
        if time.monotonic() > self.end:
            raise OutOfTime


def work(config: StudyConfig, folder: Path, kind: type[Judge], begin: Any, counts: Any) -> None:
    """Runs trials for so long; what it did goes to ``counts``."""
    opened = Study.open(config, folder)
    judge = opened.judge
    study = replace(opened, judge=kind(**{one.name: getattr(judge, one.name) for one in fields(Judge)}))
    clock = Clock([objective(name) for name in config.objectives], config.trials, [], Console(quiet=True))
    begin.wait()
    clock.end = time.monotonic() + BUSY_S
    with contextlib.suppress(OutOfTime):
        study.run(clock)
    counts.put(clock.count)
    study.close()


def throughput(scratch: Path, name: str, url: str | None, workers: int) -> float:
    """Trials a second, of all workers; those of Ray are threads of one process, others processes."""
    config = parse_config(tiny(
        space=SPACE, sampler={"name": "random"}, trials=TRIALS, storage=url, name=f"{name}-{workers}",
    ))  # fmt: skip
    folder = scratch / f"{name}-{workers}"
    Study.open(config, folder).close()
    context = multiprocessing.get_context("fork")  # of a process with all imported: eight would take minutes
    if name == "ray":
        begin: Barrier | threading.Barrier = threading.Barrier(workers)
        counts: Any = context.SimpleQueue()
        crew: list[Any] = [
            threading.Thread(target=work, args=(config, folder, RayFormula, begin, counts))
            for _ in range(workers)
        ]
    else:
        begin, counts = context.Barrier(workers), context.SimpleQueue()
        crew = [
            context.Process(target=work, args=(config, folder, Formula, begin, counts))
            for _ in range(workers)
        ]
    for one in crew:
        one.start()
    ended = [counts.get() for _ in crew]
    for one in crew:
        one.join()
    return sum(ended) / BUSY_S


@contextlib.contextmanager
def storages(scratch: Path) -> Iterator[dict[str, str | None]]:
    """The storages that there are here, by name; that of Ray's driver is SQLite."""
    with contextlib.ExitStack() as stack:
        urls: dict[str, str | None] = {"journal": f"journal://{scratch}/study.log", "sqlite": None}
        if is_installed():
            urls["postgresql"] = stack.enter_context(postgresql_server()).url + "/postgres"
        yield {**urls, "ray": None}


def finished(scratch: Path, count: int) -> dict[str, Any]:
    """Seconds of what is done with a study of so many finished trials, and megabytes."""
    config = parse_config(tiny(
        space=SPACE, sampler={"name": "nsga2", "population": 50}, trials=count + FURTHER, name=f"finished-{count}"
    ))  # fmt: skip
    folder = scratch / f"finished-{count}"
    context = multiprocessing.get_context("spawn")  # the memory of one step is not that of another
    _in_its_own(context, prepare, config, folder, count)
    found: dict[str, Any] = {}
    for step in (study_step, listing_step, status_step, dashboard_step, page_step):
        found |= _in_its_own(context, step, config, folder)
    return found


def _in_its_own(context: Any, step: Any, *arguments: Any) -> Any:
    with context.Pool(1) as pool:
        return pool.apply(step, arguments)


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def study_step(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """Open, then suggest, claim, record and front, some times."""
    begin = time.process_time()
    Study.open(config, folder).close()  # writes the records of all trials into the folder
    opened_cpu_s = time.process_time() - begin
    came = further(config, folder)
    return {f"study {name}": value for name, value in came.items()} | {"study first_open_cpu_s": opened_cpu_s}


def listing_step(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """``archspace runs``."""
    begin = time.perf_counter()
    (run,) = list_runs(folder)
    assert run.done
    return {"runs_s": time.perf_counter() - begin, "runs_memory_mb": _memory_mb()}


def status_step(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """``archspace status``."""
    begin = time.perf_counter()
    with opened_studies(config, folder) as (sampled, given):
        assert status_of(config, sampled, given).done
    return {"status_s": time.perf_counter() - begin, "status_memory_mb": _memory_mb()}


def dashboard_step(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """``archspace dashboard``: its data of all trials, asked for once."""
    with dashboard(folder, 0) as (address, serve):
        threading.Thread(target=serve, daemon=True).start()
        number = address.rpartition("/")[2]
        begin = time.perf_counter()
        api = f"{address.partition('/dashboard')[0]}/api/studies/{number}?after=0"
        with urllib.request.urlopen(api) as answer:
            size = len(answer.read())
        return {
            "dashboard_s": time.perf_counter() - begin, "dashboard_mb": size / 1e6,
            "dashboard_memory_mb": _memory_mb(),
        }  # fmt: skip


def page_step(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """The page, made and opened in a browser."""
    page = folder / "page.html"
    came = build(folder, page)
    with chromium() as browser:
        came |= open_page(browser, page)
    return {f"page {name}": value for name, value in came.items()}


def main() -> None:
    """Prints the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", nargs="*", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--finished", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="Also write the figures, with versions and machine.")
    asked = parser.parse_args()
    typed = f"--workers {' '.join(map(str, asked.workers))} --finished {asked.finished}"
    about = {**environment(), "command": f"python -m tests.bench.scale {typed}"}
    found: dict[str, Any] = {"environment": about, "seconds": BUSY_S, "per_second": {}}
    with tempfile.TemporaryDirectory() as name, storages(Path(name)) as urls:
        scratch = Path(name)
        for storage, url in urls.items():
            if storage == "ray" and asked.workers:
                import ray

                os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
                ray.init(
                    address="local", num_cpus=max(asked.workers), include_dashboard=False, log_to_driver=False
                )
            each = found["per_second"][storage] = {}
            for workers in asked.workers:
                each[workers] = throughput(scratch, storage, url, workers)
                busy = os.getloadavg()[0]
                print(
                    f"{storage}, {workers} workers: {each[workers]:.1f} trials/s (load {busy:.1f})",
                    flush=True,
                )
        if asked.finished:
            found["finished"] = {"trials": asked.finished, **finished(scratch, asked.finished)}
            for one, value in found["finished"].items():
                print(f"{one}: {value:.2f}", flush=True)
    found["load"] = os.getloadavg()
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
