"""YAML as people mean it."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import yaml

from archspace.support import yaml_text
from archspace.support.errors import InputError
from archspace.support.yaml_text import RepeatedKeyError, dump_yaml, parse_yaml

PAIRS = tuple(zip("abcdef", "bcdefg", strict=True))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("Yes", "Yes"), ("off", "off"), ("y", "y"), ("true", True), ("False", False),
        ("1:30", "1:30"), ("010", "010"), ("1_000", "1_000"), ("0o17", 15), ("0x1F", 31), ("0b11", "0b11"),
        ("1e-3", 1e-3), ("1E5", 1e5), ("-.5", -0.5), ("1.", 1.0), (".inf", float("inf")), ("+12", 12), ("0", 0),
        ("2026-01-02", "2026-01-02"), ("~", None), ("", None), ("null", None), ("'10'", "10"), ("=", "="),
    ],
)  # fmt: skip
def test_words_and_numbers_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = parse_yaml(f"key: {text}", "file")["key"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "file: line 3: key 'a' occurs twice (first in line 1)"),
        ("labels:\n  0: 0\n  1: 1\n  1: 0", "file: line 4: key '1' occurs twice (first in line 3)"),
        ("{1: 0, 0x1: 1}", "file: line 1: key '0x1' occurs twice"),
        ("{1: 0, '1': 1}", "file: line 1: key '1' occurs twice"),
    ],
)
def test_a_key_twice_is_named_with_its_lines(text: str, words: str) -> None:
    with pytest.raises(RepeatedKeyError) as caught:
        parse_yaml(text, "file")
    assert str(caught.value).startswith(words)


def test_a_merged_key_may_be_replaced() -> None:
    text = "base: &base {a: 1, b: 2}\none: {<<: *base, b: 3}\ntwo: {<<: *base}"
    assert parse_yaml(text, "file")["one"] == {"a": 1, "b": 3}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not YAML: while parsing"),
        ("<!doctype html><html>a: b</html>", "is a web page (a download that went wrong), not YAML"),
        ("a: " + "9" * 400, "a whole number of 400 digits"),
        ("a: &a [*a]", "in itself"),
        ("[" * 5000, "nested too deeply"),
        ("a: !!python/name:os.system x", "not YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 2", "not YAML: expected a single document"),
        (
            "a: &a [1,1,1,1,1,1,1,1]\n" + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 8)}]\n" for a, b in PAIRS),
            "more than 1,000,000 values",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "file")
    assert str(caught.value).startswith("file: ") and words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_written_is_read_back_by_us_and_by_yaml_1_1() -> None:
    texts = [
        "1e-3",
        "on",
        "no",
        "0o17",
        "010",
        "1:30",
        "null",
        "~",
        "2026-01-02",
        "1_000",
        "=",
        "<<",
        "12",
        ".5",
    ]
    data: dict[str, Any] = {str(i): text for i, text in enumerate([*texts, ""])}
    data |= {"f": 1e-5, "big": 2**60, "t": True, "n": None, "l": [1, 2.5, "x"]}
    assert parse_yaml(dump_yaml(data), "file") == data == yaml.safe_load(dump_yaml(data))


@pytest.mark.parametrize("second", ["01", "1.0", "'1'", "+1", "0x1", "1."])
def test_two_keys_that_are_one_number_are_one_key(second: str) -> None:
    with pytest.raises(RepeatedKeyError, match=r"line 2: key .* occurs twice"):
        parse_yaml(f"1: a\n{second}: b\n", "f.yaml")
    assert parse_yaml("1: a\n10: b\n1.5: c\n100: d\n", "f.yaml") == {1: "a", 10: "b", 1.5: "c", 100: "d"}


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML is without libyaml")
def test_the_scanner_in_c_takes_nothing_for_something_else() -> None:
    pieces = [
        *"ab:{}[],-?&*|>'\"%@`#~! \n\t0123.e+_<=\\\r\x85\u2028é",
        "a: ",
        "- ",
        "\n  ",
        "1e3",
        "a: |\n  ",
        "x#",
    ]
    rng, met = random.Random(5), 0
    for _ in range(3000):
        text = "".join(rng.choices(pieces, k=rng.randrange(1, 16)))
        seen = []
        for scanner in (yaml_text._constructed, partial(yaml_text._constructed_by, yaml_text._Loader)):
            try:
                seen.append(repr(scanner(text, "file")))
            except (yaml.YAMLError, InputError, ValueError) as error:
                seen.append(str(error))
        assert seen[0] == seen[1], text
        met += not yaml_text._READ_APART.search(text)
    assert met > 500
