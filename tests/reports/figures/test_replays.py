"""Methods replayed on a yardstick as curves with bands."""

from __future__ import annotations

import numpy as np

from reports.figures.replays import NO_REPLAYS, MethodCurve, replays_figure


def test_each_method_has_a_curve_in_percent_and_a_band_around_it() -> None:
    compute = np.linspace(0, 10, 21)
    curves = [
        MethodCurve(method=name, median=share, low=share - 0.05, high=share + 0.05)
        for name, share in (("ours <b>", np.linspace(0.3, 0.9, 21)), ("random", np.linspace(0.2, 0.8, 21)))
    ]
    figure = replays_figure(compute, curves, title="Replays", told="CPU seconds")
    assert "CPU seconds" in figure.layout.xaxis.title.text
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.fill is None]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert [line.name for line in lines] == ["ours &lt;b&gt;", "random"]
    assert len({line.line.color for line in lines}) == len(bands) == 2
    for one, line, band in zip(curves, lines, bands, strict=True):
        assert list(line.x) == compute.tolist() and np.allclose(line.y, 100 * one.median)
        assert np.allclose(band.y, 100 * np.concatenate([one.high, one.low[::-1]]))
        assert band.legendgroup == line.legendgroup
    assert (
        replays_figure(compute, [], title="Replays", told="CPU seconds").layout.annotations[0].text
        == NO_REPLAYS
    )
