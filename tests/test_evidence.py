"""Long runs in pieces pause, go on and remember; the study of `make evidence-cpu` has the limits that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.counts.complexity import count
from analysis.store.runs import read_run
from archspace.presets import preset
from searches.config.study import parse_config
from tests.bench.camvid import PUBLISHED, SIZE, pieces, studies
from tests.bench.carried import carry, lay_out
from tests.bench.pieces import Piece, Runner
from tests.commands import archspace
from tests.searches.studies import write_study

QUICK = ("timeit", "-n", "1", "-r", "1", "pass")
LONG = ("timeit", "-n", "1", "-r", "1", "-s", "import time", "time.sleep(600)")


def test_pieces_run_in_their_order_and_once(tmp_path: Path) -> None:
    made = [Piece(name="second", argv=QUICK, after=("first",)), Piece(name="first", argv=QUICK)]
    assert Runner(made, tmp_path, 2, None).run()
    assert list(Runner(made, tmp_path, 2, None).known()) == ["first", "second"]
    before = (tmp_path / "first.log").stat().st_size
    assert before and Runner(made, tmp_path, 2, None).run()
    assert (tmp_path / "first.log").stat().st_size == before


def test_a_piece_is_ended_when_the_time_is_up_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not Runner([Piece(name="one", argv=LONG)], tmp_path, 1, 0.001).run()
    spent = Runner([], tmp_path, 1, None).known()["one"]
    assert not spent["ended"] and "paused" in capsys.readouterr().out
    assert Runner([Piece(name="one", argv=QUICK)], tmp_path, 1, None).run()
    assert Runner([], tmp_path, 1, None).known()["one"]["cpu_s"] >= spent["cpu_s"]


def test_a_piece_that_fails_stops_what_follows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [
        Piece(name="bad", argv=("timeit", "-n", "1", "1 / 0")),
        Piece(name="next", argv=QUICK, after=("bad",)),
    ]
    runner = Runner(made, tmp_path, 1, None)
    assert not runner.run() and runner.failed == ["bad"]
    assert "failed with code 1" in capsys.readouterr().out and len(runner.left()) == 2


@pytest.mark.slow
def test_another_machine_goes_on_with_what_was_carried_and_no_path_of_this_one(tmp_path: Path) -> None:
    here, kept, there = tmp_path / "here", tmp_path / "kept", tmp_path / "there"
    here.mkdir()
    study = write_study(here, trials=2, sampler={"name": "random"})
    assert archspace("search", study, "--out", here / "search").returncode == 0
    (here / "search" / "trials" / "7").mkdir()
    (here / "search" / "trials" / "7" / "history.csv").write_text("under way")
    carry(here, kept, {"RUNS": here})
    texts = {path.relative_to(kept): path.read_text() for path in kept.rglob("*") if path.is_file()}
    assert not any(str(tmp_path) in text for text in texts.values())
    assert {name.suffix for name in texts} == {".json", ".yaml", ".csv", ".sql"}
    assert "7" not in {name.parent.name for name in texts}
    assert lay_out(kept, there, {"RUNS": there}) and not lay_out(kept, there, {"RUNS": there})
    (there / study.name).write_text(study.read_text().replace(str(here), str(there)))
    before = trials_of(there / "search")
    assert len(before) == 2 and before == trials_of(here / "search")
    again = archspace("search", there / study.name, "--out", there / "search", "--trials", 3)
    assert again.returncode == 0 and "2 of 3 trials done" in again.stderr, again.stderr
    after = trials_of(there / "search")
    assert after[:2] == before and len(after) == 3


def trials_of(run: Path) -> list[tuple[str, float]]:
    """What a run's trials came to, in their order."""
    return [(trial.label, trial.value("accuracy")) for trial in read_run(run).trials]


@pytest.mark.parametrize("dry", [False, True])
def test_every_command_of_the_evidence_can_begin(dry: bool) -> None:
    made = pieces(Path("runs"), Path("camvid"), dry)
    names = [one.name for one in made]
    assert len(set(names)) == len(names) and {after for one in made for after in one.after} <= set(names)
    for study in studies(dry).values():
        parse_config(study)


def test_what_is_found_may_be_no_larger_than_the_published_networks() -> None:
    limits = parse_config(studies(False)["search"]).constraints
    costs = [count(preset(name).spec.replace(classes=11, input_size=SIZE)) for name in PUBLISHED]
    assert limits["params"].max == min(cost.params for cost in costs)
    assert limits["macs"].max == min(cost.macs for cost in costs)
