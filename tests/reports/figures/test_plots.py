from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from analysis.drawing.figure_files import find_browser, write_pictures
from analysis.quantities import Quantity, objective
from reports.figures.pareto.figure import pareto_figure, write_html, write_png
from reports.frames.trials import preset_references, trial_frame
from reports.style.axes import axis_order, make_axis
from reports.style.label_placement import given_labels, place_labels, stack_rows
from reports.style.style import GRID, OKABE_ITO, UNIT_STYLES, log_ticks, scaled_column, unit_style
from tests.reports.runs import LIMIT, realistic_study, study_of, trial

MACS, PARAMS, MIOU, LATENCY = (objective(name) for name in ("macs", "params", "miou", "latency_ms"))
REQUIRED = (
    "esp", "eesp", "mobilenet", "mobilenetv2", "shufflenet", "shufflenetv2", "resnet", "resnext", "inception",
    "asp", "mixed",
)  # fmt: skip


def figure_of(*objectives: Quantity, **options: object) -> go.Figure:
    study = realistic_study()
    frame = trial_frame(study, objectives)
    return pareto_figure(frame, objectives, preset_references(study), **options)


def marks(figure: go.Figure, *, axis: str | None = None) -> dict[str, go.Scatter]:
    """Points that hover, by the first line of their text: (x, y, symbol)."""
    points = {}
    for trace in figure.data:
        if trace.hovertext is None or (axis and (trace.yaxis or "y") != axis):
            continue
        symbols = trace.marker.symbol
        for i, text in enumerate(trace.hovertext):
            name = text.split("</b>")[0].removeprefix("<b>")
            assert name not in points, f"{name} is drawn twice"
            points[name] = (trace.x[i], trace.y[i], symbols if isinstance(symbols, str) else symbols[i], text)
    return points


def labels(figure: go.Figure) -> list[str]:
    """Every text that is drawn."""
    return [str(text) for trace in figure.data if trace.text is not None for text in trace.text if text]


def trace_named(figure: go.Figure, name: str) -> go.Scatter:
    return next(trace for trace in figure.data if (trace.name or "").startswith(name) and len(trace.x) > 1)


