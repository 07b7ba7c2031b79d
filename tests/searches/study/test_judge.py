"""A broken constraint in words: with as many digits as show that it is broken."""

from __future__ import annotations

import pytest

from analysis.store.records import Measurement
from searches.config.parts import Bound
from searches.study.judge import broken, violations


@pytest.mark.parametrize(
    ("value", "bound", "words"),
    [
        (100_000_001, Bound(max=1e8), "constraint macs <= 100000000 but is 100000001"),
        (2e8, Bound(max=1e8), "constraint macs <= 1e+08 but is 2e+08"),
        (99_999_999.5, Bound(min=1e8), "constraint macs >= 100000000 but is 99999999.5"),
        (1e8, Bound(max=1e8), None),
    ],
)
def test_a_reason_does_not_contradict_itself(value: float, bound: Bound, words: str | None) -> None:
    measured = {"macs": Measurement("macs", value, "MACs", "counted")}
    said = broken(violations(measured, {"macs": bound}), measured, {"macs": bound})
    assert said == words
    if said is not None:
        limit, _, seen = said.split(" ", 3)[3].partition(" but is ")
        assert limit != seen and (float(seen) > float(limit)) == (bound.max is not None)
