"""Timing: real time in milliseconds, with the conditions, and nothing left changed."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from analysis.latency import measure_latency
from torch import Tensor, nn

from analysis.environment import cpu_model
from analysis.records import Measurement
from archspace.errors import InputError


def sleeper(milliseconds: float, calls: list[tuple[int, ...]] | None = None):  # noqa: ANN201
    def run(x: Tensor) -> Tensor:
        if calls is not None:
            calls.append(tuple(x.shape))
        time.sleep(milliseconds / 1e3)
        return x

    return run


def test_a_known_duration_is_measured_in_milliseconds() -> None:
    calls: list[tuple[int, ...]] = []
    result = measure_latency(sleeper(8, calls), (6, 7), 2, threads=1, warmup=3, runs=9, batch=4)
    assert (result.name, result.unit, result.origin) == ("latency_ms", "ms", "measured")
    assert 8 <= result.value < 16
    how = result.how
    assert len(how["samples_ms"]) == how["n"] == 9
    assert result.value == how["median"] == np.median(how["samples_ms"])
    assert how["p5"] <= how["median"] <= how["p95"] and how["iqr"] >= 0
    assert len(calls) == how["warmup"] + 9 and how["warmup"] >= 3
    assert set(calls) == {(4, 2, 6, 7)}


def test_slower_is_slower() -> None:
    fast = measure_latency(sleeper(2), (4, 4), 1, warmup=1, runs=7).value
    slow = measure_latency(sleeper(10), (4, 4), 1, warmup=1, runs=7).value
    assert 2 < slow / fast < 6


def test_the_record_has_the_conditions_and_survives_json() -> None:
    result = measure_latency(nn.Conv2d(3, 4, 3), (16, 16), 3, threads=1, warmup=2, runs=5)
    how = result.how
    assert how["device"] == cpu_model() and "erial" not in how["device"]
    assert (how["runtime"], how["version"]) == ("torch eager", torch.__version__)
    assert (how["precision"], how["threads"], how["batch"]) == ("float32", 1, 1)
    assert how["load_average_before"] >= 0
    assert Measurement.from_dict(json.loads(json.dumps(result.to_dict()))) == result


class Watcher(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.BatchNorm2d(3)
        self.seen: list[tuple[bool, int, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((self.frozen.training, torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return self.frozen(x)  # type: ignore[no-any-return]


def test_mode_and_threads_are_set_and_come_back() -> None:
    network = Watcher().train()
    network.frozen.eval()
    before = torch.get_num_threads()
    wanted = 2 if before == 1 else 1
    measure_latency(network, (8, 8), 3, threads=wanted, warmup=1, runs=2)
    assert set(network.seen) == {(False, wanted, True)}
    assert network.training and not network.frozen.training
    assert torch.get_num_threads() == before


def test_they_come_back_after_a_failure_too() -> None:
    before = torch.get_num_threads()
    network = nn.Conv2d(5, 1, 1).train()
    with pytest.raises(RuntimeError):
        measure_latency(network, (8, 8), 3, threads=2 if before == 1 else 1, runs=1)
    assert network.training and torch.get_num_threads() == before


def test_warmup_goes_on_until_stable_and_not_for_ever() -> None:
    count = 0

    def settling(x: Tensor) -> None:
        nonlocal count
        count += 1
        time.sleep(max(0.004, 0.03 - 0.002 * count))

    settled = measure_latency(settling, (2, 2), 1, warmup=10, runs=3).how
    assert settled["stable"] and settled["warmup"] > 10
    turn = 0

    def growing(x: Tensor) -> None:
        nonlocal turn
        turn += 1
        time.sleep(0.0005 * 1.15**turn)

    never = measure_latency(growing, (2, 2), 1, warmup=5, runs=1).how
    assert not never["stable"] and never["warmup"] == 20


@pytest.mark.parametrize("name", ["threads", "runs", "batch"])
def test_counts_must_be_positive(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: 0: must be at least 1"):
        measure_latency(sleeper(1), (4, 4), 1, **{"threads": 1, "runs": 1, "batch": 1, name: 0})
