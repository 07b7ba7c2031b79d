"""Command ``plot-device``: figures of measured and predicted devices."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archspace.support.errors import InputError
from archspace.support.options import REPORT, JsonOption

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.devices.record import DeviceRecord
    from reports.figures.devices.reading import LayerFile

Draw = tuple[str, Callable[[], "go.Figure"]]


def register(app: typer.Typer) -> None:
    """Add this command to the door's application."""
    example = "Example: archspace plot-device record.json layers.json --papers --out figures"
    app.command("plot-device", rich_help_panel=REPORT, epilog=example)(plot_device)


def plot_device(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE.json]...",
            show_default=False,
            help="Records of 'measure --out'; files of 'layers --out' and 'predict-tx2 --out'.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write.")] = Path("figures"),
    papers: Annotated[
        bool,
        typer.Option("--papers", help="Also the ESPNet and ESPNetv2 papers' TX2 figures, records beside."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Latency and power of records, roofline and times of layers, as HTML and PNG."""
    from archspace.support.terminal import working

    if not files and not papers:
        raise InputError("plot-device: nothing to draw: give a record or a layer file, or --papers")
    for file in files or []:
        if not file.exists():
            raise InputError(f"{file}: no such file")
    from analysis.drawing.figure_files import write_html, write_pictures
    from reports.figures.devices.reading import read_files

    records, layers = read_files(files or [])
    written: list[Path] = []
    stills: dict[Path, go.Figure] = {}
    notes: list[str] = []
    with working("drawing") as now:
        for name, draw in _figures(records, layers, papers):
            now(f"drawing {name}")
            try:
                figure = draw()
            except InputError as error:
                notes.append(str(error))
                continue
            write_html(figure, out / f"{name}.html")
            written.append(out / f"{name}.html")
            stills[out / f"{name}.png"] = figure
        now("drawing pictures")
        drawn, problem = write_pictures(stills)
        written += drawn
        notes += [] if problem is None else [problem]
    for note in notes:
        typer.echo(note, err=True)
    if not written:
        raise InputError(f"plot-device: nothing could be drawn: {notes[0]}")
    if as_json:
        typer.echo(json.dumps({"files": [str(path) for path in written], "notes": notes}))
        return
    for path in written:
        typer.echo(str(path))


def _figures(records: list[DeviceRecord], layers: list[LayerFile], papers: bool) -> Iterator[Draw]:
    """The figures by the name of their file."""
    from functools import partial

    from reports.figures.devices.clocks import clocks_figure
    from reports.figures.devices.latency import latency_figure
    from reports.figures.devices.layers import layers_figure
    from reports.figures.devices.power import paper_power_figure, power_figure
    from reports.figures.devices.roofline import roofline_figure

    if records:
        yield "latency", partial(latency_figure, records)
    for number, record in enumerate(records, start=1):
        yield _name("power", number, len(records), record.label), partial(power_figure, record)
    for number, file in enumerate(layers, start=1):
        for kind, draw in (("roofline", roofline_figure), ("layers", layers_figure)):
            yield _name(kind, number, len(layers), str(file.data["label"])), partial(draw, file)
    if papers:
        sampled = [record for record in records if (record.how.get("power") or record.how).get("trace")]
        yield "clocks", partial(clocks_figure, records)
        yield "espnetv2-power", partial(paper_power_figure, sampled)


def _name(kind: str, number: int, of: int, label: str) -> str:
    """A file's name: the kind, its number where there are several, and the network."""
    slug = re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-.")[:60]
    return "-".join(filter(None, (kind, str(number) if of > 1 else "", slug)))
