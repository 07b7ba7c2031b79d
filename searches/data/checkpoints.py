"""Networks from files of any kind that archspace reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archspace.network import Network

PUBLISHED_SUFFIXES = (".pth", ".pt", ".tar")


def load_checkpoint(path: Path) -> Network:
    """The network of our own checkpoint or exported folder, or of a published file.

    Raises:
        InputError: the file is missing, broken, or of no known network.
    """
    if path.suffix in PUBLISHED_SUFFIXES:
        from archspace.published import load_published

        return load_published(path)
    from archspace.checkpoint import load

    return load(path)
