"""A study from Python: run from plain data in silence, read as results, a network picked, loaded and exported."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

import analysis
import archspace
import reports
import searches
from tests.searches.studies import TINY, tiny

pytestmark = pytest.mark.slow

STUDY = tiny(trials=3, space={**TINY["space"], "alphas": [0, 1, 0, 0]})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> searches.StudyResults:
    return searches.search(STUDY, tmp_path_factory.mktemp("runs") / "tiny")


def test_a_search_leaves_the_process_as_it_was_and_is_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = logging.NullHandler()
    logger = logging.getLogger("searches")
    logger.addHandler(mine)
    threads, given = torch.get_num_threads(), {**STUDY, "training": dict(STUDY["training"])}
    try:
        torch.set_num_threads(2)
        study = searches.search(given, tmp_path / "run", changes={"trials": 1, "training.batch": 16})
        assert torch.get_num_threads() == 2
        assert logger.handlers == [mine] and logger.propagate
    finally:
        logger.removeHandler(mine)
        torch.set_num_threads(threads)
    assert capfd.readouterr() == ("", "")
    assert given == STUDY
    assert study.record.config["training"]["batch"] == 16
    assert "trial 0: complete" in (tmp_path / "run" / "study.log").read_text()


def test_results_are_a_path_and_every_reader_takes_them(study: searches.StudyResults) -> None:
    assert os.fspath(study) == str(study.folder)
    assert len(reports.trials(study)) == 3 == len(analysis.read_run(study.folder).trials)
    front = reports.front(study)
    assert front["macs"].is_monotonic_increasing and set(front["accuracy_origin"]) == {"measured"}
    assert int(front["knee"].sum()) == 1
    assert reports.plot_front(study).data
    assert set(reports.front(study, ["accuracy"])["accuracy"]) == {reports.trials(study)["accuracy"].max()}


def test_the_same_search_again_runs_nothing_and_goes_on_from_its_folder(
    study: searches.StudyResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = study.record
    assert searches.search(STUDY, study.folder).record == before
    assert searches.search(study.folder).record == before


def test_a_network_is_picked_loaded_and_exported(study: searches.StudyResults, tmp_path: Path) -> None:
    best = study.pick("best")
    assert best.values["accuracy"] == max(t.values["accuracy"] for t in study.record.trials if t.values)
    knee = study.pick()
    assert study.load("knee").spec.arch_id == knee.arch_id == study.load(knee.number).spec.arch_id
    smallest = min(t.values["macs"] for t in study.record.trials if t.values)
    assert study.pick("best", bounds={"macs": smallest}).values["macs"] == smallest
    report = study.export("best", tmp_path / "out")
    assert set(report.agreements) == {"random", "real"} and report.card["found"]["picked as"] == "best"
    assert archspace.load(tmp_path / "out").spec.arch_id == best.arch_id


def test_numbers_of_a_network_are_counted_measured_and_evaluated(study: searches.StudyResults) -> None:
    network = study.load("best").train()
    settings = analysis.Settings(runs=5, warmup=1, power=False, attempts=1)
    record = analysis.measure(network, settings=settings)
    assert record.latency_ms.n == 5 and record.arch_id == network.spec.arch_id
    assert network.training, "the caller's network is left as it is"
    assert analysis.count(network.spec).macs == study.pick("best").values["macs"]
    metrics = searches.evaluate(network, layout="digits")
    assert 0 <= metrics["accuracy"] <= 100 and network.training


def test_a_network_is_trained_from_its_spec_and_fields_of_a_recipe(
    study: searches.StudyResults, tmp_path: Path
) -> None:
    recipe = {"data": {"layout": "digits", "train": 64, "val": 60}, "training": {"epochs": 1, "flip": False}}
    spec = study.load("best").spec
    trained = searches.train(spec, recipe, out=tmp_path / "run", changes={"training.batch": 32})
    assert trained.metrics["accuracy"] == pytest.approx(
        searches.train(str(tmp_path / "run")).metrics["accuracy"]
    )
    assert archspace.load(trained.folder).spec == trained.network.spec == spec


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda at: searches.search({**STUDY, "trails": 3}, at), "trails: 3: unknown field; nearest valid: trials"),
        (lambda at: searches.search("digitss", at), "no such file or built-in study"),
        (lambda at: searches.search(STUDY, at, changes={"name.x": 1}), "name: 'tiny': must be a mapping"),
        (lambda at: searches.StudyResults(at).record, "no such run folder"),
        (lambda at: searches.train("espnetv2-0.5", {"trainig": {}}, out=at), "unknown field"),
        (lambda at: searches.train("espnetv2-0.5", "cifar10", out=at, changes={"trainin.x": 1}), "trainin"),
        (lambda at: searches.evaluate(at), str),
        (lambda at: analysis.measure("espnetv4"), "nearest valid: espnet"),
        (lambda at: analysis.measure("espnet", device="tpu"), "must be cpu, cuda"),
        (lambda at: reports.front(at), "no such run folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_nothing_is_written(call, message, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(archspace.InputError) as error:
        call(tmp_path / "run")
    assert "\n" not in str(error.value)
    assert message is str or message in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_plot_takes_two_or_three_objectives_that_were_recorded(study: searches.StudyResults) -> None:
    with pytest.raises(archspace.InputError, match="two or three"):
        reports.plot_front(study, ["macs"])
    with pytest.raises(archspace.InputError, match="has a number for it"):
        reports.front(study, ["energy_mj", "macs"])
