"""Where kernels run: on the GPU, else in Triton's interpreter (:mod:`tests.conftest` asks for it)."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def kernels_run() -> str:
    """The device on which kernels run here."""
    pytest.importorskip("triton", reason="no Triton: pip install triton")
    return "cuda" if torch.cuda.is_available() else "cpu"
