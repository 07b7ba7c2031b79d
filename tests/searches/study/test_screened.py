"""The sampler that screens: repeatable, within the limits, spread over workers, for one to three objectives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from archspace.spec.archspec import ArchSpec
from searches.config.parts import SamplerConfig
from searches.config.screen import ScreenConfig, ZeroCost
from searches.study.pool import Ended, Screening
from searches.study.samplers import RepeatableSampler, make_sampler
from tests.searches.study.screens import screen

SCREEN = screen(macs=(None, 2.2e6))
OBJECTIVES = {
    ("miou", "macs"): ["maximize", "minimize"], ("miou",): ["maximize"],
    ("miou", "latency_ms", "params"): ["maximize", "minimize", "minimize"],
}  # fmt: skip


class Scores:
    """Scores that are known at once."""

    def scores(self, specs: list[ArchSpec]) -> np.ndarray:
        return np.array([[float(sum(spec.alphas)), spec.width] for spec in specs]).reshape(-1, 2)


def sampler(
    objectives: tuple[str, ...] = ("miou", "macs"),
    zero_cost: ZeroCost | None = None,
    others: tuple[Ended, ...] = (),
) -> RepeatableSampler:
    """A fresh sampler of the small space, four random trials first."""
    screening = Screening(
        SCREEN, objectives, seed=3, config=ScreenConfig(candidates=48, zero_cost=zero_cost),
        scorer=None if zero_cost is None else Scores(), others=others,
    )  # fmt: skip
    return make_sampler(
        SamplerConfig(name="screened", startup=4), SCREEN.space, 3, False, SCREEN.fits, screening
    )


def values(params: Mapping[str, Any]) -> dict[str, float]:
    """What a training would come to: more parameters are better, and one unit is."""
    one = SCREEN.candidate(params, ("params", "macs"))
    assert one is not None and SCREEN.excess(one) <= 0
    metric = 20 + 3 * math.log10(one.counts["params"]) + 2 * (params["unit"] == "eesp")
    return {"miou": metric, "latency_ms": 1 + one.counts["macs"] / 1e6, **one.counts}


def train(study: optuna.Study, objectives: tuple[str, ...], count: int) -> None:
    """Asks for and ends ``count`` trials."""
    for _ in range(count):
        trial = study.ask()
        SCREEN.space.suggest(trial)
        study.tell(trial, [values(trial.params)[name] for name in objectives])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objectives", "zero_cost"),
    [
        *((objectives, None) for objectives in OBJECTIVES),
        (("miou", "macs"), ZeroCost(networks=6)), (("miou", "macs"), ZeroCost(networks=6, use="filter")),
    ],
)  # fmt: skip
def test_a_study_that_is_stopped_goes_on_as_if_it_had_not(
    objectives: tuple[str, ...], zero_cost: ZeroCost | None
) -> None:
    whole, parts = (optuna.create_study(directions=OBJECTIVES[objectives]) for _ in range(2))
    whole.sampler = sampler(objectives, zero_cost)
    train(whole, objectives, 9)
    for count in (3, 4, 2):
        parts.sampler = sampler(objectives, zero_cost)
        train(parts, objectives, count)
    assert [one.params for one in whole.trials] == [one.params for one in parts.trials]
    specs = [SCREEN.candidate(one.params).spec.arch_id for one in whole.trials]  # type: ignore[union-attr]
    assert len(set(specs)) == 9
    said = [one.system_attrs.get("predicted") for one in whole.trials]
    assert said[:4] == [None] * 4 and all(
        set(objectives) - {"macs", "params"} == set(one) for one in said[4:]
    )


@pytest.mark.slow
def test_it_finds_a_better_front_than_random_search() -> None:
    from analysis.fronts.pareto import hypervolume

    found = {}
    for name in ("screened", "random"):
        study = optuna.create_study(directions=["maximize", "minimize"])
        study.sampler = sampler() if name == "screened" else make_sampler(
            SamplerConfig(name="random"), SCREEN.space, 3, False, SCREEN.fits
        )  # fmt: skip
        train(study, ("miou", "macs"), 14)
        points = [[-one.values[0], math.log(one.values[1])] for one in study.trials]
        found[name] = hypervolume(points, [-25.0, math.log(2.5e6)])
    assert found["screened"] > found["random"]


def test_the_first_come_from_every_part_of_the_space_by_macs() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler())
    train(study, ("miou", "macs"), 4)
    macs = sorted(one.values[1] for one in study.trials)
    drawn = sorted(
        one.counts["macs"] for one in SCREEN.drawn(400, 1, ["macs"]) if one and SCREEN.excess(one) <= 0
    )
    parts = np.searchsorted(drawn, macs) / len(drawn)
    assert parts[0] < 0.4 and parts[-1] > 0.6
    cheapest = SamplerConfig(name="screened", startup=4, cheapest_first=True)
    study.sampler = make_sampler(
        cheapest, SCREEN.space, 3, False, SCREEN.fits, Screening(SCREEN, ("miou", "macs"))
    )
    ordered = optuna.create_study(directions=["maximize", "minimize"], sampler=study.sampler)
    train(ordered, ("miou", "macs"), 4)
    assert [one.values[1] for one in ordered.trials] == sorted(one.values[1] for one in ordered.trials)


def test_workers_spread_out_and_nothing_is_asked_for_twice() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler())
    train(study, ("miou", "macs"), 6)
    asked = []
    for _ in range(3):
        trial = study.ask()
        SCREEN.space.suggest(trial)
        asked.append(trial)
    study.tell(asked[0], state=TrialState.PRUNED)
    trial = study.ask()
    SCREEN.space.suggest(trial)
    specs = [SCREEN.candidate(one.params).spec.arch_id for one in study.trials]  # type: ignore[union-attr]
    assert len(set(specs)) == len(specs) == 10


def test_what_another_run_trained_counts_from_the_start() -> None:
    some = [one for one in SCREEN.drawn(20, 5, ("macs",)) if one is not None and SCREEN.excess(one) <= 0][:8]
    others = tuple(Ended(one.spec, one.params, values(one.params)) for one in some)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler(others=others))
    train(study, ("miou", "macs"), 2)
    assert all("predicted" in one.system_attrs for one in study.trials)
    known = {one.spec.arch_id for one in some}
    assert not known & {SCREEN.candidate(one.params).spec.arch_id for one in study.trials}  # type: ignore[union-attr]


def test_a_space_that_keeps_no_limit_is_drawn_from_at_random() -> None:
    tight = screen(macs=(None, 10.0))
    one = make_sampler(
        SamplerConfig(name="screened"), tight.space, 0, screening=Screening(tight, ("miou", "macs"))
    )
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=one)
    assert tight.space.suggest(study.ask())["network"] in ("espnet-c", "espnetv2")
