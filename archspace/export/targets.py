"""For which machines the fastest form can be found. No torch."""

from __future__ import annotations

from archspace.support.errors import FieldError

TARGETS = ("cpu",)


def check_target(target: str) -> None:
    """Refuses a machine that forms cannot be tried on.

    Raises:
        FieldError: it is not ``cpu``.
    """
    if target not in TARGETS:
        raise FieldError("--for", target, "must be cpu: forms are tried on the machine at hand", "cpu")
