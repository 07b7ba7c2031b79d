"""A study under a random schedule of faults, which a seed replays: ``python -m tests.bench.faults [--trials 200]``.

Machines that have nothing but the storage in common, each a worker process with a name, a run folder and a disk of its
own, share a study of short trials in PostgreSQL (or a journal file). A schedule, drawn from ``--seed`` alone, kills
workers, freezes them past their lease, restarts the database as a crash does, cuts the network (a proxy on loopback
between workers and database), kills the machine where the study was started, and fills the disk of a worker. At the
end what must hold is checked: every trial ended exactly once, every record is in the storage and in the run folder once
and the same, no network was trained twice, all weights came back, and the log says what happened.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from analysis.store.environment import environment
from analysis.store.runs import read_run
from archspace.support.machine import MACHINE_VARIABLE
from searches.config.study import parse_config
from searches.study.joining import opened_studies
from tests.commands import command
from tests.commands import environment as ours
from tests.postgresql import Proxy, postgresql_server
from tests.searches.studies import tiny

LEASE_S, AGAIN_S = 6.0, 5.0
LASTING = {"freeze": (1.5 * LEASE_S, 2.5 * LEASE_S), "cut": (5, 60), "full": (10, 30)}
"""Seconds that a fault lasts, or until what was killed is started again, where it is not 1 to 5."""


@dataclass(frozen=True)
class Fault:
    """One fault: when, in seconds after the begin of the study, what, and whom."""

    at: float
    kind: str
    whom: int
    seconds: float


def schedule(seed: int, machines: int, seconds: float, every: float, kinds: Sequence[str]) -> list[Fault]:
    """Returns the faults of a seed, in their order."""
    rng, faults, at = random.Random(seed), list[Fault](), 0.0
    while True:
        at += rng.uniform(0.5 * every, 1.5 * every)
        if at > seconds:
            return faults
        kind = rng.choice(kinds)
        least, most = LASTING.get(kind, (1, 5))
        lasting = rng.uniform(least, most)
        faults.append(Fault(round(at, 1), kind, rng.randrange(machines), round(lasting, 1)))


@dataclass
class Machine:
    """A worker as if on a machine of its own; machine 0 is where the study was started."""

    number: int
    folder: Path
    url: str
    study: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    quota: Path | None = None
    back: float = 0.0

    def start(self) -> None:
        """Starts it, or starts it again."""
        words = ["worker", self.url, "tiny", "--workers", "1", "--wait", "600", "--out", self.folder]
        if self.number == 0:
            words = ["search", self.study, "--out", self.folder, "--storage", self.url]
        log = self.folder.with_suffix(".log").open("ab")
        env = ours(**{MACHINE_VARIABLE: f"machine-{self.number}", "OMP_NUM_THREADS": "1"})
        self.process = subprocess.Popen(
            command(*words), stdout=log, stderr=log, env=env, start_new_session=True
        )
        self.starts += 1

    def signalled(self, number: int) -> None:
        """Sends a signal to its processes."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    @property
    def lives(self) -> bool:
        """Whether its process has not ended."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Scene:
    """Everything that a schedule acts on."""

    machines: list[Machine]
    restart: Callable[[], None]
    proxy: Proxy | None
    done: list[str] = field(default_factory=list)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def act(self, fault: Fault, now: float) -> None:
        """Does a fault."""
        machine = self.machines[fault.whom]
        if fault.kind == "driver":
            machine = self.machines[0]
        if fault.kind in ("kill", "driver"):
            machine.signalled(signal.SIGKILL)
            if machine.process is not None:
                machine.process.wait()
            machine.back = now + fault.seconds
        elif fault.kind == "freeze":
            machine.signalled(signal.SIGSTOP)
            self.later.append((now + fault.seconds, lambda: machine.signalled(signal.SIGCONT)))
        elif fault.kind == "restart":
            self.restart()
        elif fault.kind == "cut" and self.proxy is not None:
            self.proxy.cut()
            self.later.append((now + fault.seconds, self.proxy.mend))
        elif fault.kind == "full" and machine.quota is not None:
            filler = machine.quota / "filler"
            with contextlib.suppress(OSError), filler.open("wb") as file:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            self.later.append((now + fault.seconds, lambda: filler.unlink(missing_ok=True)))
        self.done.append(f"{now:7.1f} s  {fault.kind} machine {machine.number} ({fault.seconds:g} s)")
        print(self.done[-1], flush=True)

    def catch_up(self, now: float) -> None:
        """Ends faults that are over, and starts machines that are down."""
        for one in [one for one in self.later if one[0] <= now]:
            self.later.remove(one)
            one[1]()
        for machine in self.machines:
            if machine.lives:
                machine.back = -1.0
            elif machine.back < 0:  # it ended by itself
                machine.back = now + AGAIN_S
            elif now >= machine.back:
                machine.start()


def run(
    scratch: Path, trials: int, seed: int, machines: int, every: float, storage: str, epochs: int
) -> dict[str, Any]:
    """Runs a study under faults to its end and returns what came of it; fails where something does not hold."""
    study = scratch / "study.yaml"
    with contextlib.ExitStack() as stack:
        kinds: list[str] = ["kill", "freeze", "driver"]
        proxy, restart = None, lambda: None
        url = f"journal://{scratch}/shared.log"
        if storage == "postgresql":
            server = stack.enter_context(postgresql_server())
            proxy = stack.enter_context(Proxy(server.port))
            url, restart = (
                server.url.replace(f":{server.port}", f":{proxy.port}") + "/postgres",
                server.restart,
            )
            kinds += ["restart", "cut"]
        own = [Machine(number, scratch / f"machine-{number}", url, study) for number in range(machines)]
        for machine in own:
            machine.quota = stack.enter_context(small_disk(machine.folder))
        if all(machine.quota is not None for machine in own):
            kinds.append("full")
        changes = {
            "trials": trials, "lease_s": LEASE_S, "seed": seed, "sampler": {"name": "random"}, "space": SPACE,
            "training": {"epochs": epochs, "batch": 32, "flip": False}, "objectives": ["accuracy", "macs"],
        }  # fmt: skip
        study.write_text(yaml.safe_dump(tiny(**changes)))
        faults = schedule(seed, machines, 24 * 3600, every, kinds)
        scene, begin = Scene(own, restart, proxy), time.monotonic()
        try:
            while True:
                now = time.monotonic() - begin
                if own[0].process is not None and own[0].process.poll() == 0:
                    break
                if faults and faults[0].at <= now:
                    scene.act(faults.pop(0), now)
                scene.catch_up(now)
                time.sleep(0.1)
        finally:
            for machine in own:
                machine.signalled(signal.SIGCONT)
                machine.signalled(signal.SIGTERM)
            for machine in own:
                if machine.process is not None:
                    machine.process.wait()
            if proxy is not None:
                proxy.mend()
        seconds = time.monotonic() - begin
        return checked(own, study, url, trials) | {
            "seed": seed, "machines": machines, "storage": storage, "epochs": epochs, "seconds": round(seconds),
            "faults": scene.done, "starts": [machine.starts for machine in own],
        }  # fmt: skip


SPACE: dict[str, Any] = {
    "network": "espnetv2",
    "unit": {"choices": ["eesp", "mobilenet", "shufflenetv2"]},
    "width": {"low": 0.25, "high": 1.0, "step": 0.05},
    "alphas": {"low": 0, "high": 2, "per_level": True},
    "fusion": {"choices": ["hff", "none"]},
}  # fmt: skip


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of its own for a machine, 400 MB of memory; ``None`` where this user may mount none."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


ENDS = re.compile(r"trial (\S+): (complete|infeasible|stopped|failed)\b")


def checked(machines: Sequence[Machine], study: Path, url: str, trials: int) -> dict[str, Any]:
    """Returns what a study came to.

    Raises:
        AssertionError: a trial did not end once, or a record is lost, twice, or differs.
    """
    config = parse_config({**yaml.safe_load(study.read_text()), "storage": url})
    with opened_studies(config, machines[0].folder) as (sampled, _):
        held = sampled.get_trials(deepcopy=False)
    states = Counter(trial.state.name for trial in held)
    records = read_run(machines[0].folder).trials
    assert states["RUNNING"] == 0 and states["COMPLETE"] == trials, states
    assert [one.number for one in records] == [one.number for one in held], "a record is lost or twice"
    for one, trial in zip(records, held, strict=True):
        if trial.values is not None:
            assert [one.values[name] for name in config.objectives] == trial.values, one.label
    trained = [one for one in records if one.state == "complete" and one.duplicate_of is None]
    networks = Counter(one.arch_id for one in trained)
    assert max(networks.values()) == 1, f"trained twice: {networks.most_common(1)}"
    lost = [
        one
        for one in trained
        if not (machines[0].folder / "trials" / one.label / "weights.safetensors").is_file()
    ]
    text = "".join(machine.folder.with_suffix(".log").read_text(errors="replace") for machine in machines)
    said = {
        "ended": len(ENDS.findall(text)), "taken up again": text.count("taken up again"),
        "results dropped": text.count("this result is dropped"), "tracebacks": text.count("Traceback"),
        "storage away": text.count("the storage does not answer"), "disk full": text.count("the disk is full"),
    }  # fmt: skip
    assert not lost, f"weights of {[one.label for one in lost]} are not where the study was started"
    return {"trials": dict(states), "trained": len(trained), "said": said}


def main() -> None:
    """Runs a study under faults and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--every", type=float, default=20.0, help="Seconds between two faults, on average.")
    parser.add_argument("--storage", choices=["postgresql", "journal"], default="postgresql")
    parser.add_argument("--keep", type=Path, help="Keep all that the machines wrote here.")
    parser.add_argument("--json", type=Path, help="Also write what came of it, with versions and machine.")
    asked = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="archspace-faults-"))
    try:
        came = run(
            scratch, asked.trials, asked.seed, asked.machines, asked.every, asked.storage, asked.epochs
        )
    finally:
        if asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            for log in scratch.glob("*.log"):
                shutil.copy(log, asked.keep)
        shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps({name: value for name, value in came.items() if name != "faults"}))
    if asked.json is not None:
        numbers = ("trials", "epochs", "machines", "every", "seed", "storage")
        typed = " ".join(f"--{name} {getattr(asked, name)}" for name in numbers)
        about = {**environment(), "command": f"python -m tests.bench.faults {typed}"}
        asked.json.write_text(json.dumps({**came, "environment": about}, indent=1) + "\n")


if __name__ == "__main__":
    main()
    sys.exit(0)
