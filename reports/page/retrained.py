"""The section of the page on networks that were trained in full: what the search said of them, and what came out."""

from __future__ import annotations

import html

from analysis.quantities import Quantity, described
from analysis.store.records import Measurement
from analysis.store.retrained import Retrained, agreements
from archspace.support.numbers import fixed, marked, number
from reports.page.content import Content
from reports.tables.retrained import device_quantities


def retrained_html(content: Content) -> str:
    """Returns the section; how to get there where nothing was trained in full yet."""
    if not content.retrained:
        return (
            '<p class="note">A trial\'s weights are those of a short training, and its score is of data by which '
            "the search has chosen. <code>archspace retrain</code> trains chosen networks in full and judges them "
            "once on the test split: the command is below.</p>"
        )
    parts = []
    for agreement in agreements(content.retrained):
        members = [one for one in content.retrained if one.setting == agreement.setting]
        words = f"{agreement.setting.words}. {agreement.words}"
        parts.append(f'<p class="note">{html.escape(words[0].upper() + words[1:])}</p>{_table(members)}')
    return "".join(parts)


def _table(networks: list[Retrained]) -> str:
    metric, device = described(networks[0].records[0].metric), device_quantities(networks)
    heads = [("trial", ""), ("network", ""), (f"{metric.short}, {networks[0].searched_words}", ' class="n"')]
    heads += [(f"{metric.short}, retrained", ' class="n"'), ("seeds", ' class="n"')]
    for one in device:
        heads += [(f"{one.short}, searched", ' class="n"'), (f"{one.short}, retrained", ' class="n"')]
    heads.append(("remarks", ""))
    head = "".join(f"<th{kind}>{html.escape(text)}</th>" for text, kind in heads)
    body = "".join(_line(one, metric, device) for one in networks)
    table = f'<table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _line(one: Retrained, metric: Quantity, device: list[Quantity]) -> str:
    spread = "" if one.deviation is None else f" ± {fixed(one.deviation)}"
    numbers = [
        number(one.searched, metric.unit),
        f"{number(one.mean, metric.unit)}{spread}",
        str(len(one.records)),
    ]
    for quantity in device:
        numbers += [
            _text(one.trial.measurements.get(quantity.name), quantity),
            _text(one.measured(quantity.name), quantity),
        ]
    notes = "; ".join(dict.fromkeys(note for record in one.records for note in record.notes))
    cells = "".join(f'<td class="n">{html.escape(text)}</td>' for text in numbers)
    network = one.records[0].network
    name = f"{one.trial.given}: {network}" if one.trial.given else network
    return (
        f"<tr><td>{html.escape(one.trial.label)}</td><td>{html.escape(name)}</td>{cells}"
        f'<td class="how">{html.escape(notes)}</td></tr>'
    )


def _text(taken: Measurement | None, quantity: Quantity) -> str:
    return "" if taken is None else marked(number(taken.value, quantity.unit), bool(taken.unstable))
