"""What a file is that was saved under another kind's name: downloads that went wrong, pointers, archives. No torch."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = 2048

_SIGNATURES = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself ('git lfs pull' gets that)"),
    (b"\x1f\x8b", "a gzip archive (unpack it first)"),
    (b"BZh", "a bzip2 archive (unpack it first)"),
    (b"\xfd7zXZ", "an xz archive (unpack it first)"),
    (b"7z\xbc\xaf", "a 7-Zip archive (unpack it first)"),
    (b"Rar!", "a RAR archive (unpack it first)"),
    (b"\x89HDF", "an HDF5 file (Keras and others write these)"),
    (b"\x93NUMPY", "a NumPy array file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"TFL3", "a TensorFlow Lite model"),
    (b"SQLite format 3", "an SQLite database"),
)
_PAGE = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE | re.DOTALL
)


def foreign_kind(data: bytes) -> str:
    """Returns what a file is that begins with these bytes, as far as that is no kind of ours; else an empty string.

    >>> foreign_kind(b"<!DOCTYPE html><html>")
    'a web page (a download that went wrong)'
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(data):
        return "a web page (a download that went wrong)"
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    return ""


def kind_of_file(path: Path) -> str:
    """Returns what :func:`foreign_kind` says of a file, or that it is empty; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    return foreign_kind(head) if head else "an empty file"


def text_kind(data: bytes) -> str:
    """Returns what kind of text bytes begin, or an empty string where they are no text.

    For files that should hold none.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 4:  # else a letter that is cut in two
            return ""
        text = data[: error.start].decode("utf-8-sig")
    if not text or any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in text):
        return ""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return "JSON text"
    if start == "<":
        return "an XML or HTML text"
    words = " ".join(text.split())[:30]
    return f"a text ({words!r} ...)"
