"""Which layout a folder has."""

from __future__ import annotations

from pathlib import Path

from archspace.support.errors import FieldError, InputError
from searches.config.data import TEXT as TEXT
from searches.data.dataset import Sign, layouts
from searches.data.text import text_files
from searches.fetching.hint import fetch_hint


def signs() -> dict[str, Sign]:
    """Returns the sign of each layout that has one, in the order in which they are looked for."""
    known = {name: one.sign for name, one in layouts().items() if one.sign is not None}
    text = Sign(lambda root: bool(text_files(root)), "train.txt, valid.txt or wiki.train.tokens")
    return {**dict(sorted(known.items(), key=lambda item: item[1].rank)), TEXT: text}


def identify(root: Path) -> str:
    """Returns the layout of a data set's folder, seen from the names in it; no file is read.

    Raises:
        FieldError: there is no such folder.
        InputError: it has no layout that is known.
    """
    if root.is_file() and text_files(root):
        return TEXT
    if not root.is_dir():
        raise FieldError("--data", str(root), f"no such folder{fetch_hint()}")
    known = signs()
    for layout, sign in known.items():
        if sign.fits(root):
            return layout
    listing = "; ".join(f"{layout}: {sign.words}" for layout, sign in known.items())
    raise InputError(f"--data: {root}: has no layout that is known ({listing})")
