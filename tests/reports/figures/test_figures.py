"""The study's figures: what is computed for them, and that what cannot be drawn says why."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from analysis.drawing.figure_files import find_browser, write_pictures
from analysis.fronts.importance import FieldWeight, Importance
from analysis.fronts.pareto import hypervolume, minimised
from analysis.quantities import objective
from reports.figures.learning import MOST, learning_curves
from reports.figures.parallel import Coordinate, coordinates, parallel_figure
from reports.figures.pareto.run_figure import plot_front
from reports.figures.progress import progress, progress_figure
from reports.figures.seeds import NO_SEEDS, seed_spreads, seeds_figure
from reports.figures.tradeoffs import pairs
from reports.figures.weights import importance_figure
from reports.figures.writing import study_figures
from reports.frames.merge import merge_runs
from reports.frames.trials import preset_references, trial_frame
from reports.page.content import content_of
from reports.style.names import common_name, written
from tests.reports.runs import realistic_study, spec, study_of, trial, write_run

MACS, MIOU = objective("macs"), objective("miou")
HISTORY = "epoch,train_loss,lr,val_metric,seconds,images,waiting,stage\n"


class TestProgress:
    def test_volume_is_the_boxes_share_at_every_improvement(self) -> None:
        study = study_of(
            trial("0", 0, {"macs": 200.0, "miou": 50.0}, finished="2025-01-01T00:03:00Z"),
            trial("1", 1, {"macs": 100.0, "miou": 40.0}, finished="2025-01-01T00:01:00Z"),
            trial("2", 2, {"macs": 200.0, "miou": 45.0}, finished="2025-01-01T00:02:00Z"),
            trial("3", 3, {"macs": 200.0, "miou": 45.0}, finished="2025-01-01T00:04:00Z"),
        )
        growth = progress(trial_frame(study), [MACS, MIOU])
        assert growth is not None
        # The order is that of ending: 1, 2, 0, 3. Ranges: 100 MACs and 10 points, so the reference is 210 and 39.
        assert growth.reference == pytest.approx({"macs": 210.0, "miou": 39.0})
        assert growth.trials == (1, 2, 3) and growth.last == 3 and growth.total == 4
        boxes = [110 * 1, 110 * 1 + 10 * 5, 110 * 1 + 10 * 10]
        assert growth.shares == pytest.approx([box / (110 * 11) for box in boxes])
        assert (
            "point: 210 MACs, mIoU 39.00 %;" in progress_figure(growth, title="x").layout.title.subtitle.text
        )

    @pytest.mark.parametrize("names", [("macs", "miou"), ("macs", "params", "miou")])
    def test_grows_and_ends_at_the_hypervolume_of_all(self, names: tuple[str, ...]) -> None:
        frame = trial_frame(realistic_study(300, objectives=names))
        goals = [objective(name) for name in names]
        growth = progress(frame, goals)
        assert growth is not None
        assert list(growth.shares) == sorted(growth.shares) and growth.shares[0] > 0 and growth.shares[-1] < 1
        done = frame[frame["state"] == "complete"]
        directions = [o.direction for o in goals]
        points = minimised(done[list(names)].to_numpy(dtype=float), directions)
        corner = minimised([list(growth.reference.values())], directions)[0]
        box = float(np.prod(corner - points.min(axis=0)))
        assert growth.shares[-1] == pytest.approx(hypervolume(points, corner) / box)

    def test_one_trial_and_none(self) -> None:
        one = progress(trial_frame(study_of(trial("0", 0, {"macs": 1.0, "miou": 5.0}))), [MACS, MIOU])
        assert one is not None and all(math.isfinite(share) for share in one.shares)
        assert progress(trial_frame(study_of(trial("0", 0, {}, state="failed"))), [MACS, MIOU]) is None


@pytest.mark.parametrize(
    ("trials", "importance", "parallel", "growth"),
    [
        (0, "too few: 0 networks, 20 are needed", "too few: 0 complete trials, 2 are needed",
         "too few: no complete trial has every objective, 1 is needed"),
        (1, "too few: 1 network, 20 are needed", "too few: 1 complete trial, 2 are needed", None),
        (2, "too few: 2 networks, 20 are needed", None, None),
        (20, None, None, None),
    ],
)  # fmt: skip
def test_what_needs_more_trials_says_how_many_and_is_there_from_then_on(
    tmp_path: Path, trials: int, importance: str | None, parallel: str | None, growth: str | None
) -> None:
    study = realistic_study(200)
    done = [one for one in study.trials if one.state == "complete" and one.duplicate_of is None][:trials]
    failed = [trial("failed", 900, {}, state="failed")]
    made = content_of(merge_runs([write_run(tmp_path / "run", replace(study, trials=(*done, *failed)))]))
    figures = dict(study_figures(made))
    for name, said in (("importance", importance), ("parallel", parallel), ("progress", growth)):
        texts = [note.text for note in figures[name].layout.annotations]
        if said is None:
            assert figures[name].data and not any("too few" in str(text) for text in texts)
        else:
            named = [f"{one.title}: {said}" for one in made.objectives] if name == "importance" else [said]
            assert not figures[name].data and "<br>".join(named) in texts


def test_the_importance_of_a_lone_number_names_it_and_its_fit() -> None:
    weight = FieldWeight(field="width", mean=0.5, low=0.4, high=0.7)
    figure = importance_figure(
        [Importance(name="macs", fields=(weight,), explained=0.84, networks=30)], ["Operations"], title="x"
    )
    assert figure.layout.showlegend and figure.data[0].name == "Operations (R² 0.84, 30 networks)"


class TestSeeds:
    def test_interval_is_students_over_seeds_of_one_network(self) -> None:
        values = [50.0, 52.0, 57.0]
        trials = [
            trial(str(i), i, {"macs": 1.0, "miou": v}, arch_id="same", seed=i) for i, v in enumerate(values)
        ]
        copy = trial("3", 3, {"macs": 1.0, "miou": 57.0}, arch_id="same", seed=2, duplicate_of="2")
        alone = trial("4", 4, {"macs": 1.0, "miou": 90.0}, arch_id="alone", seed=1)
        (spread,) = seed_spreads(trial_frame(study_of(*trials, copy, alone)), MIOU)
        reach = t.ppf(0.975, 2) * np.std(values, ddof=1) / 3**0.5
        assert (spread.low, spread.high) == pytest.approx((53 - reach, 53 + reach))
        assert spread.values == (50.0, 52.0, 57.0)
        assert len(seeds_figure([spread], MIOU, title="x").data) == 2

    def test_other_trainings_are_no_spread(self) -> None:
        trials = [trial(str(i), i, {"macs": 1.0, "miou": 50.0}, arch_id="same", seed=i) for i in range(2)]
        frame = trial_frame(study_of(*trials))
        assert seed_spreads(frame, MIOU, ["long", "short"]) == []
        assert NO_SEEDS in seeds_figure([], MIOU, title="x").layout.annotations[0].text


class TestCurves:
    def test_front_first_broken_left_out_and_capped(self, tmp_path: Path) -> None:
        study = realistic_study(90)
        frame = trial_frame(study)
        run = write_run(tmp_path / "run", study)
        folders = {one.label: run / "trials" / one.label for one in study.trials}
        for folder in folders.values():
            (folder / "history.csv").write_text(
                HISTORY + "1,2.5,0.1,,3.0,100,0,1\n2,1.5,0.1,41.5,3.0,100,0,1\n"
            )
        broken = frame.loc[frame["on_front"], "label"].iloc[0]
        (folders[broken] / "history.csv").write_text("not a history\n1\n")
        curves = learning_curves(frame, folders)
        assert curves.total == len(study.trials) and len(curves.curves) == MOST - 1 and curves.judged
        assert broken not in [one.label for one in curves.curves]
        assert curves.curves[0].on_front and (curves.curves[0].epochs, curves.curves[0].values) == (
            (2,),
            (41.5,),
        )

    def test_without_a_metric_the_loss_is_drawn(self, tmp_path: Path) -> None:
        (tmp_path / "history.csv").write_text(HISTORY + "1,2.5,0.1,,3.0,100,0,1\n")
        frame = trial_frame(study_of(trial("0", 0, {"macs": 1.0, "miou": 5.0})))
        curves = learning_curves(frame, {"0": tmp_path})
        assert not curves.judged and curves.curves[0].values == (2.5,)


class TestParallel:
    def test_better_is_up_and_fields_that_do_not_vary_are_left_out(self) -> None:
        study = study_of(
            trial("0", 0, {"macs": 100.0, "miou": 50.0}, spec=spec("esp", 1.0, 4, [1, 2, 3])),
            trial("1", 1, {"macs": 200.0, "miou": 60.0}, spec=spec("mixed", 2.0, 4, [1, 2, 5])),
        )
        axes = {axis.name: axis for axis in coordinates(trial_frame(study), [MACS, MIOU])}
        assert list(axes) == ["unit", "width", "alphas (sum)", "MACs", "mIoU"]
        assert axes["MACs"].places == (1.0, 0.0) and axes["mIoU"].places == (0.0, 1.0)
        assert axes["alphas (sum)"].ticks[-1] == (1.0, "8")
        assert [text for _, text in axes["unit"].ticks] == ["ESP", "mixed"]

    def test_only_what_the_space_frees_has_an_axis(self) -> None:
        study = study_of(
            trial("0", 0, {"macs": 100.0}, spec=spec("esp", 1.0, 4, [1, 2, 3])),
            trial("1", 1, {"macs": 200.0}, spec=spec("eesp", 2.0, 2, [1, 2, 5])),
        )
        axes = coordinates(trial_frame(study), [MACS], ("unit", "width"))
        assert [axis.name for axis in axes] == ["unit", "width", "MACs"]

    def test_a_list_of_equal_entries_is_its_one_value_and_ticks_are_values_that_exist(self) -> None:
        def ticks(*branches: int) -> tuple[tuple[float, str], ...]:
            study = study_of(
                *(trial(str(k), k, {"macs": 1.0 + k}, spec=spec("esp", 1.0, k, [1, 1, 1])) for k in branches)
            )
            axes = {axis.name: axis for axis in coordinates(trial_frame(study), [MACS])}
            return axes["K"].ticks

        assert ticks(2, 4) == ((0.0, "2"), (1.0, "4"))
        assert ticks(2, 4, 5, 10) == ((0.0, "2"), (3 / 8, "5"), (1.0, "10"))

    def test_the_last_ticks_have_room_on_the_right(self) -> None:
        """Of ten axes that are 90 pixels apart, the last one's seventeen letters of 11 pixels."""
        frame = trial_frame(study_of(*(trial(str(i), i, {"macs": 1.0 + i}) for i in range(2))))
        axes = [
            Coordinate(name=str(i), ticks=((0.0, "3.14 M parameters"),), places=(0.0, 1.0)) for i in range(10)
        ]
        low, high = parallel_figure(frame, axes, title="x").layout.xaxis.range
        assert (high - 9) / (high - low) * 900 > 17 * 6.6


