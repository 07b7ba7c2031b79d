"""The page of a study as one HTML text: every text of a user is escaped, nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from importlib.resources import files
from string import Template

import pandas as pd

from reports.frames import study_caption
from reports.page.content import Chosen, Content, Number
from reports.page.data import embedded, page_data
from reports.page.drawing import layer_table, ribbon, ribbon_svg
from reports.page.words import asked, found, state_of
from reports.style import si_number

SCRIPTS = ("base.js", "marks.js", "scatter.js", "table.js", "charts.js", "start.js")
PRESETS_SHOWN = 30


def page_html(content: Content) -> str:
    """The page; it needs no network, and its policy allows only its own script and style."""
    style = _asset("style.css")
    script = "\n".join(_asset(name) for name in SCRIPTS)
    state = state_of(content)
    parts = {
        "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "title": html.escape(content.study.name),
        "caption": html.escape(study_caption(content.study, content.frame)),
        "state": f'<p class="state">{html.escape(state)}</p>' if state else "",
        "tiles": _tiles(content),
        "found": "".join(f"<li>{html.escape(sentence)}</li>" for sentence in found(content)),
        "asked": _facts(asked(content)),
        "front_title": "The front" if len(content.objectives) > 1 else "The ranking",
        "chosen": _chosen(content.chosen),
        "published": _published(content),
        "commands": _commands(content.commands),
        "made_with": _facts(content.made_with) or '<p class="note">No trial recorded versions.</p>',
        "style": style,
        "script": script,
        "data": embedded(page_data(content)),
    }
    return Template(_asset("page.html")).substitute(parts)


def _asset(name: str) -> str:
    return (files("reports") / "page" / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The text's fingerprint as a content security policy has it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _tiles(content: Content) -> str:
    """The few numbers one looks for first."""
    frame = content.frame
    front = int((frame["on_front"] & frame["duplicate_of"].isna()).sum())
    tiles = [("trials", f"{len(frame):,}"), ("completed", f"{int((frame['state'] == 'complete').sum()):,}")]
    if len(content.objectives) > 1:
        tiles.append(("on the front", f"{front:,}"))
    if content.chosen is not None:
        goals = {o.name for o in content.objectives}
        tiles += [
            (f"{one.name} of the {content.chosen.word}", si_number(one.value, one.unit))
            for one in content.chosen.numbers
            if one.name in goals
        ][:3]
    cells = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in tiles)
    return f'<dl class="tiles">{cells}</dl>'


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def _chosen(chosen: Chosen | None) -> str:
    if chosen is None:
        return '<p class="note">No trial has every objective, so no network could be chosen.</p>'
    why = "the knee of the front" if chosen.word == "knee" else "the best of its objective"
    given = f", given as {html.escape(chosen.given)}" if chosen.given else ""
    lead = (
        f'<p class="lead">Trial <b>{html.escape(chosen.label)}</b>, {why}{given}: <b>{html.escape(chosen.name)}</b>'
        f"{f' <code>{html.escape(chosen.arch_id)}</code>' if chosen.arch_id else ''}</p>"
    )
    numbers = _number_table(chosen.numbers)
    if not chosen.layers:
        return f'{lead}{numbers}<p class="note">Not drawn: {html.escape(chosen.unseen or "")}.</p>'
    size = " × ".join(map(str, chosen.input_size))
    drawing = ribbon_svg(ribbon(chosen.layers, chosen.input_size))
    legend = (
        f'<p class="note">Input {size}. A box is a layer or a run of equal units (×n): the taller, the larger its map; '
        "the darker, the more of the MACs. Under each level: channels × map.</p>"
    )
    return (
        f'{lead}{numbers}<h3>Level by level</h3><div class="wide">{drawing}</div>{legend}'
        f'<details open><summary>Every layer</summary><div class="wide">{layer_table(chosen.layers)}</div></details>'
    )


def _number_table(numbers: Sequence[Number]) -> str:
    rows = []
    for one in numbers:
        again = f", again {si_number(one.again, one.unit)}" if one.again is not None else ""
        rows.append(
            f'<tr><td>{html.escape(one.title)}</td><td class="n">{html.escape(si_number(one.value, one.unit) + again)}</td>'
            f'<td><span class="origin {html.escape(one.origin.split()[0])}">{html.escape(one.origin)}</span></td>'
            f'<td class="how">{html.escape(one.how)}</td></tr>'
        )
    head = '<tr><th>number</th><th class="n">value</th><th>origin</th><th>how it was taken</th></tr>'
    return f"<div class=\"wide\"><table class=\"numbers\"><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _published(content: Content) -> str:
    """The chosen network among the published presets that cost about as much, all counted at this study's input."""
    references, chosen = content.references, content.chosen
    if references.empty or chosen is None:
        return '<p class="note">There is nothing to compare: no trial has a spec that presets could be counted for.</p>'
    ours = {one.name: one for one in chosen.numbers}
    known = references[references["published"].notna()]
    nearest = known.assign(far=_distance(known, ours["macs"].value) if "macs" in ours else 0.0)
    shown = nearest.nsmallest(PRESETS_SHOWN, "far", keep="first")
    rows = [
        (float(row["macs"]), False, _reference_cells(row)) for row in shown.to_dict("records")
    ]  # fmt: skip
    rows.append((ours["macs"].value if "macs" in ours else 0.0, True, _own_cells(chosen, ours, content)))
    rows.sort(key=lambda row: row[0])
    body = "".join(
        f"<tr{' class=own' if own else ''}>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in cells) + "</tr>"
        for _, own, cells in rows
    )
    head = (
        '<tr><th>network</th><th class="n">MACs<br><small>counted here</small></th>'
        '<th class="n">parameters<br><small>counted here</small></th><th>result</th><th>of</th><th>source</th></tr>'
    )
    left = len(references) - len(shown)
    more = f" {left} further presets cost less or more, or have no published result." if left > 0 else ""
    return (
        '<p class="note">Costs of presets are counted at this study\'s input, classes and task. Their results are '
        "<b>published</b> for other data, inputs and budgets of training: read them as what is known of the network, "
        f"not as a rival's score.{more}</p>"
        f'<div class="wide"><table class="published"><thead>{head}</thead><tbody>{body}</tbody></table></div>'
    )


