"""Trials are claimed by one worker at a time, wherever it runs; what a lost one left is taken up by exactly one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from analysis.store.records import TrialRecord
from archspace.support.machine import MACHINE_VARIABLE
from searches.study.claims import Claim
from searches.study.leases import Lease, LeaseLost, Watch
from searches.study.sharing import Sharing
from searches.study.storage import close_storage, storage_at
from searches.study.trials import Trials

LEASE_S = 0.3
STORAGES = [
    "sqlite",
    "journal",
    *(pytest.param(one, marks=pytest.mark.slow) for one in ("postgresql", "mariadb")),
]


def record(label: str, accuracy: float = 50.0) -> TrialRecord:
    return TrialRecord(
        label=label, number=int(label), state="complete", seed=0, started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:01Z", values={"accuracy": accuracy},
    )  # fmt: skip


Worker = Callable[..., Trials]


@pytest.fixture(params=STORAGES)
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Worker:
    """Makes workers of one study, each with a connection and a run folder of its own."""
    urls = {"sqlite": f"sqlite:///{tmp_path}/study.db", "journal": f"journal://{tmp_path}/study.log"}
    url = urls.get(request.param) or request.getfixturevalue(request.param)

    def make(folder: str, target: int = 1, lease_s: float = LEASE_S) -> Trials:
        storage = storage_at(url, tmp_path)
        request.addfinalizer(lambda: close_storage(storage))
        study = optuna.create_study(
            direction="maximize", storage=storage, study_name="one", load_if_exists=True
        )
        return Trials(study, tmp_path / folder, "", target, 9, Sharing(storage, lease_s))

    return make


def taken(trials: Trials) -> Claim:
    """Looks for a trial until there is one."""
    while (claim := trials.claim()) is None:
        time.sleep(0.02)
    return claim


class TestWhereAWorkerIsLost:
    @pytest.fixture
    def lost(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> tuple[Trials, Claim]:
        """A worker of another machine that has stood still since it claimed a trial."""
        monkeypatch.setenv(MACHINE_VARIABLE, "one")
        trials = worker("one")
        claim = trials.claim()
        assert claim is not None
        monkeypatch.setenv(MACHINE_VARIABLE, "another")
        return trials, claim

    def test_exactly_one_other_takes_its_trial_up(self, worker: Worker, lost: tuple[Trials, Claim]) -> None:
        others = [worker(f"another-{number}") for number in range(4)]
        start, ended = threading.Barrier(4), threading.Event()

        def work(trials: Trials) -> Claim | None:
            start.wait()
            while not ended.is_set():
                claim = trials.claim()
                if claim is not None:
                    ended.set()
                    return claim
            return trials.claim()

        with ThreadPoolExecutor(4) as pool:
            claims = [claim for claim in pool.map(work, others) if claim is not None]
        assert [claim.trial.number for claim in claims] == [0]
        assert claims[0].lease.term == 1

    def test_and_it_drops_its_result_when_it_comes_back(
        self, worker: Worker, lost: tuple[Trials, Claim]
    ) -> None:
        before, late = lost
        other = worker("another")
        again = taken(other)
        with pytest.raises(LeaseLost):
            before.finish(late, record("0", 10.0), ("accuracy",))
        other.finish(again, record("0", 90.0), ("accuracy",))
        with pytest.raises(LeaseLost):
            before.finish(late, record("0", 10.0), ("accuracy",))
        (trial,) = before.study.get_trials()
        assert (trial.state, trial.values) == (TrialState.COMPLETE, [90.0])
        assert [one.values for one in before.finished()] == [{"accuracy": 90.0}]
        assert not (before.path(0) / "record.json").exists()

    def test_it_notices_at_its_next_beat(self, worker: Worker, lost: tuple[Trials, Claim]) -> None:
        before, late = lost
        taken(worker("another"))
        with before.held(late):
            assert late.lost.wait(60)
        with pytest.raises(LeaseLost):
            late.check()

    def test_one_that_renews_its_claim_keeps_it(self, worker: Worker, lost: tuple[Trials, Claim]) -> None:
        before, claim = lost
        other = worker("another")
        for _ in range(20):
            assert before._renew(claim)
            assert other.claim() is None
            time.sleep(LEASE_S / 20)
        before.finish(claim, record("0"), ("accuracy",))
        assert other.claim() is None


class TestOnOneMachine:
    def test_what_a_dead_process_left_is_taken_up_at_once(self, worker: Worker) -> None:
        trials = worker("one", lease_s=1e6)
        dead = trials.claim()
        assert dead is not None and trials.claim() is None and worker("other").claim() is None
        dead.release()
        again = trials.claim()
        assert again is not None and again.trial.number == dead.trial.number

    def test_by_one_with_another_run_folder_too(self, worker: Worker) -> None:
        dead = worker("one", lease_s=1e6).claim()
        assert dead is not None
        dead.release()
        again = worker("other").claim()
        assert again is not None and again.trial.number == dead.trial.number

    def test_but_not_by_a_container_whose_files_only_have_the_same_names(
        self, worker: Worker, tmp_path: Path
    ) -> None:
        living = worker("one", lease_s=1e6).claim()
        assert living is not None
        living.release()  # as it looks from where the lock is another file
        (tmp_path / "one" / "trials" / "0" / "owner").write_text(Lease.here(tmp_path, 1.0).token)
        assert worker("other").claim() is None

    def test_one_that_was_given_up_is_free(self, worker: Worker) -> None:
        trials = worker("one", lease_s=1e6)
        claim = trials.claim()
        assert claim is not None
        trials.leave(claim)
        assert trials.claim() is None
        waiting = worker("other").claim(waiting=True)
        assert waiting is not None and waiting.trial.number == claim.trial.number


def test_no_more_trials_are_begun_than_wanted_whoever_begins_them(worker: Worker) -> None:
    workers = [worker(f"{number}", target=5, lease_s=1e6) for number in range(4)]

    def work(trials: Trials) -> list[int]:
        numbers = []
        while (claim := trials.claim()) is not None:
            numbers.append(claim.trial.number)
            trials.finish(claim, record(str(claim.trial.number)), ("accuracy",))
        return numbers

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for each in pool.map(work, workers) for number in each]
    assert sorted(numbers) == [0, 1, 2, 3, 4]
    assert [one.number for one in workers[0].finished()] == [0, 1, 2, 3, 4]


class TestWatch:
    def test_a_counter_has_to_stand_still_for_the_whole_time(self) -> None:
        now = [0.0]
        watch = Watch(lambda: now[0])
        seen = []
        for second in range(0, 130, 10):
            now[0] = second
            seen.append(watch.ran_out(0, "a", 1 if second < 30 else 2, 60.0))
        assert seen.index(True) == 9  # 60 s after the counter was first seen at 2

    def test_time_in_which_nobody_looked_does_not_count(self) -> None:
        now = [0.0]
        watch = Watch(lambda: now[0])
        assert not watch.ran_out(0, "a", 1, 60.0)
        now[0] = 1e6
        assert not watch.ran_out(0, "a", 1, 60.0)

    def test_another_owner_begins_anew(self) -> None:
        now = [0.0]
        watch = Watch(lambda: now[0])
        for now[0] in range(0, 60, 10):
            assert not watch.ran_out(0, "a", 1, 60.0)
        now[0] = 60
        assert not watch.ran_out(0, "b", 1, 60.0)
