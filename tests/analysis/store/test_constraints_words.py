"""What a trial that breaks a constraint says."""

from __future__ import annotations

import pytest

from analysis.store.constraints import PlainLimits as Bound
from analysis.store.constraints import broken
from analysis.store.records import Measurement


@pytest.mark.parametrize(
    ("value", "bound", "said"),
    [
        (100_000_768.0, Bound(max=1e8), "constraint macs <= 100000000 but is 100000768"),
        (4.7000001, Bound(max=4.7), "constraint macs <= 4.7 but is 4.7000001"),
        (59.99999, Bound(min=60.0, max=90.0), "constraint macs >= 60 but is 59.99999"),
        (2e8, Bound(max=1e8), "constraint macs <= 100000000 but is 200000000"),
        (99_999_999.5, Bound(min=1e8), "constraint macs >= 100000000 but is 99999999.5"),
        (1e8, Bound(max=1e8), None),
    ],
)
def test_a_reason_does_not_contradict_itself(value: float, bound: Bound, said: str | None) -> None:
    assert broken({"macs": Measurement("macs", value, "MACs", "counted")}, {"macs": bound}) == said
    assert broken({}, {"macs": bound}) is None
