"""PASCAL VOC annotations: one XML file a picture.

Corners in the files are pixels counted from 1, both ends inclusive (VOC development kit, section on annotation):
a box from 1 to W covers the whole width, so its edges are ``xmin - 1`` and ``xmax``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from archspace.support.errors import InputError
from archspace.support.file_kinds import foreign_kind
from searches.data.listing import Objects, in_shares
from searches.data.splits import in_any_case

KNOWN = frozenset(
    {"folder", "filename", "path", "source", "owner", "size", "segmented", "object", "imagesize"}
)
"""Elements of an annotation that VOC and the common tools write."""

_VOCS = re.compile(r"VOC(?:devkit|20\d\d)?", re.IGNORECASE)
_DATABASE = re.compile(rb"The VOC\d{4} Database")

CORNERS = 4
"""So many numbers make a box."""


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


def is_vocs(years: Sequence[Path]) -> bool:
    """Returns whether annotations are PASCAL VOC's own: the folder has its name, or the first files say their source.

    Args:
        years: the folders with ``Annotations``.
    """
    return any(_VOCS.fullmatch(year.name) for year in years) or any(
        b"PASCAL VOC" in head or _DATABASE.search(head)
        for year in years
        for path in islice(sorted(in_any_case(year, "Annotations").glob("*.xml")), 3)
        for head in [path.read_bytes()[:1000]]
    )


def read_annotation(path: Path) -> Annotation:
    """Reads one file; a stated size of 0 counts as none.

    Raises:
        InputError: the file is missing, no XML or no annotation; an object lacks its name or a corner; or it has
            boxes where none are looked for.
    """
    tree = _tree(path)
    height, width = (
        _number(tree.find(f"size/{side}"), path, f"size/{side}", 0) for side in ("height", "width")
    )
    objects = []
    for number, item in enumerate(tree.iterfind("object"), 1):
        name = (_only(item, "name", path, number).text or "").strip()
        if not name:
            raise InputError(f"{path}: object {number} has no name")
        box = _only(item, "bndbox", path, number)
        xmin, ymin, xmax, ymax = (
            _number(_only(box, side, path, number), path, f"object {number}: bndbox/{side}")
            for side in ("xmin", "ymin", "xmax", "ymax")
        )
        if in_shares(xmin, ymin, xmax, ymax):
            rule = "looks like shares of the picture; a box has pixels"
            raise InputError(f"{path}: object {number}: {xmin:g}, {ymin:g}, {xmax:g}, {ymax:g} {rule}")
        difficult = _flag(item.findtext("difficult"), f"{path}: object {number}: difficult")
        objects.append((name, xmin - 1, ymin - 1, xmax, ymax, difficult))
    _check_all_read(tree, path)
    size = (int(height), int(width)) if height > 0 and width > 0 else None
    return Annotation(str(path), size, tuple(objects))


def _tree(path: Path) -> ElementTree.Element:
    """The root element, which is ``annotation``.

    Raises:
        InputError: the file is missing or no such XML.
    """
    try:
        data = path.read_bytes()
        if b"<!ENTITY" in data:
            raise InputError(f"{path}: defines entities, which an annotation has no need of")
        tree = ElementTree.fromstring(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ElementTree.ParseError, LookupError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        kind = foreign_kind(data) or ("an empty file" if not data.strip() else "")
        raise InputError(f"{path}: {f'is {kind}, ' if kind else 'is '}not XML: {error}") from error
    if tree.tag != "annotation":
        kind = foreign_kind(data)
        what = f"is {kind}, not an annotation" if kind else f"holds <{tree.tag}>, not <annotation>"
        raise InputError(f"{path}: {what}")
    return tree


def _only(item: ElementTree.Element, tag: str, path: Path, number: int) -> ElementTree.Element:
    """The one element of that name.

    Raises:
        InputError: there is none, or there are several.
    """
    elements = item.findall(tag)
    if len(elements) == 1:
        return elements[0]
    where = f"{path}: object {number}" + ("" if item.tag == "object" else f": {item.tag}")
    if elements:
        raise InputError(f"{where}: has {len(elements)} elements {tag}; an object has one")
    there = ", ".join(child.tag for child in item) or "nothing"
    raise InputError(f"{where} has no {tag} (it has: {there})")


def _check_all_read(tree: ElementTree.Element, path: Path) -> None:
    """Refuses boxes and objects that stand where they are not read: they would be missing without a word."""
    parts = sum(len(part.findall(".//bndbox")) for part in tree.iterfind("object/part"))
    counts = {tag: sum(1 for _ in tree.iter(tag)) for tag in ("object", "bndbox")}
    read = len(tree.findall("object"))
    if counts["object"] != read or counts["bndbox"] - parts != read:
        found = f"{counts['object']} objects and {counts['bndbox'] - parts} boxes"
        raise InputError(f"{path}: holds {found}, but {read} of them as annotation/object/bndbox")
    for child in tree:
        numbers = sum(1 for leaf in child.iter() if not len(leaf) and _is_number(leaf.text))
        if child.tag not in KNOWN and numbers >= CORNERS:
            raise InputError(
                f"{path}: <{child.tag}> holds {numbers} numbers; boxes are read from <object> alone"
            )


def _is_number(text: str | None) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?\d+(?:\.\d*)?\s*", text or ""))


def _flag(text: str | None, where: str) -> bool:
    """A value of 0 or 1; 0 where nothing is said."""
    word = (text or "").strip().lower()
    if word in ("", "0", "false"):
        return False
    if word in ("1", "true"):
        return True
    raise InputError(f"{where}: {text!r}: must be 0 or 1")


def _number(
    element: ElementTree.Element | None, path: Path, what: str, default: float | None = None
) -> float:
    """The finite number in an element."""
    text = "" if element is None else (element.text or "").strip()
    if not text and default is not None:
        return default
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: {what}: {text!r}: must be a number")
    return value
