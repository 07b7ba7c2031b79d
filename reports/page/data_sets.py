"""Studies on different data side by side: a page with one front each, and why they share none."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.frames.trials import data_words, front_frame, study_caption
from reports.page.content import Content
from reports.page.html import asset, policy_hash
from reports.style.style import scaled_column

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src {policy}; base-uri 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="archspace report">
<title>{title} · archspace report</title>
<style>{style}</style>
</head>
<body>
<header><p class="brand">archspace · studies on different data</p><h1>{title}</h1>
<p class="state">Numbers on different data do not compare, so each data set has a front of its own.</p></header>
<main class="sides">{sides}</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Side:
    """The studies on one data set.

    Attributes:
        content: of their page.
        apart: what is different from the data of the first side; empty for that itself.
        file: name of their page.
    """

    content: Content
    apart: str
    file: str

    @property
    def why(self) -> str:
        """Why it stands apart."""
        return f"{self.content.study.name} is of other data, {data_words(self.content.study)}: {self.apart}"


def page_name(path: Path, contents: Sequence[Content], place: int) -> str:
    """Returns the file name of one side's page, ``report-DATA.html``; data of one name are numbered."""
    names = [re.sub(r"[^\w.-]+", "_", one.study.data_name) or "data" for one in contents]
    number = f"-{names[: place + 1].count(names[place])}" if names.count(names[place]) > 1 else ""
    return f"{path.stem}-{names[place]}{number}{path.suffix}"


def sides_html(sides: Sequence[Side]) -> str:
    """Returns the page; it needs no network and has no script."""
    style = asset("style.css")
    title = " and ".join(dict.fromkeys(data_words(side.content.study) for side in sides))
    return _PAGE.format(
        policy=policy_hash(style), title=html.escape(title), style=style, sides="".join(map(_side, sides))
    )


def _side(side: Side) -> str:
    study = side.content.study
    content = "" if study.data is None else f" <code>{study.data.short}</code>"
    why = f'<p class="note">{html.escape(side.why)}.</p>' if side.apart else ""
    return (
        f"<section><h2>{html.escape(data_words(study))}{content}</h2>"
        f'<p class="caption">{html.escape(study.name)}: {html.escape(study_caption(study, side.content.frame))}</p>'
        f'{why}<div class="wide">{_front(side.content)}</div>'
        f'<p><a href="{html.escape(side.file)}">The page of this data set</a></p></section>'
    )


def _front(content: Content) -> str:
    """The front as a table, each number rounded and with its unit in the head."""
    front = front_frame(content.frame, content.objectives)
    if front.empty:
        return '<p class="note">No trial has every objective.</p>'
    columns = [scaled_column(one, front[one.name].tolist()) for one in content.objectives]
    head = "".join(f'<th class="n">{html.escape(title)}</th>' for title, _ in columns)
    rows, trials = [], {trial.label: trial for trial in content.study.trials}
    for place, row in enumerate(front.to_dict("records")):
        knee = " (knee)" if row["knee"] and len(front) > 1 else ""
        cells = "".join(f'<td class="n">{html.escape(texts[place])}</td>' for _, texts in columns)
        network = html.escape(trials[row["label"]].title)
        rows.append(f"<tr><td>{html.escape(row['label'] + knee)}</td><td>{network}</td>{cells}</tr>")
    return f"<table><thead><tr><th>trial</th><th>network</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
