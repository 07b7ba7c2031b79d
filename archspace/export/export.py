"""One folder that holds a chosen network for use elsewhere, with the proof that it answers as it did here.

The folder appears whole, by one rename, after ONNX Runtime agreed with torch; otherwise nothing appears.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archspace.checkpoint import WEIGHTS_FILE, load, preprocessing_of, save
from archspace.export.card import (
    CARD_FORMAT,
    CARD_JSON,
    CARD_MARKDOWN,
    CLASSES_FILE,
    SPEC_FILE,
    make_card,
)
from archspace.export.card_text import markdown
from archspace.export.formats import FORMATS, Exported, Source
from archspace.export.onnx_model import Agreement, ExportError
from archspace.network import Network
from archspace.plan.design import NETWORKS
from archspace.preprocessing import Preprocessing
from archspace.support.errors import FieldError, InputError
from archspace.support.files import unwritable
from archspace.support.text_files import parse_json

__all__ = ["ExportError", "ExportReport", "export"]

RANDOM_SEED = 0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written and how well it agrees.

    Attributes:
        folder: the export.
        arch_id: the network's id.
        agreements: of ONNX Runtime with torch, on ``random`` and, where given, ``real`` input; those of another
            format have its name before them (``tx2 random``).
        card: the content of ``card.json``.
    """

    folder: Path
    arch_id: str
    agreements: Mapping[str, Agreement]
    card: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON: the card, and where it lies."""
        return {"folder": str(self.folder), **self.card}


def export(
    network: Network,
    folder: str | os.PathLike[str],
    *,
    real_inputs: Tensor | None = None,
    preprocessing: Preprocessing | None = None,
    card: Mapping[str, Any] | None = None,
    formats: Sequence[str] = ("onnx",),
) -> ExportReport:
    """Write spec, weights, card and the network in each format to ``folder``; each must agree with torch.

    The given network is not changed.

    Args:
        network: the network to export.
        folder: where to; an older export there is replaced, any other content is refused.
        real_inputs: (N, C, H, W) preprocessed images for the comparison, beside random numbers.
        preprocessing: left out, the network's own.
        card: for the card: ``found`` (text or a mapping: how the network was found) and ``numbers`` (a list
            of :meth:`analysis.store.records.Measurement.to_dict`); anything else is listed as notes.
        formats: names in :data:`archspace.export.formats.FORMATS`.

    Raises:
        ExportError: the network is a detector or cannot be written as ONNX, or an answer differs by more than
            1e-4 of the largest output; nothing is left behind.
        InputError: the network is a recurrent language model, or the folder holds something else, cannot be written,
            or the disk is full.
    """
    if NETWORKS[network.spec.network].reads.sequence:
        rule = "is recurrent, which this export has no form for; archspace.save keeps its weights"
        raise InputError(f"export: {network.spec.label}: {rule}; nothing was written")
    target = Path(folder)
    if network.spec.task == "detection":
        raise ExportError("export: a detector has two outputs; only networks with one can be exported")
    chosen = {name: FORMATS[name] for name in formats}
    source = copy.deepcopy(network).cpu().float().eval()
    preprocessing = preprocessing or preprocessing_of(network)
    inputs = _inputs(source, real_inputs)
    named = (
        None
        if source.class_names is None
        else source.class_names.fitted(source.spec.classes, source.spec.task)
    )
    with _appearing(target) as made:
        save(source, made / WEIGHTS_FILE, preprocessing=preprocessing, notes=_notes(card))
        (made / SPEC_FILE).write_text(source.spec.to_yaml(), encoding="utf-8")
        if named is not None:
            (made / CLASSES_FILE).write_text("".join(f"{name}\n" for name in named.names), encoding="utf-8")
        _same_weights(source, made)
        metadata = {
            "arch_id": source.spec.arch_id, "spec": source.spec.to_dict(),
            "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
            **({} if named is None else named.to_notes()),
        }  # fmt: skip
        given = Source(network=source, inputs=inputs, metadata=metadata)
        written = {name: one.write(given, made) for name, one in chosen.items()}
        agreements = _by_format(written)
        content = make_card(
            source.spec, made, name=target.absolute().name, preprocessing=preprocessing, class_names=named,
            output=next(iter(written.values())).output, given=card or {},
            verification={name: one.to_dict() for name, one in agreements.items()},
            about={file: words for one in chosen.values() for file, words in one.files.items()},
        )  # fmt: skip
        text = json.dumps(content, indent=1, allow_nan=False)
        (made / CARD_JSON).write_text(text + "\n", encoding="utf-8")
        (made / CARD_MARKDOWN).write_text(markdown(content), encoding="utf-8")
    log.info("exported %s to %s", source.spec.arch_id, target)
    return ExportReport(folder=target, arch_id=source.spec.arch_id, agreements=agreements, card=content)


def _inputs(network: Network, real: Tensor | None) -> dict[str, Tensor]:
    """Random numbers, and the real images after a look at their shape and values."""
    shape = (network.spec.channels, *network.spec.input_size)
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    inputs = {"random": torch.randn(1, *shape, generator=generator)}
    if real is None:
        return inputs
    if real.ndim != 4 or not len(real) or tuple(real.shape[1:]) != shape:
        raise FieldError("real_inputs", tuple(real.shape), "must have the network's shape", ("N", *shape))
    if not torch.isfinite(real).all():
        raise FieldError("real_inputs", "nan or inf", "must be finite numbers")
    return {**inputs, "real": real.detach().cpu().float().contiguous()}


def _notes(card: Mapping[str, Any] | None) -> Mapping[str, Any]:
    try:
        json.dumps(dict(card or {}), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"card: must be plain data that JSON can hold: {error}") from None
    return dict(card or {})


def _same_weights(network: Network, folder: Path) -> None:
    """Read the checkpoint back and compare every tensor."""
    written = load(folder).state_dict()
    for name, value in network.state_dict().items():
        if not torch.equal(written[name], value):
            raise ExportError(
                f"export: {name}: is not what was written, or is not a number; check the weights"
            )


def _by_format(written: Mapping[str, Exported]) -> dict[str, Agreement]:
    """Agreements of all formats in one table; those of ONNX by the kind of input alone."""
    return {
        kind if name == "onnx" else f"{name} {kind}": agreement
        for name, one in written.items()
        for kind, agreement in one.agreements.items()
    }


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its place when the block ends well, else is removed.

    Raises:
        InputError: ``target`` holds something that is no export, or cannot be written.
    """
    _check_replaceable(target)
    made = [parent for parent in target.absolute().parents if not parent.exists()]
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
        yield temporary
        temporary.chmod(0o755)
        _take_place(temporary, target)
        made = []
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()


def _check_replaceable(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target}: is a file; an export is a folder: choose another name")
    if any(target.iterdir()) and not _is_export(target):
        raise InputError(f"{target}: holds something that is no export of archspace: choose another folder")


def _is_export(folder: Path) -> bool:
    try:
        card = parse_json((folder / CARD_JSON).read_text(encoding="utf-8"), "JSON")
    except (OSError, ValueError):
        return False
    return isinstance(card, dict) and card.get("format") == CARD_FORMAT


def _take_place(temporary: Path, target: Path) -> None:
    """Rename ``temporary`` to ``target``; what was there is moved away first and comes back if that fails."""
    if not target.is_dir() or not any(target.iterdir()):
        temporary.rename(target)
        return
    old = Path(f"{temporary}.old")
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
