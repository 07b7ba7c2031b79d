"""Lists of a data set's own classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspace.support.errors import InputError
from searches.data.class_list import class_list


def write(folder: Path, text: str, name: str = "classes.txt", encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["classes.txt", "Classes.txt", "labelmap.txt"])
def test_names_void_and_remarks(tmp_path: Path, encoding: str, name: str) -> None:
    text = "# my classes\r\nroad\r\n\r\ntraffic light\r\nVoid = 11\r\n"
    path = write(tmp_path, text, name, encoding)
    classes = class_list([tmp_path / "none", tmp_path])
    assert classes is not None
    assert (classes.source, classes.names, classes.void) == (path, ("road", "traffic light"), 11)


def test_cvats_labelmap(tmp_path: Path) -> None:
    text = (
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0::\nignored:224,224,192::\ndog:::\n"
    )
    write(tmp_path, text, "labelmap.txt")
    classes = class_list([tmp_path])
    assert classes is not None
    assert classes.names == ("background", "cat", "dog") and classes.void == 255
    assert classes.things == ("cat", "dog")
    assert classes.colours == {(0, 0, 0): 0, (128, 0, 0): 1, (224, 224, 192): 255}


def test_classes_txt_goes_before_labelmap_and_none_is_none(tmp_path: Path) -> None:
    assert class_list([tmp_path]) is None
    write(tmp_path, "b\n", "labelmap.txt")
    write(tmp_path, "a\n")
    classes = class_list([tmp_path])
    assert classes is not None and classes.names == ("a",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names 0 classes"),
        ("a\na\n", "class 'a' is named twice"),
        ("a\nvoid = x\n", "must be 'void = N'"),
        ("1: a\n2: b\n", "numbers its classes, and not from 0 on"),
        ("1 a\n2 b\n", "data.classes: {1: a, 2: b, ...}"),
        ("0: a\n2: b\n", "numbers its classes"),
        ("name,r,g,b\na,0,0,0\nb,1,1,1\n", "'a,0,0,0': has a number beside the name"),
        ("a: 1\nb: 0\n", "has a number beside the name"),
        ("a\nb\nvoid = 1\n", "void = 1 is the index of class 'b'"),
        ("\n".join(map(str, range(300))), "names 300 classes"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, text)
    with pytest.raises(InputError, match=r"classes\.txt") as caught:
        class_list([tmp_path])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ["0: a\n1: b\n", "0 a\n1 b\n", "0) a\n1) b\n", "0. a\n1. b\n", "00,a\n01,b\n"]
)
def test_numbers_from_0_on_are_no_part_of_the_names(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    classes = class_list([tmp_path])
    assert classes is not None and classes.names == ("a", "b")


def test_names_that_begin_with_a_number_stay(tmp_path: Path) -> None:
    write(tmp_path, "30 km/h\n50 km/h\n3wheeler\n")
    classes = class_list([tmp_path])
    assert classes is not None and classes.names == ("30 km/h", "50 km/h", "3wheeler")


@pytest.mark.parametrize("line", ["void: 2", "ignore = 2", "Ignore_Index: 2", "void=2"])
def test_void_in_other_words_is_no_class(tmp_path: Path, line: str) -> None:
    write(tmp_path, f"a\nb\n{line}\n")
    classes = class_list([tmp_path])
    assert classes is not None and (classes.names, classes.void) == (("a", "b"), 2)
