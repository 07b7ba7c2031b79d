"""Counting networks of a space before any is trained: limits, infeasible spaces, redraws, the dry run."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import optuna
import pytest

from analysis.store.constraints import PlainLimits
from archspace.support.errors import FieldError
from searches.config.parts import SAMPLERS, SamplerConfig
from searches.config.study import parse_config
from searches.study.combinations import combinations
from searches.study.pool import Screening
from searches.study.run import say_unused
from searches.study.samplers import make_sampler
from searches.study.screening import Screen, nearest_kept, values_of
from searches.study.space import SearchSpace
from searches.study.study import Study
from searches.study.survey import survey, unused
from tests.commands import archspace, printed, refused
from tests.searches.studies import tiny
from tests.searches.study.screens import FIELDS, FIXED, screen


def every(one: Screen) -> list[Any]:
    """All networks of the small space."""
    names = [f"alphas.{level}" for level in (2, 3, 4)]
    points = product(
        ("espnet-c", "espnetv2"), ("eesp", "mobilenet", "resnet"), (0.25, 0.5, 0.75, 1.0), *[range(3)] * 3
    )
    values = [dict(zip(("network", "unit", "width", *names), point, strict=True)) for point in points]
    assert set(values[0]) == set(one.space.distributions())
    return [
        candidate for value in values if (candidate := one.candidate(value, ("macs", "params"))) is not None
    ]


def test_the_least_and_the_largest_are_those_of_the_whole_space() -> None:
    one = screen()
    networks = every(one)
    found = survey(one, 300, seed=1)
    assert found.size == 2 * 3 * 4 * 3**3 and found.fields == 6 and found.kept == 1.0
    for spread in (spread for spread in found.spreads if spread.quantity.name in ("macs", "params")):
        counts = [network.counts[spread.quantity.name] for network in networks]
        assert (spread.least, spread.largest) == (min(counts), max(counts))
        assert spread.least < spread.median < spread.largest and spread.share is None


def test_what_no_network_of_a_space_has_is_named() -> None:
    fields = {"network": "dabnet", "shortcut": "projected", "stem": "thick", "width": {"choices": [0.25, 0.5]},
              "decoder": {"choices": ["meu", "segnet"]}, "branches": 2}  # fmt: skip
    found = survey(Screen(SearchSpace(fields, FIXED), {}), 40, seed=1)
    assert found.unused == ("branches 2", "decoder segnet", "shortcut projected")
    assert survey(screen(), 40, seed=1).unused == ()


def test_a_value_that_is_rare_in_a_space_is_sought_before_it_is_called_unused() -> None:
    rare = {"choices": [0.1 + i / 1000 for i in range(500)]}
    fields = {"network": "fpenet", "decoder_width": rare, "inner": {"low": 0.1, "high": 1.0}, "unit": "cg"}
    found = unused(Screen(SearchSpace(fields, FIXED), {}), seed=0)
    assert found == ("inner",), "no unit of it has a width inside"


def test_values_of_ranges_that_no_network_has_are_named_too() -> None:
    text = {"task": "language", "classes": 300, "input_size": [20, 1]}
    fields = {
        "network": "eru",
        "alphas": {"low": 1, "high": 3},
        "width": {"low": 0.1, "high": 0.3, "step": 0.1},
    }
    assert unused(Screen(SearchSpace(fields, text), {}), seed=0) == ("alphas 1",)
    fields = {"network": "espnetv2", "branches": {"low": 2, "high": 6, "step": 2}, "width": 0.5}
    assert unused(Screen(SearchSpace(fields, FIXED), {}), seed=0) == ("branches 6",)
    fields["branches"] = {"low": 3, "high": 24}
    found = unused(Screen(SearchSpace(fields, FIXED), {}), seed=0)
    assert {"branches 3", "branches 24"} <= set(found), "of a long range the ends are looked at"


CONDITIONAL = {
    "network": {"choices": ["espnet-c", "espnetv2"]}, "unit": {"choices": ["esp", "eesp", "mobilenet"]},
    "width": {"low": 0.25, "high": 1.0, "step": 0.25}, "alphas": {"low": 0, "high": 1},
    "branches": {"choices": [2, 4, 8], "where": {"unit": ["esp", "eesp"]}},
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"unit": {"choices": ["esp", "eesp", "mobilenet"], "per_level": True}},
        {"unit": "esp"},
        {"unit": "mobilenet"},
        {
            "alphas": {
                "low": 0,
                "high": 2,
                "per_level": True,
                "where": {"network": "espnetv2", "width": [0.5, 1.0]},
            }
        },
        {"receptive_field": {"choices": [3, 7], "where": {"unit": "eesp", "alphas": 1}}},
        {"network": "espnetv2", "branches": {"low": 1, "high": 4, "per_level": True, "where": {"alphas": 0}}},
    ],
    ids=str,
)
def test_only_combinations_that_are_there_are_counted(changes: dict[str, Any]) -> None:
    space = SearchSpace({**CONDITIONAL, **changes}, FIXED)
    values = {name: values_of(one, 9) for name, one in space.distributions().items()}
    points = (dict(zip(values, point, strict=True)) for point in product(*values.values()))
    there = set()
    for point in points:
        fields = space.completed(point)
        there.add(tuple((name, one) for name, one in point.items() if name.partition(".")[0] in fields))
    assert combinations(space) == len(there)


def test_endless_are_the_combinations_of_a_range_without_steps_that_can_stand() -> None:
    limits = {"low": 3, "high": 99_999, "step": 2, "per_level": True}
    fields: dict[str, Any] = {
        "network": "espnetv2",
        "unit": {"choices": ["eesp", "mobilenet"]},
        "branches": limits,
    }
    many = combinations(SearchSpace({**fields, "branches": {**limits, "high": 9999}}, FIXED))
    assert many == 2 * 4999**3, "they are not gone through"
    width = {"low": 0.25, "high": 1.0, "where": {"unit": "eesp"}}
    assert combinations(SearchSpace({**fields, "width": width}, FIXED)) == math.inf
    assert combinations(SearchSpace({**fields, "unit": "mobilenet", "width": width}, FIXED)) < math.inf
    assert combinations(SearchSpace({"network": "espnetv2", "width": {"low": 0.5, "high": 0.5}}, FIXED)) == 1


@pytest.mark.usefixtures("cache_folder")
def test_a_search_says_at_its_start_what_no_network_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    space = {"network": "espnetv2", "width": 0.25, "alphas": 0, "shortcut": "projected"}
    study = Study.open(parse_config(tiny(space=space, trials=1)), tmp_path / "run")
    with caplog.at_level("WARNING"):
        say_unused(study, None)
    study.close()
    assert caplog.messages == [
        "space: no network of it has shortcut projected; what cannot be honoured is dropped"
    ]


def test_the_share_of_a_limit_is_that_of_the_whole_space() -> None:
    one = screen(macs=(None, 5e6), params=(1e4, None))
    networks = every(one)
    found = survey(one, 1500, seed=2)
    for name, keeps in (("macs", lambda value: value <= 5e6), ("params", lambda value: value >= 1e4)):
        true = sum(keeps(network.counts[name]) for network in networks) / len(networks)
        share = next(spread.share for spread in found.spreads if spread.quantity.name == name)
        assert share == pytest.approx(true, abs=5 * math.sqrt(0.25 / 1500))
    both = sum(one.excess(network) <= 0 for network in networks) / len(networks)
    assert found.kept == pytest.approx(both, abs=5 * math.sqrt(0.25 / 1500))


def test_limits_that_no_network_keeps_are_refused_with_the_nearest_that_one_does() -> None:
    networks = every(screen())
    least = min(network.counts["macs"] for network in networks)
    screen(macs=(None, least)).check(0)
    with pytest.raises(
        FieldError, match=r"constraints\.macs\.max: .* none of the \d+ networks of the space keeps it"
    ) as refusal:
        screen(macs=(None, least - 1)).check(0)
    nearest = refusal.value.nearest
    assert least <= nearest <= 1.02 * least
    screen(macs=(None, nearest)).check(0)


def test_limits_that_exclude_each_other_name_the_one_that_lacks_least() -> None:
    networks = every(screen())
    large = sorted(network.counts["params"] for network in networks)[-3]
    least = min(network.counts["macs"] for network in networks if network.counts["params"] >= large)
    with pytest.raises(FieldError, match=r"constraints\.macs\.max: .* keeps the limits on params") as refusal:
        screen(macs=(None, 0.999 * least), params=(large, None)).check(0)
    screen(macs=(None, refusal.value.nearest), params=(large, None)).check(0)


@pytest.mark.parametrize(
    ("value", "side", "nearest"),
    [(3191808, "max", 3200000), (1234.5, "min", 1230), (0.0123456, "max", 0.0124), (0, "min", 0)],
)
def test_the_nearest_limit_is_kept(value: float, side: str, nearest: float) -> None:
    assert nearest_kept(value, side) == nearest


def test_limits_of_which_none_alone_can_be_loosened_name_the_one_that_is_broken_most_and_what_all_need() -> (
    None
):
    with pytest.raises(FieldError, match=r"constraints\.memory\.max: 1\.0: .*\(the nearest has") as refusal:
        screen(macs=(None, 1e3), memory=(None, 1.0), params=(1e9, None)).check(0)
    said = re.fullmatch(
        r"(\d+) with constraints\.macs\.max: (\d+), constraints\.params\.min: (\d+)", refusal.value.nearest
    )
    assert said is not None, refusal.value.nearest
    memory, macs, params = map(float, said.groups())
    screen(macs=(None, macs), memory=(None, memory), params=(params, None)).check(0)


def test_a_small_space_is_refused_only_where_none_of_its_networks_keeps_the_limits() -> None:
    networks = every(screen())
    for one in networks[::60]:
        counts = {name: one.counts[name] for name in ("macs", "params")}
        screen(**{name: (value, value) for name, value in counts.items()}).check(0)
    between = next(
        (a + b) / 2
        for a, b in pairwise(sorted({network.counts["macs"] for network in networks}))
        if b - a > 2
    )
    with pytest.raises(
        FieldError, match=r"none of the \d+ networks of the space keeps all limits"
    ) as refusal:
        screen(macs=(between - 0.5, between + 0.5)).check(0)
    assert str(len({network.spec for network in networks})) in str(refusal.value)


def test_of_a_large_space_the_words_are_that_none_was_found() -> None:
    fields = {**FIELDS, "alphas": {"low": 0, "high": 12, "per_level": True}}
    one = Screen(SearchSpace(fields, FIXED), {"macs": PlainLimits(max=10.0)})
    with pytest.raises(
        FieldError, match=r"no network was found in the space that keeps it \(the nearest found"
    ):
        one.check(0)


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_where_one_network_of_many_fits_it_is_asked_for_all_the_same(name: str) -> None:
    counts = [(network.counts["macs"], network.counts["params"]) for network in every(screen())]
    macs, params = next(pair for pair in counts if counts.count(pair) == 1)
    one = screen(macs=(macs, macs), params=(params, params))
    sampler = make_sampler(
        SamplerConfig(name=name, startup=2), one.space, 3, False, one.fits,
        Screening(one, ("miou", "macs")), fitting=one.fitting,
    )  # fmt: skip
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    for number in range(8):
        trial = study.ask()
        one.space.suggest(trial)
        assert one.fits(trial.params)
        study.tell(trial, [float(number), macs])


def test_of_a_large_space_what_was_found_is_asked_for() -> None:
    fields = {**FIELDS, "alphas": {"low": 0, "high": 12, "per_level": True}}
    space = SearchSpace(fields, FIXED)
    least = Screen(space, {}).least(lambda one: (one.counts["macs"],), 0, ("macs",)).counts["macs"]
    one = Screen(space, {"macs": PlainLimits(max=least)})
    one.check(0)
    for seed in range(3):
        found = one.fitting(seed)
        assert found is not None and one.fits(found)
    assert Screen(space, {"macs": PlainLimits(max=10.0)}).fitting(0) is None


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "gp"])
def test_a_network_that_breaks_a_counted_limit_is_never_asked_for(name: str) -> None:
    one = screen(macs=(None, 2.2e6))
    assert 0 < sum(one.excess(network) <= 0 for network in every(one)) < 0.35 * len(every(one))
    free = make_sampler(SamplerConfig(name=name, startup=4, population=6), one.space, seed=3)
    held = make_sampler(SamplerConfig(name=name, startup=4, population=6), one.space, 3, False, one.fits)
    asked: dict[str, list[dict[str, Any]]] = {}
    for label, sampler in (("free", free), ("held", held)):
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        for _ in range(20):
            trial = study.ask()
            one.space.suggest(trial)
            asked.setdefault(label, []).append(trial.params)
            study.tell(trial, [one.candidate(trial.params, ["params"]).counts["params"], 1.0])  # type: ignore[union-attr]
    assert not all(one.fits(params) for params in asked["free"])
    assert all(one.fits(params) for params in asked["held"])
    first = next(i for i, params in enumerate(asked["free"]) if not one.fits(params))
    assert asked["held"][:first] == asked["free"][:first]  # what fits is as ever


STUDY = {
    "name": "tight", "task": "segmentation",
    "data": {"layout": "scenes", "input_size": [64, 64], "train": 4, "val": 2},
    "space": FIELDS, "objectives": ["miou", "macs"], "trials": 1, "training": {"epochs": 1},
}  # fmt: skip


@pytest.mark.slow
def test_a_dry_run_says_what_there_is_and_writes_nothing(tmp_path: Path) -> None:
    limits = {"macs": {"max": 5e6}, "latency_ms": {"max": 5}}
    (tmp_path / "study.yaml").write_text(json.dumps({**STUDY, "constraints": limits}))
    words = ("search", "study.yaml", "--dry-run")
    said = printed(archspace(*words, "--json", cwd=tmp_path).stdout)
    assert said["size"] == 648 and set(said["counted"]) >= {"macs", "params", "memory"}
    assert said["counted"]["macs"]["max"] == 5e6 and 0 < said["counted"]["macs"]["share"] == said["kept"] < 1
    lines = archspace(*words, cwd=tmp_path).stdout
    assert "648 combinations of 6 free fields" in lines and "trained or measured: latency_ms" in lines
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.slow
def test_a_search_that_could_find_nothing_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(json.dumps({**STUDY, "constraints": {"macs": {"max": 10}}}))
    for words in (("--dry-run",), ("--out", "run")):
        refused(
            archspace("search", "study.yaml", *words, cwd=tmp_path),
            "constraints.macs.max: 10.0: none of the ", " networks of the space keeps it", "nearest valid:",
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]
