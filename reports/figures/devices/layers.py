"""Time of each unit or layer as a bar chart, in running order."""

from __future__ import annotations

import html

import pandas as pd
import plotly.graph_objects as go

from reports.figures.devices.reading import LayerFile
from reports.figures.devices.roofline import kind_looks, kind_name
from reports.style.names import written
from reports.style.style import MUTED, OKABE_ITO, PAPER
from reports.style.theme import AXIS, apply_theme

MOST_BARS = 40
BETWEEN, OTHERS = "between the parts", "none of the parts"


def layer_bars(file: LayerFile, most: int = MOST_BARS) -> pd.DataFrame:
    """Returns the bars: ``name``, ``kind``, ``ms``, ``percent`` of the whole, in running order.

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
    """Returns one bar a part, coloured by what it is; what the parts leave of the whole is a bar of its own."""
    bars, data = layer_bars(file), file.data
    predicted = data["origin"] == "predicted"
    figure = go.Figure()
    # The kinds of the file come first, so that the roofline of the same file has the same colours.
    kinds = dict.fromkeys([*file.layers["kind"], *file.layers["operation"], *bars["kind"]])
    colours = {kind: look[0] for kind, look in kind_looks(kind for kind in kinds if kind != OTHERS).items()}
    colours[OTHERS] = OKABE_ITO["grey"]
    for kind, group in bars.groupby("kind", sort=False):
        colour = colours[str(kind)]
        edge = {"color": colour, "width": 1.4 if predicted else 0}
        figure.add_bar(
            x=group["ms"], y=[html.escape(str(name)) for name in group["name"]], orientation="h",
            name=html.escape(kind_name(str(kind))), marker={"color": PAPER if predicted else colour, "line": edge},
            customdata=group["percent"],
            hovertemplate="%{y}: %{x:.3f} ms, %{customdata:.1f} % of the whole<extra></extra>",
            text=[f"{share:.0f} %" if share >= 3 else "" for share in group["percent"]],
            textposition="outside", textfont={"size": 10, "color": MUTED}, cliponaxis=False,
        )  # fmt: skip
    figure.update_xaxes(
        **AXIS, title=f"Time (ms, {data['origin']})", range=[0, 1.08 * float(bars["ms"].max())]
    )
    figure.update_yaxes(
        **{**AXIS, "ticks": "", "showgrid": False}, autorange="reversed", categoryorder="array", tickfont={"size": 11},
        categoryarray=[html.escape(str(name)) for name in bars["name"]],
    )  # fmt: skip
    height, width = data.get("input_size", (0, 0))
    words = [str(data["device"]), f"whole {data['whole_ms']:.2f} ms"]
    gap = data["sum_ms"] / data["whole_ms"] - 1
    if abs(gap) > 1e-9:
        words.append(f"its parts sum to {100 * abs(gap):.1f} % {'less' if gap < 0 else 'more'}")
    words += data.get("flags", [])
    if data.get("error"):
        words.append(str(data["error"]))
    apply_theme(figure, f"Time within {written(data['label'])} at {height} × {width}", "; ".join(words))
    figure.update_layout(margin={"l": 20, "r": 230, "t": 95, "b": 70}, bargap=0.25, barmode="overlay")
    figure.update_yaxes(automargin=True)
    return figure
