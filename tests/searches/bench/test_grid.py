"""Every network of a small space, each once."""

from __future__ import annotations

from itertools import product

import pytest

from archspace.support.errors import FieldError
from searches.bench.grid import grid
from tests.searches.bench.spaces import space


def test_every_network_stands_once_and_every_combination_names_one() -> None:
    made = grid(space())
    ids = [cell.spec.arch_id for cell in made.cells]
    assert len(set(ids)) == len(ids) == 3 * 2 * 2 + 3  # K and fusion are of eesp alone
    for point in product(*made.choices.values()):
        params = dict(zip(made.choices, point, strict=True))
        place = made.index(params)
        assert place is not None
        own = space()
        assert made.cells[place].spec == own.spec(own.completed(params))


def test_what_cannot_be_built_is_left_out() -> None:
    made = grid(space(branches={"choices": [4, 7]}))
    assert made.index({"unit": "eesp", "branches": 7, "width": 0.25, "fusion": "hff"}) is None
    assert made.index({"unit": "eesp", "branches": 4, "width": 0.25, "fusion": "hff"}) is not None


def test_a_continuous_field_and_a_space_without_end_are_refused() -> None:
    with pytest.raises(FieldError, match=r"space\.width: .*can be counted"):
        grid(space(width={"low": 0.25, "high": 1.0}))
    with pytest.raises(FieldError, match=r"combinations.*at most"):
        grid(space(alphas={"low": 0, "high": 9, "per_level": True}))
