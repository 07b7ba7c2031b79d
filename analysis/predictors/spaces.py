"""Random networks of a space: which fields of a spec are fixed, and what the free ones are drawn from. No torch.

A space is written as in a study file: a plain value fixes a field; ``choices``, or ``low`` and ``high`` with an
optional ``step``, free it; ``per_level: true`` draws one value a level.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archspace.plan import NETWORKS
from archspace.spec.archspec import ArchSpec
from archspace.spec.record import FIELDS
from archspace.support.errors import FieldError, InputError, SpecError, closest

DEFAULT_SPACE: Mapping[str, Any] = {
    "task": "segmentation",
    "classes": 8,
    "input_size": [96, 128],
    "network": {"choices": ["espnet-c", "espnet", "espnetv2"]},
    "unit": {"choices": ["esp", "eesp", "mobilenet", "shufflenetv2", "resnet", "resnext"], "per_level": True},
    "width": {"low": 0.25, "high": 1.25, "step": 0.25},
    "alphas": {"low": 0, "high": 4, "per_level": True},
    "fusion": {"choices": ["hff", "none"]},
    "reinforcement": {"choices": [True, False]},
}
"""That of the built-in study of road scenes, with a unit of its own for each level."""

MOST_TRIES = 1000
KEYS = ("choices", "low", "high", "step", "log", "per_level")


def check_space(space: Mapping[str, Any]) -> None:
    """Refuses a space that no network can be drawn from, before any work.

    Raises:
        FieldError: a field is unknown, or has nothing to draw from.
        SpecError: no network of the space can be built.
    """
    for name, value in space.items():
        where = f"space.{name}"
        if name not in FIELDS:
            raise FieldError(where, value, "unknown field", closest(str(name), list(FIELDS)))
        if isinstance(value, Mapping):
            for key in value:
                if key not in KEYS:
                    raise FieldError(
                        f"{where}.{key}", value[key], "unknown key", closest(str(key), list(KEYS))
                    )
            choices = value.get(
                "choices", value.get("low", None) is not None and value.get("high") is not None
            )
            if not choices or ("choices" in value and not isinstance(choices, list)):
                raise FieldError(
                    where, dict(value), "a free field needs choices, or low and high", "{choices: [..]}"
                )
    if "network" not in space:
        raise FieldError("space.network", None, "a space names its network", "espnetv2")
    next(random_specs(space, 0))


def read_space(path: Path, input_size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Returns the space of a study file; task and classes from its top, input size from ``input_size`` or its ``data``.

    Raises:
        InputError: no such file, or no study in it.
    """
    from archspace.support.text_files import read_text
    from archspace.support.yaml_text import parse_yaml

    study = parse_yaml(read_text(path, f"space: {path}"), f"space: {path}")
    if not isinstance(study, dict) or not isinstance(study.get("space"), dict):
        raise InputError(f"space: {path}: has no section 'space'; a study file has one")
    space = {**{name: DEFAULT_SPACE[name] for name in ("task", "classes", "input_size")}, **study["space"]}
    space.update({name: study[name] for name in ("task", "classes") if name in study})
    size = input_size or (study.get("data") or {}).get("input_size")
    if size:
        space["input_size"] = list(size)
    return space


def random_specs(space: Mapping[str, Any], seed: int) -> Iterator[ArchSpec]:
    """Networks drawn evenly from ``space``, one after the other; the same for the same seed.

    A combination that cannot be built is drawn again.

    Raises:
        SpecError: :data:`MOST_TRIES` draws in a row could not be built; that of the last one.
    """
    rng = random.Random(seed)
    while True:
        yield _drawn(space, rng)


def _drawn(space: Mapping[str, Any], rng: random.Random) -> ArchSpec:
    for tried in range(MOST_TRIES):
        network = _value(space["network"], rng)
        design = NETWORKS.get(network)
        fields = {}
        for name, value in space.items():
            if isinstance(value, Mapping) and value.get("per_level") and design is not None:
                levels = design.levels(str(space.get("task", "segmentation"))) - design.first + 1
                fields[name] = [_value(value, rng) for _ in range(levels)]
            else:
                fields[name] = _value(value, rng)
        try:
            return ArchSpec.sampled({**fields, "network": network})
        except SpecError:
            if tried == MOST_TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


def _value(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "choices" in value:
        return rng.choice(value["choices"])
    low, high, step = value["low"], value["high"], value.get("step")
    if step is None and isinstance(low, int) and isinstance(high, int):
        step = 1
    if step is None:
        return round(rng.uniform(low, high), 6)
    return round(low + step * rng.randint(0, int((high - low) / step + 1e-9)), 6)