def test_each_cost_has_its_own_front() -> None:
    study = realistic_study(60)
    frame = trial_frame(study)
    panels = pairs(frame, MIOU, preset_references(study))
    assert [one.cost.name for one in panels] == ["macs", "params", "latency_ms"]
    for one in panels:
        front = frame[list(one.front)].sort_values(one.cost.name)
        assert front["miou"].is_monotonic_increasing and (front["state"] == "complete").all()
    assert panels[0].front != panels[2].front


@pytest.mark.parametrize("names", [("macs", "miou"), ("miou",), ("macs", "params", "miou")])
def test_every_figure_of_every_kind_of_study(tmp_path: Path, names: tuple[str, ...]) -> None:
    study = realistic_study(12, objectives=names)
    evil = replace(study, config={**study.config, "name": "<b>&"}, name="<b>&")
    made = content_of(merge_runs([write_run(tmp_path / "run", evil)]))
    figures = dict(study_figures(made))
    assert {"importance", "parallel", "tradeoffs", "learning", "seeds", "progress"} <= set(figures)
    assert ("pareto" in figures) == (len(names) > 1)
    assert all("&lt;b&gt;&amp;" in figure.layout.title.text for figure in figures.values())


def test_a_number_of_which_nothing_can_be_said_is_named_beside_the_others() -> None:
    known = Importance(
        name="macs", fields=(FieldWeight(field="width", mean=0.5, low=0.4, high=0.6),), explained=0.9,
        logarithm=True, networks=30,
    )  # fmt: skip
    silent = Importance(name="miou", reason="the fields do not predict it")
    figure = importance_figure([known, silent], ["MACs", "mIoU"], title="a")
    assert [trace.name for trace in figure.data] == [
        "MACs (R² 0.90 of its logarithm, 30 networks)",
        "mIoU: the fields do not predict it",
    ]
    (note,) = importance_figure([silent], ["mIoU"], title="a").layout.annotations
    assert note.text == "mIoU: the fields do not predict it"


