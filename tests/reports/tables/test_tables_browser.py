"""The HTML tables in a real headless Chromium: sorted, filtered, quiet, and readable without script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.tables.build import build_tables
from reports.tables.page import html_page
from reports.tables.table import Table
from tests.reports.tables.nasty import NASTY, nasty_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("BROWSER_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page with everything it complained about and every address it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))

    def column(self, index: int, section: str = "section") -> list[str]:
        """Text of the visible rows of a column of the first table."""
        cells = self.page.locator(f"{section} tbody tr:visible > :nth-child({index + 1})")
        return [text.split(" [")[0].strip() for text in cells.all_inner_texts()]


def visit(browser: Browser, folder: Path, tables: list[Table], *, script: bool = True) -> Visit:
    path = folder / "page.html"
    path.write_text(html_page(tables, title="Tables"), encoding="utf-8")
    visited = Visit(browser.new_page(java_script_enabled=script))
    visited.page.goto(path.as_uri())
    return visited


def quiet(visited: Visit) -> bool:
    return (
        not visited.complaints
        and all(url.startswith("file:") for url in visited.asked)
        and len(visited.asked) == 1
    )


def test_a_click_sorts_and_another_turns_it_round(browser: Browser, tmp_path: Path) -> None:
    visited = visit(browser, tmp_path, build_tables("modules"))
    head = visited.page.get_by_role("button", name="Size (MB)")
    head.click()
    names = ["ShuffleNet", "ESP", "MobileNet", "Inception", "ResNext", "ResNet"]
    assert visited.column(0) == names
    head.click()
    assert visited.column(0) == names[::-1]
    assert visited.page.locator("[aria-sort]").count() == 1
    visited.page.get_by_role("button", name="mIoU (%)").click()
    assert visited.column(0)[0] == "ResNet", "where more is better, the best comes first"
    visited.page.get_by_role("button", name="Module").click()
    assert visited.column(0) == sorted(names, key=str.casefold)
    assert quiet(visited), visited.complaints


def test_what_is_not_known_comes_last_either_way(browser: Browser, tmp_path: Path) -> None:
    visited = visit(browser, tmp_path, [nasty_table()])
    head = visited.page.get_by_role("button", name="Params & more_")
    for first in ("1.23", "2.0"):
        head.click()
        texts = visited.column(2)
        assert texts[0].startswith(first) and texts[-1] == ""


def test_the_filter_narrows_by_every_word_and_each_table_has_its_own(
    browser: Browser, tmp_path: Path
) -> None:
    visited = visit(browser, tmp_path, build_tables("segmentation"))
    section = "#segmentation-camvid"
    box = visited.page.locator(f"{section} input")
    box.fill("espnet 360X480")
    assert visited.column(0, section) == ["ESPNet"]
    assert visited.page.locator(f"{section} output").inner_text() == "1 of 10 rows"
    assert len(visited.column(0, "#segmentation-mapillary")) == 3
    box.fill("no such network")
    assert visited.column(0, section) == []
    box.fill("")
    assert len(visited.column(0, section)) == 10
    assert quiet(visited), visited.complaints


def test_text_from_users_is_shown_and_never_run(browser: Browser, tmp_path: Path) -> None:
    visited = visit(browser, tmp_path, [nasty_table()])
    assert visited.column(0)[0].startswith("a|b & c_d <script>alert('x')</script> 100%")
    assert "<script>alert" in NASTY and quiet(visited), visited.complaints


def test_it_is_complete_without_script(browser: Browser, tmp_path: Path) -> None:
    visited = visit(browser, tmp_path, build_tables("modules"), script=False)
    assert len(visited.column(0)) == 6 and not visited.page.locator(".tools").is_visible()


def test_narrow_dark_and_print(browser: Browser, tmp_path: Path) -> None:
    visited = visit(browser, tmp_path, build_tables("segmentation"))
    page = visited.page
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "tables scroll, the page does not"
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    page.emulate_media(media="print")
    assert page.evaluate(colour) == light and not page.locator(".tools").first.is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).maxHeight") == "none"
