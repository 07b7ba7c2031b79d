"""``archspace runs``: what a folder holds and how it stands, whatever state its files are in."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
import yaml

from analysis.store.listing import list_runs
from analysis.store.records import Measurement, TrialRecord
from archspace.support.locks import try_lock
from searches.config.study import parse_config
from searches.study.trials import Claim, Trials
from tests.commands import archspace, printed, python
from tests.searches.studies import tiny


def study(folder: Path, trials: int = 3, **changes: object) -> Trials:
    """A run folder with a study in it, and the trials of its SQLite storage."""
    config = parse_config(tiny(trials=trials, **changes))
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(config.to_yaml())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(
        storage=f"sqlite:///{folder / 'study.db'}",
        study_name=config.name,
        directions=["maximize", "minimize"],
    )
    return Trials(made, folder, "", trials, 10 * trials)


def claimed(trials: Trials) -> Claim:
    """A trial that this process holds."""
    claim = trials.claim()
    assert claim is not None
    return claim


def end(trials: Trials, claim: Claim, accuracy: float | None, state: str = "complete") -> None:
    """Ends a trial with values, or without any."""
    values = {} if accuracy is None else {"accuracy": accuracy, "macs": 1e6}
    measurements = {name: Measurement(name, value, "", "measured") for name, value in values.items()}
    record = TrialRecord(
        label=str(claim.trial.number), number=claim.trial.number, state=state,  # type: ignore[arg-type]
        values=values, measurements=measurements, reason=None if accuracy is not None else "why",
    )  # fmt: skip
    trials.finish(claim, record, ("accuracy", "macs"))


def training(folder: Path, **metrics: object) -> None:
    """A training folder: finished where there are metrics."""
    folder.mkdir(parents=True)
    config = {"name": "few", "spec": {"task": "classification"}, "data": {"root": "/data/flowers"}}
    (folder / "train.yaml").write_text(yaml.safe_dump(config))
    if metrics:
        (folder / "metrics.json").write_text(json.dumps(metrics))


def test_every_state_of_a_study(tmp_path: Path) -> None:
    done = study(tmp_path / "done", 2)
    for value in (40.0, 60.0):
        end(done, claimed(done), value)
    stopped = study(tmp_path / "stopped")
    end(stopped, claimed(stopped), 70.0, "infeasible")
    end(stopped, claimed(stopped), 50.0)
    claimed(stopped).lock.release()
    failed = study(tmp_path / "failed")
    end(failed, claimed(failed), None, "failed")
    running = study(tmp_path / "deep" / "running")
    held = claimed(running)
    runs = {Path(run.path).name: run for run in list_runs(tmp_path)}
    assert {name: run.state for name, run in runs.items()} == {
        "done": "complete", "stopped": "stopped", "failed": "failed", "running": "running",
    }  # fmt: skip
    assert (runs["done"].done, runs["done"].wanted) == (2, 2)
    assert (runs["done"].best, runs["done"].trial, runs["done"].metric) == (60.0, "1", "accuracy")
    assert (runs["stopped"].best, runs["stopped"].trial) == (50.0, "1"), (
        "what breaks a constraint is not best"
    )
    assert runs["done"].data == "digits" and runs["done"].task == "classification"
    held.lock.release()


def test_a_study_is_counted_without_its_records(tmp_path: Path) -> None:
    trials = study(tmp_path / "run", 2)
    for value in (40.0, 60.0):
        end(trials, claimed(trials), value)
    for record in tmp_path.rglob("record.json"):
        record.write_text("never read")
    (run,) = list_runs(tmp_path)
    assert (run.state, run.done, run.best) == ("complete", 2, 60.0)


def test_a_study_of_another_storage_is_counted_by_its_records(tmp_path: Path) -> None:
    trials = study(tmp_path / "run", 3)
    for value in (40.0, 60.0, 50.0):
        end(trials, claimed(trials), value)
    (tmp_path / "run" / "study.db").unlink()
    (tmp_path / "run" / "trials" / "2" / "record.json").write_text("[")
    (run,) = list_runs(tmp_path / "run")
    assert (run.state, run.done, run.best, run.trial) == ("stopped", 2, 60.0, "1")


def test_every_state_of_a_training(tmp_path: Path) -> None:
    training(tmp_path / "done", accuracy=91.5, network="x")
    training(tmp_path / "stopped")
    training(tmp_path / "failed")
    (tmp_path / "failed" / "train.log").write_text("1 INFO begun\n2 DEBUG failed: loss is nan at step 3\n")
    training(tmp_path / "running")
    held = try_lock(tmp_path / "running" / "lock")
    assert held is not None
    runs = {Path(run.path).name: run for run in list_runs(tmp_path)}
    assert {name: run.state for name, run in runs.items()} == {
        "done": "complete", "stopped": "stopped", "failed": "failed", "running": "running",
    }  # fmt: skip
    assert (runs["done"].best, runs["done"].metric, runs["done"].data) == (91.5, "accuracy", "flowers")
    assert runs["failed"].problem == "loss is nan at step 3"
    held.release()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["a: [", "- a", "format: 1\nname: x", "\x00", "format: 99\nobjectives: [macs]"]
)
def test_a_broken_folder_is_one_line(tmp_path: Path, text: str) -> None:
    for name in ("study.yaml", "train.yaml"):
        (tmp_path / "runs" / name.removesuffix(".yaml")).mkdir(parents=True)
        (tmp_path / "runs" / name.removesuffix(".yaml") / name).write_text(text)
    trials = study(tmp_path / "runs" / "good", 1)
    end(trials, claimed(trials), 40.0)
    ran = archspace("runs", cwd=tmp_path)
    assert ran.returncode == 0 and ran.stderr == ""
    rows = {row["path"]: row for row in printed(archspace("runs", "--json", cwd=tmp_path).stdout)["runs"]}
    assert rows["runs/study"]["state"] == "broken" and rows["runs/good"]["state"] == "complete"
    assert ran.stdout.count("runs/study/study.yaml: ") == 1
    assert "top-1 40.00 %" in ran.stdout


def test_runs_imports_neither_torch_nor_optuna(tmp_path: Path) -> None:
    trials = study(tmp_path / "run", 1)
    end(trials, claimed(trials), 40.0)
    code = (
        "import sys; from archspace.__main__ import main; sys.argv = ['archspace', 'runs', sys.argv[1]]\n"
        "try: main()\nfinally: print([m for m in ('torch', 'optuna', 'pandas') if m in sys.modules])"
    )
    ran = python(code, tmp_path)
    assert ran.stdout.splitlines()[-1] == "[]" and "complete" in ran.stdout, ran.stderr


def test_a_folder_without_runs_says_so(tmp_path: Path) -> None:
    assert "no study and no training here" in archspace("runs", tmp_path).stdout
