"""A folder of the user's own that is called like one of our packages and hides it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from archspace.support.errors import InputError

HOME = Path(__file__).resolve().parents[2]
"""Where this package lies, and the three others with it."""


def require_ours(*packages: str) -> None:
    """Passes if each of ``packages`` is the one that came with this archspace; nothing of them is run.

    Raises:
        InputError: a folder or file of that name comes before it; the message says which and what to do.
    """
    for package in packages:
        if not (HOME / package / "__init__.py").is_file():
            continue
        place = _place(package)
        if place is not None and place.resolve() != HOME / package:
            raise InputError(
                f"{place}: hides archspace's own package {package!r}; rename it, or {_way_out(place)}"
            )


def _place(package: str) -> Path | None:
    """The folder or file that ``import package`` takes; ``None`` if Python cannot say."""
    try:
        spec = find_spec(package)
    except ValueError:  # imported already, by a program that made it itself
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is not None:
        return Path(next(iter(spec.submodule_search_locations)))
    return None if spec.origin is None else Path(spec.origin)


def _way_out(place: Path) -> str:
    parent = place.resolve().parent
    listed = [Path(entry).resolve() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if parent in listed:
        return f"take {parent} out of PYTHONPATH"
    program = Path(sys.argv[0] if sys.argv else "").name
    command = " (the command archspace does not look there)" if program == "__main__.py" else ""
    return f"start from another folder than {parent}{command}"
