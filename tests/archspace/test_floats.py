"""Subnormal numbers count as zero within the block alone, and as before after it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archspace.floats import flushed


def halved() -> float:
    """Half of the least normal number."""
    return (torch.tensor([torch.finfo(torch.float32).tiny]) * 0.5).item()


@pytest.fixture
def able() -> None:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    torch.set_flush_denormal(False)


def test_they_are_zero_within_alone(able: None) -> None:
    assert halved() > 0
    with flushed():
        assert halved() == 0
        with flushed():
            assert halved() == 0
        assert halved() == 0, "the outer block goes on"
    assert halved() > 0 and np.float32(1e-39) * np.float32(2) > 0


def test_what_was_asked_for_before_stays(able: None) -> None:
    torch.set_flush_denormal(True)
    try:
        with flushed():
            pass
        assert halved() == 0
    finally:
        torch.set_flush_denormal(False)


def test_an_error_within_leaves_it_as_before(able: None) -> None:
    with pytest.raises(ValueError), flushed():
        raise ValueError
    assert halved() > 0
