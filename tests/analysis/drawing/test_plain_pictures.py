"""Figures drawn by Matplotlib, on a machine whose browser is hidden: the same places, colours, scales and words."""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from plotly.subplots import make_subplots

from analysis.drawing.figure_files import write_picture, write_png
from analysis.drawing.plain_pictures import unable
from reports.figures.writing import study_figures
from reports.frames.merge import merge_runs
from reports.page.content import content_of
from tests.commands import archspace
from tests.reports.runs import realistic_study, write_run

pytest.importorskip("matplotlib")


@pytest.fixture
def hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is on the path, so no browser either."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("BROWSER_PATH", raising=False)


def colour_at(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    return tuple(int(value) for value in np.asarray(picture.convert("RGB"))[round(y), round(x)])


@pytest.mark.usefixtures("hidden")
def test_points_stand_where_the_axes_say(tmp_path: Path) -> None:
    """A square of known size on a logarithmic axis, an absent one, and a bar: pixels of their colours."""
    figure = go.Figure(
        go.Scatter(x=[10.0, 1000.0], y=[0.0, 1.0], mode="markers",
                   marker={"symbol": "square", "size": [30, 30], "color": ["#0072b2", "#d55e00"]})
    )  # fmt: skip
    figure.add_bar(x=[31.6], y=[0.5], width=[20.0], marker={"color": "#009e73"})
    figure.add_scatter(
        x=[100.0], y=[0.5], mode="markers", marker={"size": 60, "color": "#ff0000"}, visible=False
    )
    figure.update_layout(
        xaxis={"type": "log", "range": [0, 4]}, yaxis={"range": [-1, 2]}, margin={"l": 100, "r": 100, "t": 50, "b": 50},
        title={"text": "<b>A &amp; B</b> for $5"},
    )  # fmt: skip
    path = tmp_path / "p.png"
    assert write_png(figure, path) is None
    with Image.open(path) as picture:
        assert picture.size == (2400, 1500)
        place = lambda share_x, share_y: (200 + 2000 * share_x, 1400 - 1300 * share_y)  # noqa: E731
        for at, colour in (
            ((0.25, 1 / 3), (0, 114, 178)),
            ((0.75, 2 / 3), (213, 94, 0)),
            ((0.375, 0.45), (0, 158, 115)),
        ):
            assert np.abs(np.subtract(colour_at(picture, *place(*at)), colour)).max() < 12
        assert min(colour_at(picture, *place(0.5, 0.55))) > 200, "what is not visible is not drawn"


@pytest.mark.slow
@pytest.mark.usefixtures("hidden")
def test_axes_that_match_end_where_the_other_does(tmp_path: Path) -> None:
    """Two panels over one x axis: the only point of the second stands below the left one of the first."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True)
    figure.add_trace(
        go.Scatter(x=[0, 10], y=[0, 1], mode="markers", marker={"color": "#ff0000", "size": 16}), 1, 1
    )
    figure.add_trace(go.Scatter(x=[0], y=[0], mode="markers", marker={"color": "#0000ff", "size": 16}), 2, 1)
    figure.update_layout(showlegend=False)
    assert write_png(figure, tmp_path / "two.png") is None
    pixels = np.asarray(Image.open(tmp_path / "two.png").convert("RGB")).astype(int)
    red = np.flatnonzero((abs(pixels - (255, 0, 0)).sum(axis=2) < 60).any(axis=0))
    blue = np.flatnonzero((abs(pixels - (0, 0, 255)).sum(axis=2) < 60).any(axis=0))
    left = red[red < (red.min() + red.max()) / 2]
    assert abs(blue.mean() - left.mean()) < 0.01 * pixels.shape[1]


def picture_of(figure: go.Figure) -> Any:
    """Matplotlib's picture, a CSS pixel a pixel."""
    from analysis.drawing.plain_canvas import plain_picture

    return plain_picture(figure, (1200, 750))


def assert_words_stand_free(picture: Any) -> None:
    """The words of vertical axes and the legend are inside; that covers neither a plane nor the title."""
    for axes in picture.axes:
        box = axes.yaxis.get_tightbbox()
        assert box is None or box.x0 >= 0
    for legend in picture.legends:
        box = legend.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= picture.bbox.width and box.y1 <= picture.bbox.height
        for other in [*picture.axes, *picture.texts]:
            assert not box.overlaps(other.get_window_extent()), other


@pytest.mark.parametrize("wide", [False, True])
def test_a_legend_is_inside_and_covers_nothing(wide: bool) -> None:
    """Long names beside the plot, where the margin is small, or in rows above it."""
    figure = go.Figure(
        [go.Scatter(x=[1, 2], y=[1, k], name=f"a rather long name, number {k}") for k in range(9)]
    )
    figure.update_layout(
        title={"text": "Title", "subtitle": {"text": "a line"}}, margin={"r": 20, "t": 104, "l": 20}
    )
    if wide:
        figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    picture = picture_of(figure)
    (legend,) = picture.legends
    assert [text.get_text() for text in legend.get_texts()] == [one.name for one in figure.data]
    assert_words_stand_free(picture)
    assert picture.axes[0].get_position().width > 0.5 and picture.axes[0].get_position().height > 0.5


@pytest.mark.slow
def test_no_legend_of_a_study_is_cut_off_or_covers_a_plane(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", realistic_study(40, objectives=("macs", "latency_ms", "miou")))
    pictures = {name: picture_of(one) for name, one in study_figures(content_of(merge_runs([run])))}
    assert sum(bool(picture.legends) for picture in pictures.values()) >= 4
    for picture in pictures.values():
        assert_words_stand_free(picture)


def test_bars_of_two_traces_stand_beside_each_other_with_their_intervals() -> None:
    error = {"array": [0.2, 0.1], "arrayminus": [0.1, 0.3], "symmetric": False}
    names = ["first", "second"]
    figure = go.Figure(
        [go.Bar(y=names, x=[1.0, 0.5], orientation="h", name=one, error_x=error) for one in "AB"]
    )
    picture = picture_of(figure)
    axes = picture.axes[0]
    bars = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches)
    assert len(bars) == 4 and all(high <= low + 1e-9 for (_, high), (low, _) in itertools.pairwise(bars))
    assert [text.get_text() for text in axes.get_yticklabels()] == names
    intervals = [
        [segment[:, 0].tolist() for segment in one.lines[2][0].get_segments()]
        for one in axes.containers if type(one).__name__ == "ErrorbarContainer"
    ]  # fmt: skip
    assert np.allclose(intervals, 2 * [[[0.9, 1.2], [0.2, 0.6]]])
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["A", "B"]


@pytest.mark.parametrize("values", [[1], [1, 2, 3], [0, 4, 9], list(range(21))])
def test_an_axis_of_whole_numbers_has_whole_ticks(values: list[int]) -> None:
    axes = picture_of(go.Figure(go.Scatter(x=values, y=[0.5 * one for one in values], mode="markers"))).axes[
        0
    ]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks and all(float(tick).is_integer() for tick in ticks)
    assert {text.get_text() for text in axes.get_xticklabels()} >= {f"{tick:g}" for tick in ticks}


def test_names_stand_in_the_order_that_is_given_and_none_is_cut_off() -> None:
    names = ["the first of the names, which is long", "second", "third"]
    figure = go.Figure([go.Bar(y=[one], x=[1], orientation="h") for one in names[::-1]])
    figure.update_yaxes(categoryorder="array", categoryarray=names, autorange="reversed")
    figure.update_layout(margin={"l": 20}, barmode="overlay")
    picture = picture_of(figure)
    labels = sorted(picture.axes[0].get_yticklabels(), key=lambda one: -one.get_window_extent().y0)
    assert [label.get_text() for label in labels] == names
    assert_words_stand_free(picture)


def test_a_note_stands_beside_its_mark_on_a_logarithmic_axis() -> None:
    figure = go.Figure(go.Scatter(x=[0.0], y=[100.0], mode="markers", marker={"size": 8}))
    figure.update_yaxes(type="log", range=[0, 4])
    figure.add_annotation(x=0.0, y=2.0, text="84.67 %", xanchor="left", xshift=4, showarrow=False)
    picture = picture_of(figure)
    (note,) = picture.artists
    right, middle = picture.axes[0].transData.transform((0.0, 100.0))
    box = note.get_window_extent()
    assert right + 4 <= box.x0 < right + 12 and abs((box.y0 + box.y1) / 2 - middle) < 5


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    assert write_picture(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), path) is None
    assert path.read_bytes()[:5] in (b"<?xml", b"%PDF-")


