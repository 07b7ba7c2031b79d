"""Fixtures of all tests of searches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_browser() -> Iterator[None]:
    """Pictures of trainings and studies are drawn by Matplotlib: a browser takes seconds to start.

    How a browser draws is tested in ``tests/reports``.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER_PATH", "/no/such/browser")
        yield
