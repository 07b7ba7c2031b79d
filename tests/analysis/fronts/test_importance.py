"""Importance of fields: found where it was put, shared by none that does nothing, and silent where it knows nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.fronts.freed import entry
from analysis.fronts.importance import ABSENT, LEAST, MOST, importance
from analysis.store.records import TrialRecord


def made(count: int = 120) -> tuple[dict[str, list[object]], np.ndarray]:
    """Fields of which width decides most, the unit some, the second level of alphas a little, the others nothing."""
    random = np.random.default_rng(3)
    width = random.uniform(0.25, 2, count)
    unit = random.choice(["eesp", "esp", "resnet"], count)
    alphas = random.integers(0, 5, (count, 3))
    fields: dict[str, list[object]] = {
        "fusion": [str(word) for word in random.choice(["hff", "none"], count)],
        "unit": [str(word) for word in unit],
        "width": width.tolist(),
        "alphas": [json.dumps(row.tolist()) for row in alphas],
        "always": ["same"] * count,
        "residual": [None if one else True for one in random.integers(0, 2, count)],
    }
    return fields, 10 * width + 5 * (unit == "eesp") + 0.6 * alphas[:, 1]


def test_heaviest_first_and_what_does_nothing_near_zero() -> None:
    fields, values = made()
    result = importance("miou", fields, values.tolist())
    order = [weight.field for weight in result.fields]
    assert order[:2] == ["width", "unit"] and "always" not in order
    by_field = {weight.field: weight for weight in result.fields}
    assert result.explained > 0.8 and result.networks == 120 and result.reason is None
    assert by_field["fusion"].mean < 0.02 and by_field["residual"].mean < 0.02
    assert all(0 <= weight.low <= weight.mean <= weight.high for weight in result.fields)


def test_same_input_same_answer_and_unmeasured_left_out() -> None:
    fields, values = made()
    values[3] = math.nan
    result = importance("miou", fields, values.tolist())
    assert result == importance("miou", fields, values.tolist()) and result.networks == 119


def test_too_few_networks_say_so() -> None:
    fields, values = made(LEAST - 1)
    result = importance("miou", fields, values.tolist())
    assert result.fields == () and result.reason == f"too few: {LEAST - 1} networks, {LEAST} are needed"


def test_noise_is_not_explained() -> None:
    fields, _ = made()
    result = importance("miou", fields, np.random.default_rng(0).normal(size=120).tolist())
    assert result.fields == () and "do not predict" in (result.reason or "")


@pytest.mark.parametrize(
    ("fields", "values", "reason"),
    [
        ({"a": [1] * 30}, list(range(30)), "no field varies"),
        ({"a": list(range(30))}, [1.0] * 30, "same value"),
    ],
)
def test_nothing_varies(fields: dict[str, list[object]], values: list[float], reason: str) -> None:
    assert reason in (importance("miou", fields, values).reason or "")


def test_orders_of_magnitude_are_weighed_by_their_logarithm() -> None:
    fields, values = made(40)
    raw = importance("macs", fields, np.exp(values).tolist())
    log = importance("macs", fields, np.exp(values).tolist(), log=True)
    assert log.logarithm and not raw.logarithm and log.explained > max(raw.explained, 0.5)
    assert not importance("macs", fields, (values - 9).tolist(), log=True).logarithm


def test_what_is_hardly_predicted_has_no_weights() -> None:
    fields, values = made(200)
    noisy = values + np.random.default_rng(1).normal(0, 18, 200)
    result = importance("miou", fields, noisy.tolist())
    assert 0 < result.explained < 0.1 and result.fields == ()
    assert f"R² {result.explained:.2g} on unseen networks, 0.1 is needed" in (result.reason or "")


def test_a_field_that_is_absent_tells_of_no_other() -> None:
    fields, values = made(100)
    unit = fields.pop("unit")
    tells = {"k": [4 if one == "eesp" else None for one in unit]}
    drawn = np.random.default_rng(2).integers(2, 9, 100).tolist()
    silent = {"k": [k if one == "eesp" else ABSENT for k, one in zip(drawn, unit, strict=True)]}
    weights = [
        next(
            (w.mean for w in importance("miou", {**fields, **one}, values.tolist()).fields if w.field == "k"),
            0,
        )
        for one in (tells, silent)
    ]
    assert weights[0] > 0.1 and weights[1] < 0.03


SPACE = {
    "network": {"choices": ["espnet", "dicenet"]},
    "unit": {"choices": ["eesp", "fpe"]},
    "width": {"low": 0.25, "high": 1.0},
    "branches": {"choices": [2, 4], "per_level": True},
    "activation": {"choices": ["relu", "prelu"], "where": {"unit": "eesp"}},
    "decoder": {"choices": ["meu", "espnet"]},
}


@pytest.mark.parametrize(
    ("name", "spec", "params", "expected"),
    [
        ("network", {"network": "espnet-c"}, {"network": "espnet"}, "espnet"),
        ("unit", {"unit": ["eesp", None]}, {"unit": "eesp"}, [ABSENT, "eesp", ABSENT]),
        ("width", {"width": 0.333333}, {"width": 0.33333333}, 0.333333),
        ("branches", {"branches": [4, None]}, {"branches.2": 4, "branches.3": 2}, [ABSENT, 4, ABSENT]),
        ("branches", {"network": "dicenet", "branches": [4]}, {"branches.2": 2, "branches.3": 4}, [ABSENT, ABSENT, 4]),
        ("activation", {"unit": ["eesp"], "activation": "relu"}, {"unit": "eesp", "activation": "relu"}, "relu"),
        ("activation", {"unit": ["fpe"], "activation": "relu"}, {"unit": "fpe", "activation": "relu"}, ABSENT),
        ("decoder", {"decoder": "meu"}, {"decoder": "espnet"}, ABSENT),
        ("decoder", {"decoder": "meu"}, {}, "meu"),
    ],
)  # fmt: skip
def test_a_free_field_counts_where_it_stands(
    name: str, spec: dict[str, object], params: dict[str, object], expected: object
) -> None:
    record = TrialRecord(
        label="0", number=0, state="complete", spec={"network": "espnet", **spec}, params=params
    )
    assert entry(SPACE, name, record) == expected


def test_many_networks_are_sampled() -> None:
    fields, values = made(MOST + 200)
    assert importance("miou", fields, values.tolist()).networks == MOST
