"""The Pareto figure as one HTML page for a phone, a desk and a projector; it needs no network."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path
from string import Template

import plotly.graph_objects as go

from archspace.support.files import write_text
from reports.style.legend import NOTE
from reports.style.style import FONT


def write_pareto_page(figure: go.Figure, path: Path) -> None:
    """Write a :func:`reports.figures.pareto.figure.pareto_figure` as a page that lays itself out by its width.

    Title, caption, legend and what is not drawn stand around the plot as text and buttons, so that they never cover it.
    """
    from plotly.offline import get_plotlyjs

    title = figure.layout.title
    note = next((one.text for one in figure.layout.annotations if one.name == NOTE), "")
    plain = html.unescape((title.text or "").removeprefix("<b>").removesuffix("</b>"))
    parts = {
        "title": html.escape(plain),
        "heading": html.escape(plain),
        "caption": title.subtitle.text or "",
        "note": f"<p>{note.replace('<br>', ' ')}</p>" if note else "",
        "font": FONT,
        "plotly": get_plotlyjs(),
        "figure": _embedded(figure.to_json()),
        "script": f"{_asset('marks.js')}\n{_asset('pareto.js')}",
    }
    write_text(path, Template(_asset("pareto.html")).substitute(parts))


def _embedded(text: str) -> str:
    """JSON that may stand inside a script element, whatever texts it holds."""
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _asset(name: str) -> str:
    return (files("reports") / "page" / "assets" / name).read_text(encoding="utf-8")
