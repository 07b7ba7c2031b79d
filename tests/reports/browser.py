"""A page in a real Chromium, opened as a phone, a wide screen or on paper; every console message is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from analysis.drawing.figure_files import find_browser

WIDE, PHONE = (1440, 900), (390, 844)
READY = "html[data-ready=yes]"
"""What a study's page says of itself once it is drawn; a page of tables is as it comes."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a network; skipped where there is none. One at a time in a process."""
    api = pytest.importorskip("playwright.sync_api")
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Any,
    path: Path,
    size: tuple[int, int] = WIDE,
    *,
    dark: bool = False,
    touch: bool = False,
    ready: str = READY,
) -> Iterator[tuple[Any, list[str]]]:
    """The page once it is drawn, and what its console said; an address that it asked for counts as said."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
        has_touch=touch, is_mobile=touch, offline=True,
    )  # fmt: skip
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda request: said.append(request.url) if request.url.startswith("http") else None
        )
        page.goto(path.as_uri())
        page.wait_for_selector(ready, timeout=60_000)
        yield page, said
    finally:
        context.close()
