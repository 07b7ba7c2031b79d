"""Windows of a trace against integrals in closed form; what cannot be told is refused with the reason."""

from __future__ import annotations

import math

import pytest

from analysis.board.energy import energy_j, measured_power
from analysis.board.sampling import Trace
from tests.analysis.board.first_order import filtered

TOTAL = [{"name": "test", "total": ["a", "b"], "settle_s": 0.5}]


def line(slope: float = 2.0, start: float = 10.0, step: float = 0.1, n: int = 101) -> Trace:
    times = [start + i * step for i in range(n)]
    return Trace(times=times, watts={"a": [slope * (at - start) for at in times]}, period_s=step)


def test_a_line_is_integrated_exactly_from_and_to_any_time() -> None:
    for start, end in ((10.0, 20.0), (11.23, 17.77), (10.05, 10.35)):
        true = (end - 10) ** 2 - (start - 10) ** 2
        assert energy_j(line(), "a", start, end) == pytest.approx(true, rel=1e-9)


def test_times_count_and_not_samples() -> None:
    times = [0.0, 0.1, 0.2, 0.3, 1.0, 2.0]  # many samples while the power is low
    trace = Trace(times=times, watts={"a": [1.0, 1.0, 1.0, 1.0, 3.0, 3.0]})
    power = measured_power(trace, None, (0.0, 2.0), 0.0)
    assert power["a"]["busy"] == pytest.approx((0.3 + 0.7 * 2 + 3.0) / 2)


def test_settling_and_idle_and_total() -> None:
    times = [i * 0.1 for i in range(61)]
    a = [1.0 if at < 1.95 else 9.0 if at < 2.45 else 5.0 for at in times]
    trace = Trace(times=times, watts={"a": a, "b": [2.0] * 61}, sensors=TOTAL, period_s=0.1)
    power = measured_power(trace, (0.0, 1.9), (2.0, 6.0), trace.settle_s)
    assert power == {
        "a": {"idle": pytest.approx(1.0), "busy": pytest.approx(5.0), "net": pytest.approx(4.0)},
        "b": {"idle": pytest.approx(2.0), "busy": pytest.approx(2.0), "net": pytest.approx(0.0, abs=1e-9)},
        "total": {"idle": pytest.approx(3.0), "busy": pytest.approx(7.0), "net": pytest.approx(4.0)},
    }
    assert measured_power(trace, None, (2.0, 6.0), 0.5, total=["b"])["total"]["busy"] == pytest.approx(2.0)
    trace.sensors = [{**TOTAL[0], "total": []}]
    assert "total" not in measured_power(trace, None, (2.0, 6.0), 0.5)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ((12.0, 12.15), "2 power samples in a window of 0.15 s, fewer than 3 (ina3221 gone)"),
        ((21.0, 25.0), "0 power samples in a window of 4.00 s, fewer than 3 (ina3221 gone)"),
        ((12.0, 23.0), "start 0.00 s after it and end 3.00 s before it (ina3221 gone)"),
        ((8.0, 12.0), "start 2.00 s after it and end 0.00 s before it"),
        ((13.0, 12.0), "a window must end after it starts"),
    ],
)
def test_a_window_without_enough_samples_is_refused(window: tuple[float, float], said: str) -> None:
    trace = line()
    trace.error = "ina3221 gone"
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        energy_j(trace, "a", *window)


def test_a_window_may_end_one_period_after_the_last_sample() -> None:
    assert energy_j(line(slope=0.0), "a", 19.0, 20.09) == 0.0
    with pytest.raises(ValueError, match="do not reach over"):
        energy_j(line(), "a", 19.0, 20.2)


def test_a_hole_is_not_bridged() -> None:
    times = [0.0, 0.1, 0.2, 0.3, 1.7, 1.8, 1.9, 2.0]
    with pytest.raises(ValueError, match=r"no power sample for 1\.40 s of a window of 2\.00 s"):
        energy_j(Trace(times=times, watts={"a": [1.0] * 8}), "a", 0.0, 2.0)


def test_load_shorter_than_the_lag_and_unknown_rails_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the load lasted 1\.50 s, and a sensor needs 1\.70 s to settle"):
        measured_power(line(), None, (11.0, 12.5), 1.7)
    with pytest.raises(ValueError, match="no rail VDD_IN; there are a"):
        energy_j(line(), "VDD_IN", 11, 12)
    with pytest.raises(ValueError, match="no rail VDD_IN; there are a"):
        measured_power(line(), None, (11.0, 19.0), 0.0, total=["VDD_IN"])


def test_the_filter_is_first_order() -> None:
    tau = 0.34
    step = filtered([0.0, 0.0, tau, 5 * tau], [1.0, 3.0, 3.0, 3.0], tau)
    assert step == pytest.approx([1.0, 1.0, 3 - 2 * math.exp(-1), 3 - 2 * math.exp(-5)])
    # behind a ramp it lags by tau, however coarse the points
    ramp = filtered([0.0, 1.0, 7.0], [0.0, 1.0, 7.0], tau)
    assert ramp == pytest.approx([t - tau * (1 - math.exp(-t / tau)) for t in (0.0, 1.0, 7.0)])
    assert filtered([0.0, 1.0], [1.0, 2.0], 0.0) == [1.0, 2.0]
    assert filtered([], [], tau) == []
