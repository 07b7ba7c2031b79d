"""A supernet's folder: its study, its shared weights and how far they are trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open

from archspace.support.errors import InputError
from archspace.support.files import replacing
from archspace.support.text_files import parse_json
from searches.supernet.subnets import Subnets
from searches.supernet.supernet import Supernet
from searches.supernet.weights import Layout

SHARED_FILE = "supernet.safetensors"
FORMAT = "1"


def save_shared(supernet: Supernet, folder: Path, notes: Mapping[str, Any]) -> None:
    """Writes the shared weights, with what stands where in them."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in supernet.weights.named_parameters()}
    metadata = {
        "archspace_supernet": FORMAT, "layout": json.dumps(supernet.layout.to_dict()), "notes": json.dumps(dict(notes)),
    }  # fmt: skip
    with replacing(folder / SHARED_FILE) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata))


def load_shared(subnets: Subnets, folder: Path) -> tuple[Supernet, dict[str, Any]]:
    """Returns the supernet in a folder, and the notes beside it.

    Raises:
        InputError: there is none, it is of another version, or cut off.
    """
    path = folder / SHARED_FILE
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("archspace_supernet") != FORMAT:
                rule = f"this archspace reads supernets of format {FORMAT}"
                raise InputError(f"{path}: format: {metadata.get('archspace_supernet')!r}: {rule}")
            layout = Layout.from_dict(parse_json(metadata["layout"], str(path)))
            supernet = Supernet(subnets, layout)
            supernet.weights.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not a supernet's weights, or cut off ({reason})") from None
    return supernet, dict(parse_json(metadata["notes"], str(path)))
