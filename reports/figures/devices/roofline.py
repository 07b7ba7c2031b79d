"""The roofline of a device with a network's layers on it: operations a byte against operations a second."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from archspace.support.errors import InputError
from archspace.support.numbers import tick_text
from reports.figures.devices.reading import LayerFile
from reports.style.names import unit_name, written
from reports.style.style import INK, MUTED, OKABE_ITO, UNIT_STYLES, log_ticks, unit_style
from reports.style.theme import AXIS, apply_theme

LOOKS = tuple(
    (OKABE_ITO[colour], symbol)
    for colour, symbol in (
        ("blue", "circle"), ("orange", "square"), ("green", "triangle-up"), ("purple", "diamond"),
        ("vermillion", "triangle-down"), ("sky", "pentagon"), ("black", "cross"), ("yellow", "hexagon2"),
    )
)  # fmt: skip
_KINDS = {
    "chain": "chain of layers", "act": "activation", "edgenets-pyramid": "pyramid pooling (EdgeNets)",
    "edgenets-weighted": "weighted skip (EdgeNets)",
}  # fmt: skip
SMALLEST, LARGEST = 7.0, 34.0


def roofline_points(file: LayerFile) -> pd.DataFrame:
    """Layers that do MACs: ``intensity`` in operations a byte, ``attained`` a second, ``share`` of the time.

    Raises:
        InputError: no layer has MACs, bytes and a time.
    """
    layers = file.layers
    kept = layers[(layers["macs"] > 0) & (layers["bytes"] > 0) & (layers["ms"] > 0)]
    if kept.empty:
        raise InputError(
            f"{file.data['label']}: no layer has MACs, bytes and a time: there is no roofline to draw"
        )
    return kept.assign(
        intensity=2 * kept["macs"] / kept["bytes"], attained=2e3 * kept["macs"] / kept["ms"],
        share=kept["ms"] / layers["ms"].sum(),
    )  # fmt: skip


def roof(file: LayerFile, intensity: float) -> float:
    """Operations a second that the device could attain at an intensity."""
    return float(min(file.data["peak_flops"], intensity * file.data["bandwidth"]))


def roofline_figure(file: LayerFile) -> go.Figure:
    """Returns each layer as a mark, its area its share of the time; hollow marks are predicted."""
    data, points = file.data, roofline_points(file)
    predicted = data["origin"] == "predicted"
    ridge = data["peak_flops"] / data["bandwidth"]
    low = min(points["intensity"].min(), ridge) / 2
    high = max(points["intensity"].max(), ridge) * 3
    along = [low, ridge, high]
    figure = go.Figure()
    figure.add_scatter(
        x=along, y=[roof(file, each) for each in along], mode="lines", hoverinfo="skip",
        line={"color": INK, "width": 2}, name=f"roof ({html.escape(data['roofs'])})",
    )  # fmt: skip
    looks = kind_looks(file.layers["kind"])
    for kind, group in points.groupby("kind", sort=False):
        colour, symbol = looks[str(kind)]
        texts = [
            f"{html.escape(row['name'])}<br>{row['ms']:.3f} ms, {100 * row['share']:.1f} % of the time, "
            f"{row['macs']:,} MACs"
            for row in group.to_dict("records")
        ]
        figure.add_scatter(
            x=group["intensity"], y=group["attained"], mode="markers", hovertext=texts, hoverinfo="text",
            name=html.escape(kind_name(str(kind))),
            marker={
                "color": colour, "symbol": f"{symbol}-open" if predicted else symbol, "opacity": 0.8,
                "size": np.clip(90 * np.sqrt(group["share"]), SMALLEST, LARGEST),
                "line": {"color": colour if predicted else "white", "width": 1.6 if predicted else 0.8},
            },
        )  # fmt: skip
    bottom, top = points["attained"].min() / 2, max(data["peak_flops"], points["attained"].max()) * 2
    for axis, ends, suffix in (
        (figure.update_xaxes, (low, high), ""),
        (figure.update_yaxes, (bottom, top), ""),
    ):
        ticks = log_ticks(*ends)
        axis(
            **AXIS, type="log", range=[math.log10(end) for end in ends], tickvals=ticks,
            ticktext=[tick_text(tick) + suffix for tick in ticks],
        )  # fmt: skip
    figure.update_xaxes(
        title="Arithmetic intensity (operations a byte read or written, caches left out, log scale)"
    )
    figure.update_yaxes(title=f"Attained (operations a second, {data['origin']}, log scale)")
    _roof_words(figure, data, ridge, low, high)
    rest = 100 * (1 - points["share"].sum())
    words = [str(data["device"]), f"not shown: parts without MACs, {rest:.0f} % of the time"]
    words += data.get("flags", [])
    if data.get("error"):
        words.append(str(data["error"]))
    apply_theme(figure, f"Roofline of {written(data['label'])}", "; ".join(words))
    figure.update_layout(margin={"l": 90, "r": 260, "t": 95, "b": 75}, legend={"itemsizing": "constant"})
    return figure


def kind_looks(kinds: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each kind of layer: a unit has its own of every figure, the others what is left."""
    distinct = list(dict.fromkeys(map(str, kinds)))
    looks = {
        kind: (unit_style(kind).colour, unit_style(kind).symbol) for kind in distinct if kind in UNIT_STYLES
    }
    taken = {colour for colour, _ in looks.values()}
    free = [look for look in LOOKS if look[0] not in taken] or list(LOOKS)
    others = [kind for kind in distinct if kind not in looks]
    return looks | {kind: free[number % len(free)] for number, kind in enumerate(others)}


def kind_name(kind: str) -> str:
    """Returns a kind of layer for people."""
    return _KINDS.get(
        kind, unit_name(kind).replace("+norm", " + BN").replace("norm", "BN").replace("+act", " + act.")
    )


def _roof_words(figure: go.Figure, data: Mapping[str, Any], ridge: float, low: float, high: float) -> None:
    """What the two roofs are, written along them."""
    flat, slope = data["peak_flops"], data["bandwidth"]
    figure.add_annotation(
        x=math.log10(high), y=math.log10(flat), text=f"{flat / 1e9:.0f} GFLOP/s", showarrow=False,
        xanchor="right", yanchor="bottom", font={"size": 12, "color": MUTED},
    )  # fmt: skip
    x = math.sqrt(low * ridge)
    figure.add_annotation(
        x=math.log10(x), y=math.log10(x * slope), text=f"{slope / 1e9:.1f} GB/s", showarrow=False,
        xanchor="right", yanchor="bottom", font={"size": 12, "color": MUTED},
    )  # fmt: skip
