"""Readers of single spec fields: each takes what a user wrote and returns a clean value or raises. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from archspace.support.errors import SpecError, closest

T = TypeVar("T")

ACTIVATIONS = ("prelu", "relu", "relu6", "leaky-relu", "hardswish", "silu", "selu")
DOWNSAMPLINGS = ("strided-unit", "strided-conv", "joint")
FUSIONS = ("hff", "cascade", "none")
SHORTCUTS = ("identity", "projected")
STEMS = ("thin", "thick")
POINTWISE_KERNELS = (1, 3)
WIDEST = 100.0
"""Largest width multiplier: far above any published network, small enough that a typo is refused."""
WIDEST_INSIDE = 16.0
"""Largest inner width of a unit as a share of its output: no published unit has more than 6."""
LONGEST_SIDE = 100_000
"""Pixels of a side of the input."""
MOST_CLASSES = 10_000_000
"""Outputs; the largest vocabularies have a tenth of it."""
MOST_CHANNELS = 10_000
MOST_REPEATS = 1000
"""Most repeats of a unit at one level, for the same reason."""


def choice(field: str, value: object, known: Sequence[str], kind: str | None = None) -> str:
    """Returns one of the ``known`` names; ``kind`` is what they name, the field itself if left out."""
    if not isinstance(value, str) or value not in known:
        rule = f"unknown {kind or field.split('[')[0]}"
        raise SpecError(field, value, rule, closest(str(value), list(known)))
    return value


def flag(field: str, value: object) -> bool:
    """Returns a plain true or false."""
    if not isinstance(value, bool):
        raise SpecError(field, value, "must be true or false", "true")
    return value


def whole(field: str, value: object, least: int, most: int | None = None) -> int:
    """Returns a whole number of at least ``least`` and, where given, at most ``most``."""
    above = most is not None and isinstance(value, int) and value > most
    if isinstance(value, bool) or not isinstance(value, int) or value < least or above:
        near = least
        if isinstance(value, int | float) and not isinstance(value, bool) and least < value < float("inf"):
            near = round(value) if most is None else min(round(value), most)
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise SpecError(field, value, f"must be a whole number {span}", near)
    return value


def width(field: str, value: object) -> float:
    """Returns a width multiplier above 0, at most :data:`WIDEST`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= WIDEST:
        near = WIDEST if isinstance(value, int | float) and value > WIDEST else 1.0
        raise SpecError(field, value, f"must be a number above 0 and at most {WIDEST:g}", near)
    return float(value)


def share(field: str, value: object) -> float:
    """Returns an inner width as a share of the output's: above 0, at most :data:`WIDEST_INSIDE`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= WIDEST_INSIDE:
        near = WIDEST_INSIDE if isinstance(value, int | float) and value > WIDEST_INSIDE else 1.0
        raise SpecError(field, value, f"must be a number above 0 and at most {WIDEST_INSIDE:g}", near)
    return float(value)


def limit(field: str, value: object) -> int:
    """Returns a receptive-field limit: the odd side of a kernel, at least 3."""
    number = whole(field, value, 3, LONGEST_SIDE)
    if number % 2 == 0:
        raise SpecError(field, value, "must be odd, the side of a kernel", number - 1)
    return number


def pointwise_kernel(field: str, value: object) -> int:
    """1 (point-wise) or 3 (standard convolution)."""
    if isinstance(value, bool) or value not in POINTWISE_KERNELS:
        near = 1 if not isinstance(value, int) or value < 2 else 3
        raise SpecError(field, value, "must be 1 or 3", near)
    return int(value)


def repeats(field: str, value: object, least: int = 0) -> int:
    """Returns how often a unit is repeated at a level."""
    return whole(field, value, least, MOST_REPEATS)


def size(field: str, value: object, least: int = 8) -> tuple[int, int]:
    """Returns height and width in pixels, each at least ``least``; one number stands for a square."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value, value)
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise SpecError(field, value, "must be [height, width]", [224, 224])
    return whole(f"{field}[0]", value[0], least, LONGEST_SIDE), whole(
        f"{field}[1]", value[1], least, LONGEST_SIDE
    )


def per_level(
    field: str, value: object, count: int, read: Callable[[str, object], T], first: int
) -> tuple[tuple[T | None, ...], bool]:
    """Returns one entry a level, and whether a single value was spread over all of them.

    Args:
        first: the level of the first entry, for the message.
    """
    if isinstance(value, str) and "," in value:  # a list without its brackets
        bracketed = f"[{value}]" if value.count(",") == count - 1 else None
        rule = f"must be one value, or a list of {_levels(count, first)}"
        raise SpecError(field, value, rule, bracketed)
    if not isinstance(value, list | tuple):
        return (read(field, value),) * count, True
    if len(value) != count:
        near = list(value[:count]) + [value[-1] if value else None] * (count - len(value))
        raise SpecError(field, list(value), f"needs one value, or {_levels(count, first)}", near)
    return tuple(None if v is None else read(f"{field}[{i}]", v) for i, v in enumerate(value)), False


def _levels(count: int, first: int) -> str:
    return f"{count}: one for each of the levels {first} to {first + count - 1}"