@pytest.mark.slow
def test_figures_as_svg_and_pdf(tmp_path: Path) -> None:
    if find_browser() is None:
        pytest.skip("no Chromium on this machine")
    made = content_of(merge_runs([write_run(tmp_path / "run", realistic_study(20))]))
    figure = dict(study_figures(made))["tradeoffs"]
    paths = [tmp_path / "a.svg", tmp_path / "a.pdf"]
    assert write_pictures(dict.fromkeys(paths, figure)) == (paths, None)
    assert "<svg" in paths[0].read_text()[:200] and paths[1].read_bytes()[:5] == b"%PDF-"


def test_names_are_those_of_papers() -> None:
    assert written("espnetv2 s=0.5 eesp K=4 a=0-3-7") == "ESPNetv2 s=0.5 EESP K=4 α=0-3-7"
    assert common_name(["A 0.5x (seed 0)", "A 0.5x (seed 1)"]) == "A 0.5x (2 seeds)"
    assert common_name(["left", "right"]) == "left (2 seeds)" and common_name(["alone"]) == "alone"


@pytest.mark.parametrize(("trials", "rings"), [(2, 0), (40, 4)])
def test_a_knee_is_ringed_in_every_panel_and_the_scene_or_in_none(
    tmp_path: Path, trials: int, rings: int
) -> None:
    """Of two networks none is a knee; else the three panels and the 3-D view show it, and the legend names it."""
    study = realistic_study(trials, objectives=("macs", "latency_ms", "miou"))
    figure = plot_front(write_run(tmp_path / "run", study))
    ringed = [trace for trace in figure.data if trace.legendgroup == "knee of the front"]
    assert len([trace for trace in ringed if not trace.showlegend]) == rings
    assert len([trace for trace in ringed if trace.showlegend]) == min(rings, 1)
