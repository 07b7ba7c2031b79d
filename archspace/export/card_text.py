"""The card of an export for people: Markdown from ``card.json``. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archspace.export.card import CLASSES_FILE
from archspace.export.card_int8 import int8_section
from archspace.support.numbers import counted, marked, number

SHOWN_CLASSES = 100
"""So many classes are listed in the card for people."""

_HOW = (
    "dataset",
    "split",
    "device",
    "runtime",
    "form",
    "precision",
    "threads",
    "batch",
    "input_size",
    "n",
    "counter",
    "source",
    "measured_at",
)


def markdown(card: Mapping[str, Any]) -> str:
    """Returns the card for people, from the card for machines."""
    parts = (
        _head(card),
        _use(card),
        _preprocessing(card),
        _classes(card),
        _search(card),
        _numbers(card),
        _checks(card),
        int8_section(card),
        _fastest(card),
        _about(card),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(card: Mapping[str, Any]) -> str:
    spec = card["spec"]
    height, width = spec["input_size"]
    what = (
        f"A language model of {counted(spec['classes'], 'word')} that reads {counted(height, 'token')} at once"
        if spec["task"] == "language"
        else f"A network for {spec['task']} with {spec['classes']} classes on images of {height} × {width} pixels "
        f"(height × width, {spec['channels']} channel{'s' if spec['channels'] > 1 else ''})"
    )
    return (
        f"# {card['label']}\n\n"
        f"{what}.  \n"
        f"Architecture `{card['arch_id']}`, exported {card['created'][:10]} "
        f"by archspace {card['versions']['archspace']}."
    )


def _use(card: Mapping[str, Any]) -> str:
    parts = [
        "## Use it",
        f"```python\nimport archspace\n\n{card['load']['archspace']}  # torch, in eval mode\n```",
    ]
    if "example" in card:
        packages = " and NumPy" if card["spec"]["task"] == "language" else ", NumPy and Pillow"
        parts += [
            f"With ONNX Runtime{packages} alone, from the folder that holds this one:",
            f"```python\n{card['example']}\n```",
        ]
    formats = [
        f"- **{name}** ({one['runtime']}): {', '.join(f'`{file}`' for file in one['files'])}"
        + (f"; `{one['load']}`" if one["load"] else "")
        + "".join(f"; {note}" for note in one["notes"])
        for name, one in card["formats"].items()
    ]
    parts += ["\n".join(formats), "\n".join(_ports(card))]
    return "\n\n".join(parts)


def _ports(card: Mapping[str, Any]) -> list[str]:
    """Names, types and shapes of what goes in and comes out, a line each."""
    rows = [(kind, one) for kind in ("inputs", "outputs") for one in card[kind]]
    lines = [f"- {kind[:-1]} `{one['name']}`: {one['dtype']} of shape {_shape(one)}" for kind, one in rows]
    return [*lines, "", _MEANING["nms" if card["nms"] else card["spec"]["task"]]]


_MEANING = {
    "classification": "`scores` has one score a class (the best class is the arg max over axis 1).",
    "segmentation": "`scores` has one score a class (the best class is the arg max over axis 1).",
    "multilabel": "`scores` has one score a class, before the sigmoid.",
    "detection": (
        "`boxes` are left, top, right, bottom as shares of the image's width and height; `scores` are probabilities of "
        "the classes, the background not among them. Objects overlap until doubles are suppressed."
    ),
    "nms": (
        "`boxes` are left, top, right, bottom as shares of the image's width and height, `scores` their probabilities, "
        "`labels` indices of the classes, the surest first; doubles are suppressed."
    ),
    "language": (
        "`scores` has, after each token, one score a word for the next. The other outputs are the state with which the "
        "next window begins; zeros begin a text."
    ),
}
"""What the outputs are, by task."""


def _shape(tensor: Mapping[str, Any]) -> str:
    return "(" + ", ".join(map(str, tensor["shape"])) + ")"


def _preprocessing(card: Mapping[str, Any]) -> str:
    how = card["preprocessing"]
    if card["spec"]["task"] == "language":
        return ""
    if how is None:
        return "## Preprocessing\n\nNot recorded with this network: use what it was trained with."
    height, width = card["spec"]["input_size"]
    order = {"rgb": "RGB", "bgr": "BGR", "gray": "one grey channel"}[how["channel_order"]]
    return (
        "## Preprocessing\n\n"
        f"1. Resize the image to {height} × {width} (height × width), channels in the order {order}.\n"
        f"2. Divide by {how['divisor']:g}.\n"
        f"3. Subtract {_list(how['mean'])} and divide by {_list(how['std'])}, channel by channel.\n\n"
        "`network.preprocessing.apply(images)` does the channel order and steps 2 and 3 on RGB bytes."
    )


def _classes(card: Mapping[str, Any]) -> str:
    names, colours = card["classes"], card["colours"]
    if names is None:
        return "## Classes\n\nTheir names are not recorded with this network."
    shown = [f"{index}: {_plain(name)}" for index, name in enumerate(names[:SHOWN_CLASSES])]
    if colours:
        shown = [
            f"{text} ({', '.join(map(str, colour))})" for text, colour in zip(shown, colours, strict=False)
        ]
    left = len(names) - len(shown)
    more = f"; and {left} more" if left > 0 else ""
    kind = ", with the red, green and blue of the data set" if colours else ""
    return f"## Classes\n\nScores are of these, in their order{kind} (`{CLASSES_FILE}`): {'; '.join(shown)}{more}."


def _list(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def _search(card: Mapping[str, Any]) -> str:
    lines = []
    record = card["found"]
    if isinstance(record, Mapping):
        lines += [f"- {_words(key)}: {_plain(value)}" for key, value in record.items()]
    elif record:
        lines.append(_plain(record))
    lines += [f"- {_words(key)}: {_plain(value)}" for key, value in card["notes"].items()]
    return "## How it was found\n\n" + ("\n".join(lines) if lines else "Not recorded.")


def _words(key: object) -> str:
    return str(key).replace("_", " ")


def _plain(value: object) -> str:
    """One line of text for a value, safe inside a table cell; of a mapping what is set."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        given = {key: item for key, item in value.items() if item not in (None, "", [], (), {})}
        return ", ".join(f"{_words(key)} {_plain(item)}" for key, item in given.items())
    if isinstance(value, list | tuple):
        size = len(value) == 2 and all(isinstance(item, int) for item in value)
        return (" × " if size else ", ").join(map(_plain, value))
    return " ".join(str(value).split()).replace("|", "\\|")