class TestPlane:
    def test_every_trial_is_drawn_once_where_it_belongs(self) -> None:
        study = realistic_study()
        figure = figure_of(MACS, MIOU)
        plot, strip = marks(figure, axis="y"), marks(figure, axis="y2")
        for record in study.trials:
            name = f"trial {record.label}"
            if record.duplicate_of:
                assert name not in plot and name not in strip
            elif record.state == "complete":
                assert plot[name][:2] == (record.values["macs"], record.values["miou"])
            else:
                assert strip[name][0] == record.measurements["macs"].value
                assert strip[name][2] == ("x" if record.state == "infeasible" else "cross-thin")
                assert str(record.reason).split(" ", maxsplit=1)[0] in strip[name][3]
        assert sum(name.startswith("trial") for name in (*plot, *strip)) == len(study.trials) - 1

    def test_costs_go_on_x_whatever_the_order(self) -> None:
        assert axis_order([MIOU, MACS]) == [MACS, MIOU]
        assert axis_order([LATENCY, PARAMS, MIOU]) == [PARAMS, LATENCY, MIOU]
        assert axis_order([PARAMS, MACS]) == [PARAMS, MACS]
        assert figure_of(MIOU, MACS).layout.yaxis.title.text == "mIoU, void ignored (%, measured)"

    def test_front_is_joined_by_steps_inside_what_is_attained(self) -> None:
        line = trace_named(figure_of(MACS, MIOU), "Pareto front")
        assert line.mode == "lines" and line.line.shape == "hv"
        assert list(line.x) == sorted(line.x) and list(line.y) == sorted(line.y)

    def test_given_are_named_stars(self) -> None:
        figure = figure_of(MACS, MIOU)
        assert marks(figure)["trial given-0"][2] == "star"
        assert {"espnetv2-seg-1.0", "espnet-c"} <= set(labels(figure))

    def test_hover_is_readable_and_complete(self) -> None:
        text = marks(figure_of(MACS, MIOU))["trial 0"][3]
        for part in (
            "network espnetv2",
            "unit ",
            "K ",
            "width ",
            "alphas ",
            "arch_id ",
            "(counted)",
            "(measured)",
            "MACs",
            "%",
        ):
            assert part in text, part
        assert "[" not in text and "nan" not in text and "None" not in text  # fmt: skip

    def test_hover_escapes_what_users_wrote(self) -> None:
        record = trial("a", 0, {"macs": 1.0, "miou": 2.0}, given="<script>.yaml")
        figure = pareto_figure(trial_frame(study_of(record)), [MACS, MIOU])
        (text,) = (mark[3] for mark in marks(figure).values())
        assert "&lt;script&gt;" in text and "<script>" not in text

    def test_presets_stand_in_the_strip_next_to_an_accuracy_and_say_why(self) -> None:
        strip = marks(figure_of(MACS, MIOU), axis="y2")
        presets = {name: mark for name, mark in strip.items() if not name.startswith("trial")}
        assert presets
        for mark in presets.values():
            assert mark[2] == "diamond"
            assert "counted at this study's input" in mark[3] and "mIoU" not in mark[3]
        published = presets["espnet-camvid"][3]
        assert "published accuracy is for CamVid test, not comparable" in published

    def test_presets_are_points_where_both_axes_are_counted(self) -> None:
        figure = figure_of(MACS, PARAMS)
        plot = marks(figure)
        references = preset_references(realistic_study())
        row = references[references["name"].str.contains("espnet-c")].iloc[0]
        mark = plot[row["name"]]
        assert mark[:2] == (row["macs"], row["params"]) and "not comparable" not in mark[3]
        assert "yaxis2" not in figure.layout

    def test_infeasible_with_both_coordinates_is_in_the_plot(self) -> None:
        infeasible = next(t for t in realistic_study().trials if t.state == "infeasible")
        mark = marks(figure_of(MACS, PARAMS), axis="y")[f"trial {infeasible.label}"]
        assert mark[:2] == (infeasible.measurements["macs"].value, infeasible.measurements["params"].value)

    def test_what_has_no_place_is_listed(self) -> None:
        notes = [note.text for note in figure_of(LATENCY, MIOU).layout.annotations]
        assert any("8 trials without" in note for note in notes)

    def test_log_axis_only_for_counts_over_a_wide_range(self) -> None:
        assert figure_of(MACS, MIOU).layout.xaxis.type == "log"
        assert figure_of(LATENCY, MIOU).layout.xaxis.type != "log"
        narrow = make_axis(MACS, [1e8, 7e8], ["counted"], margins=(0, 0))
        assert not narrow.log and narrow.title == "Multiply-accumulate operations (MACs, counted)"
        assert make_axis(MACS, [1e8, 9e8], [], margins=(0, 0)).log
        assert not make_axis(MACS, [0, 9e8], [], margins=(0, 0)).log

    def test_axis_holds_one_value_and_none(self) -> None:
        for values in ([], [5.0], [0.0], [float("nan")]):
            axis = make_axis(MIOU, values, [], margins=(0.1, 0.1))
            assert axis.low < axis.high

    def test_constraint_is_drawn_and_a_far_one_is_not(self) -> None:
        def texts(limit: float) -> list[str]:
            figure = figure_of(MACS, MIOU, constraints={"macs": {"max": limit}})
            return labels(figure)

        assert "max 1.2G" in texts(LIMIT)
        assert not [text for text in texts(1e13) if text.startswith("max")]

    def test_predicted_is_hollow(self) -> None:
        study = study_of(
            trial("a", 0, {"macs": 1.0, "miou": 50.0}),
            trial("b", 1, {"macs": 2.0, "miou": 60.0}, miou_origin="predicted"),
        )
        figure = pareto_figure(trial_frame(study), [MACS, MIOU])
        symbols = {name: mark[2] for name, mark in marks(figure).items()}
        assert symbols == {"trial a": "circle", "trial b": "circle-open"}
        assert figure.layout.yaxis.title.text.endswith("(%, measured, predicted)")

    def test_one_trial_and_no_presets(self) -> None:
        frame = trial_frame(study_of(trial("a", 0, {"macs": 1.0, "miou": 50.0})))
        assert set(marks(pareto_figure(frame, [MACS, MIOU]))) == {"trial a"}

    def test_two_or_three_objectives(self) -> None:
        with pytest.raises(ValueError, match="1 objectives"):
            figure_of(MACS)


