"""The gallery's commands run as they stand on its page, and make what the page shows."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from PIL import Image

from analysis.drawing.figure_files import find_browser
from tests.gallery import GALLERY, INPUTS, PAGE, ROOT, blocks, run, run_all, shown

TEXT = {".md", ".csv", ".tex"}
SECONDS = 60
"""Of this process, the browser aside, that all commands may take; more says that something became slow."""
LARGEST = 150_000
"""Bytes of a picture at most: the page loads them all."""

TEXT_OF_PAGE = (ROOT / PAGE).read_text(encoding="utf-8")
FILES = shown(TEXT_OF_PAGE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """Folder of the gallery made again, its page, and the seconds it took."""
    pytest.importorskip("playwright.sync_api")
    if find_browser() is None:
        pytest.skip("no Chromium on this machine")
    scratch = tmp_path_factory.mktemp("gallery")
    start = time.process_time()
    page = run_all(scratch, TEXT_OF_PAGE)
    return scratch / GALLERY, page, time.process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_what_the_page_shows_is_made_again(made: tuple[Path, str, float], name: str) -> None:
    stored, again = ROOT / GALLERY / name, made[0] / name
    assert again.is_file(), f"no command of the page makes {name}"
    if stored.suffix in TEXT:
        assert again.read_bytes() == stored.read_bytes(), f"{name} is out of date: make gallery"
    elif stored.suffix == ".svg":
        sizes = [
            re.search(r'<svg[^>]*? width="(\d+)" height="(\d+)"', path.read_text())
            for path in (stored, again)
        ]
        assert all(sizes) and len({size.groups() for size in sizes if size}) == 1
        assert again.read_text().count("<path") > 20
    else:
        with Image.open(stored) as old, Image.open(again) as new:
            assert old.size == new.size, f"{name} has another size: make gallery"
            # A blank picture has one colour, and one line of text few that are not of its paper.
            counts = sorted(count for count, _ in new.convert("RGB").getcolors(1 << 24) or [])
            assert sum(counts[:-1]) > 0.01 * sum(counts), f"{name} is blank"


@pytest.mark.slow
def test_what_the_page_quotes_is_printed_again(made: tuple[Path, str, float]) -> None:
    assert made[1] == TEXT_OF_PAGE, "the page is out of date: make gallery"
    assert sum(printed is not None for _, printed, _ in blocks(TEXT_OF_PAGE)) >= 2


@pytest.mark.slow
def test_it_takes_less_than_a_minute(made: tuple[Path, str, float]) -> None:
    assert made[2] < SECONDS


def test_every_file_of_the_gallery_is_shown_or_an_input() -> None:
    stored = {
        path.relative_to(ROOT / GALLERY).as_posix() for path in (ROOT / GALLERY).rglob("*") if path.is_file()
    }
    own = {"README.md", ".gitignore"}
    rest = {name for name in stored - own if name.split("/")[0] not in INPUTS and not name.endswith(".html")}
    assert rest == set(FILES)
    for name in FILES:
        assert (ROOT / GALLERY / name).stat().st_size < LARGEST, name


def test_the_inputs_are_small_and_name_no_machine() -> None:
    files = [path for name in INPUTS for path in [ROOT / GALLERY / name, *(ROOT / GALLERY / name).rglob("*")]]
    files = [path for path in files if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    for path in files:
        assert path.suffix in {".json", ".csv", ".yaml"}, f"{path}: no weights, no database"
        assert not re.search(r"(?<![\w.])/(home|root|tmp|work)/", path.read_text()), path


def test_every_kind_of_table_is_there() -> None:
    from reports.tables.tasks import TASKS

    commands = [command for block, _, _ in blocks(TEXT_OF_PAGE) for command in block]
    for task in TASKS:
        assert any(command.startswith(f"archspace tables {task} ") for command in commands), task


def test_a_foreign_command_is_refused() -> None:
    with pytest.raises(ValueError, match="neither archspace nor"):
        run("rm -rf reports")


def test_the_front_was_measured_again() -> None:
    files = list((ROOT / GALLERY / "study").glob("trials/*/again.json"))
    assert files and all("latency_ms" in json.loads(path.read_text()) for path in files)
