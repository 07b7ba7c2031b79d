"""A short readable name of a spec, in which networks that differ differ. No torch."""

from __future__ import annotations

from functools import lru_cache

from archspace.plan.design import NETWORKS
from archspace.spec.record import FIELDS, SpecRecord
from archspace.spec.resolve import resolve

IDENTITY = (
    "network",
    "width",
    "unit",
    "branches",
    "inner",
    "alphas",
    "task",
    "classes",
    "input_size",
    "channels",
)
"""Fields that a label says in words of their own, or not at all; ``channels`` of a text are no part of its data."""
ENABLING = ("decoder", "downsampling", "shortcut")
"""Fields on which it depends whether others can be honoured."""
WORDS = {
    "receptive_field": "rf",
    "pointwise_kernel": "pointwise",
    "long_skip": "long-skip",
    "decoder_width": "dw",
}
"""Fields by what a label calls them; others have their name."""


@lru_cache(maxsize=4096)
def label_of(spec: SpecRecord) -> str:
    """Returns network, width, units, K and alphas, then every field that differs from the network's own."""
    units = sorted({u for u in spec.unit if u})
    ks = sorted({k for k in spec.branches if k})
    parts = [spec.network, f"s={spec.width:g}", "+".join(units) or "conv"]
    if ks:
        parts.append("K=" + ",".join(map(str, ks)))
    inner = [f"{share:g}" if share else "own" for share in spec.inner or ()]
    if inner:
        parts.append("inner=" + _shared(inner))
    return " ".join([*parts, "a=" + "-".join(map(str, spec.alphas)), *_others(spec)])


def _others(spec: SpecRecord) -> list[str]:
    """``decoder=meu``, ``gate``, ``residual=no``: what is not as the network has it by itself."""
    identity = IDENTITY[:-1] if NETWORKS[spec.network].reads.sequence else IDENTITY
    given = {name: getattr(spec, name) for name in identity}
    usual = resolve(given, FIELDS)
    beside = resolve({**given, **{name: getattr(spec, name) for name in ENABLING}}, FIELDS)
    words = []
    for name in FIELDS:
        value = getattr(spec, name)
        if name in identity or value is None or value == (usual if name in ENABLING else beside)[name]:
            continue
        word = WORDS.get(name, name)
        words.append(word if value is True and word != "residual" else f"{word}={_written(value)}")
    return words


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return _shared(["none" if one is None else f"{one:g}" for one in value])
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shared(entries: list[str]) -> str:
    """One entry for all levels where they are equal."""
    return ",".join(entries[:1] if len(set(entries)) == 1 else entries)
