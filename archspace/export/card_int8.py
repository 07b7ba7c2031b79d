"""What a card says of INT8: what it costs and what it gains, for people. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspace.support.numbers import counted


def int8_lines(card: Mapping[str, Any]) -> list[str]:
    """Returns a line for each format of an INT8 export: layers, metric and latency before and after."""
    return [f"{name}: {_line(one)}" for name, one in card.get("int8", {}).get("formats", {}).items()]


def int8_section(card: Mapping[str, Any]) -> str:
    """Returns the section of the card; empty for another precision."""
    said = card.get("int8")
    if said is None:
        return ""
    taken = said["calibration"]
    where = f" of {taken['dataset']} {taken['split']}" if "dataset" in taken else ""
    lines = [f"- **{name}**: {_line(one)}" for name, one in said["formats"].items()]
    lines += [
        f"- {name}: in float32: {', '.join(f'`{layer}`' for layer in one['float32'])}"
        for name, one in said["formats"].items()
        if one["float32"]
    ]
    return (
        "## INT8\n\n"
        "Weights of convolutions and linear layers are signed bytes, a scale a channel; their inputs unsigned bytes "
        f"within the ranges of {counted(taken['images'], 'image')}{where}. All else is float32.\n\n"
        + "\n".join(lines)
    )


def _line(one: Mapping[str, Any]) -> str:
    parts = [counted(one["layers"], "layer") + " in INT8"]
    metric, latency = one.get("metric"), one.get("latency_ms")
    if metric is not None:
        on = f"{metric['images']} images of {metric['dataset']} {metric['split']}"
        values = f"{metric['before']:.2f} before, {metric['after']:.2f} after"
        parts.append(f"{metric['name']} {values} ({metric['unit']}, {on})")
    if latency is not None:
        faster = latency["ratio"]
        word = f"{faster:.2f} times as fast" if faster >= 1 else f"{1 / faster:.2f} times as slow"
        parts.append(
            f"latency {latency['before']:.3g} ms before, {latency['after']:.3g} ms after: {word} "
            f"(median of {latency['n']} pairs in turns, {counted(latency['threads'], 'thread')}, {latency['device']})"
        )
    return "; ".join(parts)
