"""A data set's own classes: ``classes.txt`` or ``labelmap.txt`` in its folder, read in one place for all layouts.

``classes.txt`` has a name a line in the order of the values, and the value of void in a line ``void = N``. The lines
may be numbered, from 0 on.
``labelmap.txt`` is the same, or CVAT's: ``name:red,green,blue:parts:actions``; masks may then be painted in these
colours. Lines that begin with ``#`` are remarks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archspace.class_names import BACKGROUNDS
from archspace.support.errors import FieldError, InputError
from archspace.support.text_files import listed_names
from searches.data.own import Own
from searches.data.splits import VOID

FILES = ("classes.txt", "labelmap.txt")
SAID = "data.classes"
"""The field by which the user says classes."""

_CVAT = re.compile(r"([^:]+):\s*(?:(\d+)\s*,\s*(\d+)\s*,\s*(\d+))?\s*:[^:]*:[^:]*")
_VOIDS = frozenset({"void", "ignore", "ignored", "ignore_index"})
_SETTING = re.compile(rf"({'|'.join(sorted(_VOIDS, reverse=True))})\s*[=:]\s*(.*)", re.IGNORECASE)
_NUMBERED = re.compile(r"(\d{1,5})(\s*[:;,=)]\s*|\.?\s+)(\S.*)")
"""``3: car``, ``3) car``, ``3. car``, ``3 car``."""
_MORE = re.compile(r".*\S\s*(?:[,;=\t]\s*|:\s+)\d+")
"""``car,3``, ``car: 3``, ``car,0,0,142``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassList:
    """Classes as a file of the data set names them.

    Attributes:
        source: the file.
        names: in the order of their values, from 0.
        void: the value that loss and metric ignore; ``None`` where the file names none.
        colours: colour -> value, where masks are painted.
    """

    source: Path
    names: tuple[str, ...]
    void: int | None = None
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """A colour a class, where each has one; else empty."""
        colours = {value: colour for colour, value in self.colours.items()}
        every = [colours[value] for value in range(len(self.names)) if value in colours]
        return tuple(every) if len(every) == len(self.names) else ()

    @property
    def things(self) -> tuple[str, ...]:
        """The names without a background: detection counts none."""
        return tuple(name for name in self.names if name.lower() not in BACKGROUNDS)


def class_list(folders: Sequence[Path]) -> ClassList | None:
    """Returns the classes that the first of the folders with such a file names; ``None`` where there is no file.

    Raises:
        InputError: no class, a name twice, more than 255 classes, or a void value that is also a class.
    """
    for folder in folders:
        files = {path.name.lower(): path for path in sorted(folder.glob("*.txt"), reverse=True)}
        for name in FILES:
            if name in files:
                return read_class_list(files[name])
    return None


def own_classes(own: Own, folders: Sequence[Path]) -> ClassList | None:
    """Returns the classes that the user says, else those of a file in the folders; ``None`` where neither says any.

    Raises:
        InputError: as :func:`class_list`; or both say classes, and not the same.
    """
    listed = class_list(folders)
    if not own.classes:
        return listed
    said = ClassList(source=Path(SAID), names=own.classes)
    if listed is None:
        return said
    if listed.names != own.classes:
        rule = f"contradicts {listed.source}, which says {', '.join(listed.names)}"
        raise FieldError(SAID, list(own.classes), rule, "leave it out")
    return listed


def read_class_list(path: Path) -> ClassList:
    """Returns the classes in a file.

    Raises:
        InputError: as :func:`class_list`; or the file cannot be read.
    """
    names: list[str] = []
    colours: dict[tuple[int, int, int], int] = {}
    void: int | None = None
    for line in listed_names(path):
        setting = _SETTING.fullmatch(line)
        label = _CVAT.fullmatch(line)
        if line.startswith("#"):
            continue
        if label and path.name.lower() == FILES[1]:
            value = VOID if label[1].strip().lower() in _VOIDS else len(names)
            if label[2]:
                _add_colour(path, colours, (int(label[2]), int(label[3]), int(label[4])), value)
            void = VOID if value == VOID else void
            names += [] if value == VOID else [label[1].strip()]
        elif setting:
            if not re.fullmatch(r"\d{1,5}", setting[2]):
                raise InputError(f"{path}: {line!r}: must be 'void = N' with a whole number N")
            void = int(setting[2])
        else:
            names.append(line)
    names = _without_numbers(path, names)
    _check(path, names, void)
    return ClassList(source=path, names=tuple(names), void=void, colours=colours)


def _without_numbers(path: Path, names: list[str]) -> list[str]:
    """The names of lines that number them from 0 on.

    Raises:
        InputError: the numbers say another order than the lines, or something else.
    """
    listed = [match for match in map(_NUMBERED.fullmatch, names) if match]
    if names and len(listed) == len(names):
        numbers, plain = [int(match[1]) for match in listed], all(not match[2].strip() for match in listed)
        if numbers == list(range(len(names))):
            return [match[3] for match in listed]
        if not plain or (len(names) > 1 and numbers == list(range(1, len(names) + 1))):  # "30 km/h" is a name
            rule = "numbers its classes, and not from 0 on; a line is a name, the first of value 0"
            said = ", ".join(f"{match[1]}: {match[3]}" for match in listed[:3])
            raise InputError(f"{path}: {rule} ({SAID}: {{{said}, ...}} in the study says the values)")
    if len(names) > 1 and all(map(_MORE.fullmatch, names[1:])):
        raise InputError(
            f"{path}: {names[1]!r}: has a number beside the name; a line is a name, the first of value 0"
        )
    return names


def _add_colour(
    path: Path, colours: dict[tuple[int, int, int], int], colour: tuple[int, int, int], value: int
) -> None:
    if colour in colours or max(colour) > 255:
        raise InputError(
            f"{path}: colour {','.join(map(str, colour))}: must be 0 to 255 each, and of one class"
        )
    colours[colour] = value


def _check(path: Path, names: Sequence[str], void: int | None) -> None:
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(f"{path}: class {twice!r} is named twice")
    if not 1 <= len(names) <= VOID:
        raise InputError(f"{path}: names {len(names)} classes; must be 1 to {VOID}, one a line")
    if void is not None and void < len(names):
        raise InputError(
            f"{path}: void = {void} is the index of class {names[void]!r}; must be {len(names)} or more"
        )
