"""Channels by name: every network's own weights fit into the shared ones, and what is shared is what should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from searches.supernet.channels import Unshared
from searches.supernet.names import named_parameters
from searches.supernet.supernet import Supernet
from searches.supernet.weights import Layout, Place, put
from tests.searches.supernet.spaces import SPACES, of_specs, subnets

DRAWN = 4


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_a_network_is_the_same_inside_and_outside(name: str) -> None:
    found, rng = subnets(name), np.random.default_rng(0)
    specs = [found.random(rng) for _ in range(DRAWN)]
    supernet = of_specs(found, specs)
    shared = supernet.weights.by_role()
    for spec in specs:
        torch.manual_seed(1)
        outside, places = build(spec).eval(), supernet.places(spec)
        with torch.no_grad():
            for parameter, value in outside.named_parameters():
                if parameter in places:
                    assert len(places[parameter].rows.unique()) == len(places[parameter].rows), parameter
                    put(shared[places[parameter].role], places[parameter], value)
            image = torch.randn(2, *outside.example().shape[1:])
            expected, got = outside(image), supernet.network(spec).eval()(image)
        assert torch.allclose(got, expected, atol=1e-5), spec.label


def layout_of(*specs: ArchSpec) -> Layout:
    layout = Layout()
    for spec in specs:
        layout.add(named_parameters(spec).values())
    return layout


def common(
    first: ArchSpec, second: ArchSpec, parameter: str, other: str | None = None
) -> tuple[int, int, int]:
    """How many shared values two networks have in a parameter, and how many each has there."""
    layout, one, two = layout_of(first, second), named_parameters(first)[parameter], named_parameters(second)
    return overlap(layout.place(one), layout.place(two[other or parameter]))


def overlap(one: Place, two: Place) -> tuple[int, int, int]:
    both = np.intersect1d(one.rows.numpy(), two.rows.numpy()) if one.role == two.role else ()
    return len(both), len(one.rows), len(two.rows)


def spec_of(**changes: Any) -> ArchSpec:
    fields: dict[str, Any] = {
        "width": 0.5, "unit": "eesp", "branches": 4, "alphas": 1, "classes": 10, "input_size": 32,
    }  # fmt: skip
    return ArchSpec("espnetv2", **{**fields, **changes})


def test_a_narrow_network_is_part_of_a_wide_one() -> None:
    for parameter in ("encoder.level3.units.0.branches.1.conv.weight", "head.linear.1.weight"):
        shared, narrow, wide = common(spec_of(width=0.5), spec_of(width=1.0), parameter)
        assert shared == narrow <= wide


def test_each_rate_has_weights_of_its_own() -> None:
    at = "encoder.level3.units.0.branches.{}.conv.weight"
    limited = spec_of(receptive_field=5)  # rates 1, 1, 1, 2 instead of 1, 2, 3, 4
    count = common(limited, spec_of(receptive_field=99), at.format(3), at.format(1))
    assert count[0] == count[1] == count[2], "rate 2 is rate 2, whatever branch has it"
    for branch in range(1, 3):
        assert common(limited, spec_of(receptive_field=99), at.format(branch))[0] == 0, (
            "another rate, other weights"
        )
    rows = [layout_of(limited).place(named_parameters(limited)[at.format(i)]).role for i in range(4)]
    assert len(set(rows)) == 4, "branches of one rate are not one branch"


def test_the_same_branch_has_the_same_weights_in_units_of_more_branches() -> None:
    at = "encoder.level3.units.0.branches.1.conv.weight"
    for unit in ("esp", "eesp"):
        two, four = (spec_of(unit=unit, branches=k, receptive_field=99) for k in (2, 4))
        shared, few, many = common(two, four, at)
        assert shared == min(few, many) // (
            1 if unit == "esp" else 2
        )  # EESP's groups halve: the second's begins later


def test_a_deep_network_has_the_weights_of_a_shallow_one_and_more() -> None:
    shallow, deep = spec_of(alphas=1), spec_of(alphas=3)
    layout, below, above = layout_of(shallow, deep), named_parameters(shallow), named_parameters(deep)
    for parameter, one in below.items():
        shared, few, many = overlap(layout.place(one), layout.place(above[parameter]))
        assert shared == few == many, parameter


def test_units_share_nothing_inside_and_all_around() -> None:
    esp, eesp = spec_of(unit="esp", branches=4), spec_of(unit="eesp", branches=4)
    inside = {one.role for one in named_parameters(esp).values()} & {
        one.role for one in named_parameters(eesp).values()
    }
    assert not any(".esp." in role or ".eesp." in role for role in inside)
    assert common(esp, eesp, "encoder.level1.conv.weight")[0] > 0


def test_fusion_and_residual_change_no_weights() -> None:
    for changes in ({"fusion": "none"}, {"residual": False}):
        with_it, without = spec_of(), spec_of(**changes)
        shared, one, other = common(with_it, without, "encoder.level4.units.0.reduce.conv.weight")
        assert shared == one == other


def test_a_unit_that_moves_channels_to_other_axes_is_refused() -> None:
    with pytest.raises(Unshared, match=r"space.unit: 'dice'.*cannot share.*transposition"):
        named_parameters(spec_of(unit="dice", branches=None))


def test_a_network_that_was_not_foreseen_is_refused(small_supernet: Supernet) -> None:
    from searches.supernet.weights import NotCovered

    with pytest.raises(NotCovered, match="the supernet has"):
        small_supernet.network(spec_of(width=2.0, input_size=[32, 32]))
