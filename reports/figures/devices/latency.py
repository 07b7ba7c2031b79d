"""Histograms of latency, record above record on one axis, with median, 5 % and 95 %."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from analysis.devices.record import DeviceRecord
from reports.style.names import written
from reports.style.style import INK, MUTED, OKABE_ITO, UNIT_STYLES, unit_style
from reports.style.theme import AXIS, apply_theme

COLOURS = tuple(OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky", "vermillion"))
FEWEST, MOST = 8, 80
"""Bins of a histogram."""
FAR = 1.5
"""An axis ends at this many times the 95 % point at most; how many runs lie beyond is said."""
SLIVER = 0.1
"""Records share an axis where the runs of each, from 5 % to 95 %, take at least this share of it."""


def latency_bins(records: Sequence[DeviceRecord]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts and marks of the histograms, whose bins follow each record's own samples.

    Returns:
        ``record`` (its number), ``ms`` (a bin's middle), ``width``, ``runs``; and by record ``median``, ``p5``,
        ``p95``, ``n``, ``low`` and ``high`` (ends of its axis), ``beyond`` (runs above it), ``label``, ``flags``.
    """
    ends = [_ends([record]) for record in records]
    low, high = _ends(records)
    together = all(r.latency_ms.p95 - r.latency_ms.p5 >= SLIVER * (high - low) for r in records)
    bins, marks = [], []
    for number, record in enumerate(records):
        latency = record.latency_ms
        first, last = (low, high) if together else ends[number]
        samples = np.asarray(latency.samples)
        runs, edges = _histogram(samples[samples <= last])
        middles = (edges[:-1] + edges[1:]) / 2
        bins.append(pd.DataFrame({"record": number, "ms": middles, "width": np.diff(edges), "runs": runs}))
        marks.append(
            {
                "record": number, "median": latency.median, "p5": latency.p5, "p95": latency.p95, "n": latency.n,
                "low": first, "high": last, "beyond": int(np.sum(samples > last)),
                "label": written(record.label), "how": how_taken(record), "flags": "; ".join(record.flags),
                "origin": record.origin,
            }
        )  # fmt: skip
    return pd.concat(bins, ignore_index=True), pd.DataFrame(marks)


def _ends(records: Sequence[DeviceRecord]) -> tuple[float, float]:
    """Where an axis of these records begins and ends."""
    low = min(min(record.latency_ms.samples) for record in records)
    top = max(max(record.latency_ms.samples) for record in records)
    high = min(top, FAR * max(record.latency_ms.p95 for record in records))
    return low, high if high > low else low * 1.01


def _histogram(samples: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Runs by bin, and edges: as wide as Freedman and Diaconis (1981) say, :data:`FEWEST` to :data:`MOST` bins."""
    wanted = len(np.histogram_bin_edges(samples, "auto")) - 1
    low, high = float(samples.min()), float(samples.max())
    if high <= low:  # the clock saw one value: as a bar of its own between empty ones
        low, high = low * 0.995, low * 1.005
    runs, edges = np.histogram(samples, min(MOST, max(FEWEST, wanted)), (low, high))
    return runs, edges


def how_taken(record: DeviceRecord) -> str:
    """Returns device, runtime and batch of a record, for people."""
    device = record.device.upper() if record.device in ("cpu", "cuda") else record.device
    return f"{device}, {record.runtime}, batch {record.batch}"


def latency_figure(records: Sequence[DeviceRecord]) -> go.Figure:
    """Returns one histogram a record; the band is from 5 % to 95 %, the line the median; unstable records say so."""
    bins, marks = latency_bins(records)
    rows = len(records)
    colours = _colours([record.label for record in records])
    # What all records share is said once.
    shared = marks["how"].iloc[0] if marks["how"].nunique() == 1 else ""
    together = marks["low"].nunique() == 1 and marks["high"].nunique() == 1
    gap = min(0.12 if together else 0.18, 0.36 / rows)
    figure = make_subplots(
        rows=rows, shared_xaxes=together, vertical_spacing=gap, subplot_titles=["-"] * rows
    )
    for mark in marks.itertuples():
        number, row = int(str(mark.record)), int(str(mark.record)) + 1
        group = bins[(bins["record"] == number) & (bins["runs"] > 0)]
        colour = colours[number]
        predicted = mark.origin == "predicted"
        figure.add_bar(
            x=group["ms"], y=group["runs"], width=group["width"], name=html.escape(str(mark.label)), row=row,
            col=1, showlegend=False, hovertemplate="%{y} runs near %{x:.2f} ms<extra></extra>",
            marker={
                "color": "white" if predicted else colour, "line": {"color": colour, "width": 1.2 if predicted else 0.3}
            },
        )  # fmt: skip
        figure.add_vrect(
            x0=mark.p5,
            x1=mark.p95,
            fillcolor=colour,
            opacity=0.13,
            line_width=0,
            layer="below",
            row=row,
            col=1,
        )
        figure.add_vline(x=mark.median, line={"color": INK, "width": 1.8}, row=row, col=1)
        figure.layout.annotations[number].update(
            text=_words(mark, bool(shared)),
            x=0,
            xanchor="left",
            align="left",
            font={"size": 13, "color": INK},
        )
        low, high = float(marks["low"][number]), float(marks["high"][number])
        room = 0.02 * (high - low)
        figure.update_xaxes(range=[low - room, high + room], row=row, col=1)
    figure.update_xaxes(**AXIS)
    figure.update_xaxes(title="Latency of one run (ms)", row=rows, col=1)
    figure.update_yaxes(**AXIS, title="Runs")
    words = "band: 5 % to 95 % of the runs; line: median" + (
        "" if together else "; each has an axis of its own"
    )
    apply_theme(figure, "Latency", f"{shared}; {words}" if shared else words)
    figure.update_layout(margin={"l": 80, "r": 40, "t": 115, "b": 70}, bargap=0)
    return figure


def _colours(labels: Sequence[str]) -> list[str]:
    """The colour of each network's unit where all have one of their own, else a colour a record."""
    units = [next((word for word in label.split(" ")[1:] if word in UNIT_STYLES), "") for label in labels]
    if all(units) and len({unit_style(unit).colour for unit in units}) == len(units):
        return [unit_style(unit).colour for unit in units]
    return [COLOURS[number % len(COLOURS)] for number in range(len(labels))]


def _words(mark: object, short: bool) -> str:
    get = mark.__getattribute__
    how = "" if short else f", {get('how')}"
    text = f"<b>{html.escape(get('label') + how)}</b>   {get('origin')}: median {get('median'):.2f} ms, "
    text += f"5 % {get('p5'):.2f}, 95 % {get('p95'):.2f}, {get('n')} runs"
    if get("beyond"):
        text += f", {get('beyond')} beyond the axis"
    if get("flags"):
        text += f'<br><span style="color:{MUTED}">unstable: {html.escape(get("flags"))}</span>'
    return text
