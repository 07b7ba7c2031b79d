"""The decode-once cache: what is stored, when it is made again, and what is left after a failure."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data import cache
from searches.data.cache import Item, cached, stamp
from tests.commands import python

ARRAYS = {"images": Item((2, 3, 1), "uint8"), "labels": Item((), "int64")}


class Counter:
    """A fill function that counts its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, index: int) -> Sequence[NDArray[Any]]:
        self.calls.append(index)
        return np.full((2, 3, 1), index % 256, np.uint8), np.array(index, np.int64)


def content(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_second_open_fills_nothing_and_maps_the_same_values(cache_folder: Path) -> None:
    fill = Counter()
    first = cached({"layout": "x"}, 600, ARRAYS, fill)
    assert sorted(fill.calls) == list(range(600))
    second = cached({"layout": "x"}, 600, ARRAYS, fill)
    assert len(fill.calls) == 600
    for arrays in (first, second):
        assert isinstance(arrays["images"], np.memmap)
        assert not arrays["images"].flags.writeable
        np.testing.assert_array_equal(arrays["labels"], np.arange(600))
        np.testing.assert_array_equal(arrays["images"][:, 1, 2, 0], np.arange(600) % 256)
    assert len(content(cache_folder)) == 1


@pytest.mark.parametrize("change", [{"layout": "y"}, {"split": "val"}, {"sources": [("a.jpg", 3, 8)]}])
def test_another_key_is_another_entry(cache_folder: Path, change: dict[str, object]) -> None:
    key: dict[str, object] = {"layout": "x", "split": "train", "sources": [("a.jpg", 3, 7)]}
    fill = Counter()
    cached(key, 3, ARRAYS, fill)
    cached({**key, **change}, 3, ARRAYS, fill)
    assert len(fill.calls) == 6
    assert len(content(cache_folder)) == 2


def test_format_count_and_shapes_are_part_of_the_key(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached({}, 2, ARRAYS, Counter())
    cached({}, 3, ARRAYS, Counter())
    cached({}, 2, {"labels": Item((), "int64")}, lambda i: (np.array(i),))
    monkeypatch.setattr(cache, "FORMAT_VERSION", cache.FORMAT_VERSION + 1)
    cached({}, 2, ARRAYS, Counter())
    assert len(content(cache_folder)) == 4


def test_stamp_sees_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"123")
    os.utime(path, ns=(5, 7))
    made = stamp(path, tmp_path)
    assert made[:3] == ("sub/a.png", 3, 7)
    path.write_bytes(b"xyz")
    os.utime(path, ns=(5, 7))
    assert stamp(path, tmp_path) != made
    with pytest.raises(InputError, match=r"b\.png: cannot be read"):
        stamp(tmp_path / "b.png", tmp_path)


def test_a_failing_fill_passes_through_and_leaves_nothing(cache_folder: Path) -> None:
    def fill(index: int) -> Sequence[NDArray[Any]]:
        if index == 5:
            raise InputError("5.jpg: broken")
        return Counter()(index)

    with pytest.raises(InputError, match=r"^5\.jpg: broken$"):
        cached({}, 9, ARRAYS, fill)
    assert content(cache_folder) == []
    assert len(cached({}, 9, ARRAYS, Counter())["images"]) == 9


def test_an_item_of_another_shape_is_refused(cache_folder: Path) -> None:
    with pytest.raises(ValueError, match="announced"):
        cached({}, 2, {"a": Item((2,), "uint8")}, lambda i: (np.zeros(3, np.uint8),))
    assert content(cache_folder) == []


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "no space left"), (errno.EIO, "cannot be written")]
)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    written: list[int] = []

    def write(file: BinaryIO, data: memoryview) -> None:
        written.append(len(data))
        if len(written) > 4:
            raise OSError(code, os.strerror(code))
        file.write(data)

    monkeypatch.setattr(cache, "_write_bytes", write)
    with pytest.raises(InputError, match=words) as caught:
        cached({}, 9, ARRAYS, Counter())
    assert "\n" not in str(caught.value)
    assert str(cache_folder) in str(caught.value)
    assert content(cache_folder) == []


def test_a_cache_that_is_a_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARCHSPACE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"ARCHSPACE_CACHE: .*cannot be written"):
        cached({}, 1, ARRAYS, Counter())


@pytest.mark.parametrize("keep", [0, 40, 150])
def test_a_cut_file_is_made_again(cache_folder: Path, keep: int) -> None:
    cached({}, 50, ARRAYS, Counter())
    file = next(cache_folder.iterdir()) / "images.npy"
    file.write_bytes(file.read_bytes()[:keep])
    fill = Counter()
    np.testing.assert_array_equal(cached({}, 50, ARRAYS, fill)["labels"], np.arange(50))
    assert len(fill.calls) == 50


def test_writers_at_the_same_time_agree(cache_folder: Path) -> None:
    def slow(index: int) -> Sequence[NDArray[Any]]:
        time.sleep(0.002)
        return Counter()(index)

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: cached({}, 40, ARRAYS, slow), range(6)))
    for arrays in results:
        np.testing.assert_array_equal(arrays["labels"], np.arange(40))
    assert len(content(cache_folder)) == 1


def test_a_killed_writer_leaves_nothing_that_is_read(cache_folder: Path) -> None:
    program = (
        "import os, numpy as np\n"
        "from searches.data.cache import Item, cached\n"
        "def fill(i):\n"
        "    if i == 7: os._exit(9)\n"
        "    return (np.array(1),)\n"
        "cached({}, 20, {'a': Item((), 'int64')}, fill)\n"
    )
    killed = python(program)
    assert killed.returncode == 9, killed.stderr
    (left,) = content(cache_folder)
    array = cached({}, 20, {"a": Item((), "int64")}, lambda i: (np.array(i),))["a"]
    np.testing.assert_array_equal(array, np.arange(20))
    os.utime(cache_folder / left, (0, 0))
    cached({"other": 1}, 1, ARRAYS, Counter())
    assert left not in content(cache_folder)


def test_decoding_is_logged_once(cache_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "searches.data.cache")
    for _ in range(2):
        cached({"layout": "x", "split": "val"}, 3, ARRAYS, Counter())
    first, last = caplog.messages
    assert first.startswith("decoding x/val: 3 items into ")
    assert last.startswith("decoded x/val: 3 items in ")
    assert last.endswith(" s")
