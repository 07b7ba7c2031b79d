"""Specs of the whole space: hypothesis strategies, and a seeded sampler for tests that build modules."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from archspace.plan import NETWORKS, UNITS, count_block
from archspace.plan.decoders import multiple_of
from archspace.plan.design import OPTIONAL_FIELDS
from archspace.spec.archspec import ArchSpec
from archspace.spec.fields import ACTIVATIONS, DOWNSAMPLINGS, FUSIONS, POINTWISE_KERNELS, SHORTCUTS, STEMS
from archspace.support.errors import SpecError

OWN_TESTS = ("detection", "language")
"""Tasks whose networks give something else than scores of classes; they have tests of their own."""
NETWORK_TASKS = [
    (network, task) for network, design in NETWORKS.items() for task in design.alphas if task not in OWN_TESTS
]
FREE = [
    (network, task)
    for network, task in NETWORK_TASKS
    if NETWORKS[network].honours == OPTIONAL_FIELDS and NETWORKS[network].downsampling == "strided-unit"
]
"""Networks in which every field is free and a unit halves the map, with their tasks."""
DECODERS = sorted({name for design in NETWORKS.values() for name in design.decoders})
MOST_LEVELS = max(len(alphas) for design in NETWORKS.values() for alphas in design.alphas.values())
LIMITS = (None, 3, 5, 7, 9, 11, 13, 17, 33)
CHANNELS = (1, 3, 4)
SIZES = (32, 48, 64, 96)
ODD_SIZES = (19, 33, 50, 75)


def levels(network: str, task: str) -> int:
    """How many levels of ``network`` have units."""
    return len(NETWORKS[network].alphas[task])


def with_nearest(fields: Mapping[str, Any], error: SpecError) -> dict[str, Any]:
    """``fields`` after what the message of ``error`` proposes; it must be about a field that is there."""
    fixed = dict(fields)
    name, _, index = error.field.partition("[")
    assert name in fixed, f"the message is about a field that was not given: {error}"
    nearest = error.nearest
    if isinstance(nearest, str):
        nearest = nearest.split(" (known:")[0].removeprefix("one of ").split(",")[0]
        nearest = {"null": None, "leave it out": None, "true": True}.get(nearest, nearest)
    if not index:
        fixed[name] = nearest
        return fixed
    if not isinstance(fixed[name], list | tuple):
        count = levels(fixed["network"], fixed.get("task") or ArchSpec(fixed["network"]).task)
        fixed[name] = [fixed[name]] * (2 if name == "input_size" else count)
    entries = list(fixed[name])
    entries[int(index.rstrip("]"))] = nearest
    fixed[name] = entries
    return fixed


def settled(fields: Mapping[str, Any]) -> ArchSpec:
    """The sampled spec of ``fields``; a K that does not fit is replaced by the one its message proposes."""
    given = dict(fields)
    for _ in range(MOST_LEVELS + 1):
        try:
            return ArchSpec.sampled(given)
        except SpecError as error:
            assert error.field.startswith("branches"), f"only a K may not fit here: {error}"
            given = with_nearest(given, error)
    raise AssertionError(f"the messages about K lead nowhere: {fields}")


def sizes(network: str, task: str, decoder: str) -> tuple[int, ...]:
    """Sides of images that fit; without a decoder every side does."""
    multiple = multiple_of(decoder) if task == "segmentation" else 1
    return tuple(side for side in SIZES + ODD_SIZES if side % multiple == 0)


@st.composite
def field_values(draw: st.DrawFn) -> dict[str, Any]:
    """A value for every field, whether or not the network can honour it."""
    network, task = draw(st.sampled_from(NETWORK_TASKS))
    decoder = draw(st.sampled_from(DECODERS))
    # A sampler drops a decoder that the network does not have, for the network's own.
    known = NETWORKS[network].decoders
    side = st.sampled_from(sizes(network, task, decoder if decoder in known else known[0]))

    def per_level(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return one | st.lists(one, min_size=MOST_LEVELS, max_size=MOST_LEVELS)

    others: dict[str, st.SearchStrategy[Any]] = {
        "unit": per_level(st.sampled_from(list(UNITS))),
        "branches": per_level(st.integers(1, 9)),
        "width": st.floats(0.1, 2.5),
        "alphas": per_level(st.integers(0, 4)),
        "receptive_field": st.lists(
            st.sampled_from(LIMITS), min_size=MOST_LEVELS + 1, max_size=MOST_LEVELS + 1
        ),
        "dilated": st.booleans(),
        "fusion": st.sampled_from(FUSIONS),
        "residual": st.booleans(),
        "activation": st.sampled_from(ACTIVATIONS),
        "pointwise_kernel": st.sampled_from(POINTWISE_KERNELS),
        "downsampling": st.sampled_from(DOWNSAMPLINGS),
        "reinforcement": st.booleans(),
        "classes": st.integers(2, 60),
        "input_size": st.tuples(side, side),
        "channels": st.sampled_from(CHANNELS),
        "inner": per_level(st.none() | st.floats(0.05, 4)),
        "shortcut": st.sampled_from(SHORTCUTS),
        "stem": st.sampled_from(STEMS),
        "long_skip": st.booleans(),
        "gate": st.booleans(),
        "decoder_width": st.floats(0.1, 2),
    }
    return {"network": network, "task": task, "decoder": decoder, **draw(st.fixed_dictionaries(others))}


def specs() -> st.SearchStrategy[ArchSpec]:
    """Specs of the whole space."""
    return field_values().map(settled)


def random_fields(rng: random.Random) -> dict[str, Any]:
    """A seeded value for every field, whether or not the network can honour it."""
    network, task = rng.choice(NETWORK_TASKS)
    decoder = rng.choice(NETWORKS[network].decoders)
    side = sizes(network, task, decoder)
    mixed = rng.random() < 0.5
    unit = [rng.choice(list(UNITS)) for _ in range(MOST_LEVELS)]
    return {
        "network": network,
        "task": task,
        "unit": unit if mixed else unit[0],
        "branches": [rng.randint(1, 8) for _ in range(MOST_LEVELS)],
        "width": rng.uniform(0.1, 2.5),
        "alphas": [rng.randint(0, 4) for _ in range(MOST_LEVELS)],
        "receptive_field": [rng.choice(LIMITS) for _ in range(MOST_LEVELS + 1)],
        "dilated": rng.random() < 0.8,
        "fusion": rng.choice(FUSIONS),
        "residual": rng.random() < 0.5,
        "activation": rng.choice(ACTIVATIONS),
        "pointwise_kernel": rng.choice(POINTWISE_KERNELS),
        "downsampling": rng.choice(DOWNSAMPLINGS),
        "reinforcement": rng.random() < 0.5,
        "decoder": decoder,
        "classes": rng.randint(2, 60),
        "input_size": (rng.choice(side), rng.choice(side)),
        "channels": rng.choice(CHANNELS),
        "inner": [rng.choice((None, rng.uniform(0.1, 3))) for _ in range(MOST_LEVELS)],
        "shortcut": rng.choice(SHORTCUTS),
        "stem": rng.choice(STEMS),
        "long_skip": rng.random() < 0.3,
        "gate": rng.random() < 0.3,
        "decoder_width": rng.uniform(0.3, 1.5),
    }


def random_spec(rng: random.Random, most_params: int | None = None) -> ArchSpec:
    """A seeded spec of the whole space; draws whose K does not fit or that are too large are skipped."""
    while True:
        try:
            spec = ArchSpec.sampled(random_fields(rng))
        except SpecError:
            continue
        if most_params is None or count_block(spec.plan, spec.input_size).params <= most_params:
            return spec
