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
        ("a\nb\nvoid = 1\n", "void = 1 is the index of class 'b'"),
        ("\n".join(map(str, range(300))), "names 300 classes"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, text)
    with pytest.raises(InputError, match=r"classes\.txt") as caught:
        class_list([tmp_path])
    assert words in str(caught.value)
