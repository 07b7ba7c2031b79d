"""What people see: frames, tables, figures and pages of a study. Imports no torch.

The public names load what they need when first used; each takes a run folder, or what ``searches.search`` returned:

- :func:`trials`: every trial of a study as a pandas DataFrame;
- :func:`front`: its Pareto front as a DataFrame;
- :func:`plot_front`: the front as a Plotly figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspace.support.lazy import lazy_names

if TYPE_CHECKING:
    from reports.figures.pareto.run_figure import plot_front
    from reports.frames.runs import front, trials

__all__ = ["front", "plot_front", "trials"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "front": "reports.frames.runs",
        "plot_front": "reports.figures.pareto.run_figure",
        "trials": "reports.frames.runs",
    },
    needs=("analysis",),
)
