"""YAML as people mean it: the core schema of YAML 1.2, and no key twice. The one place where YAML is read and written.

Only ``true`` and ``false`` are truth values, ``1e-3`` is a number, and ``on``, ``no``, ``1:30``, ``010``, ``1_000`` and
``2026-01-02`` are the text that stands there: YAML 1.1 makes truths, 90, 8, 1000 and a date of them. A field that
takes a whole number takes ``010`` as ten.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from archspace.support.errors import InputError
from archspace.support.file_kinds import foreign_kind
from archspace.support.text_files import integer, read_text

MOST_NODES = 1_000_000
"""So many values a file may have, its aliases written out."""

_BOOL, _INT, _FLOAT, _NULL, _MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null", "merge")
)
_CORE = (
    (_BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (_INT, r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        _FLOAT,
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    (_NULL, r"~|null|Null|NULL|", "~nN\0"),
    (_MERGE, r"<<", "<"),
)
"""Tag, what is resolved to it, and the letters that this begins with (YAML 1.2, section 10.3.2)."""


_READ_APART = re.compile(r"[\t\r!\x85\u2028\u2029\ufeff]|[^ \n][#?]")
"""What the scanner in C reads otherwise than that in Python: tabs, tags, other ends of lines, ``x#``, ``x?``."""


class RepeatedKeyError(InputError):
    """A mapping of a YAML file has a key twice."""


class _Core(Composer, SafeConstructor, Resolver):
    """Plain data only, of what another class scans."""

    where = ""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Returns a mapping whose keys are all different, as text and as values."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            line = key.start_mark.line + 1
            names = {str(key.value), str(self.construct_object(key)), *_whole(str(key.value))}
            first = min((lines[name] for name in names if name in lines), default=None)
            if first is not None:
                raise RepeatedKeyError(
                    f"{self.where}: line {line}: key {key.value!r} occurs twice (first in line {first})"
                )
            lines.update(dict.fromkeys(names, line))
        return node

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        """Returns an integer of the core schema."""
        text = str(self.construct_scalar(node))
        if text[:2] in ("0o", "0x"):
            return int(text[2:], 8 if text[1] == "o" else 16)
        return integer(text)


class _Loader(_Core, yaml.SafeLoader):
    """Scans in Python; its messages name the place and the cause."""

    def __init__(self, text: str) -> None:
        yaml.SafeLoader.__init__(self, text)


if yaml.__with_libyaml__:

    class _QuickLoader(_Core, yaml.CSafeLoader):
        """Scans in C."""

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that :class:`_Core` or YAML 1.1 would take for something else."""


_Core.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _CORE:
    _expression = re.compile(f"(?:{_pattern})$")
    _starts = ["" if letter == "\0" else letter for letter in _first]
    _Core.add_implicit_resolver(_tag, _expression, _starts)
    if _tag in (_INT, _FLOAT):
        _Dumper.add_implicit_resolver(_tag, _expression, _starts)
_Core.add_constructor(_INT, _Core.construct_whole)  # type: ignore[type-var]


def parse_yaml(text: str, where: str) -> Any:
    """Returns what a YAML text holds, as plain data; ``where`` begins the messages.

    Raises:
        RepeatedKeyError: a key occurs twice; the message has its line.
        InputError: it is not YAML, or too much of it.
    """
    kind = foreign_kind(text[:2048].encode("utf-8", "replace"))
    if kind:
        raise InputError(f"{where}: is {kind}, not YAML")
    try:
        return _constructed(text, where)
    except RepeatedKeyError:
        raise
    except yaml.YAMLError as error:
        words = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise InputError(f"{where}: not YAML: {words}") from None
    except RecursionError:
        raise InputError(f"{where}: is nested too deeply, or in itself") from None
    except ValueError as error:
        message = str(error)
        raise InputError(message if message.startswith(where) else f"{where}: {message}") from None


def _constructed(text: str, where: str) -> Any:
    """What a text holds; where it is wrong, the slower scanner says so, with the place."""
    if yaml.__with_libyaml__ and not _READ_APART.search(text):
        with suppress(yaml.YAMLError, UnicodeError):
            return _constructed_by(_QuickLoader, text, where)
    return _constructed_by(_Loader, text, where)


def _constructed_by(kind: type[_Loader | _QuickLoader], text: str, where: str) -> Any:
    loader = kind(text)
    loader.where = where
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _nodes(node, {}, set()) > MOST_NODES:
            raise InputError(f"{where}: holds more than {MOST_NODES:,} values, its aliases written out")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def read_yaml(path: Path | Traversable) -> Any:
    """Returns what a YAML file holds, as plain data.

    Raises:
        InputError: the file cannot be read, is not text, or as :func:`parse_yaml`.
    """
    return parse_yaml(read_text(path), str(path))


def dump_yaml(data: Any, **how: Any) -> str:
    """Returns plain data as YAML that :func:`parse_yaml` and readers of YAML 1.1 take back as it was.

    Args:
        data: plain data.
        how: options of :func:`yaml.dump`; the keys keep their order.
    """
    return str(yaml.dump(data, Dumper=_Dumper, **{"sort_keys": False, "default_flow_style": None, **how}))


def _whole(text: str) -> tuple[str, ...]:
    """The whole number that a field of whole numbers takes a key for: ``01`` and ``1.0`` are 1."""
    match = re.fullmatch(r"([-+]?)0*([0-9]+?)(?:\.0*)?", text)
    return (f"{match[1].replace('+', '')}{match[2]}",) if match else ()


def _nodes(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many values a node has with its aliases written out.

    Raises:
        RecursionError: it holds itself.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in above:
        raise RecursionError
    if id(node) not in known:
        above.add(id(node))
        pairs = isinstance(node, yaml.MappingNode)
        inner = [one for pair in node.value for one in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_nodes(one, known, above) for one in inner)
        above.discard(id(node))
    return known[id(node)]
