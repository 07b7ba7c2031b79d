"""Weights and what they belong to in one safetensors file; its metadata holds spec and preprocessing.

The head is read without torch (:func:`describe`); :func:`load` checks everything before it builds anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.class_names import ClassNames
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.spec.record import FIELDS
from archspace.support.errors import FieldError, InputError
from archspace.support.file_kinds import kind_of_file
from archspace.support.files import replacing
from archspace.support.plugins import PluginError, loaded_plugins, made_with, plugins_of
from archspace.support.text_files import parse_json

if TYPE_CHECKING:
    from torch import Tensor

    from archspace.network import Network

FORMAT_VERSION = 1
"""Version of the file's metadata; a file with a higher number was written by a newer archspace."""

WEIGHTS_FILE = "weights.safetensors"
"""Name of the checkpoint inside a folder."""

_FORMAT_KEY = "archspace_format"
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a checkpoint says of itself.

    Attributes:
        spec: the network.
        preprocessing: how its input is made, ``None`` if it was not saved.
        notes: what was written beside (how it was trained, its metrics; ``classes`` and ``colours``: of its data).
    """

    spec: ArchSpec
    preprocessing: Preprocessing | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_names(self) -> ClassNames | None:
        """Names of the classes, where they were saved."""
        return ClassNames.of_notes(self.notes)


def save(
    network: Network,
    path: str | os.PathLike[str],
    *,
    preprocessing: Preprocessing | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Path:
    """Write weights, spec and preprocessing to one safetensors file, under a temporary name first.

    Args:
        network: from :func:`archspace.build`; a folded one (:func:`archspace.export.deploy.deployed`) is refused.
        path: the file; a folder gets ``weights.safetensors``.
        preprocessing: left out, the network's own (a loaded network has one).
        notes: plain data to keep beside the weights; the network's own class names are added to them.

    Returns:
        The file written.

    Raises:
        InputError: the file cannot be written, the notes are no JSON, or the tensors do not fit the spec.
    """
    import safetensors.torch

    target = _file_of(Path(path))
    preprocessing = preprocessing or preprocessing_of(network)
    _check_channels(network.spec, preprocessing)
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    _check_fit(tensors, network.spec, "network")
    metadata = {_FORMAT_KEY: str(FORMAT_VERSION), "spec": json.dumps(network.spec.to_dict())}
    if loaded_plugins():
        metadata["plugins"] = json.dumps([one.to_dict() for one in loaded_plugins()])
    if preprocessing is not None:
        metadata["preprocessing"] = json.dumps(preprocessing.to_dict())
    try:
        named = network.class_names.to_notes() if network.class_names is not None else {}
        metadata["notes"] = json.dumps({**named, **(notes or {})}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"notes: must be plain data that JSON can hold: {error}") from None
    with replacing(target) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata))
    return target


def load(path: str | os.PathLike[str]) -> Network:
    """Returns the network in a checkpoint, on the CPU and in eval mode, with ``.spec`` and ``.preprocessing``.

    Args:
        path: a file written by :func:`save`, or a folder that holds ``weights.safetensors``.

    Raises:
        InputError: the file is missing, cut off, no checkpoint of archspace, from a newer archspace, or its
            tensors do not fit its spec.
    """
    import torch

    from archspace.build import assembled
    from archspace.floats import warn_of_lost_weights

    source = _file_of(Path(path))
    tensors, description = _read(source)
    _check_fit(tensors, description.spec, str(source))
    warn_of_lost_weights(tensors, str(source))
    with torch.device("meta"):
        network = assembled(description.spec)
    network.load_state_dict(tensors, assign=True)
    vars(network)["preprocessing"] = description.preprocessing
    vars(network)["class_names"] = description.class_names
    return network.float().eval()


def refitted(network: Network, spec: ArchSpec) -> Network:
    """Returns the network with its weights for ``spec``, which may differ from its own in the input size alone.

    Raises:
        FieldError: another field differs.
    """
    import torch

    from archspace.build import assembled

    own = network.spec
    if own.arch_id == spec.arch_id:
        return network
    for name in FIELDS:
        if name != "input_size" and getattr(own, name) != getattr(spec, name):
            rule, kept = "a network with weights has its own; leave it out", getattr(own, name)
            raise FieldError(name, getattr(spec, name), rule, kept)
    with torch.device("meta"):
        other = assembled(spec)
    other.load_state_dict(network.state_dict(), assign=True)
    other.preprocessing, other.class_names = network.preprocessing, network.class_names
    return other.eval()


def describe(path: str | os.PathLike[str]) -> Description:
    """Returns spec, preprocessing and notes of a checkpoint, without its weights and without torch.

    Raises:
        InputError: as :func:`load`, but for tensors that do not fit.
    """
    from safetensors import SafetensorError, safe_open

    source = _file_of(Path(path))
    try:
        with safe_open(str(source), framework="numpy") as file:
            metadata = file.metadata()
    except (OSError, SafetensorError) as error:
        raise _unreadable(source, error) from error
    return _description(source, metadata)


def preprocessing_of(network: object) -> Preprocessing | None:
    """Returns the preprocessing that a network carries, if any."""
    preprocessing = getattr(network, "preprocessing", None)
    return preprocessing if isinstance(preprocessing, Preprocessing) else None


def _file_of(path: Path) -> Path:
    return path / WEIGHTS_FILE if path.is_dir() else path


def _unreadable(path: Path, error: Exception) -> InputError:
    """The one line for a file that is no readable safetensors file."""
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"{path}: no such checkpoint; expected a .safetensors file or a folder with {WEIGHTS_FILE}"
        )
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"{path}: cannot be read: {error.strerror}")
    kind = kind_of_file(path)
    if kind:
        return InputError(f"{path}: is {kind}, not a safetensors file")
    reason = " ".join(str(error).split())
    return InputError(f"{path}: not a safetensors file, or cut off ({reason}); save or copy it again")


def _read(path: Path) -> tuple[dict[str, Tensor], Description]:
    """Tensors of a file in memory of their own, and its description."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            description = _description(path, file.metadata())
            return {key: file.get_tensor(key).clone() for key in file.keys()}, description  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _description(path: Path, metadata: Mapping[str, str] | None) -> Description:
    metadata = metadata or {}
    if "spec" not in metadata or not metadata.get(_FORMAT_KEY, "").isdigit():
        raise InputError(
            f"{path}: not a checkpoint of archspace: the file has no spec; archspace.save writes one"
        )
    version = int(metadata[_FORMAT_KEY])
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path}: format {version} was written by a newer archspace; this one reads up to "
            f"{FORMAT_VERSION}: update archspace"
        )
    try:
        with made_with(plugins_of(parse_json(metadata.get("plugins", "[]"), "plugins"))):
            spec = ArchSpec.from_json(metadata["spec"])
        plain = parse_json(metadata.get("preprocessing", "null"), "preprocessing")
        preprocessing = None if plain is None else Preprocessing.from_dict(plain)
        notes = parse_json(metadata.get("notes", "{}"), "notes")
        if not isinstance(notes, Mapping):
            raise InputError("notes: must be a mapping")
        _check_channels(spec, preprocessing)
    except PluginError as error:
        raise PluginError(f"{path}: {error}") from error
    except ValueError as error:
        raise InputError(f"{path}: broken checkpoint: {error}") from error
    return Description(spec=spec, preprocessing=preprocessing, notes=notes)


def _check_channels(spec: ArchSpec, preprocessing: Preprocessing | None) -> None:
    if preprocessing is not None and preprocessing.channels != spec.channels:
        raise InputError(
            f"preprocessing.channel_order: {preprocessing.channel_order!r}: has {preprocessing.channels} "
            f"channels, but the network reads {spec.channels}"
        )


def _check_fit(tensors: Mapping[str, Tensor], spec: ArchSpec, where: str) -> None:
    """Refuse tensors that are not those of ``spec``, naming the first few that differ."""
    import torch

    from archspace.build import assembled
    from archspace.floats import other_kind

    with torch.device("meta"):
        wanted = assembled(spec).state_dict()
    wrong = [f"{key} is missing" for key in wanted if key not in tensors]
    wrong += [f"{key} is not in the network" for key in tensors if key not in wanted]
    wrong += [
        f"{key} has shape {tuple(tensors[key].shape)}, needs {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    wrong += [
        f"{key} {kind}"
        for key, value in wanted.items()
        if key in tensors and (kind := other_kind(tensors[key], value))
    ]
    if wrong:
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        named = "; ".join(wrong[:_NAMED])
        raise InputError(f"{where}: the tensors are not those of its spec {spec.label!r}: {named}{more}")