class TestScene:
    def test_front_is_large_and_every_complete_trial_is_there(self) -> None:
        study = realistic_study()
        figure = figure_of(MACS, PARAMS, MIOU)
        clouds = [t for t in figure.data if t.type == "scatter3d" and t.name in UNIT_STYLES]
        complete = [t for t in study.trials if t.state == "complete" and not t.duplicate_of]
        assert sum(len(t.x) for t in clouds) == len(complete)
        on_front = sum(len(t.x) for t in clouds if t.marker.size > 4)
        frame = trial_frame(study, (MACS, PARAMS, MIOU))
        assert on_front == int((frame["on_front"] & frame["duplicate_of"].isna()).sum()) > 0
        assert "not in the 3-D view: 8 trials" in figure.layout.annotations[0].text


class TestStudies:
    def test_each_has_a_colour_in_every_part_and_in_the_legend(self) -> None:
        both = [trial_frame(realistic_study(20, seed=seed)) for seed in (1, 5)]
        frame = pd.concat(both, ignore_index=True)
        frame["label"] = [
            f"{name}/{label}" for name, label in zip(["a"] * 20 + ["b"] * 20, frame["label"], strict=True)
        ]
        frame["study"] = pd.Categorical(["a"] * 20 + ["b"] * 20, categories=["a", "b"])
        for objectives in ([MACS, MIOU], [MACS, PARAMS, MIOU]):
            figure = pareto_figure(frame, objectives)
            entries = {t.name: t.marker.color for t in figure.data if t.showlegend and t.name in ("a", "b")}
            assert entries == {"a": OKABE_ITO["blue"], "b": OKABE_ITO["vermillion"]}
            for trace in figure.data:
                if trace.legendgroup in entries and not trace.showlegend:
                    assert trace.marker.color == entries[trace.legendgroup]
            shapes = {t.name: t.marker.color for t in figure.data if t.showlegend and t.meta == "shape"}
            assert len(shapes) > 2 and set(shapes.values()) == {GRID}


class TestStyle:
    def test_every_unit_has_its_own_look(self) -> None:
        assert set(REQUIRED) <= set(UNIT_STYLES)
        looks = list(UNIT_STYLES.values())
        assert len({(look.colour, look.symbol) for look in looks}) == len(looks)
        assert len({(look.colour, look.symbol_3d) for look in looks}) == len(looks)
        assert {look.colour for look in looks} <= set(OKABE_ITO.values())
        symbols = [UNIT_STYLES[unit].symbol for unit in REQUIRED]
        assert len(set(symbols)) == len(symbols), "in greyscale only the symbol tells units apart"
        assert not {"star", "diamond", "x"} & {look.symbol for look in looks}
        assert unit_style("never-seen").colour == OKABE_ITO["grey"]

    def test_a_column_has_one_prefix(self) -> None:
        assert scaled_column(MACS, [99.6e6, 1.06e9]) == ("macs (M MACs)", ["99.6", "1060.0"])
        assert scaled_column(MIOU, [61.238, float("nan")]) == ("miou (%)", ["61.24", "unknown"])

    @pytest.mark.parametrize(("low", "high"), [(1e8, 1e9), (9.1e7, 2.9e9), (1e3, 1e12), (2e8, 1.7e9)])
    def test_log_ticks(self, low: float, high: float) -> None:
        ticks = log_ticks(low, high)
        assert 3 <= len(ticks) <= 12 and ticks == sorted(ticks) and low <= ticks[0] <= ticks[-1] <= high


