"""Trials that pause: claimed by one worker at a time, whatever machine goes on with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from analysis.store.records import Measurement, TrialRecord
from searches.study.bracket import Bracket
from searches.study.claims import Claim
from searches.study.files import FolderFiles
from searches.study.leases import LeaseLost
from searches.study.rung_trials import RungTrials
from searches.study.sharing import Sharing
from searches.study.storage import close_storage, storage_at
from searches.training.resume import STATE_FILE


def machine(tmp_path: Path, name: str) -> RungTrials:
    """The trials as a machine of that name sees them: its own run folder, the storage and the files of all."""
    storage = storage_at(f"sqlite:///{tmp_path / 'study.db'}", tmp_path)
    study = optuna.create_study(
        storage=storage, study_name="s", directions=["maximize", "minimize"], load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(0),
    )  # fmt: skip
    sharing = Sharing(storage, files=FolderFiles(str(tmp_path / "files"), "s"))
    return RungTrials(study, tmp_path / name, 99, Bracket([1, 2, 3], 2, 4), sharing)


@pytest.fixture
def two(tmp_path: Path) -> tuple[RungTrials, RungTrials]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return machine(tmp_path, "home"), machine(tmp_path, "away")


def claimed(trials: RungTrials) -> Claim:
    claim = trials.claim()
    assert claim is not None and claim.rung is not None
    return claim


def pause(trials: RungTrials, claim: Claim, quality: float) -> None:
    """Pauses a trial at its goal, with a state that says by whom."""
    assert claim.rung is not None
    state = trials.path(claim.trial.number) / STATE_FILE
    state.write_text(f"{trials.folder.name} at {claim.rung.goal}")
    metric = Measurement("accuracy", quality, "%", "measured")
    name = f"net {claim.trial.number}"
    trials.pause(claim, claim.rung.pausing(name, "then", "now", metric, [-quality, 1e6]))


def state(trials: RungTrials, number: int) -> str:
    return (trials.path(number) / STATE_FILE).read_text()


def end(trials: RungTrials, claim: Claim, how: str = "complete", epochs: int = 3) -> None:
    number = claim.trial.number
    record = TrialRecord(
        label=str(number), number=number, state=how, epochs=epochs,  # type: ignore[arg-type]
        values={"accuracy": 50.0, "macs": 1e6} if how == "complete" else {},
    )  # fmt: skip
    (trials.path(number) / STATE_FILE).unlink(missing_ok=True)
    (trials.path(number) / "weights.safetensors").write_text(f"of {trials.folder.name}")
    trials.finish(claim, record, ("accuracy", "macs"))


def test_the_state_of_a_training_travels_with_its_trial(two: tuple[RungTrials, RungTrials]) -> None:
    home, away = two
    for quality in (10.0, 20.0):
        pause(home, claimed(home), quality)
    going = claimed(away)
    assert (going.trial.number, going.rung and going.rung.goal) == (1, 2)
    assert state(away, 1) == "home at 1"
    pause(away, going, 90.0)
    for quality in (15.0, 30.0):
        pause(home, claimed(home), quality)
    going = claimed(home)
    assert going.trial.number == 3 and state(home, 3) == "home at 1"
    pause(home, going, 5.0)
    last = claimed(home)
    assert (last.trial.number, last.rung and last.rung.goal) == (1, 3), "the best of two at epoch 2"
    assert state(home, 1) == "away at 2", "what it had itself of an earlier rung is older"
    end(home, last)
    away.mirror()
    assert not (away.path(1) / STATE_FILE).exists()
    assert (away.path(1) / "weights.safetensors").read_text() == "of home"
    assert not list(Path(home.folder.parent, "files").rglob(f"1/{STATE_FILE}"))


def test_a_paused_trial_goes_on_once(two: tuple[RungTrials, RungTrials]) -> None:
    home, away = two
    for quality in (10.0, 20.0):
        pause(home, claimed(home), quality)
    one, other = claimed(home), claimed(away)
    assert one.trial.number == 1 and other.trial.number == 2, "the other one begins a new trial"
    assert home.paused() is None, "others still run, and some may go on"
    end(away, other, "infeasible", 0)
    end(home, one)
    stopped = home.paused()
    assert stopped is not None and stopped.trial.number == 0 and away.paused() is None
    stopped.release()
    again = claimed(away)
    assert again.rung is not None and again.trial.number == 0, "who was to end it was killed"
    assert again.rung.reached == again.rung.goal, "it has nothing to train and waits again"
    away.pause(again, replace(again.rung, paused=True))
    stopped = home.paused()
    assert stopped is not None
    end(home, stopped, "stopped", 1)
    assert [record.state for record in away.finished()] == ["stopped", "complete", "infeasible"]
    assert away.spent().trainings == pytest.approx((1 + 3 + 0) / 3) and away.spent().paused == 0


def test_who_stood_still_too_long_cannot_pause_a_trial_any_more(two: tuple[RungTrials, RungTrials]) -> None:
    home, away = two
    late = claimed(home)
    late.release()
    again = claimed(away)
    assert again.trial.number == late.trial.number and again.rung == late.rung
    with pytest.raises(LeaseLost):
        pause(home, late, 10.0)
    pause(away, again, 20.0)
    assert away.spent().paused == 1


def test_a_device_that_is_away_is_waited_for_but_not_by_what_waits_at_a_rung(
    two: tuple[RungTrials, RungTrials],
) -> None:
    home, _ = two
    pause(home, claimed(home), 10.0)
    assert home.claim(waiting=True) is None and home.look() == 0


@pytest.fixture(autouse=True)
def closed(request: pytest.FixtureRequest, two: tuple[RungTrials, RungTrials]) -> None:
    request.addfinalizer(lambda: [close_storage(trials.study._storage) for trials in two])
