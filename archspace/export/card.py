"""The card of an export: what the network is, how it was found, what it costs, how to run it. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from archspace.class_names import ClassNames
from archspace.plan import count_block
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import marked, number
from archspace.support.version import VERSION

CARD_FORMAT = "archspace-export"
CARD_VERSION = 1
CARD_JSON, CARD_MARKDOWN = "card.json", "card.md"
SPEC_FILE, MODEL_FILE, CLASSES_FILE = "spec.yaml", "model.onnx", "classes.txt"
SHOWN_CLASSES = 100
"""So many classes are listed in the card for people."""

_ABOUT = {
    SPEC_FILE: "the architecture, readable by `archspace cost` and `archspace train`",
    "weights.safetensors": "weights, with architecture, preprocessing and names of the classes inside",
    CLASSES_FILE: "names of the classes, a line each in the order of the scores",
}
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


def make_card(
    spec: ArchSpec,
    folder: Path,
    *,
    name: str,
    preprocessing: Preprocessing | None,
    class_names: ClassNames | None,
    output: Sequence[int],
    verification: Mapping[str, Any],
    given: Mapping[str, Any],
    about: Mapping[str, str],
) -> dict[str, Any]:
    """Returns the content of ``card.json`` for the export whose files lie in ``folder``.

    Args:
        spec: the network.
        folder: where the files are now; every file there is listed with its size and hash.
        name: the folder's name once it is in place.
        preprocessing: how the input is made, if known.
        class_names: one for each of the scores, if known.
        output: shape of the scores.
        verification: agreement by kind of input, as plain data.
        given: ``found``, ``numbers`` (perhaps with a ``title``) and notes from the caller.
        about: the files of its formats, and what each is in words.
    """
    files = {**_ABOUT, **about}
    notes = {key: value for key, value in given.items() if key not in ("found", "numbers")}
    return {
        "format": CARD_FORMAT,
        "version": CARD_VERSION,
        "name": name,
        "label": spec.label,
        "arch_id": spec.arch_id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "spec": spec.to_dict(),
        "found": given.get("found"),
        "numbers": _known(spec, given.get("numbers", ())),
        "notes": notes,
        "input": {"name": "image", "dtype": "float32", "shape": [1, spec.channels, *spec.input_size]},
        "output": {"name": "scores", "dtype": "float32", "shape": list(output)},
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
        "classes": None if class_names is None else list(class_names.names),
        "colours": [list(colour) for colour in class_names.colours]
        if class_names and class_names.colours
        else None,
        "load": {
            "archspace": f'network = archspace.load("{name}")',
            "onnxruntime": (
                f'session = onnxruntime.InferenceSession("{name}/model.onnx", '
                'providers=["CPUExecutionProvider"])'
            ),
        },
        "verification": dict(verification),
        "versions": {package: _version(package) for package in ("archspace", "torch", "onnx", "onnxruntime")},
        "files": {
            file.name: _file(file, files[file.name])
            for file in sorted(folder.iterdir())
            if file.name in files
        },
    }


def _known(spec: ArchSpec, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is counted here, and the caller's other numbers; a number of both keeps the caller's title."""
    own = _counted(spec)
    titles = {one["name"]: {"title": one["title"]} for one in given if "title" in one}
    names = {one["name"] for one in own}
    others = (dict(one) for one in given if one["name"] not in names)
    return [*(one | titles.get(one["name"], {}) for one in own), *others]


def _counted(spec: ArchSpec) -> list[dict[str, Any]]:
    """Parameters and MACs, from the plan."""
    total = count_block(spec.plan, spec.input_size)
    rows = (
        ("params", total.params, "parameters"),
        ("macs", total.macs, "MACs"),
        ("conv_macs", total.conv_macs, "MACs"),
    )
    how = {"counter": "archspace", "input_size": list(spec.input_size), "batch": 1}
    return [{"name": n, "value": v, "unit": u, "origin": "counted", "how": how} for n, v, u in rows]


def _version(package: str) -> str:
    if package == "archspace":
        return VERSION
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _file(path: Path, about: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "about": about}


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
        _about(card),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(card: Mapping[str, Any]) -> str:
    spec = card["spec"]
    height, width = spec["input_size"]
    return (
        f"# {card['label']}\n\n"
        f"A network for {spec['task']} with {spec['classes']} classes on images of {height} × {width} pixels "
        f"(height × width, {spec['channels']} channel{'s' if spec['channels'] > 1 else ''}).  \n"
        f"Architecture `{card['arch_id']}`, exported {card['created'][:10]} "
        f"by archspace {card['versions']['archspace']}."
    )


def _use(card: Mapping[str, Any]) -> str:
    image, scores = card["input"], card["output"]
    return (
        "## Use it\n\n"
        f"```python\nimport archspace\n\n{card['load']['archspace']}  # torch, in eval mode\n```\n\n"
        f"```python\nimport onnxruntime\n\n{card['load']['onnxruntime']}\n"
        'scores = session.run(["scores"], {"image": image})[0]\n```\n\n'
        f"`image` is {image['dtype']} of shape {_shape(image)}; `scores` is {scores['dtype']} of shape "
        f"{_shape(scores)}, one score a class (the best class is the arg max over axis 1)."
    )


def _shape(tensor: Mapping[str, Any]) -> str:
    return "(" + ", ".join(map(str, tensor["shape"])) + ")"


def _preprocessing(card: Mapping[str, Any]) -> str:
    how = card["preprocessing"]
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
    """One line of text for a value, safe inside a table cell."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)} {_plain(item)}" for key, item in value.items())
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
            f"{kind}, {one['images']} image{'s' if one['images'] > 1 else ''}",
            f"{one['max_difference']:.2e}",
            f"{one['max_output']:.3g}",
            f"{one['relative_difference']:.2e}",
            f"{100 * one['same_class']:.3f} %",
        )
        for kind, one in card["verification"].items()
    ]
    limit = next(iter(card["verification"].values()))["tolerance"]
    head = ("input", "largest difference", "largest output", "ratio", "same best class")
    return (
        "## Does it answer the same?\n\nONNX Runtime (CPU, 1 thread) against torch, checked before this "
        f"folder was written; the ratio must be at most {limit:g}.\n\n" + _table(head, rows)
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
