"""Power over time: the rails of a record with its windows, and the ESPNetv2 paper's figure beside measured traces."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.devices.record import TOTAL, DeviceRecord
from archspace.support.errors import InputError
from reports.style.names import written
from reports.style.style import GRID, INK, MUTED, OKABE_ITO, unit_style
from reports.style.theme import AXIS, apply_theme

RAIL_COLOURS = tuple(OKABE_ITO[name] for name in ("blue", "vermillion", "green", "purple", "sky", "orange"))
DASHES = ("solid", "dash", "dot", "dashdot")
WINDOWS = {
    "idle": ("idle baseline", OKABE_ITO["grey"], 0.16),
    "settling": ("settling, not counted", OKABE_ITO["yellow"], 0.30),
    "busy": ("counted", OKABE_ITO["sky"], 0.25),
}
"""Words, colour and opacity of each shaded window."""

MARGIN = {"l": 80, "r": 230, "t": 95, "b": 70}


@dataclass(frozen=True, slots=True)
class PowerTrace:
    """A trace ready to be drawn.

    Attributes:
        samples: ``seconds`` from its first sample, ``watts``, ``rail``; without what is not finite.
        windows: ``idle``, ``settling`` and ``busy`` to their start and end in the same seconds.
        means: ``rail``, ``window`` (``idle`` or ``busy``), ``watts``, from the record.
        lost: samples that were not finite.
        notes: what the sampler reported.
    """

    samples: pd.DataFrame
    windows: Mapping[str, tuple[float, float]]
    means: pd.DataFrame
    lost: int
    notes: tuple[str, ...] = ()


def power_trace(record: DeviceRecord) -> PowerTrace:
    """Returns the trace of a record.

    Raises:
        InputError: it has none; the message says why, as the record does.
    """
    sampled: Mapping[str, Any] = record.how.get("power") or record.how
    trace, windows = sampled.get("trace"), sampled.get("windows") or {}
    if not trace or not trace.get("times") or not any((trace.get("watts") or {}).values()):
        why = record.missing.get("power_w", "it was not sampled")
        raise InputError(f"{record.label} on {record.device}: the record has no power over time: {why}")
    times = np.asarray(trace["times"], dtype=np.float64)
    if any(len(watts) != len(times) for watts in trace["watts"].values()):
        raise InputError(
            f"{record.label} on {record.device}: the rails and the times of its trace differ in length"
        )
    start = float(np.nanmin(times))
    parts = [
        pd.DataFrame({"seconds": times - start, "watts": np.asarray(watts, dtype=np.float64), "rail": rail})
        for rail, watts in trace["watts"].items()
    ]
    samples = pd.concat(parts, ignore_index=True)
    kept = samples[np.isfinite(samples["seconds"]) & np.isfinite(samples["watts"])].reset_index(drop=True)
    error = trace.get("error")
    return PowerTrace(
        kept, _windows(windows, start, float(sampled.get("settle_s") or windows.get("settle_s") or 0.0)),
        _means(record), len(samples) - len(kept), (f"sampling ended early: {error}",) if error else (),
    )  # fmt: skip


def _windows(windows: Mapping[str, Any], start: float, settle: float) -> dict[str, tuple[float, float]]:
    spans = {
        name: (float(windows[name][0]) - start, float(windows[name][1]) - start)
        for name in ("idle", "busy")
        if windows.get(name)
    }
    if settle > 0 and "busy" in spans:
        first, last = spans["busy"]
        counted = min(first + settle, last)
        del spans["busy"]  # windows are in the order of time
        spans |= {"settling": (first, counted), "busy": (counted, last)}
    return spans


def _means(record: DeviceRecord) -> pd.DataFrame:
    rows = [
        {"rail": rail, "window": window, "watts": watts}
        for rail, power in (record.power_w or {}).items()
        for window, watts in (("idle", power.idle), ("busy", power.busy))
        if watts is not None and math.isfinite(watts)
    ]
    return pd.DataFrame(rows, columns=["rail", "window", "watts"])


def power_figure(record: DeviceRecord) -> go.Figure:
    """Returns every rail of a record over time.

    Idle baseline, settling and counted window shaded, the total's means dashed.
    """
    trace = power_trace(record)
    figure = go.Figure()
    for number, (rail, group) in enumerate(trace.samples.groupby("rail", sort=False)):
        colour = RAIL_COLOURS[number % len(RAIL_COLOURS)]
        dash = DASHES[number // len(RAIL_COLOURS) % len(DASHES)]
        figure.add_scatter(
            x=group["seconds"], y=group["watts"], mode="lines", name=html.escape(str(rail)),
            line={"color": colour, "width": 1.8, "dash": dash}, legendgroup=str(rail),
            hovertemplate="%{y:.2f} W at %{x:.1f} s<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    top = float(trace.samples["watts"].max())
    for name, (low, high) in trace.windows.items():
        words, colour, opacity = WINDOWS[name]
        figure.add_vrect(x0=low, x1=high, fillcolor=colour, opacity=opacity, line_width=0, layer="below")
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=words, hoverinfo="skip",
            marker={"symbol": "square", "size": 13, "color": colour, "opacity": min(1.0, 2.2 * opacity)},
        )  # fmt: skip
    for row in trace.means[trace.means["rail"] == TOTAL].itertuples():
        low, high = trace.windows.get(str(row.window), (math.nan, math.nan))
        words = "whole device, mean" if row.window == "busy" else "whole device, idle mean"
        figure.add_scatter(
            x=[low, high], y=[row.watts, row.watts], mode="lines", name=words,
            line={"color": INK, "width": 2, "dash": "dash"}, showlegend=row.window == "busy", hoverinfo="skip",
        )  # fmt: skip
        if math.isfinite(low):
            figure.add_annotation(
                x=(low + high) / 2, y=row.watts, yshift=15, showarrow=False, text=f"<b>{row.watts:.2f} W</b>"
            )
    figure.update_xaxes(**AXIS, title="Time (s)")
    figure.update_yaxes(**AXIS, title=f"Power (W, {record.origin})", range=[0, 1.14 * top])
    notes = list(trace.notes) + (
        [f"{trace.lost} samples without a number are left out"] if trace.lost else []
    )
    apply_theme(
        figure, f"Power of {written(record.label)}", "; ".join([f"{record.device}, {record.runtime}", *notes])
    )
    figure.update_layout(margin=MARGIN)
    return figure


PAPER_UNITS = {
    "ESPNetv2": "eesp", "MobileNetv1": "mobilenet", "MobileNetv2": "mobilenetv2", "ShuffleNetv1": "shufflenet",
    "ShuffleNetv2": "shufflenetv2",
}  # fmt: skip
"""The unit of each network of the paper's figure, whose looks it has."""
PAPER_LABELS = {
    "ESPNetv2": (5.1, 3.02, "center"), "MobileNetv1": (5.15, 5.86, "center"), "MobileNetv2": (6.35, 5.5, "left"),
    "ShuffleNetv1": (2.25, 3.95, "right"), "ShuffleNetv2": (4.15, 5.83, "center"),
}  # fmt: skip
"""Where the digitised curves leave room for their names: seconds, watts, side."""
PUBLISHED = "published, read off the figure"


