"""Time of each unit or layer as a bar chart, in running order."""

from __future__ import annotations

import html

import pandas as pd
import plotly.graph_objects as go

from reports.device_plots.reading import LayerFile
from reports.device_plots.roofline import LOOKS
from reports.dress import AXIS, dress
from reports.style import MUTED, OKABE_ITO, PAPER

MOST_BARS = 40
BETWEEN, OTHERS = "between them", "none of the parts"


def layer_bars(file: LayerFile, most: int = MOST_BARS) -> pd.DataFrame:
    """The bars: ``name``, ``kind``, ``ms``, ``percent`` of the whole, in running order.

    Where there are more than ``most``, parts are joined with their neighbours within the module around them, as deep as
    that takes. What the whole takes beyond the sum is a bar of its own.
    """
    layers = file.layers[["name", "operation", "ms"]].rename(columns={"operation": "kind"})
    paths = [str(name).split(".") for name in layers["name"]]
    for depth in range(max(map(len, paths)), 0, -1):
        names = [".".join(path[:depth]) for path in paths]
        if len(set(names)) <= most:
            break
    joined = layers.assign(name=names).groupby("name", as_index=False, sort=False)
    bars: pd.DataFrame = joined.agg(kind=("kind", _one_kind), ms=("ms", "sum"))
    gap = file.data["whole_ms"] - file.layers["ms"].sum()
    if gap > 1e-9 * file.data["whole_ms"]:
        bars = pd.concat(
            [bars, pd.DataFrame([{"name": BETWEEN, "kind": OTHERS, "ms": gap}])], ignore_index=True
        )
    return bars.assign(percent=100 * bars["ms"] / file.data["whole_ms"])


def _one_kind(kinds: pd.Series) -> str:
    """What joined parts are: of one kind, or several."""
    return str(kinds.iloc[0]) if kinds.nunique() == 1 else "several operations"


def layers_figure(file: LayerFile) -> go.Figure:
    """One bar a part, coloured by what it is; what the parts leave of the whole is a bar of its own."""
    bars, data = layer_bars(file), file.data
    predicted = data["origin"] == "predicted"
    figure = go.Figure()
    kinds = [kind for kind in dict.fromkeys(bars["kind"]) if kind != OTHERS]
    colours = {kind: LOOKS[number % len(LOOKS)][0] for number, kind in enumerate(kinds)}
    colours[OTHERS] = OKABE_ITO["grey"]
    for kind, group in bars.groupby("kind", sort=False):
        colour = colours[str(kind)]
        edge = {"color": colour, "width": 1.4 if predicted else 0}
        figure.add_bar(
            x=group["ms"], y=[html.escape(str(name)) for name in group["name"]], orientation="h",
            name=html.escape(str(kind)), marker={"color": PAPER if predicted else colour, "line": edge},
            customdata=group["percent"],
            hovertemplate="%{y}: %{x:.3f} ms, %{customdata:.1f} % of the whole<extra></extra>",
            text=[f"{share:.0f} %" if share >= 3 else "" for share in group["percent"]],
            textposition="outside", textfont={"size": 10, "color": MUTED}, cliponaxis=False,
        )  # fmt: skip
    figure.update_xaxes(
        **AXIS, title=f"Time (ms, {data['origin']})", range=[0, 1.08 * float(bars["ms"].max())]
    )
    figure.update_yaxes(
        **{**AXIS, "ticks": ""}, autorange="reversed", categoryorder="array", tickfont={"size": 11},
        categoryarray=[html.escape(str(name)) for name in bars["name"]],
    )  # fmt: skip
    height, width = data.get("input_size", (0, 0))
    words = [str(data["device"]), f"whole {data['whole_ms']:.2f} ms"]
    gap = data["sum_ms"] / data["whole_ms"] - 1
    if abs(gap) > 1e-9:
        words.append(f"the sum of the parts is {100 * gap:+.1f} % off the whole")
    words += data.get("flags", [])
    if data.get("error"):
        words.append(str(data["error"]))
    dress(figure, f"Time within {data['label']} at {height} x {width}", "; ".join(words))
    figure.update_layout(margin={"l": 20, "r": 200, "t": 95, "b": 70}, bargap=0.25, barmode="overlay")
    figure.update_yaxes(automargin=True)
    return figure
