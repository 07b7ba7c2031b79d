"""One folder that holds a chosen network for use elsewhere, with the proof that it answers as it did here.

The folder appears whole, by one rename, after ONNX Runtime agreed with torch; otherwise nothing appears.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from archspace.checkpoint import WEIGHTS_FILE, load, preprocessing_of, save
from archspace.class_names import listing
from archspace.export.agreement import Agreement, ExportError
from archspace.export.appearing import appearing
from archspace.export.card import (
    CARD_JSON,
    CARD_MARKDOWN,
    CLASSES_FILE,
    SPEC_FILE,
    make_card,
)
from archspace.export.card_text import markdown
from archspace.export.fastest import find_fastest
from archspace.export.formats import FORMATS, Exported, Format
from archspace.export.formats.base import check_formats
from archspace.export.quantisation import Calibration, Quantised
from archspace.export.signature import ExportOptions
from archspace.export.source import described, make_source
from archspace.export.targets import check_target, check_threads
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.support.errors import InputError

__all__ = ["ExportError", "ExportReport", "export"]

log = logging.getLogger(__name__)

Judge: TypeAlias = Callable[[str, Quantised], Mapping[str, Any]]
"""From a format's name and the network before and after INT8 to what the card says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written and how well it agrees.

    Attributes:
        folder: the export.
        arch_id: the network's id.
        agreements: of ONNX Runtime with torch, on ``random`` and, where given, ``real`` input; those of another
            format have its name before them (``tx2 random``). A format whose runtime does not exist here has none.
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
    options: ExportOptions | None = None,
    calibration: Calibration | None = None,
    judge: Judge | None = None,
    fastest_on: str | None = None,
    threads: int = 1,
    on_progress: Callable[[str], object] = lambda _: None,
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
        options: batch, sizes, precision, thresholds; left out, one float32 image of the spec's size.
        calibration: images that say the ranges of INT8, where ``options`` ask for it.
        judge: of INT8, called with each format's name and its network before and after; what it returns (accuracy,
            latency) stands on the card.
        fastest_on: ``cpu``: of the forms that run on this machine's processor the fastest is written too.
        threads: with which they are timed.
        on_progress: is told what is being done.

    Raises:
        ExportError: the network cannot be written in a format, or an answer differs by more than the format's limit
            (1e-4 of the largest output in float32); nothing is left behind.
        InputError: a format has no form for what is asked, its packages are missing, or the folder holds something
            else, cannot be written, or the disk is full.
    """
    target, options = Path(folder), options or ExportOptions()
    chosen = {name: FORMATS[name] for name in formats}
    check_formats(chosen, options, network.spec.task)
    if fastest_on is not None:
        check_target(fastest_on, options)
        threads = check_threads(threads)
    original = copy.deepcopy(network).cpu().float().eval()
    preprocessing = preprocessing or preprocessing_of(network)
    spec, classes = original.spec, original.class_names
    named = None if classes is None else classes.fitted(spec.classes, spec.task)
    about = described(spec, preprocessing, named, options)
    source = make_source(original, real_inputs, options, about, calibration)
    with appearing(target) as made:
        notes = _notes(card, source.metadata["thresholds"])
        save(original, made / WEIGHTS_FILE, preprocessing=preprocessing, notes=notes)
        (made / SPEC_FILE).write_text(spec.to_yaml(), encoding="utf-8")
        if named is not None:
            (made / CLASSES_FILE).write_text(listing(named.names), encoding="utf-8")
        _same_weights(original, made)
        fastest = None
        if fastest_on is not None:
            with tempfile.TemporaryDirectory(prefix="archspace-forms-") as tried:
                fastest = find_fastest(source, Path(tried), threads, on_progress)
                for file in Path(tried).iterdir():
                    shutil.move(file, made / file.name)
        written = {} if fastest is None else {fastest.name: fastest.exported}
        written |= {name: one.write(source, made) for name, one in chosen.items() if name not in written}
        chosen |= {name: FORMATS[name] for name in written}
        agreements = _by_format(written)
        content = make_card(
            spec, made, name=target.absolute().name, preprocessing=preprocessing, class_names=named,
            signature=source.shown, given=card or {}, options=options,
            formats=_said(chosen, written, made, 1 if fastest is None else threads),
            verification={name: one.to_dict() for name, one in agreements.items()},
            about={file: words for one in chosen.values() for file, words in one.files.items()},
            int8=_int8(written, calibration, judge),
            fastest=None if fastest is None else fastest.card,
        )  # fmt: skip
        text = json.dumps(content, indent=1, allow_nan=False)
        (made / CARD_JSON).write_text(text + "\n", encoding="utf-8")
        (made / CARD_MARKDOWN).write_text(markdown(content), encoding="utf-8")
    log.info("exported %s to %s", spec.arch_id, target)
    return ExportReport(folder=target, arch_id=spec.arch_id, agreements=agreements, card=content)


def _said(
    chosen: Mapping[str, Format], written: Mapping[str, Exported], made: Path, threads: int
) -> dict[str, dict[str, Any]]:
    """What the card says of each format, and which of its files are there."""
    return {
        name: {
            "runtime": one.runtime, "load": one.load.replace("{threads}", str(threads)),
            "files": [file for file in one.files if (made / file).exists()],
            "unchecked": written[name].unchecked, "notes": list(written[name].notes),
        }
        for name, one in chosen.items()
    }  # fmt: skip


def _int8(
    written: Mapping[str, Exported], calibration: Calibration | None, judge: Judge | None
) -> dict[str, Any] | None:
    """What the card says of INT8: images, layers, and what it costs and gains by format; ``None`` without it."""
    pairs = {name: one.quantised for name, one in written.items() if one.quantised is not None}
    if not pairs or calibration is None:
        return None
    return {
        "calibration": {"images": len(calibration.images), **calibration.about},
        "formats": {
            name: {**one.to_dict(), **({} if judge is None else judge(name, one))}
            for name, one in pairs.items()
        },
    }


def _notes(card: Mapping[str, Any] | None, thresholds: Mapping[str, float]) -> Mapping[str, Any]:
    """What is kept with the weights: what the card is given, and the thresholds of a task that has some."""
    given = {**(card or {}), **({"thresholds": thresholds} if thresholds else {})}
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"card: must be plain data that JSON can hold: {error}") from None
    return given


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
