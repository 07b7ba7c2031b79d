"""Supernets that tests share."""

from __future__ import annotations

import pytest

from searches.supernet.supernet import Supernet
from tests.searches.supernet.spaces import small


@pytest.fixture(scope="module")
def small_supernet() -> Supernet:
    """A fresh supernet of a few networks; a test leaves its weights as they are."""
    return small()
