"""What people call the splits, read in one place: ``valid``, ``Validation`` and ``Val`` are val."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from archspace.support.errors import InputError

SPLITS = ("train", "val", "test")

VOID = 255
"""The label that loss and metric ignore."""

NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Split -> its names, in any case of letters; the first is ours."""

_SPLIT = {name: split for split, names in NAMES.items() for name in names}


def split_of(name: str) -> str | None:
    """Returns the split that a name stands for, or ``None``.

    >>> split_of("Validation"), split_of("extra")
    ('val', None)
    """
    return _SPLIT.get(name.lower())


def named(folder: Path, split: str, suffix: str = "", *, files: bool = False) -> Path | None:
    """Returns the folder (or file) in ``folder`` that holds a split, whatever name of the split it has.

    Args:
        folder: where it is looked for.
        split: ``train``, ``val`` or ``test``.
        suffix: what its name has after the split's (``annot``, ``.zip``).
        files: a file is wanted, not a folder.

    Raises:
        InputError: two of them have a name of the split.
    """
    ours = folder / f"{split}{suffix}"
    found = [path for path in _entries(folder) if _is_split(path, split, suffix, files)]
    if not found:
        return None
    if len(found) > 1:
        both = " and ".join(path.name for path in found)
        raise InputError(f"{folder}: {both} are both names of the split {split!r}; keep one of them")
    return ours if found[0].name == ours.name else found[0]


def _is_split(path: Path, split: str, suffix: str, files: bool) -> bool:
    name = path.name
    if not name.lower().endswith(suffix.lower()) or split_of(name[: len(name) - len(suffix)]) != split:
        return False
    return path.is_file() if files else path.is_dir()


def in_any_case(folder: Path, *names: str) -> Path:
    """Returns the path below ``folder`` with these names, as it is written on disk where only its case differs."""
    for name in names:
        exact = folder / name
        if not exact.exists():
            alike = [path for path in _entries(folder) if path.name.lower() == name.lower()]
            exact = alike[0] if len(alike) == 1 else exact
        folder = exact
    return folder


def splits_in(folder: Path, suffix: str = "") -> list[str]:
    """Returns the splits that have a folder in ``folder``."""
    return [
        split
        for split in SPLITS
        if any(_is_split(path, split, suffix, files=False) for path in _entries(folder))
    ]


def _entries(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()
