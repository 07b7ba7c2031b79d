"""The registry: no duplicates, no silent lookups, no mutation; and every name of a plan has its class."""

from __future__ import annotations

import random

import pytest

from archspace import build as _build  # noqa: F401  (every module class is entered)
from archspace.plan import NETWORKS, UNITS, Block
from archspace.presets import PRESETS
from archspace.support.errors import FieldError, InputError
from archspace.support.registry import Registry
from archspace.units import MODULES
from tests.archspace.strategies import random_spec


@pytest.fixture
def colours() -> Registry[int]:
    registry: Registry[int] = Registry("colour")
    registry.register("red")(1)
    registry.register("green")(2)
    return registry


def test_it_is_a_mapping_in_order_of_entry(colours: Registry[int]) -> None:
    assert list(colours) == ["red", "green"]
    assert len(colours) == 2
    assert dict(colours) == {"red": 1, "green": 2}
    assert "red" in colours and "blue" not in colours


def test_register_returns_what_it_entered() -> None:
    registry: Registry[type] = Registry("thing")

    @registry.register("thing")
    class Thing:
        pass

    assert isinstance(Thing, type) and registry["thing"] is Thing


def test_a_second_entry_of_the_same_name_is_refused_and_the_first_stays(colours: Registry[int]) -> None:
    with pytest.raises(ValueError, match="colour 'red' is registered twice"):
        colours.register("red")(3)
    assert colours["red"] == 1


@pytest.mark.parametrize("name", ["rad", "nothing-like-it", "", None, 3, ["red"]])
def test_an_unknown_name_lists_the_known_ones(colours: Registry[int], name: object) -> None:
    with pytest.raises(FieldError) as caught:
        colours[name]  # type: ignore[index]
    assert isinstance(caught.value, InputError)
    for part in ("colour", repr(name), "unknown colour", "green", "red"):
        assert part in str(caught.value)


def test_a_near_name_is_proposed_first(colours: Registry[int]) -> None:
    with pytest.raises(FieldError, match="nearest valid: green"):
        colours["grene"]


def test_entries_cannot_be_set_or_deleted(colours: Registry[int]) -> None:
    with pytest.raises(TypeError):
        colours["blue"] = 3  # type: ignore[index]
    with pytest.raises(TypeError):
        del colours["red"]  # type: ignore[attr-defined]


def test_an_error_survives_the_way_between_processes() -> None:
    import pickle

    error = FieldError("space.width", 0, "must be above 0", 1.0)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "space.width: 0: must be above 0; nearest valid: 1.0"
    assert (again.field, again.value, again.rule, again.nearest) == ("space.width", 0, "must be above 0", 1.0)


def kinds(block: Block) -> set[str]:
    """Every block kind at and below ``block``, its root aside."""
    names = set()
    for _, node in block.items():
        if isinstance(node, Block):
            names |= {node.kind} | kinds(node)
    return names


def test_every_kind_that_a_plan_names_has_a_module_class_and_the_other_way_round() -> None:
    rng = random.Random(5)
    plans = [*(random_spec(rng).plan for _ in range(400)), *(p.spec.plan for p in PRESETS.values())]
    named = set().union(*map(kinds, plans))
    assert named == set(MODULES)


def test_the_published_networks_and_units_are_there() -> None:
    assert {"espnet-a", "espnet-b", "espnet-c", "espnet", "espnetv2"} <= set(NETWORKS)
    compared = {"mobilenet", "shufflenet", "inception", "resnext", "resnet", "asp", "esp"}
    assert compared | {"eesp", "mobilenetv2", "shufflenetv2"} <= set(UNITS)
