"""ArchSpec: one network as frozen, validated, versioned data. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as dataclass_fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from archspace.plan.design import NETWORKS, reads_the_same
from archspace.plan.nodes import Block
from archspace.spec.fitting import is_given, with_fitting_branches
from archspace.spec.labels import label_of
from archspace.spec.record import FIELDS, SpecRecord
from archspace.spec.resolve import resolve
from archspace.support.errors import SpecError, closest

SPEC_VERSION = 1
"""Version of the spec's fields; a spec with a higher number was written by a newer archspace."""


@dataclass(frozen=True, init=False)
class ArchSpec(SpecRecord):
    """One network: what it is made of, for which task and input.

    Fields left out take the network's published defaults. A field that the chosen network and units cannot honour is
    ``None``, and giving it a value raises. :class:`archspace.spec.record.SpecRecord` says what each field means.
    """

    def __init__(
        self,
        network: str,
        *,
        task: str | None = None,
        unit: str | Sequence[str | None] | None = None,
        branches: int | Sequence[int | None] | None = None,
        width: float | None = None,
        alphas: int | Sequence[int] | None = None,
        receptive_field: int | Sequence[int | None] | None = None,
        dilated: bool | None = None,
        fusion: str | None = None,
        residual: bool | None = None,
        activation: str | None = None,
        pointwise_kernel: int | None = None,
        downsampling: str | None = None,
        reinforcement: bool | None = None,
        decoder: str | None = None,
        classes: int | None = None,
        input_size: int | Sequence[int] | None = None,
        channels: int | None = None,
        inner: float | Sequence[float | None] | None = None,
        shortcut: str | None = None,
        stem: str | None = None,
        long_skip: bool | None = None,
        gate: bool | None = None,
        decoder_width: float | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in FIELDS}
        self._fill(resolve(given), given.get("branches"))

    def _fill(self, values: Mapping[str, Any], given: object) -> None:
        """Sets the fields; a K that was not ``given`` is the nearest to the unit's default that fits its level."""
        for name, value in values.items():
            object.__setattr__(self, name, value)
        for _ in self.branches:
            try:
                network_plan(self)
                return
            except SpecError as error:
                if is_given(given, error.field):
                    raise with_fitting_branches(self, error) from None
                fitting = with_fitting_branches(self, error, shared=False)
            index = int(fitting.field.partition("[")[2].rstrip("]"))
            ks = (fitting.nearest if i == index else k for i, k in enumerate(self.branches))
            object.__setattr__(self, "branches", tuple(ks))
        network_plan(self)

    @classmethod
    def _resolved(cls, given: Mapping[str, Any], lenient: Sequence[str]) -> ArchSpec:
        spec = cls.__new__(cls)
        spec._fill(resolve(given, lenient), given.get("branches"))
        return spec

    @classmethod
    def sampled(cls, fields: Mapping[str, Any]) -> ArchSpec:
        """Returns the spec of ``fields`` with those dropped that cannot be honoured, as a sampler's space needs it.

        Raises:
            SpecError: a value breaks a rule in itself (a K that does not divide the channels).
        """
        _known(fields)
        return cls._resolved(fields, FIELDS)

    def replace(self, **changes: Any) -> ArchSpec:
        """Returns this spec with ``changes``; what no longer fits beside them falls back to the network's default.

        Raises:
            SpecError: a change breaks a rule.
        """
        _known(changes)
        kept = self.to_dict()
        if changes.get("network", self.network) != self.network:
            networks = (self.network, str(changes["network"]))
            family = {network.split("-")[0] for network in networks}
            own = ("unit", "branches", "alphas", "receptive_field") if len(family) == 1 else ()
            same = ("classes", "input_size", "channels", "task") if reads_the_same(*networks) else ()
            kept = {name: kept[name] for name in ("width", "activation", *same, *own)}
        kept.pop("version", None)
        lenient = [name for name in FIELDS if name not in changes]
        while True:
            try:
                return self._resolved({**kept, **changes}, lenient)
            except SpecError as error:
                name, _, level = error.field.partition("[")
                if kept.get(name) is None or name in changes:
                    raise
                index = int(level.rstrip("]")) if name == "branches" else None
                if index is None or kept[name][index] is None:
                    del kept[name]
                else:
                    kept[name] = [None if i == index else k for i, k in enumerate(kept[name])]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON and YAML, with the version first."""
        data: dict[str, Any] = {"version": SPEC_VERSION}
        for name in FIELDS:
            value = getattr(self, name)
            data[name] = list(value) if isinstance(value, tuple) else value
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArchSpec:
        """Returns inverse of :meth:`to_dict`; fields may be missing.

        Raises:
            SpecError: an unknown field, a newer version, or a value that breaks a rule.
        """
        if not isinstance(data, Mapping):
            raise SpecError("spec", data, "must be a mapping of fields", "network: espnetv2")
        fields = dict(data)
        version = fields.pop("version", SPEC_VERSION)
        if version != SPEC_VERSION:
            newer = isinstance(version, int) and version > SPEC_VERSION
            rule = f"this archspace reads version {SPEC_VERSION}"
            rule += "; the spec was written by a newer one" if newer else ""
            raise SpecError("version", version, rule, SPEC_VERSION)
        _known(fields)
        return cls(**{"network": None, **fields})

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> ArchSpec:
        """Returns inverse of :meth:`to_json`."""
        from archspace.support.text_files import parse_json

        return cls.from_dict(parse_json(text, "spec"))

    def to_yaml(self) -> str:
        """YAML with the fields in their own order."""
        from archspace.support.yaml_text import dump_yaml

        return dump_yaml(self.to_dict())

    @classmethod
    def from_yaml(cls, text: str) -> ArchSpec:
        """Returns inverse of :meth:`to_yaml`; JSON is YAML too."""
        from archspace.support.yaml_text import parse_yaml

        return cls.from_dict(parse_yaml(text, "spec"))

    @classmethod
    def read(cls, path: Path) -> ArchSpec:
        """Returns the spec in a YAML or JSON file."""
        from archspace.support.text_files import read_text
        from archspace.support.yaml_text import parse_yaml

        return cls.from_dict(parse_yaml(read_text(Path(path), f"spec: {path}"), f"spec: {path}"))

    @property
    def plan(self) -> Block:
        """The network's tree of layers, with every derived integer."""
        return network_plan(self)

    @property
    def arch_id(self) -> str:
        """Twelve hexadecimal digits: a hash of the canonical JSON of what is built.

        Two specs that build the same network for the same task and input have the same id, however they are
        written (a limit of 13 or of 9 where no kernel exceeds 9; widths that round to the same channels).
        """
        return _arch_id(self)

    @property
    def label(self) -> str:
        """A short readable name: network, width, units, K, alphas, and what is not as the network has it by itself."""
        return label_of(self)


