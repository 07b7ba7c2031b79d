"""Files of ``archspace measure --out``, ``layers --out`` and ``predict-tx2 --out``, read for drawing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.devices.record import DeviceRecord
from archspace.support.errors import InputError
from archspace.support.text_files import parse_json

NEEDED = (
    "label",
    "device",
    "origin",
    "by",
    "peak_flops",
    "bandwidth",
    "roofs",
    "whole_ms",
    "sum_ms",
    "layers",
)
WANTED = "a record of 'archspace measure --out', or a file of 'layers --out'"


@dataclass(frozen=True, slots=True)
class LayerFile:
    """A network layer by layer.

    Attributes:
        data: as written, without ``layers``.
        layers: ``name``, ``operation``, ``kind``, ``macs``, ``bytes``, ``ms`` by layer, in running order.
    """

    data: Mapping[str, Any]
    layers: pd.DataFrame


def read_files(paths: list[Path]) -> tuple[list[DeviceRecord], list[LayerFile]]:
    """Returns the records and the layer files among ``paths``, in order; a file may hold several records.

    Raises:
        InputError: a file is missing, is no JSON, is neither, or holds a number that is not finite where one is needed.
    """
    records: list[DeviceRecord] = []
    layers: list[LayerFile] = []
    for path in paths:
        for data in _objects(path):
            if "layers_format" in data:
                layers.append(_layers(path, data))
            else:
                records.append(_record(path, data))
    return records, layers


def _objects(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        data = parse_json(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(
            f"{path}: is a folder; give {WANTED} (a run is drawn by: archspace report)"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{path}: is no JSON ({' '.join(str(error).split())}); give {WANTED}") from None
    entries = data.get("records", [data]) if isinstance(data, dict) else data
    if not isinstance(entries, list) or not entries or not all(isinstance(one, dict) for one in entries):
        raise InputError(f"{path}: must be {WANTED}")
    yield from entries


def _record(path: Path, data: Mapping[str, Any]) -> DeviceRecord:
    try:
        record = DeviceRecord.from_dict(data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(f"{path}: is no record of 'archspace measure --out': {reason}") from None
    samples = record.latency_ms.samples
    if not samples or not all(isinstance(ms, int | float) and math.isfinite(ms) and ms > 0 for ms in samples):
        raise InputError(f"{path}: latency_ms.samples: must be finite and above 0, at least one of them")
    return record


def _layers(path: Path, data: Mapping[str, Any]) -> LayerFile:
    gone = [name for name in NEEDED if name not in data]
    if gone:
        raise InputError(f"{path}: a layer file needs {', '.join(gone)}")
    frame = pd.DataFrame(data["layers"])
    wanted = ["name", "operation", "macs", "bytes", "ms"]
    if frame.empty or not set(wanted) <= set(frame.columns):
        raise InputError(f"{path}: layers: each must have {', '.join(wanted)}")
    numbers = frame[["macs", "bytes", "ms"]].apply(pd.to_numeric, errors="coerce")
    if not (numbers >= 0).all(axis=None) or numbers.isin([math.inf]).any(axis=None):
        raise InputError(f"{path}: layers: macs, bytes and ms must be finite and not below 0")
    if "kind" not in frame:
        frame["kind"] = frame["operation"]
    return LayerFile({name: value for name, value in data.items() if name != "layers"}, frame)
