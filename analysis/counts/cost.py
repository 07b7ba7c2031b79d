"""A network's cost as one plain mapping: exact counts by level, and other counters beside them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.counts.complexity import count
from archspace.plan import Count
from archspace.spec.archspec import ArchSpec

CONVENTION = (
    "1 MAC = 1 multiply-accumulate of a convolution, transposed convolution or linear layer; "
    "FLOPs = 2 x MACs; papers' FLOPs = conv MACs"
)
NOT_COUNTED = ("batch norm", "activation", "pooling", "resizing", "addition", "bias")
"""What the exact counts leave out by convention."""


def cost_of(spec: ArchSpec, counters: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Returns the content of ``archspace cost --json``.

    Args:
        spec: the network.
        counters: :meth:`analysis.counts.counters.Counter.to_dict` by name; left out, their numbers are ``None``.
    """
    cost = count(spec)
    others = dict(counters or {})
    return {
        "label": spec.label,
        "arch_id": spec.arch_id,
        "task": spec.task,
        "classes": spec.classes,
        "input_size": list(spec.input_size),
        "batch": 1,
        "convention": CONVENTION,
        **_numbers(cost.total),
        "macs_fvcore": _number(others, "fvcore", "macs"),
        "macs_thop": _number(others, "thop", "macs"),
        "flops_torch": _number(others, "torch", "raw"),
        "levels": {name: _numbers(level) for name, level in cost.levels.items()},
        "left_out": {
            "archspace": list(NOT_COUNTED),
            **{name: list(counter["left_out"]) for name, counter in others.items()},
        },
        "counts_extra": {name: dict(counter["counts_extra"]) for name, counter in others.items()},
        "counter_notes": {name: counter["note"] for name, counter in others.items()},
        "spec": spec.to_dict(),
    }


def _numbers(count: Count) -> dict[str, Any]:
    return {
        "params": count.params,
        "dead_params": count.dead_params,
        "macs": count.macs,
        "conv_macs": count.conv_macs,
        "deconv_macs": count.deconv_macs,
        "linear_macs": count.linear_macs,
        "activation_bytes": count.activation_bytes,
        "size_mb": count.size_mb,
    }


def _number(counters: Mapping[str, Mapping[str, Any]], name: str, field: str) -> int | None:
    return int(counters[name][field]) if name in counters else None