@pytest.mark.usefixtures("hidden")
def test_what_it_cannot_draw_is_said_and_not_written(tmp_path: Path) -> None:
    figure = go.Figure(go.Heatmap(z=[[1, 2], [3, 4]]))
    assert "heatmap" in (unable(figure) or "")
    problem = write_png(figure, tmp_path / "p.png")
    assert problem and "heatmap" in problem and "apt-get install chromium" in problem and "\n" not in problem
    assert not (tmp_path / "p.png").exists()


@pytest.mark.slow
def test_a_browser_that_dies_is_no_reason_to_have_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexit 1\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(browser))
    assert write_png(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), tmp_path / "p.png", time_limit=20) is None
    assert (tmp_path / "p.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("objectives", [("macs", "miou"), ("macs", "latency_ms", "miou")])
def test_every_figure_of_a_study_without_a_browser(tmp_path: Path, objectives: tuple[str, ...]) -> None:
    """The commands as a person runs them where the path holds Python alone."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python").symlink_to(sys.executable)
    assert shutil.which("chromium", path=str(tools)) is None
    run = write_run(tmp_path / "run", realistic_study(30, objectives=objectives))
    alone = {"PATH": str(tools), "BROWSER_PATH": ""}
    ran = archspace("pareto", run, env=alone)
    assert ran.returncode == 0, ran.stderr
    assert "not written" not in ran.stderr and str(run / "report" / "pareto.png") in ran.stdout
    ran = archspace("report", run, "--figures", "png", env=alone)
    assert ran.returncode == 0 and "not written" not in ran.stderr, ran.stderr
    figures = sorted((run / "report" / "figures").iterdir())
    names = ["importance", "learning", "parallel", "pareto", "progress", "seeds", "tradeoffs"]
    assert [path.stem for path in figures] == names
    for path in [run / "report" / "pareto.png", *figures]:
        with Image.open(path) as picture:
            assert picture.width == 2400
            assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 20, path.name


@pytest.mark.usefixtures("hidden")
def test_a_band_is_an_area_without_an_outline() -> None:
    """Blue at a quarter between 1 and 2, as of medians with their intervals."""
    figure = go.Figure(
        go.Scatter(
            x=[0, 10, 10, 0], y=[2, 2, 1, 1], fill="toself", fillcolor="rgba(0,0,255,0.25)", line={"width": 0}
        )
    )
    axes = picture_of(figure).axes[0]
    assert not axes.lines and len(axes.patches) == 1
    assert axes.patches[0].get_facecolor() == (0.0, 0.0, 1.0, 0.25)
