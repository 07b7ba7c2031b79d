"""Studies on other storages: a real PostgreSQL server and a journal file."""

from __future__ import annotations

import pickle
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from analysis.store.runs import read_run
from archspace.support.errors import InputError
from searches.config.study import parse_config
from searches.study.journal import JournalFile
from searches.study.space import SearchSpace
from searches.study.storage import close_storage, open_storage, storage_at
from searches.study.transactional import Transactional
from tests.commands import archspace, refused
from tests.forked import archspace_begun
from tests.searches.studies import tiny, write_study
from tests.searches.study.conftest import PostgreSQL
from tests.waiting import until


@pytest.mark.slow
def test_two_workers_share_a_study_in_postgresql(postgresql: str, tmp_path: Path, cache_folder: Path) -> None:
    study = write_study(tmp_path, trials=4)
    completed = archspace(
        "search", study, "--out", tmp_path / "run", "--storage", postgresql, "--workers", "2"
    )
    assert completed.returncode == 0, completed.stderr
    records = read_run(tmp_path / "run").trials
    assert sum(bool(r.values) for r in records) == 4
    assert not (tmp_path / "run" / "study.db").exists()
    again = archspace("search", tmp_path / "run")
    assert again.returncode == 0, again.stderr
    assert read_run(tmp_path / "run").trials == records
    other = write_study(tmp_path, seed=4)
    refused(archspace("search", other, "--out", tmp_path / "other", "--storage", postgresql), "another study")


@pytest.mark.slow
def test_a_server_that_is_restarted_costs_no_trial(
    postgresql_server: PostgreSQL, postgresql: str, tmp_path: Path, cache_folder: Path
) -> None:
    study = write_study(tmp_path, trials=3, training={"epochs": 10, "batch": 32, "flip": False})
    words, errors = ("search", study, "--out", tmp_path / "run", "--storage", postgresql), tmp_path / "errors"
    log = tmp_path / "run/study.log"
    with archspace_begun(*words, stderr=errors) as search:
        until(lambda: log.is_file() and "epoch 1:" in log.read_text())
        postgresql_server.stop()
        until(lambda: "the storage does not answer" in log.read_text())
        postgresql_server.start()
        assert search.wait() == 0 and "Traceback" not in errors.read_text(), errors.read_text()
    assert [record.label for record in read_run(tmp_path / "run").trials] == ["0", "1", "2"]


@pytest.mark.slow
def test_a_journal_file_is_a_storage(tmp_path: Path, cache_folder: Path) -> None:
    study = write_study(tmp_path, trials=2)
    url = f"journal://{tmp_path}/study.log"
    assert archspace("search", study, "--out", tmp_path / "run", "--storage", url).returncode == 0
    assert (tmp_path / "study.log").stat().st_size > 0
    assert sum(bool(r.values) for r in read_run(tmp_path / "run").trials) == 2


def test_samplers_may_be_spelled_as_in_the_papers() -> None:
    for spelled, name in (("NSGA-II", "nsga2"), ("nsga_iii", "nsga3"), ("TPE", "tpe"), ("GP", "gp")):
        assert parse_config(tiny(sampler={"name": spelled})).sampler.name == name


def test_a_space_that_holds_no_network_is_refused_before_any_trial() -> None:
    fixed = {"task": "classification", "classes": 10, "input_size": [8, 8], "channels": 1}
    space = {"network": "espnetv2", "unit": "eesp", "branches": 3, "width": {"choices": [0.5, 1.0]}}
    with pytest.raises(InputError, match=r"branches.*3.*divide.*nearest valid: [24]"):
        SearchSpace(space, fixed).example(0)
    SearchSpace({**space, "branches": {"choices": [3, 4]}}, fixed).example(0)


@pytest.mark.parametrize("name", ["w?1", "a%41b", "x#y", "q@r:s", "b{r}ace", "two words", "ü", "a&b=c"])
def test_all_of_a_run_is_in_its_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for _ in range(2):
        storage = open_storage(parse_config(tiny()), folder)
        again = pickle.loads(pickle.dumps(storage))
        for one in (again, storage):
            assert isinstance(one, RDBStorage)
            close_storage(one)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in folder.iterdir()] == ["study.db"]


@pytest.mark.parametrize("url", [None, "sqlite:///{}/study.db", "journal://{}/study.db"])
def test_nothing_is_written_to_a_storage_whose_file_was_removed(tmp_path: Path, url: str | None) -> None:
    storage = storage_at(url and url.format(tmp_path), tmp_path)
    study = optuna.create_study(storage=storage, directions=["minimize"])
    assert isinstance(storage, Transactional)
    with storage.transaction(study._study_id):
        study.set_user_attr("a", 1)
    for path in tmp_path.iterdir():
        path.unlink()
    message = r"study.db: was removed or replaced .*; the same command takes over"
    with pytest.raises(InputError, match=message), storage.transaction(study._study_id):
        pass
    close_storage(storage)
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_journal_file_whose_holder_stands_still_is_broken(tmp_path: Path) -> None:
    lock = tmp_path / "study.log.lock"
    storage = JournalFile(str(tmp_path / "study.log"))
    storage._journal._shared._link.grace_period = 0.1  # type: ignore[assignment]  # half a minute as it comes
    lock.symlink_to(tmp_path / "study.log")
    with storage.transaction(0):
        assert lock.is_symlink()
        with storage.transaction(0):
            pass
        assert lock.is_symlink()
    assert not lock.is_symlink()
