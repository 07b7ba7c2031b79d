"""The card of an export for machines: what the network is, how it was found, what it costs, how to run it. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from archspace.class_names import ClassNames
from archspace.export.signature import ExportOptions, Port, Signature
from archspace.export.snippets import onnx_example, quoted
from archspace.export.thresholds import thresholds
from archspace.plan import count_block
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.version import VERSION

CARD_FORMAT = "archspace-export"
CARD_VERSION = 1
CARD_JSON, CARD_MARKDOWN = "card.json", "card.md"
SPEC_FILE, MODEL_FILE, CLASSES_FILE = "spec.yaml", "model.onnx", "classes.txt"

_VERSIONS = ("archspace", "torch", "onnx", "onnxruntime")
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
    signature: Signature,
    options: ExportOptions,
    formats: Mapping[str, Mapping[str, Any]],
    verification: Mapping[str, Any],
    given: Mapping[str, Any],
    about: Mapping[str, str],
    int8: Mapping[str, Any] | None = None,
    fastest: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the content of ``card.json`` for the export whose files lie in ``folder``.

    Args:
        spec: the network.
        folder: where the files are now; every file there is listed with its size and hash.
        name: the folder's name once it is in place.
        preprocessing: how the input is made, if known.
        class_names: one for each of the scores, if known.
        signature: names and shapes of inputs and outputs.
        options: batch, sizes, precision, thresholds.
        formats: by name, what each says of itself: ``runtime``, ``files``, ``load``, ``unchecked``, ``notes``.
        verification: agreement by kind of input, as plain data.
        given: ``found``, ``numbers`` (perhaps with a ``title``) and notes from the caller.
        about: the files of its formats, and what each is in words.
        int8: calibration, and by format which layers are INT8 and what that costs and gains.
        fastest: which forms were tried on the machine at hand, and how long each took.
    """
    files = {**_ABOUT, **about}
    notes = {key: value for key, value in given.items() if key not in ("found", "numbers")}
    card = {
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
        "input": signature.inputs[0].to_dict(),
        "output": _scores(signature).to_dict(),
        "inputs": [port.to_dict() for port in signature.inputs],
        "outputs": [port.to_dict() for port in signature.outputs],
        "precision": options.precision,
        **({} if int8 is None else {"int8": dict(int8)}),
        "nms": options.nms,
        "thresholds": thresholds(spec.task, options),
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
        "classes": None if class_names is None else list(class_names.names),
        "colours": [list(colour) for colour in class_names.colours]
        if class_names and class_names.colours
        else None,
        "formats": {
            format: {**said, "load": said["load"].replace("{folder}", quoted(name)[1:-1])}
            for format, said in formats.items()
        },
        "palette": _palette(spec, class_names),
        "load": {
            "archspace": f"network = archspace.load({quoted(name)})",
            **(
                {"onnxruntime": formats["onnx"]["load"].replace("{folder}", quoted(name)[1:-1])}
                if "onnx" in formats
                else {}
            ),
        },
        "verification": dict(verification),
        **({} if fastest is None else {"fastest": dict(fastest)}),
        "versions": {package: _version(package) for package in _VERSIONS},
        "files": {
            file.name: _file(file, files[file.name])
            for file in sorted(folder.iterdir())
            if file.name in files
        },
    }
    return {**card, "example": onnx_example(card)} if "onnx" in formats else card


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


def _palette(spec: ArchSpec, class_names: ClassNames | None) -> list[list[int]]:
    """A colour a class: the data set's own, else those that the demo takes."""
    names = class_names or ClassNames(tuple(f"class {i}" for i in range(spec.classes)))
    return [list(colour) for colour in names.shown] if spec.task == "segmentation" else []


def _scores(signature: Signature) -> Port:
    return next(port for port in signature.outputs if port.classes is not None)


def _file(path: Path, about: str) -> dict[str, Any]:
    """Size and hash of a file, or of a folder's files one after the other in the order of their names."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.sha256(), 0
    for one in files:
        content = one.read_bytes()
        digest.update(content)
        size += len(content)
    return {"bytes": size, "sha256": digest.hexdigest(), "about": about}
