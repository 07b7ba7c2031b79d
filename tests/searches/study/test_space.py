"""The search space: rectangular for samplers, honest for specs."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from archspace.support.errors import FieldError
from searches.config.parts import SamplerConfig
from searches.config.source import read_study
from searches.config.study import parse_config
from searches.study.samplers import derived_seed, make_sampler
from searches.study.space import SearchSpace
from searches.study.study import Study
from tests.commands import archspace, refused
from tests.searches.studies import tiny, write_study

FIXED = {"task": "segmentation", "classes": 8, "input_size": [64, 64], "channels": 3}
SPACE = {
    "network": {"choices": ["espnet-c", "espnet", "espnetv2"]},
    "unit": {"choices": ["esp", "eesp", "mobilenet"], "per_level": True},
    "branches": {"choices": [2, 4]},
    "width": {"low": 0.25, "high": 1.0, "step": 0.25},
    "alphas": {"low": 0, "high": 3, "per_level": True},
    "fusion": {"choices": ["hff", "none"]},
    "receptive_field": {"choices": [3, 7, 17], "per_level": True},
}


def test_every_trial_suggests_every_free_field_of_the_deepest_network() -> None:
    space = SearchSpace(SPACE, FIXED)
    names = list(space.distributions())
    assert names == [
        "network", "unit.2", "unit.3", "unit.4", "branches", "width", "alphas.2", "alphas.3", "alphas.4", "fusion",
        "receptive_field.1", "receptive_field.2", "receptive_field.3", "receptive_field.4",
    ]  # fmt: skip
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    networks = set()
    for _ in range(60):
        trial = study.ask()
        fields = space.suggest(trial)
        assert set(trial.params) == set(names)
        spec = space.spec(fields)
        assert spec.network in ("espnet-b", "espnet-c", "espnet", "espnetv2")
        assert (spec.classes, spec.input_size, spec.task) == (8, (64, 64), "segmentation")
        assert spec.width == fields["width"]
        assert list(spec.alphas) == fields["alphas"][: len(spec.alphas)]
        networks.add(spec.network)
    assert len(networks) >= 3


def _asked(name: str, finished: int, trial_number: int) -> dict[str, object]:
    """Parameters of one trial of a study whose first ``finished`` trials are given."""
    space = SearchSpace(SPACE, FIXED)
    config = SamplerConfig(name=name, startup=4, population=4)  # type: ignore[arg-type]
    study = optuna.create_study(directions=["maximize", "minimize"])
    for number in range(finished):
        study.sampler = make_sampler(config, space, 7)
        trial = study.ask()
        space.suggest(trial)
        study.tell(trial, [derived_seed(number) % 97, derived_seed(number, "b") % 89])
        if number == trial_number:
            return dict(trial.params)
    raise AssertionError("not reached")


@pytest.mark.slow
def test_suggestions_follow_from_seed_number_and_history_alone() -> None:
    """A new sampler object for every trial (as after a crash) changes nothing, for every sampler."""
    for name in ("tpe", "nsga2", "nsga3", "random", "gp"):
        config = SamplerConfig(name=name, startup=4, population=4)  # type: ignore[arg-type]
        space = SearchSpace(SPACE, FIXED)
        study = optuna.create_study(
            directions=["maximize", "minimize"], sampler=make_sampler(config, space, 7)
        )
        for number in range(9):
            trial = study.ask()
            space.suggest(trial)
            study.tell(trial, [derived_seed(number) % 97, derived_seed(number, "b") % 89])
        assert study.trials[8].params == _asked(name, 9, 8), name
        assert study.trials[0].params != study.trials[1].params, name


def test_a_trial_killed_between_two_suggestions_gets_the_same_parameters() -> None:
    space = SearchSpace(SPACE, FIXED)
    whole = optuna.create_study(sampler=make_sampler(SamplerConfig(startup=2), space, 1))
    broken = optuna.create_study(sampler=make_sampler(SamplerConfig(startup=2), space, 1))
    for number in range(5):
        one, other = whole.ask(), broken.ask()
        space.suggest(one)
        for name, distribution in list(space.distributions().items())[:3]:
            other._suggest(name, distribution)
        broken.sampler = make_sampler(SamplerConfig(startup=2), space, 1)
        again = optuna.Trial(broken, other._trial_id)
        space.suggest(again)
        assert again.params == one.params
        whole.tell(one, number)
        broken.tell(again, number)


@pytest.mark.parametrize("network", ["eru", {"choices": ["espnetv2", "eru"]}], ids=str)
def test_a_network_for_another_task_is_refused_before_any_trial(network: object) -> None:
    data = {"task": "classification", "classes": 10, "input_size": (32, 32), "channels": 3}
    with pytest.raises(FieldError, match=r"space\.network: 'eru': is not a network for classification"):
        SearchSpace({"network": network, "alphas": {"low": 2, "high": 3, "per_level": True}}, data)


@pytest.mark.parametrize("name", ["tpe", "nsga2", "random"])
def test_cheap_networks_first_are_the_same_networks(name: str) -> None:
    space = SearchSpace(SPACE, FIXED)

    def first(**more: object) -> list[dict[str, object]]:
        config = SamplerConfig(name=name, startup=6, population=6, **more)  # type: ignore[arg-type]
        study = optuna.create_study(sampler=make_sampler(config, space, 7))
        trials = [study.ask() for _ in range(6)]
        for trial in trials:
            space.suggest(trial)
        return [dict(trial.params) for trial in trials]

    drawn, ordered = first(), first(cheapest_first=True)
    assert drawn != ordered and sorted(map(str, drawn)) == sorted(map(str, ordered))
    costs = [space._macs(space.suggest(optuna.trial.FixedTrial(params))) for params in ordered]
    assert costs == sorted(costs)


def test_a_conditional_field_is_searched_only_where_its_condition_holds() -> None:
    where = {"unit": ["esp", "eesp"]}
    given = {**SPACE, "unit": {"choices": ["esp", "eesp", "mobilenet"]}}
    given |= {"network": "espnetv2", "branches": {"choices": [2, 4], "where": where}}
    space = SearchSpace(given, FIXED)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen: dict[str, set[object]] = {}
    for _ in range(60):
        trial = study.ask()
        fields = space.suggest(trial)
        assert "branches" in trial.params  # samplers see every field in every trial
        seen.setdefault(fields["unit"], set()).add(fields.get("branches"))
    assert seen == {"esp": {2, 4}, "eesp": {2, 4}, "mobilenet": {None}}
    drawn = {**study.trials[0].params, "unit": "mobilenet"}
    specs = [space.spec(space.completed({**drawn, "branches": k})) for k in (2, 4)]
    assert specs[0].arch_id == specs[1].arch_id


def test_a_condition_on_one_level_of_a_field_is_enough() -> None:
    given = {**SPACE, "network": "espnetv2", "branches": {"choices": [2, 4], "where": {"unit": "eesp"}}}
    space = SearchSpace(given, FIXED)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(40):
        fields = space.suggest(study.ask())
        assert ("branches" in fields) == ("eesp" in fields["unit"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"branches": {"choices": [2], "where": ["unit"]}}, r"space\.branches\.where: .* must be a mapping"),
        (
            {"branches": {"choices": [2], "where": {"decoder": "none"}}},
            "must be a field of the space that is not",
        ),
        (
            {"branches": {"choices": [2], "where": {"unit": ["espp"]}}},
            r"space\.branches\.where\.unit: 'espp'",
        ),
        ({"network": {"choices": ["espnetv2"], "where": {"fusion": "hff"}}}, "the network is always chosen"),
        (
            {
                "fusion": {"choices": ["hff"], "where": {"branches": 2}},
                "branches": {"choices": [2], "where": {"fusion": "hff"}},
            },
            "not conditional itself",
        ),
    ],
)
def test_a_condition_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FieldError, match=message):
        SearchSpace({**SPACE, **changes}, FIXED)


@pytest.mark.usefixtures("cache_folder")
def test_a_run_that_was_begun_with_what_no_study_begins_with_today_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    space = {
        **tiny()["space"], "width": {"low": 0.25, "high": 0.75, "step": 0.3},
        "branches": {"choices": [2, 4], "where": {"unit": "esp"}},
    }  # fmt: skip
    path, run = write_study(tmp_path, space=space, constraints={"accuracy": {"max": 200}}), tmp_path / "run"
    refused(archspace("search", path, "--out", run), "space.branches.where.unit: 'esp': unit never has this")
    config = parse_config(tiny(space=space, constraints={"accuracy": {"max": 200}}))
    with pytest.raises(FieldError, match=r"space\.width\.high"):
        Study.open(config, run)
    assert not run.exists()
    with monkeypatch.context() as earlier:
        earlier.setattr("searches.study.study.check_beginning", lambda config: None)
        Study.open(config, run).close()
    Study.open(*read_study(str(run), {}, None)).close()
    said = archspace("search", run, "--dry-run")
    assert said.returncode == 0 and "combinations" in said.stdout, said.stderr
    assert not [one for one in recwarn if "divisible" in str(one.message)]
