"""The device that a network is trained on."""

from __future__ import annotations

import torch

from archspace.support.errors import FieldError


def check_device(name: str) -> None:
    """Refuses a device that this machine does not have."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise FieldError("device", name, "unknown device", "cpu or cuda") from None
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not torch.cuda.is_available()):
        raise FieldError("device", name, "this machine has no such device", "cpu")
