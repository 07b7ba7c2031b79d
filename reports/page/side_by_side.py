"""The chosen network beside published ones: presets of about its cost, and what papers report for the same data."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from analysis.quantities import main_metric
from archspace.support.errors import InputError
from archspace.support.numbers import amount, number
from reports.frames.published import published
from reports.page.content import Chosen, Content, Number
from reports.tables.tasks import TASKS

SHOWN = 24
DATASETS = {"cityscapes": "Cityscapes", "voc": "PASCAL VOC 2012", "coco": "MS-COCO"}
"""Data set of the published tables by layout, where a layout is of one data set alone."""

Cells = Sequence[tuple[str, str]]
"""Cells of a row: escaped HTML and the attribute of its class."""

NUMBER = ' class="n"'


def side_by_side_html(content: Content) -> str:
    """Both comparisons as HTML; a line where there is nothing to compare."""
    references, chosen = content.references, content.chosen
    if references.empty or chosen is None:
        return '<p class="note">There is nothing to compare: no trial has a spec that presets could be counted for.</p>'
    return _presets(content, references, chosen) + _same_data(content, chosen)


def badge(origin: str) -> str:
    """Returns an origin as a small label."""
    return f'<span class="origin {html.escape(origin.split()[0])}">{html.escape(origin)}</span>'


def _presets(content: Content, references: pd.DataFrame, chosen: Chosen) -> str:
    ours = {one.name: one for one in chosen.numbers}
    own = ours["macs"].value if "macs" in ours else 0.0
    known = references[references["published"].notna()]
    shown = known.assign(far=_distance(known, own)).nsmallest(SHOWN, "far", keep="first")
    rows: list[tuple[float, bool, Cells]] = [
        (float(row["macs"]), False, _preset_cells(row)) for row in shown.to_dict("records")
    ]
    rows.append((own, True, _own_cells(content, chosen, ours)))
    rows.sort(key=lambda row: row[0])
    heads = ("network", "MACs<br><small>counted here</small>", "parameters<br><small>counted here</small>", "result",
             "of", "source")  # fmt: skip
    left = len(references) - len(shown)
    more = f" {left} further presets cost much less or more, or have no published result." if left > 0 else ""
    return (
        '<p class="note">Costs of presets are counted at this study\'s input, classes and task. Their results are '
        "<b>published</b> for other data, inputs and budgets of training: they say what is known of a network, and "
        f"are no rival scores.{more}</p>{_table(heads, rows)}"
    )


def _distance(references: pd.DataFrame, macs: float) -> pd.Series[float]:
    """How many times more or less than ``macs``."""
    ratio = references["macs"] / max(macs, 1.0)
    return ratio.where(ratio >= 1, 1 / ratio)


def _preset_cells(row: dict[object, object]) -> Cells:
    result = f"{badge('published')} {html.escape(str(row['published']))}"
    return [
        (html.escape(_names(str(row["name"]))), ""), (amount(float(str(row["macs"]))), NUMBER),
        (amount(float(str(row["params"]))), NUMBER), (result, ""), (_text(row["dataset"]), ""),
        (_text(row["source"]), ' class="how"'),
    ]  # fmt: skip


def _names(joined: str) -> str:
    """The first two names of a network that several presets become, and how many there are besides."""
    names = joined.split(", ")
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _own_cells(content: Content, chosen: Chosen, ours: dict[str, Number]) -> Cells:
    costs = [amount(ours[name].value) if name in ours else "" for name in ("macs", "params")]
    data = content.study.data_name
    return [
        (f"trial {html.escape(chosen.label)}", ""), (costs[0], NUMBER), (costs[1], NUMBER),
        (_own_result(content, ours), ""), (html.escape(data), ""), ("this study", ' class="how"'),
    ]  # fmt: skip


def _own_result(content: Content, ours: dict[str, Number]) -> str:
    quality = content.quality
    if quality is None or quality.name not in ours:
        return ""
    one = ours[quality.name]
    return f"{badge(one.origin)} {html.escape(one.name)} {html.escape(number(one.value, one.unit))}"


def _same_data(content: Content, chosen: Chosen) -> str:
    """Papers' results on the study's own data set, where its layout tells which that is."""
    config = content.study.config
    table, dataset = str(config.get("task")), DATASETS.get(str((config.get("data") or {}).get("layout")))
    if table not in TASKS or dataset is None:
        return ""
    try:
        rows = published(table)
    except InputError as error:
        return f'<p class="note">{html.escape(str(error))}</p>'
    metric = main_metric(table)
    column = next(one.published for one in TASKS[table].quantities if one.column.key == metric.name)
    rows = rows[rows["dataset"].str.startswith(dataset) & (rows[column] != "")]
    if "class_name" in rows:
        rows = rows[rows["class_name"] == ""]
    lines: list[tuple[float, bool, Cells]] = [
        (-float(row[column]), False, _paper_cells(row, column)) for row in rows.to_dict("records")
    ]
    ours = {one.name: one for one in chosen.numbers}
    quality = content.quality
    if quality is not None and quality.name in ours:
        value = ours[quality.name].value
        cells = [(f"trial {html.escape(chosen.label)}", ""), (f"{value:.2f}", NUMBER),
                 (f"{badge(ours[quality.name].origin)}", ""), ("", NUMBER), ("", ""),
                 ("this study", ' class="how"')]  # fmt: skip
        lines.append((-value, True, cells))
    lines.sort(key=lambda row: row[0])
    heads = ("network", f"{metric.short} {metric.unit}", "origin", "parameters (M)", "split, input", "source")
    note = "Splits, inputs and training differ from this study's: see each row."
    return f'<h3>Published for {html.escape(dataset)}</h3><p class="note">{note}</p>{_table(heads, lines)}'


def _paper_cells(row: dict[object, object], column: str) -> Cells:
    name = " ".join(filter(None, (str(row["network"]), str(row.get("width", "")))))
    where = ", ".join(filter(None, (str(row["split"]), str(row["input_size"]))))
    read = " read off a figure" if row["origin"] == "read-off-figure" else ""
    return [
        (html.escape(name), ""), (_text(row[column]), NUMBER), (badge("published") + read, ""),
        (_text(row["params_M"]), NUMBER), (html.escape(where), ""), (_text(row["source"]), ' class="how"'),
    ]  # fmt: skip


def _table(heads: Sequence[str], rows: Sequence[tuple[float, bool, Cells]]) -> str:
    """A table whose own rows stand out; ``heads`` are HTML."""
    numeric = [kind for _, kind in rows[0][2]] if rows else [""] * len(heads)
    head = "".join(
        f"<th{kind if kind == NUMBER else ''}>{title}</th>"
        for title, kind in zip(heads, numeric, strict=True)
    )
    body = "".join(
        f"<tr{' class=own' if own else ''}>"
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in cells)
        + "</tr>"
        for _, own, cells in rows
    )
    table = f'<table class="published"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _text(value: object) -> str:
    """Escaped; nothing for what is missing."""
    return "" if value is None or value != value else html.escape(str(value))
