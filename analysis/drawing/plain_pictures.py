"""Plotly figures drawn by Matplotlib, for machines without a browser: the same points, lines, marks, axes and legend.

Matplotlib, because it is the plotting library that most people have already, needs neither a browser nor a system
library, and draws PNG, SVG and PDF. It is an extra; what draws is a canvas of this module's own, never a window.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import plotly.graph_objects as go

EXTRA = "pip install 'archspace[png]'"
KINDS = ("scatter", "scatter3d", "bar")
"""Traces that can be drawn."""


def unable(figure: go.Figure) -> str | None:
    """Returns why this module cannot draw a figure, or ``None``."""
    if find_spec("matplotlib") is None:
        return f"without a browser it needs Matplotlib: {EXTRA}"
    others = sorted({trace.type for trace in figure.data} - set(KINDS))
    return f"without a browser there is no drawing of {', '.join(others)}" if others else None


def draw_plainly(figure: go.Figure, path: Path, size: tuple[int, int]) -> None:
    """Write a figure as PNG (at double density), SVG or PDF, as the path's suffix says.

    Args:
        figure: one for which :func:`unable` has no reason.
        path: where to.
        size: width and height in CSS pixels; a figure that has a height of its own keeps that.
    """
    from analysis.drawing.plain_canvas import DENSITY, plain_picture

    dpi = 2 * DENSITY if path.suffix.lower() == ".png" else DENSITY
    plain_picture(figure, size).savefig(path, dpi=dpi, facecolor="white")
