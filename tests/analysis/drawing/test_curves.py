"""Curves of a training run and of a range test."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from analysis.drawing.curves import curves_figure, range_figure, read_history, stage_starts
from archspace.support.errors import InputError
from searches.training.history import write_history
from searches.training.resume import Epoch

EPOCHS = [
    Epoch(1, 2.0, 0.1, None, 2.0, 100, 0.25, 1),
    Epoch(2, 1.5, 0.05, 40.0, 1.0, 100, 0.0, 1),
    Epoch(3, 1.25, 0.02, 50.0, 4.0, 100, 0.5, 2),
]


def test_what_the_training_writes_is_read_back(tmp_path: Path) -> None:
    write_history(tmp_path, EPOCHS)
    rows = read_history(tmp_path / "history.csv")
    assert [(row.epoch, row.loss, row.rate, row.metric, row.stage) for row in rows] == [
        (e.number, e.loss, e.rate, e.value, e.stage) for e in EPOCHS
    ]
    assert [row.images_per_second for row in rows] == [50, 100, 25]
    assert stage_starts(rows) == [(2, 3)]


def test_the_curves_hold_the_numbers_and_mark_the_stages(tmp_path: Path) -> None:
    write_history(tmp_path, EPOCHS)
    figure = curves_figure(read_history(tmp_path / "history.csv"), title="a < b", metric="miou")
    loss, metric, rate, speed = figure.data
    assert list(loss.y) == [2.0, 1.5, 1.25] and list(rate.y) == [0.1, 0.05, 0.02]
    assert list(metric.x) == [2, 3] and list(metric.y) == [40.0, 50.0] and metric.name == "validation miou"
    assert speed.text[0] == "25.0 % waiting for data"
    assert {note.text for note in figure.layout.annotations} == {"stage 2"}
    assert figure.layout.annotations[0].x == 2.5 and figure.layout.shapes
    assert "a &lt; b" in figure.layout.title.text


def test_a_history_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_history(tmp_path / "history.csv")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(InputError, match="line 2: is no history of a training run: no column 'seconds'"):
        read_history(tmp_path / "history.csv")


def test_the_range_plot_marks_the_suggestion() -> None:
    figure = range_figure([1e-3, 1e-2, 1e-1], [3, 2, 4], [3, 2.5, 3], 1e-2, title="range")
    assert [list(trace.y) for trace in figure.data] == [[3, 2, 4], [3, 2.5, 3]]
    assert figure.layout.annotations[0].x == pytest.approx(math.log10(1e-2))
    assert not range_figure([1.0], [1.0], [1.0], None, title="range").layout.shapes