def paper_power() -> pd.DataFrame:
    """Returns the ESPNetv2 paper's power on a TX2: ``network``, ``seconds``, ``watts``, ``source``; digitised."""
    with (files("reports") / "published" / "espnetv2_power_trace_tx2.csv").open(encoding="utf-8") as file:
        frame = pd.read_csv(file)
    return frame.rename(columns={"time_s": "seconds", "power_W": "watts"})


def compared_trace(record: DeviceRecord) -> pd.DataFrame:
    """Returns a record's GPU rail, else its first rail.

    ``seconds`` from one second before the load, ``watts``, ``rail``.
    """
    trace = power_trace(record)
    rails = list(dict.fromkeys(trace.samples["rail"]))
    rail = next((name for name in rails if "GPU" in name.upper() and "CPU" not in name.upper()), rails[0])
    frame = trace.samples[trace.samples["rail"] == rail]
    loaded = trace.windows.get("settling", trace.windows.get("busy", (1.0, 0.0)))[0]
    frame = frame.assign(seconds=frame["seconds"] - loaded + 1.0)
    result: pd.DataFrame = frame[frame["seconds"] >= 0]
    return result


def paper_power_figure(records: Sequence[DeviceRecord] = ()) -> go.Figure:
    """Returns the ESPNetv2 paper's power figure from its digitised samples.

    The traces of records are thick lines.
    """
    published = paper_power()
    figure = go.Figure()
    longest = float(published["seconds"].max())
    heading = {"text": f"Jetson TX2, {PUBLISHED}", "font": {"size": 12, "color": MUTED}}
    for network, group in published.groupby("network"):
        look = unit_style(PAPER_UNITS.get(str(network), ""))
        figure.add_scatter(
            x=group["seconds"], y=group["watts"], mode="lines+markers", name=str(network),
            line={"color": look.colour, "width": 1.3, "dash": "dot"}, legendgroup=PUBLISHED, legendgrouptitle=heading,
            marker={"size": 7, "color": look.colour, "symbol": look.symbol, "line": {"color": INK, "width": 0.6}},
        )  # fmt: skip
        seconds, watts, anchor = PAPER_LABELS.get(str(network), (math.nan, 0.0, "center"))
        if math.isfinite(seconds):
            figure.add_annotation(
                x=seconds, y=watts, text=html.escape(str(network)), showarrow=False, xanchor=anchor,
                font={"size": 12, "color": INK},
            )  # fmt: skip
    for number, record in enumerate(records):
        trace = compared_trace(record)
        trace = trace[trace["seconds"] <= longest]
        figure.add_scatter(
            x=trace["seconds"], y=trace["watts"], mode="lines", legendgroup=record.origin,
            name=f"{html.escape(written(record.label))}<br>{html.escape(record.device)}, {trace['rail'].iloc[0]}",
            line={"color": INK, "width": 2.6, "dash": DASHES[number % len(DASHES)]},
            legendgrouptitle={"text": f"{record.origin}", "font": {"size": 12, "color": MUTED}},
        )  # fmt: skip
    figure.update_xaxes(**AXIS, title="Time (s)", range=[0, longest * 1.02])
    figure.update_yaxes(**AXIS, title="Power (W)", rangemode="tozero")
    apply_theme(
        figure, "Power over time, after the ESPNetv2 paper's figure",
        "its rail is not named: an idle of 0.09 W fits the TX2's GPU rail alone; one sample in 0.1 s",
    )  # fmt: skip
    figure.update_layout(margin={**MARGIN, "r": 270}, xaxis={"gridcolor": GRID})
    return figure
