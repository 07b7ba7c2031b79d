"""The card of an export for machines: what the network is, how it was found, what it costs, how to run it. No torch."""

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
from archspace.support.version import VERSION

CARD_FORMAT = "archspace-export"
CARD_VERSION = 1
CARD_JSON, CARD_MARKDOWN = "card.json", "card.md"
SPEC_FILE, MODEL_FILE, CLASSES_FILE = "spec.yaml", "model.onnx", "classes.txt"

_ABOUT = {
    SPEC_FILE: "the architecture, readable by `archspace cost` and `archspace train`",
    "weights.safetensors": "weights, with architecture, preprocessing and names of the classes inside",
    CLASSES_FILE: "names of the classes, a line each in the order of the scores",
}


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
