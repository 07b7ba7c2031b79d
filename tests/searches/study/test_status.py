"""A study seen, and ended, while it runs."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.store.status import read_status
from searches.config.study import parse_config
from searches.study.draining import ask_to_end, ask_to_stop
from searches.study.status import status_of
from searches.study.study import Study
from tests.commands import archspace, refused
from tests.searches.studies import tiny
from tests.searches.study.meanwhile import Meanwhile

pytestmark = pytest.mark.usefixtures("cache_folder")


def opened(folder: Path, **changes: Any) -> Study:
    return Study.open(parse_config(tiny(**changes)), folder)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    study = opened(tmp_path / "run", trials=3, lease_s=1.0)
    yield study
    study.close()


def test_who_works_on_what(study: Study) -> None:
    claim = study.sampled.claim()
    assert claim is not None
    (one,) = status_of(study.config, study.sampled.study, study.given.study).working
    assert (one.trial, one.state, one.process) == ("0", "runs", os.getpid())
    claim.release()  # as the kernel does for a process that died
    said = archspace("status", study.folder, "--json")
    assert said.returncode == 0, said.stderr
    seen = json.loads(said.stdout)
    assert [(one["trial"], one["state"]) for one in seen["working"]] == [("0", "died")]
    assert (seen["done"], seen["wanted"], seen["left_s"]) == (0, 3, None)


def test_a_worker_that_was_interrupted_has_stopped(study: Study) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(Meanwhile(study, interrupt))
    gc.collect()  # the claim's lock goes with the claim, as with its process
    (one,) = status_of(study.config, study.sampled.study, study.given.study).working
    assert (one.trial, one.state) == ("0", "stopped")
    taken = study.sampled.claim()
    assert taken is not None and taken.trial.number == 0 and not taken.new
    (one,) = status_of(study.config, study.sampled.study, study.given.study).working
    assert one.state == "runs"
    taken.release()
    (one,) = status_of(study.config, study.sampled.study, study.given.study).working
    assert one.state == "died", "this worker said nothing"


@pytest.mark.slow
def test_a_drained_worker_ends_after_its_trial_and_the_study_goes_on_later(study: Study) -> None:
    study.run(Meanwhile(study, lambda: ask_to_end(study.sampled.study, None)), wait=True)
    assert study.drain.was_asked and len(study.records()) == 1
    later = opened(study.folder, trials=3)
    later.run(Meanwhile(later))
    assert sum(bool(record.values) for record in later.records()) == 3
    kept = read_status(study.folder)
    assert kept is not None and kept.wanted == 3
    later.close()


def test_only_who_is_named_is_drained(study: Study) -> None:
    ask_to_end(study.sampled.study, "another-machine")
    assert not study.drain.asked()
    said = archspace("drain", study.folder, "--worker", f"{os.uname().nodename}:{os.getpid()}")
    assert said.returncode == 0, said.stderr
    assert study.drain.asked()


def test_one_that_nobody_has_is_stopped_as_soon_as_it_is_taken_up(study: Study) -> None:
    claim = study.sampled.claim()
    assert claim is not None
    claim.release()  # as the kernel does for a process that died
    ask_to_stop(study.sampled.study, "0", 0)
    study.run(Meanwhile(study, lambda: ask_to_end(study.sampled.study, None)))
    assert [(one.label, one.state) for one in study.records()] == [("0", "stopped")]


@pytest.mark.slow
def test_a_trial_is_stopped_and_another_takes_its_place(tmp_path: Path) -> None:
    study = opened(
        tmp_path / "run", trials=1, lease_s=1.0, training={"epochs": 3000, "batch": 32, "flip": False}
    )

    def stop() -> None:
        ask_to_stop(study.sampled.study, "0", 0)
        ask_to_end(study.sampled.study, None)

    study.run(Meanwhile(study, stop))
    (record,) = study.records()
    assert record.state == "stopped" and record.reason == "stopped by archspace drain"
    assert record.epochs is not None and record.epochs < 3000
    study.close()


def test_what_does_not_run_cannot_be_stopped(study: Study) -> None:
    refused(archspace("drain", study.folder, "--stop", "7"), "no such trial runs")
    (study.folder / "study.db").rename(study.folder / "away.db")
    refused(archspace("status", study.folder), "has no study.db")
    (study.folder / "away.db").rename(study.folder / "study.db")
