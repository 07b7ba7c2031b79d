"""Text files as people's programs write them: byte order marks, UTF-16, line ends of any system; and JSON. No torch."""

from __future__ import annotations

import codecs
import json
import re
import string
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from archspace.support.errors import InputError
from archspace.support.file_kinds import foreign_kind

LONGEST_INTEGER = 20
"""Digits of the longest whole number that is read: nothing here needs more than 64 bits."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""Byte order mark -> encoding; UTF-32's begins as UTF-16's and comes first."""


def read_text(path: Path | Traversable, where: str | None = None) -> str:
    """Returns a file's text without its byte order mark: UTF-8, or UTF-16 and UTF-32 where a mark tells them.

    Args:
        path: the file.
        where: begins the messages; the path if left out.

    Raises:
        InputError: the file cannot be read, or is not text in one of these encodings.
    """
    where = where or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from None
    return decoded(data, where)


def decoded(data: bytes, where: str) -> str:
    """Returns bytes as text, as :func:`read_text` does.

    Raises:
        InputError: they are not text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        kind = foreign_kind(data)
        line = data[: error.start].count(b"\n") + 1
        what = f"is {kind}" if kind else f"is not {encoding.removesuffix('-sig').upper()} text (line {line})"
        raise InputError(f"{where}: {what}; save it as UTF-8 text") from None
    if "\0" in text:
        raise InputError(
            f"{where}: holds zero bytes: no text, or UTF-16 without its mark; save it as UTF-8 text"
        )
    return text.removeprefix("\ufeff")


def read_lines(path: Path) -> list[str]:
    """Returns a file's lines without their ends, those of Windows and of old Macs too.

    Raises:
        InputError: as :func:`read_text`.
    """
    lines = re.split(r"\r\n|\n|\r", read_text(path))
    return lines[:-1] if lines[-1] == "" else lines


def listed_names(path: Path) -> list[str]:
    """Returns a list file's names: its lines without white space around them, empty ones left out.

    The byte order mark of a file that was appended to another is white space too.

    Raises:
        InputError: as :func:`read_text`.
    """
    lines = (line.strip(f"{string.whitespace}\ufeff") for line in read_lines(path))
    return [line for line in lines if line]


def read_json(path: Path) -> Any:
    """Returns what a JSON file holds.

    Raises:
        InputError: the file cannot be read, is not JSON, has a key twice or a whole number of more than
            :data:`LONGEST_INTEGER` digits.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> Any:
    """Returns what a JSON text holds; ``where`` begins the messages.

    Raises:
        InputError: as :func:`read_json`.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=integer)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except RecursionError:
        raise InputError(f"{where}: is nested too deeply") from None
    except ValueError as error:
        kind = foreign_kind(text[:2000].encode())
        raise InputError(f"{where}: {f'is {kind}, ' if kind else 'is '}not JSON: {error}") from None


def integer(digits: str) -> int:
    """Returns a whole number.

    Raises:
        InputError: it is longer than anything that is meant.
    """
    if len(digits) > LONGEST_INTEGER:
        raise InputError(f"a whole number of {len(digits.lstrip('+-'))} digits ({digits[:6]}...) is too long")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """A JSON object; the last of two equal keys would win without a word."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise InputError(f"key {twice!r} occurs twice in one object")
    return made