def _numbers(card: Mapping[str, Any]) -> str:
    rows = [(n.get("title") or _words(n["name"]), _value(n), _origin(n)) for n in card["numbers"]]
    note = (
        '1 MAC is one multiply-accumulate; the papers\' "FLOPs" are `conv macs`. Exact values: `card.json`.'
    )
    return "## Numbers\n\n" + _table(("number", "value", "origin"), rows) + f"\n\n{note}"


def _value(given: Mapping[str, Any]) -> str:
    unit = str(given.get("unit", ""))
    text = marked(number(given.get("value"), unit), bool(given.get("unstable")))
    return text if given.get("first") is None else f"{text} (first {number(given['first'], unit)})"


def _origin(given: Mapping[str, Any]) -> str:
    how = given.get("how") or {}
    details = [f"{_words(key)} {_plain(how[key])}" for key in _HOW if how.get(key) is not None]
    details += ["from the cache"] if how.get("from_cache") else []
    details += [f"unstable: {_plain(given['unstable'])}"] if given.get("unstable") else []
    origin = str(given.get("origin", "unknown"))
    return f"{origin}: {', '.join(details)}" if details else origin


def _checks(card: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{kind}, {counted(one['images'], 'text' if card['spec']['task'] == 'language' else 'image')}",
            one["runtime"],
            f"{one['max_difference']:.2e}",
            f"{one['max_output']:.3g}",
            f"{one['relative_difference']:.2e}",
            f"{one['tolerance']:g}",
            f"{100 * one['same_class']:.3f} %",
        )
        for kind, one in card["verification"].items()
    ]
    head = ("input", "runtime", "largest difference", "largest output", "ratio", "limit", "same best class")
    parts = ["## Does it answer the same?"]
    if rows:
        parts += [
            "Against torch on a CPU, checked before this folder was written; a ratio is at most its limit.",
            _table(head, rows),
        ]
    parts += [f"{name}: {one['unchecked']}." for name, one in card["formats"].items() if one["unchecked"]]
    return "\n\n".join(parts)


def _fastest(card: Mapping[str, Any]) -> str:
    """Which forms were tried on the machine at hand."""
    if "fastest" not in card:
        return ""
    one = card["fastest"]
    rows = [
        (
            f"{tried['format']}{' (kept)' if tried['format'] == one['chosen'] else ''}",
            tried["runtime"],
            *(f"{tried[key]:.3g} ms" if key in tried else "" for key in ("median_ms", "least_ms")),
            _plain(tried["reason"]) if "reason" in tried else f"{tried['relative_difference']:.1e}",
        )
        for tried in one["tried"]
    ]
    load = "" if one["load"] is None else f", load average {one['load']:.1f}"
    return (
        f"## The fastest form here\n\nOn {_plain(one['processor'])}, {counted(one['threads'], 'thread')}, batch "
        f"{one['batch']}, in turns in one process{load}.\n\n"
        + _table(("form", "runtime", "median", "least", "difference to torch"), rows)
    )


def _about(card: Mapping[str, Any]) -> str:
    rows = [
        (f"`{name}`", number(one["bytes"], "bytes"), one["about"], f"`{one['sha256'][:12]}…`")
        for name, one in card["files"].items()
    ]
    versions = ", ".join(f"{name} {text}" for name, text in card["versions"].items())
    head = ("file", "size", "what", "sha256")
    return "## Files and versions\n\n" + _table(head, rows) + f"\n\nMade with {versions}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