def _distance(references: pd.DataFrame, macs: float) -> pd.Series[float]:
    """How many times more or less than ``macs``."""
    ratio = references["macs"] / max(macs, 1.0)
    return ratio.where(ratio >= 1, 1 / ratio)


def _reference_cells(row: dict[object, object]) -> list[tuple[str, str]]:
    texts = [str(row["name"]), si_number(float(str(row["macs"]))), si_number(float(str(row["params"])))]
    rest = [f"{row['published']}", str(row["dataset"] or ""), str(row["source"] or "")]
    name, macs, params = (html.escape(text) for text in texts)
    result, dataset, source = (html.escape(text) for text in rest)
    badge = '<span class="origin published">published</span> '
    return [(name, ""), (macs, ' class="n"'), (params, ' class="n"'), (badge + result, ""), (dataset, ""), (source, ' class="how"')]


def _own_cells(chosen: Chosen, ours: dict[str, Number], content: Content) -> list[tuple[str, str]]:
    quality = content.quality
    costs = [si_number(ours[name].value) if name in ours else "" for name in ("macs", "params")]
    result = ""
    if quality is not None and quality.name in ours:
        one = ours[quality.name]
        origin = html.escape(one.origin)
        result = (
            f'<span class="origin {origin.split()[0]}">{origin}</span> '
            f"{html.escape(one.name)} {html.escape(si_number(one.value, one.unit))}"
        )
    data = str((content.study.config.get("data") or {}).get("layout") or "")
    return [
        (f"trial {html.escape(chosen.label)}", ""), (html.escape(costs[0]), ' class="n"'),
        (html.escape(costs[1]), ' class="n"'), (result, ""), (html.escape(data), ""), ("this study", ' class="how"'),
    ]  # fmt: skip


def _commands(commands: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f'<li><span>{html.escape(name)}</span><pre><code>{html.escape(command)}</code></pre>'
        '<button type="button" class="copy">copy</button></li>'
        for name, command in commands
    )
    return f'<ol class="commands">{rows}</ol>'
