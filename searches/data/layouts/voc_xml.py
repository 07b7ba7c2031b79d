"""PASCAL VOC annotations: one XML file a picture.

Corners in the files are pixels counted from 1, both ends inclusive (VOC development kit, section on annotation):
a box from 1 to W covers the whole width, so its edges are ``xmin - 1`` and ``xmax``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from archspace.support.errors import InputError
from searches.data.listing import Objects


@dataclass(frozen=True, slots=True)
class Annotation:
    """One file's objects, labels as names: (name, xmin - 1, ymin - 1, xmax, ymax, difficult); (H, W) if stated."""

    source: str
    size: tuple[int, int] | None
    objects: tuple[tuple[str, float, float, float, float, bool], ...]

    def named(self, classes: Sequence[str]) -> Objects:
        """Returns the objects with class indices.

        Raises:
            InputError: a name is no class.
        """
        index = {name: i for i, name in enumerate(classes)}
        for name, *_ in self.objects:
            if name not in index:
                raise InputError(f"{self.source}: object {name!r} is no class ({', '.join(classes)})")
        return Objects(
            edges=np.array([row[1:5] for row in self.objects], np.float64).reshape(-1, 4),
            labels=np.array([index[row[0]] for row in self.objects], np.int64),
            ignored=np.array([row[5] for row in self.objects], np.bool_),
            size=self.size,
            source=self.source,
        )


def read_annotation(path: Path) -> Annotation:
    """Reads one file; a stated size of 0 counts as none.

    Raises:
        InputError: the file is missing or no XML, or an object lacks its name or a corner.
    """
    try:
        tree = ElementTree.parse(path).getroot()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path}: is not XML: {error}") from error
    height, width = (
        _number(tree.find(f"size/{side}"), path, f"size/{side}", 0) for side in ("height", "width")
    )
    objects = []
    for number, item in enumerate(tree.iterfind("object"), 1):
        name = (item.findtext("name") or "").strip()
        if not name:
            raise InputError(f"{path}: object {number} has no name")
        xmin, ymin, xmax, ymax = (
            _number(item.find(f"bndbox/{side}"), path, f"object {number}: bndbox/{side}")
            for side in ("xmin", "ymin", "xmax", "ymax")
        )
        difficult = _number(item.find("difficult"), path, f"object {number}: difficult", 0) != 0
        objects.append((name, xmin - 1, ymin - 1, xmax, ymax, difficult))
    size = (int(height), int(width)) if height > 0 and width > 0 else None
    return Annotation(str(path), size, tuple(objects))


def _number(
    element: ElementTree.Element | None, path: Path, what: str, default: float | None = None
) -> float:
    """The finite number in an element."""
    text = "" if element is None else (element.text or "").strip()
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: {what}: {text!r}: must be a number")
    return value