def _known(fields: Mapping[str, Any]) -> None:
    for name in fields:
        if name not in FIELDS:
            raise SpecError(str(name), fields[name], "unknown field", closest(str(name), list(FIELDS)))


@lru_cache(maxsize=4096)
def network_plan(spec: ArchSpec) -> Block:
    """Returns the tree of layers of ``spec``.

    Raises:
        SpecError: a derived integer cannot be (a K that does not divide).
    """
    return NETWORKS[spec.network].draw(spec)


_LEAVES = frozenset({bool, int, float, str, type(None)})


@cache
def _hashed(kind: type) -> tuple[tuple[str, ...], tuple[tuple[str, object], ...]] | None:
    """Of a node's class the fields that are always hashed, and those that came later with the value they had before."""
    if not is_dataclass(kind):
        return None
    own = dataclass_fields(kind)
    later = tuple((f.name, f.default) for f in own if "later" in f.metadata)
    return tuple(f.name for f in own if "later" not in f.metadata), later


def plain(node: object) -> object:
    """Returns a plan as nested lists, for hashing."""
    if isinstance(node, tuple):
        return [item if type(item) in _LEAVES else plain(item) for item in node]
    named = _hashed(type(node))  # type: ignore[arg-type]  # a class is hashable; typeshed's type is not
    if named is None:
        return node
    made: list[object] = [type(node).__name__]
    for name in named[0]:
        value = getattr(node, name)
        made.append(value if type(value) in _LEAVES else plain(value))
    made += [[name, plain(value)] for name, before in named[1] if (value := getattr(node, name)) != before]
    return made


@lru_cache(maxsize=4096)
def _arch_id(spec: ArchSpec) -> str:
    identity = [SPEC_VERSION, spec.task, list(spec.input_size), plain(spec.plan)]
    text = json.dumps(identity, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
