"""A study that starts from another run: what fits is known and not trained again, what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from analysis.store.runs import read_run
from archspace import ArchSpec, load
from searches.config.parts import SamplerConfig
from searches.config.study import parse_config
from searches.study.pool import Ended
from searches.study.predictor import error_lines
from searches.study.samplers import make_sampler
from searches.study.screening import Screen
from searches.study.space import SearchSpace
from searches.study.warm import Known, ended_of_run, known_trials, start_line
from tests.commands import archspace, printed, refused
from tests.searches.studies import TINY, tiny

FIXED = {"task": "classification", "classes": 10, "input_size": [8, 8], "channels": 1}
SCREEN = {"screen": {"candidates": 32}}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with a screen; the folder around it."""
    folder = tmp_path_factory.mktemp("warm")
    study = tiny(name="first", judging=SCREEN, sampler={"startup": 4}, trials=9)
    (folder / "first.yaml").write_text(yaml.safe_dump(study))
    said = printed(archspace("search", "first.yaml", "--out", "first", "--json", cwd=folder).stdout)
    assert said["trials"]["complete"] == 9 and set(said["predictor"]) == {"accuracy"}
    return folder


def second(folder: Path, name: str, **changes: Any) -> Path:
    """A study that starts from the first, as a file."""
    study = tiny(**{"name": name, "trials": 2, "from": "first", **changes})
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(study))
    return folder / f"{name}.yaml"


@pytest.mark.slow
def test_a_screened_study_keeps_what_it_predicted_and_how_far_it_was_off(first: Path) -> None:
    trials = read_run(first / "first").trials
    assert [bool(one.predicted) for one in trials] == [False] * 4 + [True] * 5
    one = trials[-1].predicted["accuracy"]
    assert one.origin == "predicted" and one.unit == "%" and one.how["deviation"] > 0
    kept = json.loads((first / "first" / "predictor.json").read_text())["accuracy"]
    assert kept["left_out"]["networks"] == 9 and kept["ahead"]["networks"] == 5 and not kept["relative"]
    assert "trials left out" in archspace("search", "first", cwd=first).stdout


@pytest.mark.slow
def test_the_predicted_front_of_a_run_is_printed_and_written(first: Path) -> None:
    words = ("screen", "first", "--candidates", "400", "--out", "front.csv", "--specs", "specs", "--top", "3")
    said = printed(archspace(*words, "--json", cwd=first).stdout)
    assert said["looked_at"] == 400 and said["trials"] == 9 and said["on_front"] == len(said["front"]) > 0
    assert said["errors"]["accuracy"]["networks"] == 9 and not said["not_predicted"]
    row = said["front"][0]
    assert (row["accuracy_origin"], row["macs_origin"]) == ("predicted", "counted") and row[
        "accuracy_deviation"
    ] > 0
    trained = {one.arch_id: one.label for one in read_run(first / "first").trials}
    for row in said["front"]:
        label = trained.get(row["arch_id"])
        assert row["trained_as"] == (None if label is None else f"first:{label}")
    lines = (first / "front.csv").read_text().splitlines()
    assert len(lines) == 1 + said["on_front"] and "macs_origin" in lines[0]
    specs = list((first / "specs").iterdir())
    assert 0 < len(specs) <= 3
    assert ArchSpec.read(specs[0]).arch_id == specs[0].stem
    said = archspace("screen", "first.yaml", "--candidates", "50", cwd=first).stdout
    assert "accuracy: not predicted: --run names a run" in said and "nothing was trained" in said
    refused(
        archspace("screen", "first", "--out", "front.txt", cwd=first), "is written as CSV", "front.txt.csv"
    )
    second(first, "longer", training={"epochs": 2, "batch": 32, "flip": False})
    refused(
        archspace("screen", "longer.yaml", "--run", "first", cwd=first), "--run: 'first': its training.epochs"
    )
    refused(archspace("screen", "first.yaml", "--run", "none", cwd=first), "--run: none: no such run folder")


@pytest.mark.slow
def test_a_screen_of_few_trials_says_how_many_it_takes_to_check_it(first: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(first / "first", tmp_path / "few"))
    for label in ("5", "6", "7", "8"):
        shutil.rmtree(run / "trials" / label)
    said = archspace("screen", run, "--candidates", "50").stdout
    assert "accuracy: predicted from fewer than 8 trials, which are too few to say how far it is off" in said


@pytest.mark.slow
def test_a_network_that_the_other_run_trained_is_not_trained_again(first: Path) -> None:
    known = read_run(first / "first").trials[5]
    given = [{"name": "again", "spec": known.spec}]
    second(first, "second", given=given, trials=0, space={})
    ran = archspace("search", "second.yaml", "--out", "second", cwd=first)
    assert ran.returncode == 0 and "from first: 9 networks known\n" in ran.stderr
    assert "MACs (from first:5)\n" in ran.stderr
    (trial,) = read_run(first / "second").trials  # the other run's are not among them
    assert trial.values == known.values and trial.seed == known.seed
    assert trial.measurements["accuracy"].how["from"] == "first:5"
    ours, theirs = (
        load(first / run / "trials" / n / "weights.safetensors")
        for run, n in (("second", "given-0"), ("first", "5"))
    )
    assert all((tensor == theirs.state_dict()[name]).all() for name, tensor in ours.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["screened", "tpe", "nsga2"])
