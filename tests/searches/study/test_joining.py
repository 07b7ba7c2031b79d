"""A study on several machines: each has a run folder of its own, and nothing but the storage in common."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from analysis.store.runs import read_run
from archspace.checkpoint import load
from archspace.support import plugins
from archspace.support.machine import MACHINE_VARIABLE
from searches.config.study import parse_config
from searches.study import joining
from searches.study.storage import close_storage, storage_at
from searches.study.study import Study
from tests.commands import archspace, refused
from tests.forked import archspace_begun
from tests.searches.studies import tiny
from tests.waiting import until

ONE, ANOTHER = {MACHINE_VARIABLE: "one"}, {MACHINE_VARIABLE: "another"}


def begun(url: str, folder: Path, **changes: Any) -> Path:
    """The run folder of a study that was begun and has run no trial yet."""
    Study.open(parse_config(tiny(storage=url, **changes)), folder).close()
    return folder


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return f"journal://{tmp_path}/study.log"


@pytest.mark.slow
class TestAWorkerOfAnotherMachine:
    @pytest.fixture(params=["journal", "postgresql"])
    def url(self, request: pytest.FixtureRequest) -> str:
        return str(request.getfixturevalue(request.param))

    def test_its_networks_come_back_to_where_the_study_was_started(
        self, url: str, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(MACHINE_VARIABLE, "one")
        home = begun(url, tmp_path / "home", trials=2)
        joined = archspace(
            "worker", url, "tiny", "--out", tmp_path / "there", "--workers", "1", "--json", env=ANOTHER
        )
        assert joined.returncode == 0, joined.stderr
        assert json.loads(joined.stdout)["complete"] == 2
        assert not list(home.glob("trials/*"))
        again = archspace("search", home)
        assert again.returncode == 0, again.stderr
        records = read_run(home).trials
        assert records == read_run(tmp_path / "there").trials and len(records) == 2
        label = next(record.label for record in records if record.duplicate_of is None)
        load(home / "trials" / label / "weights.safetensors")
        exported = archspace("export", home, "--pick", label, "--out", tmp_path / "exported")
        assert exported.returncode == 0, exported.stderr

    def test_the_machine_with_the_device_measures_what_it_trained(
        self, journal: str, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(MACHINE_VARIABLE, "one")
        home = begun(journal, tmp_path / "home", trials=1, objectives=["accuracy", "latency_ms"])
        there = tmp_path / "there"
        joined = archspace("worker", journal, "tiny", "--out", there, "--workers", "1", env=ANOTHER)
        assert joined.returncode == 0, joined.stderr
        assert "waits for the machine that measures" in joined.stderr
        weights = (there / "trials/0/weights.safetensors").read_bytes()
        ended = archspace("search", home)
        assert ended.returncode == 0, ended.stderr
        (record,) = read_run(home).trials
        assert record.measurements["latency_ms"].origin == "measured"
        assert (home / "trials/0/weights.safetensors").read_bytes() == weights
        assert "epoch 1" not in (home / "study.log").read_text()

    def test_through_a_folder_that_both_reach(
        self, journal: str, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(MACHINE_VARIABLE, "one")
        shared = f"file://{tmp_path}/shared"
        home = begun(journal, tmp_path / "home", trials=1, artifacts=shared)
        joined = archspace("worker", journal, "tiny", "--out", tmp_path / "there", env=ANOTHER)
        assert joined.returncode == 0, joined.stderr
        assert (tmp_path / "shared/tiny/0/weights.safetensors").is_file()
        assert archspace("search", home).returncode == 0
        load(home / "trials/0/weights.safetensors")


class TestRefusedIsWorkFor:
    def test_a_storage_or_a_study_that_there_is_not(self, journal: str, tmp_path: Path) -> None:
        refused(archspace("worker", journal, "tiny"), "no such storage")
        refused(archspace("worker", f"sqlite:///{tmp_path}/no.db", "tiny"), "no such storage")
        refused(
            archspace("worker", "postgresql+psycopg://me:secret@127.0.0.1:1/x", "tiny"), "cannot be opened"
        )
        begun(journal, tmp_path / "home")
        refused(archspace("worker", journal, "tyni"), "no study of this name", "tiny")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "study.log"]

    def test_other_code(self, journal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        begun(journal, tmp_path / "home")
        monkeypatch.setattr(joining, "code", lambda: "0123456789ab")
        refused(archspace("worker", journal, "tiny", "--out", tmp_path / "there"), "of other code")
        assert not (tmp_path / "there").exists()

    def test_another_version_of_a_plug_in(
        self, journal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plugins, "_LOADED", {})
        begun(journal, tmp_path / "home")
        storage = storage_at(journal, tmp_path)
        number = storage.get_study_id_from_name("tiny")
        held = {**joining.made_with(), "plugins": {"tests.searches.studies": "9.9"}}
        storage.set_study_user_attr(number, joining.MADE_WITH_ATTR, held)
        close_storage(storage)
        ran = archspace("worker", journal, "tiny", "--out", tmp_path / "there")
        refused(ran, "plug-in tests.searches.studies 9.9 there, none here")

    def test_other_data(self, journal: str, tmp_path: Path) -> None:
        begun(journal, tmp_path / "home")
        storage = storage_at(journal, tmp_path)
        number = storage.get_study_id_from_name("tiny")
        data = storage.get_study_user_attrs(number)["data"]
        data["splits"]["train"]["labels"] = "0" * 32
        storage.set_study_user_attr(number, "data", data)
        close_storage(storage)
        ran = archspace("worker", journal, "tiny", "--out", tmp_path / "there")
        refused(ran, "data: are not those", "train: other labels")


@pytest.mark.slow
def test_one_that_stood_still_past_its_lease_drops_its_result_and_every_trial_ends_once(
    journal: str, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MACHINE_VARIABLE, "one")
    training = {"epochs": 40, "batch": 32, "flip": False}
    home = begun(journal, tmp_path / "home", trials=1, lease_s=3.0, training=training)
    words, errors = (
        ("worker", journal, "tiny", "--workers", "1", "--out", tmp_path / "there"),
        tmp_path / "errors",
    )
    log = tmp_path / "there/study.log"
    with archspace_begun(*words, stderr=errors, **ANOTHER) as other:
        until(lambda: log.is_file() and "epoch 1:" in log.read_text())
        other.send_signal(signal.SIGSTOP)
        try:
            ended = archspace("search", home)
        finally:
            other.send_signal(signal.SIGCONT)
        code, said = other.wait(), errors.read_text()
    assert ended.returncode == 0 and code == 0, (ended.stderr, said)
    assert (
        "trial 0: taken up again: process" in ended.stderr and "has not been heard of for 3 s" in ended.stderr
    )
    assert "trial 0: another worker has taken it up meanwhile; this result is dropped" in said
    assert [record.label for record in read_run(home).trials] == ["0"]
