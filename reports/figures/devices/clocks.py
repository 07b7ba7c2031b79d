"""Frames a second and watts against the GPU's clock, after figure 7 of the ESPNet paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.devices.record import TOTAL, DeviceRecord
from analysis.predictors.tx2 import load_fit
from analysis.predictors.tx2_fit import CHECKED, table
from reports.style.style import INK, MUTED, OKABE_ITO
from reports.style.theme import AXIS, apply_theme

COLUMNS = ["network", "clock_mhz", "quantity", "value", "origin", "how"]
PAPER_SIZE = (512, 1024)
COLOURS = {"ESPNet": "blue", "ENet": "orange", "ERFNet": "purple"}
"""ESPNet has the colour of its unit in every figure."""
OTHERS = ("green", "vermillion", "sky", "black", "yellow")
MARKS: Mapping[str, tuple[str, str, str]] = {
    "published, read off the figure": ("circle", "solid", "published, read off the poster"),
    "published, quoted": ("square", "solid", "published, quoted"),
    "predicted": ("diamond-open", "dash", "predicted (TX2 roofline)"),
    "measured": ("star", "dot", "measured"),
}
"""By origin: marker, dash, and words of the legend."""


def clock_points(records: Sequence[DeviceRecord] = ()) -> pd.DataFrame:
    """Returns every number of the figure, under :data:`COLUMNS`; ``quantity`` is ``fps`` or ``watts``.

    Published ones of the ESPNet paper, predicted ones of the shipped check, and those of records whose GPU clock is
    known.
    """
    rows: list[dict[str, Any]] = []
    for row in table("espnet_tx2"):
        if row["network"] not in CHECKED:
            continue
        read_off = row["confidence"] == "read-off-figure"
        origin = "published, read off the figure" if read_off else "published, quoted"
        for quantity, column in (("fps", "fps"), ("watts", "power_W")):
            if row[column]:
                value = float(row[column])
                rows.append(
                    _row(row["network"], float(row["gpu_freq_MHz"]), quantity, value, origin, row["source"])
                )
    for check in load_fit()["check"]:
        how = f"framework, float32, error {check['error_percent']:+.0f} %"
        rows.append(
            _row(check["network"], check["clock_mhz"], "fps", check["predicted_fps"], "predicted", how)
        )
    for record in records:
        clock = gpu_clock(record)
        if clock is None:
            continue
        name = network_of(record)
        how = f"{record.device}, {record.runtime}, {record.how.get('precision', 'precision unknown')}"
        rows.append(_row(name, clock, "fps", record.throughput, record.origin, how))
        if record.power_w and TOTAL in record.power_w:
            watts = record.power_w[TOTAL].busy
            rows.append(_row(name, clock, "watts", watts, record.origin, f"{how}, whole device"))
    return pd.DataFrame(rows, columns=COLUMNS)


def gpu_clock(record: DeviceRecord) -> float | None:
    """Megahertz of the GPU before the runs, if the record has it."""
    clock = (record.how.get("before") or {}).get("gpu_mhz")
    return float(clock) if isinstance(clock, int | float) and clock > 0 else None


def network_of(record: DeviceRecord) -> str:
    """Returns the paper's network that a record is of, if taken on a TX2 at the paper's size.

    Else label, device and size.
    """
    word = record.label.split()[0].lower()
    size = tuple(record.how.get("input_size") or ())
    model = str((record.how.get("before") or {}).get("model", ""))
    if "TX2" in model.upper() and size == PAPER_SIZE and record.batch == 1:
        for network in CHECKED:
            if network.lower() == word:
                return network
    return f"{record.label}, {record.device}" + (f", {size[0]} × {size[1]}" if len(size) == 2 else "")


def _row(network: str, clock: float, quantity: str, value: float, origin: str, how: str) -> dict[str, Any]:
    return dict(zip(COLUMNS, (network, clock, quantity, value, origin, how), strict=True))


def clocks_figure(records: Sequence[DeviceRecord] = ()) -> go.Figure:
    """Returns two panels over one clock; colour is the network, marker and dash say where a number is from."""
    points = clock_points(records)
    figure = make_subplots(cols=2, subplot_titles=("Speed", "Power under load"), horizontal_spacing=0.1)
    networks = list(dict.fromkeys(points["network"]))
    others = [network for network in networks if network not in COLOURS]
    colours = COLOURS | {name: OTHERS[number % len(OTHERS)] for number, name in enumerate(others)}
    for (network, quantity, origin), group in points.groupby(["network", "quantity", "origin"], sort=False):
        symbol, dash, _ = MARKS[str(origin)]
        colour = OKABE_ITO[colours[str(network)]]
        figure.add_scatter(
            x=group["clock_mhz"], y=group["value"], mode="lines+markers", col=1 if quantity == "fps" else 2, row=1,
            line={"color": colour, "width": 1.8, "dash": dash}, showlegend=False, legendgroup=str(network),
            marker={
                "symbol": symbol, "size": 11 if symbol == "star" else 9, "color": colour,
                "line": {"color": colour, "width": 1.6},
            },
            hovertext=[
                f"{html.escape(str(network))}, {row.clock_mhz:g} MHz: {row.value:.2f}<br>{html.escape(str(row.how))}"
                for row in group.itertuples()
            ],
            hoverinfo="text",
        )  # fmt: skip
        if origin != "predicted":
            first = group.sort_values("clock_mhz").iloc[0]
            figure.add_annotation(
                x=first["clock_mhz"], y=first["value"], text=html.escape(str(network).split(",")[0]), showarrow=False,
                xanchor="right", xshift=-9, font={"size": 12, "color": INK}, row=1, col=1 if quantity == "fps" else 2,
            )  # fmt: skip
    for network in networks:
        marker = {"symbol": "square", "size": 12, "color": OKABE_ITO[colours[network]]}
        _entry(figure, html.escape(network), "Network", {"marker": marker, "mode": "markers"})
    for origin in dict.fromkeys(points["origin"]):
        symbol, dash, words = MARKS[origin]
        line = {"color": MUTED, "width": 1.8, "dash": dash}
        marker = {"symbol": symbol, "size": 9, "color": MUTED, "line": {"color": MUTED, "width": 1.6}}
        _entry(figure, words, "Where from", {"line": line, "marker": marker, "mode": "lines+markers"})
    low, high = points["clock_mhz"].min(), points["clock_mhz"].max()
    ends = [low - 0.22 * (high - low), high + 0.06 * (high - low)]
    figure.update_xaxes(**AXIS, title="GPU clock (MHz)", range=ends)
    figure.update_yaxes(**AXIS, rangemode="tozero")
    figure.update_yaxes(title="Frames a second", col=1)
    figure.update_yaxes(title="Power (W)", col=2)
    error = load_fit()["check_error"]
    apply_theme(
        figure, "Speed and power against the GPU's clock",
        "after the ESPNet paper's figure 7: Jetson TX2 at 1024 × 512; "
        f"predictions are {error['mean_percent']:.0f} % off on average, "
        f"{error['worst_percent']:.0f} % at worst; no watts are predicted",
    )  # fmt: skip
    figure.update_layout(margin={"l": 80, "r": 260, "t": 120, "b": 70})
    return figure


def _entry(figure: go.Figure, name: str, heading: str, look: Mapping[str, Any]) -> None:
    figure.add_scatter(
        x=[None], y=[None], name=name, legendgroup=heading, hoverinfo="skip", **look,
        legendgrouptitle={"text": heading, "font": {"size": 12, "color": MUTED}},
    )  # fmt: skip