def test_a_changed_space_starts_from_what_fits_and_goes_on_without_the_other_run(
    first: Path, tmp_path: Path, name: str
) -> None:
    for item in ("first", "first.yaml"):
        shutil.copytree(first / item, tmp_path / item) if item == "first" else shutil.copy(
            first / item, tmp_path
        )
    space = {**TINY["space"], "width": {"choices": [0.25, 0.5, 0.75]}, "fusion": "hff"}
    second(tmp_path, "other", space=space, sampler={"name": name, "startup": 4, "population": 3})
    assert archspace("search", "other.yaml", "--out", "other", "--trials", "1", cwd=tmp_path).returncode == 0
    shutil.rmtree(tmp_path / "first")
    assert archspace("search", "other", "--trials", "2", cwd=tmp_path).returncode == 0
    trials = read_run(tmp_path / "other").trials
    assert len(trials) == 2 and [bool(one.predicted) for one in trials] == [name == "screened"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"training": {"epochs": 2, "batch": 32, "flip": False}},
            "its training.epochs is 1, this study's is 2",
        ),
        ({"objectives": ["accuracy", "latency_ms"]}, "its trials have no latency_ms"),
        ({"data": {**TINY["data"], "train": 32}}, "its data.train is 64, this study's is 32"),
        ({"data": {**TINY["data"], "input_size": [16, 16]}}, "its data.input_size is [8, 8]"),
        ({"from": "nowhere"}, "from: nowhere: no such run folder"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(first: Path, changes: dict[str, Any], problem: str) -> None:
    second(first, "bad", **changes)
    refused(archspace("search", "bad.yaml", "--out", "bad", cwd=first), problem)
    assert not (first / "bad").exists()


def ended(space: dict[str, Any], count: int = 12) -> tuple[Screen, list[Ended]]:
    screen = Screen(SearchSpace(space, FIXED), {})
    some = [one for one in screen.drawn(count, 1, ("macs",)) if one is not None]
    return screen, [Ended(one.spec, one.params, {"accuracy": 50.0 + i}) for i, one in enumerate(some)]


def records_of(networks: list[Ended], *, params: bool = True) -> Known:
    from analysis.store.records import TrialRecord

    return Known(Path("first"), tuple(
        TrialRecord(
            label=str(i), number=i, state="complete", spec=one.spec.to_dict(), arch_id=one.spec.arch_id,
            values=one.values, params=one.params if params else {},
        )
        for i, one in enumerate(networks)
    ))  # fmt: skip


def test_values_are_taken_from_the_network_where_the_other_space_had_none() -> None:
    screen, networks = ended(TINY["space"])
    for params in (True, False):
        mapped = ended_of_run(records_of(networks, params=params), screen, {})
        made = [screen.candidate(one.params) for one in mapped]
        assert [one.spec.arch_id for one in made if one is not None] == [one.spec.arch_id for one in networks]
    narrow = Screen(SearchSpace({**TINY["space"], "unit": "eesp"}, FIXED), {})
    kept = [one for one in ended_of_run(records_of(networks), narrow, {}) if one.params]
    assert 0 < len(kept) < len(networks) and all("unit" not in one.params for one in kept)
    assert all(set(one.spec.unit) == {"eesp"} for one in kept)


@pytest.mark.parametrize(
    ("name", "random"),
    [
        ("screened", "; 0 random trials come first instead of 12"),
        ("tpe", "; {} random trials come first instead of 12"),
        ("nsga2", ""),
    ],
)
def test_it_is_said_how_much_is_known_and_how_many_random_trials_that_saves(name: str, random: str) -> None:
    _, networks = ended(TINY["space"])
    known = records_of(networks)
    narrow = Screen(SearchSpace({**TINY["space"], "unit": "eesp"}, FIXED), {})
    mapped = ended_of_run(known, narrow, {})
    outside = sum(not one.params for one in mapped)
    assert 0 < outside < 12
    line = start_line(known, mapped, SamplerConfig(name=name, startup=12))
    assert line == f"from first: 12 networks known, {outside} of them outside this space" + random.format(
        outside
    )
    assert start_line(known, (), SamplerConfig(name=name)) == "from first: 12 networks known"


def test_it_is_said_how_many_networks_it_takes_to_check_a_predictor() -> None:
    _, networks = ended(TINY["space"])
    records = records_of(networks).records
    study = parse_config(tiny(judging=SCREEN, sampler={"startup": 4}))
    needed = "predictor of accuracy: 8 different networks are needed to say how far it is off"
    assert error_lines(study, records[:7], {}) == [needed]
    assert error_lines(study, records[:8], {}) == [], "it had not come so far when it was stopped"
    assert error_lines(parse_config(tiny()), records[:7], {}) == [], "tpe predicts nothing"
    counted = parse_config(tiny(objectives=["macs", "params"], judging=SCREEN, sampler={"startup": 4}))
    assert error_lines(counted, records[:7], {}) == []


@pytest.mark.parametrize("name", ["tpe", "nsga2", "nsga3"])
def test_a_sampler_learns_from_another_run_without_counting_it(name: str) -> None:
    screen, networks = ended(TINY["space"])
    known = known_trials(networks, records_of(networks), screen, ["accuracy", "macs"], {})
    assert len(known) == len(networks) and all(one.number < 0 for one in known)
    suggested = {}
    for label, trials in (("with", known), ("without", [])):
        sampler = make_sampler(
            SamplerConfig(name=name, startup=4, population=4),
            screen.space,
            1,
            False,
            screen.fits,
            known=trials,
        )
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        suggested[label] = []
        for number in range(3):
            trial = study.ask()
            screen.space.suggest(trial)
            suggested[label].append(trial.params)
            study.tell(trial, [number, 1.0])
        assert len(study.trials) == 3
    assert suggested["with"] != suggested["without"]