class TestLabels:
    def test_labels_cover_neither_each_other_nor_markers(self) -> None:
        random = np.random.default_rng(0)
        anchors = random.uniform(50, 400, size=(40, 2))
        places = place_labels(anchors, ["label"] * 40, anchors, (450, 450))
        assert 3 < sum(place.position is not None for place in places) < 40
        alone = place_labels(np.array([[5.0, 5.0]]), ["a long label"], np.array([[5.0, 5.0]]), (450, 450))
        assert alone[0].position == "top right"  # the only corner inside the plot

    def test_rows_do_not_overlap(self) -> None:
        starts = np.array([0.0, 10.0, 300.0, 20.0, 395.0])
        spots = stack_rows(starts, ["first", "second", "third", "fourth", "edge"], 2, 400)
        assert spots[3] is None  # both rows are taken
        rows = [spot.row for spot in spots if spot]
        assert rows[:2] == [0, 1]
        assert spots[4] is not None and spots[4].side == "middle left"


class TestFiles:
    def test_html_needs_no_network(self, tmp_path: Path) -> None:
        path = tmp_path / "p.html"
        write_html(figure_of(MACS, MIOU, title="Front of camvid-units"), path)
        text = path.read_text(encoding="utf-8")
        assert "Front of camvid-units" in text and "<script src=" not in text and len(text) > 2e6
        assert [p.name for p in tmp_path.iterdir()] == ["p.html"]

    @pytest.mark.slow
    def test_png(self, tmp_path: Path) -> None:
        if find_browser() is None:
            pytest.skip("no Chromium on this machine")
        path = tmp_path / "p.png"
        assert write_png(figure_of(MACS, MIOU), path) is None
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (2400, 1500)
        assert [p.name for p in tmp_path.iterdir()] == ["p.png"]

    @pytest.mark.parametrize("variable", ["", "/no/such/browser"])
    def test_neither_browser_nor_matplotlib_is_one_line_of_advice(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setattr("analysis.drawing.plain_pictures.find_spec", lambda _: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("BROWSER_PATH", variable)
        problem = write_png(go.Figure(), tmp_path / "p.png")
        assert problem and "\n" not in problem and "apt-get install chromium" in problem
        assert "pip install 'archspace[png]'" in problem
        assert "BROWSER_PATH" in problem and [p.name for p in tmp_path.iterdir()] == []

    @pytest.mark.slow
    @pytest.mark.parametrize(("script", "reason"), [("sleep 61", "within 3 s"), ("exit 1", "")])
    def test_a_browser_that_hangs_or_dies_is_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
    ) -> None:
        monkeypatch.setattr("analysis.drawing.plain_pictures.find_spec", lambda _: None)
        browser = tmp_path / "browser"
        browser.write_text(
            f"#!/bin/sh\nexec {script}\n" if script.startswith("sleep") else f"#!/bin/sh\n{script}\n"
        )
        browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("BROWSER_PATH", str(browser))
        problem = write_png(go.Figure(), tmp_path / "p.png", time_limit=3)
        assert problem and "\n" not in problem and reason in problem and "Traceback" not in problem
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert str(browser) not in processes and "sleep 61" not in processes
        assert [p.name for p in tmp_path.iterdir()] == ["browser"]


def test_frame_is_not_changed_by_drawing() -> None:
    study = realistic_study()
    frame = trial_frame(study)
    before = frame.copy()
    pareto_figure(frame, [MACS, MIOU], preset_references(study))
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.slow
def test_one_browser_draws_several_pictures_each_in_its_own_height(tmp_path: Path) -> None:
    if find_browser() is None:
        pytest.skip("no Chromium on this machine")
    tall, flat = go.Figure(), go.Figure(layout={"height": 300})
    paths = [tmp_path / "a" / "tall.png", tmp_path / "flat.png"]
    assert write_pictures(dict(zip(paths, (tall, flat), strict=True))) == (paths, None)
    sizes = []
    for path in paths:
        with Image.open(path) as picture:
            sizes.append(picture.size)
            assert picture.mode == "P"
    assert sizes == [(2400, 1500), (2400, 600)]


def test_a_network_with_several_seeds_is_named_once() -> None:
    given = [
        trial(f"given-{k}", k, {"macs": 1.0, "miou": 40.0 + k}, given=f"Net (seed {k})", arch_id="a")
        for k in range(3)
    ]
    frame = trial_frame(study_of(*given, trial("0", 3, {"macs": 2.0, "miou": 50.0})))
    assert given_labels(frame, "miou").tolist() == ["", "", "Net (3 seeds)", "0"]
