"""optuna-dashboard on a real study: its own web interface says what the study optimises and what each trial is."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import optuna
import pytest

from analysis.store.runs import read_run
from tests.commands import GENEROUS_S, archspace, refused
from tests.forked import archspace_begun
from tests.searches.studies import write_study
from tests.waiting import until

pytest.importorskip("optuna_dashboard")


@contextmanager
def served(run: Path) -> Iterator[str]:
    """The command as a person runs it; the address that it names."""
    said = run / "said.txt"
    with archspace_begun("dashboard", run, "--port", "0", "--no-browser", "--json", stdout=said) as process:
        until(lambda: "\n" in said.read_text() or process.poll() is not None)
        try:
            yield str(json.loads(said.read_text())["url"])
        finally:
            process.send_signal(signal.SIGINT)
            until(lambda: process.poll() is not None, "Ctrl-C is the way to end it")
            assert process.wait() == 0


def asked(address: str, path: str) -> Any:
    with urlopen(f"{address.partition('/dashboard')[0]}/api/{path}", timeout=GENEROUS_S) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize("journal", [False, True])
def test_the_dashboard_names_objectives_and_trials(tmp_path: Path, journal: bool) -> None:
    storage = {"storage": f"journal://{tmp_path / 'journal.log'}"} if journal else {}
    study = write_study(tmp_path, trials=2, given=["espnetv2-0.5"], **storage)
    assert archspace("search", study, "--out", tmp_path / "run", "--json").returncode == 0
    records = {one.label: one for one in read_run(tmp_path / "run").trials}
    with served(tmp_path / "run") as address:
        assert urlopen(address, timeout=GENEROUS_S).status == 200
        names = {one["study_name"]: one["study_id"] for one in asked(address, "studies")["study_summaries"]}
        assert set(names) == {"tiny", "tiny/given"} and address.endswith(f"/{names['tiny']}")
        for study_id in names.values():
            shown = asked(address, f"studies/{study_id}")
            assert shown["objective_names"] == ["accuracy", "macs"]
            for trial in shown["trials"]:
                attributes = {one["key"]: one["value"] for one in trial["user_attrs"]}
                record = records[attributes["label"]]
                assert attributes["arch_id"] == record.arch_id
                assert attributes["network"].startswith("espnetv2 ") and attributes["state"] == "complete"
                assert {"params", "macs", "accuracy"} <= record.measurements.keys()
                for name, one in record.measurements.items():
                    assert float(attributes[name]) == one.value


@pytest.mark.slow
def test_a_study_from_before_gets_names_and_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    run = tmp_path / "run"
    study = write_study(tmp_path, trials=1)
    assert archspace("search", study, "--out", run, "--json").returncode == 0
    storage = optuna.storages.RDBStorage(f"sqlite:///{run / 'study.db'}")
    for one in storage.get_all_studies():
        storage.set_study_system_attr(one._study_id, "study:metric_names", None)
    with served(run) as address:
        study_id = address.rpartition("/")[2]
        assert asked(address, f"studies/{study_id}")["objective_names"] == ["accuracy", "macs"]
        port = address.rpartition(":")[2].partition("/")[0]
        refused(archspace("dashboard", run, "--port", port, "--no-browser"), "--port", "in use")


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    refused(archspace("dashboard", tmp_path, "--no-browser"), "not a run folder")
    (tmp_path / "study.yaml").write_text(write_study(tmp_path).read_text())
    refused(archspace("dashboard", tmp_path, "--no-browser"), "study.db")
    assert not (tmp_path / "study.db").exists(), "looking makes no storage"


def test_without_the_package_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searches.study.dashboard.find_spec", lambda _: None)
    refused(archspace("dashboard", tmp_path, "--no-browser"), "pip install 'archspace[dashboard]'")
