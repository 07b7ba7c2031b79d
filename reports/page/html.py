"""The page of a study as one HTML text: every text of a user is escaped, nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from importlib.resources import files
from string import Template

from archspace.support.numbers import marked, number
from reports.frames.trials import study_caption
from reports.page.content import Chosen, Content, Number
from reports.page.data import embedded, page_data
from reports.page.drawing import layer_table, ribbon, ribbon_svg
from reports.page.retrained import retrained_html
from reports.page.side_by_side import badge, side_by_side_html
from reports.page.state import state_of
from reports.page.words import asked, findings

SCRIPTS = ("base.js", "marks.js", "scatter.js", "table.js", "charts.js", "start.js")


def page_html(content: Content) -> str:
    """Returns the page; it needs no network, and its policy allows only its own script and style."""
    style = asset("style.css")
    script = "\n".join(asset(name) for name in SCRIPTS)
    state = state_of(content)
    parts = {
        "policy": f"default-src 'none'; style-src {policy_hash(style)}; script-src {policy_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "title": html.escape(content.study.name),
        "caption": html.escape(study_caption(content.study, content.frame)),
        "state": f'<p class="state">{html.escape(state)}</p>' if state else "",
        "tiles": _tiles(content),
        "found": "".join(f"<li>{html.escape(sentence)}</li>" for sentence in findings(content)),
        "asked": _facts(asked(content)),
        "front_title": "The front" if len(content.objectives) > 1 else "The ranking",
        "chosen": _chosen(content.chosen),
        "retrained": retrained_html(content),
        "published": side_by_side_html(content),
        "commands": _commands(content.commands),
        "made_with": _facts(content.made_with) or '<p class="note">No trial recorded versions.</p>',
        "style": style,
        "script": script,
        "data": embedded(page_data(content)),
    }
    return Template(asset("page.html")).substitute(parts)


def asset(name: str) -> str:
    """Returns the text of a file beside the page's code."""
    return (files("reports") / "page" / "assets" / name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """Returns the text's fingerprint as a content security policy has it."""
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
            (
                f"{one.short} of the {content.chosen.word}",
                marked(number(one.value, one.unit), bool(one.unstable)),
            )
            for one in content.chosen.numbers
            if one.name in goals
        ][:3]
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in tiles
    )
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
    height, width = chosen.input_size
    size = f"a window of {height} tokens" if width == 1 else f"{height} × {width}"
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
        first = f" (first {number(one.first, one.unit)})" if one.first is not None else ""
        value = html.escape(marked(number(one.value, one.unit), bool(one.unstable)) + first)
        rows.append(
            f'<tr><td>{html.escape(one.title)}</td><td class="n">{value}</td>'
            f'<td>{badge(one.origin)}</td><td class="how">{html.escape(one.how)}</td></tr>'
        )
    head = '<tr><th>number</th><th class="n">value</th><th>origin</th><th>how it was taken</th></tr>'
    return f'<div class="wide"><table class="numbers"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _commands(commands: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f"<li><span>{html.escape(name)}</span><pre><code>{html.escape(command)}</code></pre>"
        '<button type="button" class="copy">copy</button></li>'
        for name, command in commands
    )
    return f'<ol class="commands">{rows}</ol>'
