"""Learning-rate schedules: the published sequences, epoch by epoch."""

from __future__ import annotations

from itertools import pairwise

import pytest

from searches.config.recipe import Stage
from searches.config.training import read_train
from searches.training.schedules import rate_factor


def rates(stage: Stage, per_epoch: int = 1) -> list[float]:
    return [stage.lr * rate_factor(stage, step, per_epoch) for step in range(stage.epochs * per_epoch)]


def test_espnetv2s_cyclic_rate() -> None:
    """eta_t = T eta_min - (t mod T) eta_min with T = 5, eta_min = 0.1; halved at 51, 101, 131, ...; 0.1 first."""
    (stage,) = read_train("espnetv2-imagenet").training.plan()
    values = rates(stage)
    assert len(values) == 300
    assert values[:11] == pytest.approx([0.1, 0.4, 0.3, 0.2, 0.1, 0.5, 0.4, 0.3, 0.2, 0.1, 0.5])
    assert values[45:56] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1, 0.5, 0.2, 0.15, 0.1, 0.05, 0.25])
    assert values[100:103] == pytest.approx([0.25, 0.1, 0.075])
    assert max(values) == pytest.approx(0.5) and values[299] == pytest.approx(0.1 / 2**8)


def test_edgenets_hybrid_rate() -> None:
    """Cyclic to epoch 60, then base (1 - (e - 61 + 1)/(E - 61 + 1))."""
    first, second = read_train("espnetv2-cityscapes").training.plan()
    for stage, base in ((first, 0.009), (second, 0.005)):
        values = rates(stage)
        assert values[:6] == pytest.approx([base, 4 * base, 3 * base, 2 * base, base, 5 * base])
        assert values[60] == pytest.approx(5 * base)
        assert values[61:] == pytest.approx([base * (1 - (e - 60) / 40) for e in range(61, 100)])
        assert values[99] == pytest.approx(base / 40)


def test_espnets_step_rate_changes_with_epochs_not_steps() -> None:
    stage = read_train("espnet").training.plan()[1]
    values = rates(stage, per_epoch=3)
    assert values[0] == values[299] == 5e-4
    assert values[300] == values[599] == 2.5e-4
    assert values[600] == values[899] == 1.25e-4


def test_warm_up_rises_linearly_before_any_schedule() -> None:
    for schedule in ("constant", "linear", "poly", "cosine"):
        stage = Stage(schedule=schedule, warmup=0.2, epochs=5, lr=1.0)  # type: ignore[arg-type]
        values = rates(stage, per_epoch=2)
        assert values[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
        assert all(a >= b for a, b in pairwise(values[2:]))
