"""Tables of receptive fields and of architectures for people. Numbers are rounded here and nowhere else. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from archspace.support.numbers import amount
from archspace.support.terminal import Column, TerminalTable, output


def _side(value: int | None) -> str:
    return "whole image" if value is None else f"{value}"


def print_fields(report: Mapping[str, Any]) -> None:
    """Theory beside measurement, by level."""
    console = output()
    console.print(escape(f"Receptive fields of {report['label']}"), style="bold")
    height, width = report["input_size"]
    weights = report["weights"] or "new (untrained)"
    images = ", ".join(report["images"]) or f"{report['noise_images']} of noise"
    console.print(escape(f"input {height}x{width}, weights: {weights}; images: {images}"))
    console.print(f"preprocessing: {report['preprocessing']}")
    columns = (
        "stride",
        "theory px",
        "50 % px",
        "90 % px",
        "99 % px",
        "sigma px",
        "90 % area px",
        "90 % / theory",
    )
    table = TerminalTable("level", *(Column(title, "number") for title in columns))
    for name, row in report["levels"].items():
        theory, squares = row["theoretical_px"], row["effective_square_px"]
        share = f"{100 * squares['0.9'] / theory:.0f} %" if theory else "-"
        table.add(
            name, str(row["stride"]), _side(theory), *(str(squares[s]) for s in ("0.5", "0.9", "0.99")),
            f"{row['sigma_px']:.1f}", f"{row['effective_area_px']['0.9']:,}", share,
        )  # fmt: skip
    table.print(console)
    console.print(
        "theory: side of the largest field; 50, 90, 99 %: side of the square around the centre that holds so much "
        f"of the mean absolute gradient (Luo et al. 2016), {report['draws']} random gradients an image."
    )
    _print_caveats(report)
    console.print(escape(f"picture: {report['picture']}"))


def print_token_fields(report: Mapping[str, Any]) -> None:
    """What the layers of a language model see, in theory."""
    console = output()
    console.print(escape(f"Receptive fields of {report['label']}"), style="bold")
    table = TerminalTable(
        "layer", Column("sees", "number"), Column("its convolutions see of their input", "number")
    )
    for name, row in report["levels"].items():
        side, window = row["theoretical_tokens"], row["window_tokens"]
        sees = "all earlier tokens" if side is None else _tokens(side)
        table.add(name, sees, "-" if window is None else _tokens(window))
    table.print(console)
    console.print(
        "A window ends at its own position: no output sees a later token. In theory only; nothing is measured."
    )


def _tokens(count: int) -> str:
    return f"{count} token{'s' if count > 1 else ''}"


def _print_caveats(report: Mapping[str, Any]) -> None:
    """What the measurement could not see."""
    console, smallest = output(), min(report["input_size"])
    cut = [n for n, row in report["levels"].items() if (row["theoretical_px"] or 0) > smallest]
    if cut:
        console.print(
            f"{', '.join(cut)}: the theoretical field is larger than the image, which cuts the effective one off."
        )
    for name, row in report["levels"].items():
        if row["whole_image"]:
            console.print(f"{name}: {row['whole_image']}.")


def print_gridding(report: Mapping[str, Any]) -> None:
    """Share of holes by branch, without and with fusion."""
    console = output()
    title = f"Holes inside the field of each branch's channels: {report['unit'].upper()}, K = {report['branches']}"
    console.print(title, style="bold")
    dilations = next(iter(report["fusion"].values()))["dilations"]
    titles = (*(f"dilation {d}" for d in dilations), "mean")
    table = TerminalTable("fusion", *(Column(title, "number") for title in titles))
    for name, row in report["fusion"].items():
        shares = (*row["holes"], row["mean_holes"])
        table.add(name, *(f"{100 * share:.1f} %" for share in shares))
    table.print(console)
    console.print(escape(f"picture: {report['picture']}"))


def print_architecture(report: Mapping[str, Any]) -> None:
    """The network line by line, then its totals."""
    console = output()
    height, width = report["input_size"]
    words = f"{report['label']}, {report['task']}, {report['classes']} classes"
    console.print(escape(words), style="bold")
    tokens = report["task"] == "language"
    size = f"{height} tokens" if tokens else f"{height}x{width}x{report['channels']}"
    console.print(f"input {size}, architecture {report['arch_id']}")
    field = "field tokens" if tokens else "field px"
    ranks = {"output": 1, "channels": 0, "stride": 4, "repeat": 2, "K": 3, "dilations": 5, field: 2}
    columns = [Column(title, "number", rank) for title, rank in (ranks | {"params": 0, "MACs": 0}).items()]
    table = TerminalTable("level", Column("layer", "text"), *columns)
    previous = ""
    for row in report["rows"]:
        new = row["level"] != previous
        table.add(row["level"] if new else "", *_cells(row), section=bool(previous) and new)
        previous = row["level"]
    totals = (f"{report['params']:,}", amount(report["macs"]))
    table.add("total", *[""] * 8, *totals, style="bold", section=True)
    table.print(console)
    meaning = (
        "tokens that the line's output sees"
        if tokens
        else "side of the theoretical receptive field of the line's output in the image"
    )
    console.print(f"{field}: {meaning}.")
    console.print(escape(report["convention"]))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    stride = f"1/{1 / row['stride']:g}" if row["stride"] < 1 else f"{row['stride']:g}"
    dilations = ",".join(map(str, row["dilations"]))
    return (
        row["layer"], "x".join(map(str, row["output_size"])), str(row["channels"]), stride,
        str(row["repeats"]), str(row["branches"] or ""), dilations, str(row["receptive_field"] or "-"),
        f"{row['params']:,}", amount(row["macs"]) if row["macs"] else "",
    )  # fmt: skip
