"""Text data sets: tokens as the corpora are counted, the vocabulary, splits and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archspace.support.errors import InputError
from searches.data import text
from searches.data.text import END, STRETCH, TextSplit, load_text, seen_stretches, text_files

pytestmark = pytest.mark.usefixtures("cache_folder")


def words(split: TextSplit) -> list[str]:
    return [split.vocabulary[i] for i in split.tokens]


def write(root: Path, **files: str) -> Path:
    root.mkdir(exist_ok=True, parents=True)
    for name, content in files.items():
        (root / name.replace("__", ".")).write_text(content, encoding="utf-8")
    return root


def test_words_line_ends_and_the_order_of_the_vocabulary(tmp_path: Path) -> None:
    write(tmp_path, train__txt=" b a b \n\n c\u2028é <unk> \n", valid__txt="a zebra\n", test__txt="c")
    train = load_text(tmp_path, "train")
    assert train.vocabulary == ("<eos>", "b", "a", "c", "é", "<unk>")
    assert words(train) == ["b", "a", "b", "<eos>", "<eos>", "c", "é", "<unk>", "<eos>"]
    assert train.tokens.dtype == np.int64
    assert train.name == "train.txt"
    assert words(load_text(tmp_path, "val")) == ["a", "<unk>", "<eos>"]
    assert words(load_text(tmp_path, "test")) == ["c", "<eos>"]
    assert load_text(tmp_path, "val").vocabulary == train.vocabulary


def test_unknown_is_added_where_train_has_none(tmp_path: Path) -> None:
    write(tmp_path, train__txt="a a b\n", val__txt="c\n")
    assert load_text(tmp_path, "train").vocabulary == ("a", "b", "<eos>", "<unk>")
    assert words(load_text(tmp_path, "val")) == ["<unk>", "<eos>"]


@pytest.mark.parametrize("pattern", ["wiki.{}.tokens", "ptb.{}.txt", "{}.txt", "{}.tokens"])
def test_the_names_of_the_corpora(tmp_path: Path, pattern: str) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / pattern.format(split)).write_text(f"{split} x\n")
    (tmp_path / "notes.txt").write_text("no split")
    assert {split: path.name for split, path in text_files(tmp_path).items()} == {
        "train": pattern.format("train"), "val": pattern.format("valid"), "test": pattern.format("test"),
    }  # fmt: skip
    assert words(load_text(tmp_path, "train")) == ["train", "x", "<eos>"]


def test_one_file_is_divided_by_lines(tmp_path: Path) -> None:
    path = tmp_path / "all.txt"
    path.write_text("".join(f"w{i}\n" for i in range(20)))
    parts = {split: load_text(path, split) for split in ("train", "val", "test")}
    assert [len(part) // 2 for part in parts.values()] == [16, 2, 2]
    assert words(parts["train"])[0] == "w0"
    assert words(parts["test"]) == ["<unk>", "<eos>"] * 2
    assert parts["val"].name == "all.txt, val"


def test_a_missing_train_is_said_and_can_be_mapped(tmp_path: Path) -> None:
    write(tmp_path, valid__txt="a b\n", test__txt="b c\n")
    with pytest.raises(
        InputError, match=r"no text file of split 'train'; the vocabulary .*\(splits here: val, test\)"
    ):
        load_text(tmp_path, "test")
    mapped = {"train": "valid"}
    assert words(load_text(tmp_path, "train", splits=mapped)) == ["a", "b", "<eos>"]
    assert words(load_text(tmp_path, "test", splits=mapped)) == ["b", "<unk>", "<eos>"]
    for wrong in ({"train": "dev"}, {"trian": "test"}, {"val": "train"}):
        with pytest.raises(InputError, match=r"splits: .*maps one of train, val, test to a split"):
            load_text(tmp_path, "test", splits=wrong)


def test_a_given_vocabulary_takes_the_place_of_the_training_text(tmp_path: Path) -> None:
    write(tmp_path, train__txt="x y\n", test__txt="b a z\n")
    own = load_text(tmp_path, "test")
    given = load_text(tmp_path, "test", vocabulary=["a", "<unk>", "<eos>", "b"])
    assert words(own) == ["<unk>", "<unk>", "<unk>", "<eos>"]
    assert words(given) == ["b", "a", "<unk>", "<eos>"]
    assert given.tokens.tolist() == [3, 0, 1, 2]
    (tmp_path / "train.txt").unlink()
    assert words(load_text(tmp_path, "test", vocabulary=["<unk>", "z"])) == ["<unk>", "<unk>", "z", "<unk>"]


def test_a_beginning_of_a_text(tmp_path: Path) -> None:
    write(tmp_path, train__txt="a b c\n")
    text = load_text(tmp_path, "train")
    assert words(text.head(2)) == ["a", "b"] and text.head(4) is text.head(None) is text
    assert text.head(2).vocabulary == text.vocabulary
    with pytest.raises(InputError, match="nearest valid: 2"):
        text.head(1)


def test_splits_by_other_names_and_marks(tmp_path: Path) -> None:
    (tmp_path / "Train.TXT").write_bytes("\ufeffa b\r\nc\r\n".encode("utf-16"))
    (tmp_path / "validation.txt").write_text("\ufeffa c\n", encoding="utf-8")
    assert words(load_text(tmp_path, "train")) == ["a", "b", END, "c", END]
    assert words(load_text(tmp_path, "val")) == ["a", "c", END]
    (tmp_path / "valid.txt").write_text("b\n")
    with pytest.raises(InputError, match=r"valid\.txt and validation\.txt are both the text of split 'val'"):
        load_text(tmp_path, "val")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_text(tmp_path / "none", "train")
    with pytest.raises(InputError, match="unknown split"):
        load_text(tmp_path, "valid")
    with pytest.raises(InputError, match="splits here: none"):
        load_text(tmp_path, "train")
    write(tmp_path, train__txt="\n\n")
    with pytest.raises(InputError, match=r"train\.txt: holds no word"):
        load_text(tmp_path, "train")
    (tmp_path / "train.txt").write_bytes(b"abc \xff\n")
    with pytest.raises(InputError, match=r"train\.txt: is not UTF-8 text \(line 1\)"):
        load_text(tmp_path, "train")


def test_a_text_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, train__txt="a b\n")
    load_text(tmp_path, "train")
    with monkeypatch.context() as patch:
        patch.setattr(text, "vocabulary_of", lambda words: pytest.fail("read again"))
        assert words(load_text(tmp_path, "train")) == ["a", "b", "<eos>"]
    write(tmp_path, train__txt="a b c\n")
    assert words(load_text(tmp_path, "train")) == ["a", "b", "c", "<eos>"]


def test_wikitext2_is_as_long_as_published(shared: Path) -> None:
    """Merity et al. 2016, table 1: 217,646 tokens of validation and 245,569 of test."""
    root = shared / "data" / "wikitext2"
    val, test = (load_text(root, split, splits={"train": "valid"}) for split in ("val", "test"))
    assert (len(val), len(test)) == (217_646, 245_569)
    assert val.vocabulary == test.vocabulary
    assert {"<unk>", "<eos>", "the"} <= set(val.vocabulary[:12])
    assert val.tokens.max() == len(val.vocabulary) - 1


def test_shares_of_train_are_its_last_lines(tmp_path: Path) -> None:
    write(tmp_path, valid__txt="".join(f"w{i}\n" for i in range(10)), test__txt="own\n")
    splits = {"train": "valid", "val": 0.2}
    train, val, test = (load_text(tmp_path, name, splits=splits) for name in ("train", "val", "test"))
    assert words(train) == [word for i in range(8) for word in (f"w{i}", END)]
    assert words(val) == ["<unk>", END] * 2 and words(test) == ["<unk>", END]
    assert (train.name, val.name, test.name) == ("valid.txt, train", "valid.txt, val", "test.txt")
    both = {"train": "valid", "val": 0.2, "test": 0.1}
    parts = [
        load_text(tmp_path, name, splits=both, vocabulary=train.vocabulary)
        for name in ("train", "val", "test")
    ]
    assert [len(part) // 2 for part in parts] == [7, 2, 1]
    one = {"val": 0.3}
    assert len(load_text(tmp_path / "valid.txt", "train", splits=one)) == 14
    with pytest.raises(InputError, match="no text file of split 'test'"):
        load_text(tmp_path / "valid.txt", "test", splits=one)


def test_a_vocabulary_of_ones_size_keeps_the_most_frequent(tmp_path: Path) -> None:
    write(tmp_path, train__txt="a a a b b c\n", valid__txt="a b c\n")
    assert load_text(tmp_path, "train", most=3).vocabulary == ("a", "b", "<unk>")
    assert words(load_text(tmp_path, "val", most=3)) == ["a", "b", "<unk>", "<unk>"]
    assert load_text(tmp_path, "train", most=99).vocabulary == ("a", "b", "c", END, "<unk>")
    write(tmp_path, train__txt="<unk> <unk> a b\n")
    assert load_text(tmp_path, "train", most=2).vocabulary == ("<unk>", "a")


def test_stretches_that_stand_in_another_text_are_found_wherever_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = (*(f"w{i}" for i in range(50)), "<unk>")
    other = TextSplit(tokens=rng.integers(0, 50, 500), vocabulary=names, name="train")
    fresh = rng.integers(0, 50, 4 * STRETCH)
    assert seen_stretches(TextSplit(tokens=fresh, vocabulary=names, name="test"), other) == []
    copied = fresh.copy()
    copied[STRETCH : 2 * STRETCH] = other.tokens[101 : 101 + STRETCH]
    assert seen_stretches(TextSplit(tokens=copied, vocabulary=names, name="test"), other) == [
        f"from token {STRETCH} on"
    ]
    nothing = TextSplit(tokens=np.full(100, 50), vocabulary=names, name="unknown")
    assert seen_stretches(nothing, nothing) == []
