"""Studies with rungs: what pauses, goes on and is stopped, also where everything is killed meanwhile."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from analysis.store.records import TrialRecord
from analysis.store.runs import read_run
from searches.training.resume import STATE_FILE
from tests.commands import Ran, archspace, printed, refused
from tests.forked import archspace_begun
from tests.searches.studies import write_study
from tests.waiting import until

DATA = {"layout": "digits", "input_size": [8, 8], "channels": 1, "train": 48, "val": 30}
EPOCHS, TRIALS = 3, 4
STUDY: dict[str, Any] = {
    "data": DATA, "trials": TRIALS, "given": ["espnetv2-0.5"],
    "training": {"epochs": EPOCHS, "batch": 8, "flip": False, "lr": 2e-3, "ema": 0.5},
    "judging": {"rungs": [1, 2], "reduction": 2},
}  # fmt: skip


def searched(folder: Path, **changes: Any) -> Path:
    """The run folder of a study with rungs that ran to its end."""
    ran = archspace("search", write_study(folder, **{**STUDY, **changes}), "--out", folder / "run", "--json")
    assert ran.returncode == 0, ran.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with rungs, one worker."""
    return searched(tmp_path_factory.mktemp("rungs"))


def sampled(run: Path) -> list[TrialRecord]:
    return [trial for trial in read_run(run).trials if trial.given is None]


def facts(run: Path) -> list[tuple[object, ...]]:
    """What must be the same in two runs of one study, all but times."""
    return [
        (t.label, t.state, t.arch_id, dict(t.values), t.epochs, t.duplicate_of, t.seed, t.reason,
         {epochs: metric.value for epochs, metric in t.rungs.items()})
        for t in read_run(run).trials
    ]  # fmt: skip


@pytest.mark.slow
def test_a_study_spends_the_epochs_of_its_trials_on_more_networks(run: Path) -> None:
    trials = sampled(run)
    spent = sum(trial.epochs or 0 for trial in trials)
    copies = sum(trial.duplicate_of is not None for trial in trials)
    assert TRIALS * EPOCHS <= spent + copies < (TRIALS + 1) * EPOCHS
    trained = [trial for trial in trials if trial.epochs]
    done = [trial for trial in trained if trial.values]
    assert len(trained) > TRIALS > len(done) > 0
    assert {trial.epochs for trial in trained} == {1, 2, EPOCHS}
    for trial in done:
        assert list(trial.rungs) == ["1", "2"] and trial.epochs == EPOCHS


@pytest.mark.slow
def test_what_was_stopped_has_its_metric_at_the_rung_and_none_of_a_full_training(run: Path) -> None:
    stopped = [trial for trial in sampled(run) if trial.state == "stopped" and trial.duplicate_of is None]
    assert stopped
    for trial in stopped:
        assert not trial.values and "accuracy" not in trial.measurements
        assert trial.measurements["macs"].origin == "counted"
        metric = trial.rungs[str(trial.epochs)]
        assert metric.how["epochs"] == trial.epochs < EPOCHS
        assert trial.reason == f"after epoch {trial.epochs} of {EPOCHS}, from where one network of 2 goes on"


@pytest.mark.slow
def test_no_state_of_a_training_is_left(run: Path) -> None:
    assert not list(run.rglob(STATE_FILE))


@pytest.mark.slow
def test_given_networks_are_trained_in_full(run: Path) -> None:
    given = next(trial for trial in read_run(run).trials if trial.given)
    assert given.values and given.epochs == EPOCHS and not given.rungs


@pytest.mark.slow
def test_a_trial_that_paused_is_the_same_as_one_that_never_did(run: Path) -> None:
    """A replay trains without a pause: so does one that was stopped, up to where it was."""
    trials = sampled(run)
    done = next(trial for trial in trials if trial.values and not trial.duplicate_of)
    stopped = [t for t in trials if t.state == "stopped" and not t.duplicate_of]
    for trial in (done, max(stopped, key=lambda one: one.epochs or 0)):
        ran = archspace("replay", f"{run}:{trial.label}", "--json")
        said = printed(ran.stdout)
        assert ran.returncode == 0 and said["same"] and said["differing"] == []
        assert said["epochs"] == (None if trial.values else trial.epochs)
    assert "where it was stopped" in archspace("replay", f"{run}:{stopped[0].label}").stdout


@pytest.mark.slow
def test_commands_say_what_was_stopped(run: Path, tmp_path: Path) -> None:
    trials = read_run(run).trials
    stopped = sum(trial.state == "stopped" for trial in trials)
    again = archspace("search", run, "--json")
    assert printed(again.stdout)["trials"]["stopped"] == stopped
    assert f"{stopped} stopped at a rung" in archspace("search", run).stdout
    listed = json.loads(archspace("runs", run, "--json").stdout)["runs"][0]
    assert (listed["state"], listed["done"], listed["wanted"], listed["paused"]) == (
        "complete", TRIALS + 1, TRIALS + 1, 0,
    )  # fmt: skip
    label = next(trial.label for trial in trials if trial.state == "stopped" and trial.epochs)
    refused(archspace("export", run, "--pick", label), f"trial {label}: stopped, not trained in full")
    refused(archspace("demo", f"{run}:{label}"), "has no weights", "is stopped: after epoch")
    assert archspace("cost", f"{run}:{label}").returncode == 0


