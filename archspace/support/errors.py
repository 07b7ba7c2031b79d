"""What a user did wrong, said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one complete line for the user.

    The command line prints it without a traceback and exits with code 2.
    """


class FieldError(InputError):
    """One field has a value that breaks a rule.

    Args:
        field: dotted name of the field, as the user writes it (``branches[1]``, ``space.width``).
        value: what was given; ``None`` of an option that was left out.
        rule: what must hold, in words.
        nearest: the nearest valid value, or what to do instead.
    """

    def __init__(self, field: str, value: object, rule: str, nearest: object = None) -> None:
        self.field, self.value, self.rule, self.nearest = field, value, rule, nearest
        hint = "" if nearest is None else f"; nearest valid: {nearest}"
        given = "" if value is None and field.startswith("--") else f" {value!r}:"
        super().__init__(f"{field}:{given} {rule}{hint}")

    def __reduce__(self) -> tuple[type[FieldError], tuple[str, object, str, object]]:
        return type(self), (self.field, self.value, self.rule, self.nearest)


@contextmanager
def about(field: str) -> Iterator[None]:
    """Puts the field that a value is of before an error that names none.

    Raises:
        InputError: as it was raised; ``FIELD: `` and its line where that is of no field.
    """
    try:
        yield
    except FieldError:
        raise
    except InputError as error:
        raise InputError(f"{field}: {error}") from None


class SpecError(FieldError):
    """A field of an :class:`archspace.ArchSpec` breaks a rule."""


LISTED = 8
"""The longest list of known words that a message has in full."""
NEAR = 4
"""Of a longer one, so many that are near."""


def closest(word: str, known: list[str]) -> str:
    """Returns the known word most like ``word`` and the other known ones, of many the near ones, for a message."""
    from difflib import get_close_matches

    if len(known) > LISTED:
        cut = {
            name: name[: len(word)] for name in known
        }  # espnetv3 is near espnetv2-seg-2.0, long as that is
        starts = get_close_matches(word, list(dict.fromkeys(cut.values())), n=NEAR, cutoff=0.6)
        near = sorted(
            (name for name in known if cut[name] in starts), key=lambda name: starts.index(cut[name])
        )[:NEAR]
        return f"{', '.join(near or known[:NEAR])}, ... ({len(known)} in all)"
    near = get_close_matches(word, known, n=NEAR, cutoff=0.4)
    listing = ", ".join(known)
    return f"{near[0]} (known: {listing})" if near else f"one of {listing}"
