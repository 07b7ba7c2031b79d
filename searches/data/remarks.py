"""What data look like as a whole: classes that never occur, how much is void, and images of two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from analysis.store.fingerprint import SplitFingerprint
from archspace.support.numbers import number

MUCH_VOID = 0.4
"""The share of void above which it is remarked on."""
_NAMED = 6


def absent_classes(counts: Mapping[str, int], noun: str, assumed: str = "", where: str = "") -> list[str]:
    """Returns a sentence on the classes that never occur; none where all do.

    Args:
        counts: class -> how often it occurs.
        noun: what it occurs in: ``mask``, ``box``, ``image``.
        assumed: whose classes these are, where that is a guess.
        where: the split, where it is not all of them.
    """
    absent = [name for name, count in counts.items() if not count]
    if not absent:
        return []
    shown = ", ".join(repr(name) for name in absent[:_NAMED])
    more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
    subject = f"class {shown} occurs" if len(absent) == 1 else f"classes {shown}{more} occur"
    guess = f" ({assumed})" if assumed else ""
    return [f"{subject} in no {noun}{f' of {where}' if where else ''}{guess}"]


def alike_classes(classes: Sequence[str]) -> list[str]:
    """Returns a sentence on each class whose name differs from another's in case and white space alone."""
    first: dict[str, str] = {}
    remarks = []
    for name in classes:
        other = first.setdefault("".join(name.split()).lower(), name)
        if other != name:
            remarks.append(
                f"classes {other!r} and {name!r} differ in the case of letters alone; are they one?"
            )
    return remarks


def much_void(void: int, pixels: int, values: Sequence[int], where: str, *, absent: bool) -> list[str]:
    """Returns a sentence on void where it is much of the masks; none where it is not.

    Args:
        void: pixels that are void.
        pixels: all pixels.
        values: of the masks that mean void.
        where: the split.
        absent: a class never occurs, which void may have swallowed.
    """
    if not pixels or void / pixels < MUCH_VOID:
        return []
    meant = f" (value {' or '.join(map(str, values))} in the masks)" if 0 < len(values) <= _NAMED else ""
    hint = "; is it a class? then say which value is which class, and what is void" if absent else ""
    return [f"void{meant} is {number(100 * void / pixels, '%')} of all pixels of {where}{hint}"]


def shared_images(splits: Mapping[str, SplitFingerprint]) -> list[str]:
    """Returns a sentence on each two splits that have images in common, by content, whatever these are called."""
    remarks = []
    for one, other in combinations(splits, 2):
        first, second = splits[one].items, splits[other].items
        if first is None or second is None:
            continue
        known = dict(zip(first.images, first.names, strict=True))
        both = [
            (known[image], name)
            for name, image in zip(second.names, second.images, strict=True)
            if image in known
        ]
        if both:
            was, now = both[0]
            which = f"the first is {now}" + (f", {was} there" if was != now else "")
            remarks.append(
                f"{len(both)} of {len(second.names)} images of {other} {'is' if len(both) == 1 else 'are'} in {one} too"
                f" ({which}): what is judged on {other} promises too much"
            )
    return remarks