@pytest.mark.slow
def test_tables_and_the_page_keep_the_two_apart(run: Path, tmp_path: Path) -> None:
    shown = archspace("pareto", run, "--out", tmp_path)
    assert shown.returncode == 0, shown.stderr
    frame = pd.read_csv(next(tmp_path.rglob("trials.csv")))
    stopped = frame["state"] == "stopped"
    trained = stopped & frame["duplicate_of"].isna()
    assert (
        frame.loc[stopped, "accuracy"].isna().all() and frame.loc[trained, "accuracy_at_rung"].notna().all()
    )
    assert frame.loc[~stopped, "accuracy_at_rung"].isna().all() and not frame.loc[stopped, "on_front"].any()
    assert frame["study_epochs"].max() == frame["epochs"].sum()
    done = frame[frame["state"] == "complete"].sort_values("finished")
    assert done["study_epochs"].is_monotonic_increasing
    page = Path(archspace("report", run, "--out", tmp_path / "page.html").stdout.strip()).read_text()
    assert f"{int(stopped.sum())} stopped at a rung, where others were better" in page
    assert (
        '"counted":"epochs of training in all"' in page.replace(" ", "", 0)
        or "epochs of training in all" in page
    )


@pytest.mark.slow
def test_killed_at_its_pauses_a_study_comes_to_the_same_and_trains_nothing_twice(
    run: Path, tmp_path: Path
) -> None:
    study, out = write_study(tmp_path, **STUDY), tmp_path / "run"
    log = out / "study.log"

    def pauses() -> int:
        return len(re.findall(r"paused after", log.read_text())) if log.is_file() else 0

    for more in (1, 3):
        before = pauses()
        with archspace_begun("search", study, "--out", out) as process:
            until(lambda before=before, more=more: pauses() >= before + more or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        assert list(out.rglob(STATE_FILE)), "what waits at a rung has its state"
        listed = json.loads(archspace("runs", out, "--json").stdout)["runs"][0]
        assert listed["state"] == "stopped" and listed["paused"] >= 1
        page = Path(archspace("report", out, "--out", tmp_path / "page.html").stdout.strip()).read_text()
        assert "The study is not over: the trials that ended took" in page
    ran = archspace("search", study, "--out", out)
    assert ran.returncode == 0, ran.stderr
    assert facts(out) == facts(run)
    for trial in sampled(out):
        if trial.epochs:
            killed, whole = (
                load_file(one / "trials" / trial.label / "weights.safetensors") for one in (out, run)
            )
            assert all(torch.equal(tensor, whole[name]) for name, tensor in killed.items())
    paused = re.findall(r"trial (\d+): paused after epoch (\d+)", log.read_text())
    assert len(paused) == len(set(paused)), "a trial came to a rung twice"


@pytest.mark.slow
def test_two_workers_share_the_rungs_and_the_budget(tmp_path: Path) -> None:
    run = searched(tmp_path, workers=2, given=[])
    trials = sampled(run)
    spent = sum(trial.epochs or 0 for trial in trials) + sum(
        trial.duplicate_of is not None for trial in trials
    )
    assert TRIALS * EPOCHS <= spent < (TRIALS + 2) * EPOCHS
    assert any(trial.values for trial in trials) and not list(run.rglob(STATE_FILE))
    for trial in trials:
        assert trial.state != "stopped" or trial.duplicate_of or trial.epochs in (1, 2)


@pytest.mark.slow
def test_a_training_that_fails_after_a_rung_leaves_no_state(tmp_path: Path) -> None:
    """The rate rises by warm-up: what is fine at the first rung is not at the second."""
    training = {"epochs": 3, "batch": 8, "lr": 1e38, "optimizer": "sgd", "warmup": 0.9}
    study = write_study(tmp_path, **{**STUDY, "given": [], "training": training})
    ran = archspace("search", study, "--out", tmp_path / "run")
    refused(Ran(ran.returncode, ran.stdout, ran.stderr.splitlines()[-1]), "trials failed in a row")
    assert not list((tmp_path / "run").rglob(STATE_FILE))


@pytest.mark.slow
def test_a_study_that_is_to_do_more_goes_on(run: Path, tmp_path: Path) -> None:
    """What was stopped stays so, and still counts at the rungs."""
    small = searched(tmp_path, trials=3, given=[])
    before = facts(small)
    ran = archspace("search", small, "--trials", "5")
    assert ran.returncode == 0, ran.stderr
    assert facts(small)[: len(before)] == before and len(facts(small)) > len(before)


@pytest.mark.slow
def test_a_space_with_fewer_networks_than_rungs_want_comes_to_an_end(tmp_path: Path) -> None:
    space = {"network": "espnetv2", "width": {"choices": [0.25, 0.5]}, "alphas": [0, 0, 0, 0]}
    trials = sampled(searched(tmp_path, space=space, given=[], constraints={}))
    assert sum(bool(trial.epochs) for trial in trials) == 2
    assert all(trial.epochs == EPOCHS for trial in trials if trial.epochs), "both are trained to the end"


def test_rungs_that_do_not_fit_are_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    study = write_study(tmp_path, **{**STUDY, "judging": {"rungs": [1, 2, 40]}})
    ran = archspace("search", study, "--out", tmp_path / "run")
    refused(ran, "judging.rungs: [1, 2, 40]", "longer than the training", "nearest valid: [1, 2]")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_rungs_are_part_of_what_a_study_is(run: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path, **{**STUDY, "judging": {"rungs": [1], "reduction": 2}})
    refused(archspace("search", other, "--out", run), "judging.rungs", "holds another study")
