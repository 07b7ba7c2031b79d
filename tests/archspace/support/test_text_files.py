"""Text and JSON as people's programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspace.support.errors import InputError
from archspace.support.text_files import listed_names, parse_json, read_json, read_lines, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_encodings_and_line_ends_make_no_difference(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(end.join(["cell (1)", "", "  straße ", "x\u2028y", ""]).encode(encoding))
    assert read_lines(path) == ["cell (1)", "", "  straße ", "x\u2028y"]
    assert listed_names(path) == ["cell (1)", "straße", "x\u2028y"]


def test_marks_of_files_that_were_put_together_are_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("\ufeffa\r\n\ufeffb\r\n".encode())
    assert listed_names(tmp_path / "list.txt") == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("straße".encode("latin-1"), "is not UTF-8 text (line 1); save it as UTF-8"),
        (b"a\nb\n\xff", "is not UTF-8 text (line 3)"),
        ("abc".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"\xff\xfea", "is not UTF-16 text"),
        (b"\x89PNG\r\n\x1a\n\xff", "is a PNG image; save it as UTF-8 text"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_text(path)
    assert words in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' occurs twice"),
        ('{"a": ' + "9" * 400 + "}", "a whole number of 400 digits (999999...) is too long"),
        ('{"a": ' + "9" * 5000 + "}", "a whole number of 5000 digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ', "is not JSON"),
        ("<!doctype html><html></html>", "is a web page (a download that went wrong), not JSON"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
    ],
)  # fmt: skip
def test_json_is_read_strictly(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_json(tmp_path / "a.json")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_json_of_64_bits_passes() -> None:
    assert parse_json(f'{{"a": {2**64 - 1}, "b": -{2**63}, "c": [1e-3, null, true]}}', "x") == {
        "a": 2**64 - 1, "b": -(2**63), "c": [1e-3, None, True],
    }  # fmt: skip
