"""Importance of fields: found where it was put, shared by none that does nothing, and silent where it knows nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.fronts.importance import LEAST, MOST, importance


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


def test_many_networks_are_sampled() -> None:
    fields, values = made(MOST + 200)
    assert importance("miou", fields, values.tolist()).networks == MOST
