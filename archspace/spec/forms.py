"""Files and folders of ours, and of authors, that name a network. No torch but for published weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.spec.named import PUBLISHED_SUFFIXES, NamedNetwork, enter_form
from archspace.support.errors import FieldError, InputError
from archspace.support.file_kinds import kind_of_file
from archspace.support.text_files import parse_json

SPEC_SUFFIXES = (".yaml", ".yml", ".json")
METADATA_SPEC = "archspace.spec"
"""Key of the spec in the metadata of an ONNX file of ours."""


@enter_form("preset", "a preset", "spec")
def _preset(text: str) -> NamedNetwork | None:
    return NamedNetwork(text=text, form="preset", spec=PRESETS[text].spec) if text in PRESETS else None


@enter_form("spec file", "a spec file (.yaml, .json)", "spec")
def _spec_file(text: str) -> NamedNetwork | None:
    path = Path(text)
    if not path.is_file():
        return None
    if path.suffix in SPEC_SUFFIXES:
        _refuse_training_file(path)
        return NamedNetwork(text=text, form="spec file", spec=ArchSpec.read(path))
    from archspace.support.yaml_text import RepeatedKeyError, read_yaml

    try:
        fields = read_yaml(path)
    except RepeatedKeyError:
        raise
    except InputError:
        return None
    if not isinstance(fields, Mapping) or "network" not in fields:
        return None
    return NamedNetwork(text=text, form="spec file", spec=ArchSpec.from_dict(fields))


def _refuse_training_file(path: Path) -> None:
    """A training's YAML file is no spec, but its folder names a network."""
    from archspace.support.yaml_text import read_yaml

    try:
        data = read_yaml(path)
    except InputError:
        return  # said when the spec is read
    if isinstance(data, Mapping) and "training" in data:
        rule = "is the file of a training or a study, not of a network"
        raise InputError(f"SPEC: {path}: {rule}; name its folder {path.parent}, or a trial {path.parent}:N")


@enter_form("checkpoint", "a checkpoint (.safetensors)", "spec", "weights", "answers")
def _checkpoint(text: str) -> NamedNetwork | None:
    from archspace.checkpoint import WEIGHTS_FILE, describe

    path = Path(text)
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if file.suffix != ".safetensors" or not file.is_file():
        return None
    return NamedNetwork(text=text, form="checkpoint", spec=describe(file).spec, weights=file)


@enter_form("published weights", "published weights (.pth, .pt, .tar)", "spec", "weights", "answers")
def _published(text: str) -> NamedNetwork | None:
    path = Path(text)
    if path.suffix not in PUBLISHED_SUFFIXES or not path.is_file():
        return None
    from archspace.published import load_published

    spec = load_published(path).spec
    return NamedNetwork(text=text, form="published weights", spec=spec, weights=path)


@enter_form("export folder", "an export folder", "spec", "weights", "answers")
def _export(text: str) -> NamedNetwork | None:
    from archspace.checkpoint import WEIGHTS_FILE
    from archspace.export.card import MODEL_FILE, SPEC_FILE

    folder = Path(text)
    if not (folder / SPEC_FILE).is_file():
        return None
    weights, onnx = (
        path if path.is_file() else None for path in (folder / WEIGHTS_FILE, folder / MODEL_FILE)
    )
    spec = ArchSpec.read(folder / SPEC_FILE)
    lacks = "" if weights else f"the folder holds no {WEIGHTS_FILE}"
    return NamedNetwork(text=text, form="export folder", spec=spec, weights=weights, onnx=onnx, lacks=lacks)


@enter_form("onnx", "an ONNX file (.onnx)", "answers")
def _onnx(text: str) -> NamedNetwork | None:
    """An ONNX file; one that archspace wrote says its spec, wherever it lies."""
    path = Path(text)
    if path.suffix != ".onnx" or not path.is_file():
        return None
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError) as error:
        kind = kind_of_file(path)
        reason = f"is {kind}" if kind else " ".join(str(error).split())
        raise InputError(f"{path}: cannot be opened as ONNX: {reason}") from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    spec = None
    if METADATA_SPEC in metadata:
        where = f"{path}: {METADATA_SPEC}"
        try:
            spec = ArchSpec.from_dict(parse_json(metadata[METADATA_SPEC], where))
        except FieldError as error:
            raise InputError(f"{where}: {error}") from error
    return NamedNetwork(text=text, form="onnx", spec=spec, onnx=path)
