"""The page of a study in a real Chromium: what is linked, sorted, filtered; on a phone, in the dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.cli.report_command import write_report
from tests.reports.browser import PHONE, WIDE, chromium, opened
from tests.reports.runs import realistic_study, write_run

pytestmark = pytest.mark.slow

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of 60 trials whose study, a given network and a failure's reason are named like a script."""
    folder = tmp_path_factory.mktemp("page")
    study = realistic_study(60)
    trials = list(study.trials)
    trials[0] = replace(trials[0], given=EVIL)
    trials[-2] = replace(trials[-2], reason=f"{EVIL} & more")
    study = replace(
        study, trials=tuple(trials), config={**study.config, "name": EVIL, "notes": f"</script>{EVIL}"}
    )
    write_report([write_run(folder / "run", study)], folder / "page.html", as_json=True)
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def wide(browser: Any, page_file: Path) -> Iterator[tuple[Any, list[str]]]:
    with opened(browser, page_file) as (page, said):
        yield page, said


def column(page: Any, key: str) -> list[str]:
    """The cells of a column of the trials' table as shown."""
    place = page.locator("#trials th").evaluate_all(
        "(heads, key) => heads.findIndex((h) => h.dataset.key === key)", key
    )
    return [
        text.split(" ")[0]
        for text in page.locator(f"#trials tbody td:nth-child({place + 1})").all_inner_texts()
    ]


def mark(page: Any, label: str) -> tuple[float, float]:
    """Where the mark of a trial stands in the window."""
    page.locator("#plot").scroll_into_view_if_needed()
    return tuple(
        page.evaluate(
            """(label) => {
        const row = Array.from({ length: ROWS }, (_, i) => i).find((i) => labelOf(i) === label);
        const box = byId("plot").getBoundingClientRect();
        const [x, y] = plotOfFront.places.get(row);
        return [box.left + x, box.top + y];
    }""",
            label,
        )
    )


def chosen_rows(page: Any) -> list[str]:
    return [
        text.split(" ")[0]
        for text in page.locator("#trials tr[aria-selected=true] td:first-child").all_inner_texts()
    ]


def test_nothing_is_fetched_and_the_console_is_silent(wide: tuple[Any, list[str]]) -> None:
    page, said = wide
    assert said == []
    assert page.locator("#trials tbody tr").count() == 20


def test_texts_of_users_stay_texts(wide: tuple[Any, list[str]]) -> None:
    page, _ = wide
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    assert page.locator("h1").inner_text() == EVIL
    assert EVIL in page.title()
    page.fill("#filter", "& more")
    page.fill("#filter", "failed")
    assert any(EVIL in text for text in page.locator("#trials td").all_inner_texts())
    page.fill("#filter", "")
    assert page.locator("script").count() == 2 and alerts == []


def test_a_mark_selects_its_row(wide: tuple[Any, list[str]]) -> None:
    page, _ = wide
    label = page.evaluate("labelOf(DATA.knee)")
    page.mouse.click(*mark(page, label))
    assert chosen_rows(page) == [label]
    assert page.locator("#detail h3").inner_text() == f"Trial {label}"
    page.click("#clear")
    assert chosen_rows(page) == []


def test_a_row_selects_its_mark(wide: tuple[Any, list[str]]) -> None:
    page, _ = wide
    before = page.evaluate("byId('plot').toDataURL()")
    page.locator("#trials tbody tr").nth(2).click()
    assert page.evaluate("byId('plot').toDataURL()") != before
    assert page.evaluate("[...selected].length") == 1
    page.locator("#trials tbody tr").nth(4).click(modifiers=["Shift"])
    assert len(chosen_rows(page)) == 2 and page.locator("#count").inner_text() == "2 selected"
    page.locator("#trials tbody tr").nth(1).focus()
    page.keyboard.press("Enter")
    assert len(chosen_rows(page)) == 1
    page.click("#clear")


def test_dragging_selects_what_lies_inside_and_a_far_row_is_brought_to_view(
    wide: tuple[Any, list[str]],
) -> None:
    page, _ = wide
    page.locator("#plot").scroll_into_view_if_needed()
    box = page.locator("#plot").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 50)
    page.mouse.up()
    complete = page.evaluate("plotOfFront.rows.length")
    assert page.evaluate("selected.size") == complete > 10
    page.check("#only-selected")
    assert f"of {complete}" in page.locator("#page").inner_text()
    page.uncheck("#only-selected")
    last = page.evaluate("labelOf(view.rows.filter((row) => stateOf(row) === 'complete').at(-1))")
    page.mouse.click(*mark(page, last))
    assert chosen_rows(page) == [last]
    page.click("#clear")


def test_table_sorts_numbers_and_words_with_the_unknown_last(wide: tuple[Any, list[str]]) -> None:
    page, _ = wide
    page.click("#trials th[data-key=miou] button")
    shown = [float(text) for text in column(page, "miou")]
    assert shown == sorted(shown, reverse=True)
    assert page.get_attribute("#trials th[data-key=miou]", "aria-sort") == "descending"
    page.click("#trials th[data-key=miou] button")
    shown = [float(text) for text in column(page, "miou")]
    assert shown == sorted(shown)
    page.click("#trials th[data-key=unit] button")
    assert column(page, "unit") == sorted(column(page, "unit"))
    page.click("#trials th[data-key='spec.width'] button")
    widths = [float(text) for text in column(page, "spec.width")]
    assert widths == sorted(widths)


def test_table_filters_by_words_fields_and_numbers(wide: tuple[Any, list[str]]) -> None:
    page, _ = wide
    page.fill("#filter", "unit:eesp macs<300M")
    assert set(column(page, "unit")) == {"eesp"}
    assert all(float(text) < 300 for text in column(page, "macs"))
    page.fill("#filter", "no such network")
    assert "No trial fits" in page.locator("#trials tbody").inner_text()
    page.fill("#filter", "")
    page.check("#only-front")
    assert page.locator("#trials tbody tr").count() == page.evaluate("DATA.front.length")
    page.uncheck("#only-front")


def test_axes_can_be_chosen(wide: tuple[Any, list[str]]) -> None:
    page, _ = wide
    page.select_option("#axis-x", "latency_ms")
    assert page.evaluate("plotOfFront.x.key") == "latency_ms"
    front = page.evaluate(
        "plotOfFront.line.map((row) => [COLUMNS.get('latency_ms').values[row], COLUMNS.get('miou').values[row]])"
    )
    assert front == sorted(front) and [m for _, m in front] == sorted(m for _, m in front)
    page.select_option("#axis-x", "macs")


@pytest.mark.parametrize(
    ("size", "dark", "touch"), [(WIDE, False, False), (WIDE, True, False), (PHONE, False, True)]
)
def test_fits_the_screen_in_light_and_dark(
    browser: Any, page_file: Path, tmp_path: Path, size: tuple[int, int], dark: bool, touch: bool
) -> None:
    with opened(browser, page_file, size, dark=dark, touch=touch) as (page, said):
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        over = page.evaluate(
            """() => [...document.querySelectorAll("section *")].filter((e) => !e.closest(".wide, pre")
            && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert over == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        channel = int(paper.split("(")[1].split(",")[0])
        assert channel < 60 if dark else channel > 200
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        if touch:
            label = page.evaluate("labelOf(DATA.knee)")
            page.touchscreen.tap(*mark(page, label))
            assert chosen_rows(page) == [label]


def test_on_paper_there_are_no_buttons_and_no_darkness(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, dark=True) as (page, said):
        page.emulate_media(media="print", color_scheme="dark")
        assert not page.locator("#filter").is_visible() and page.locator("#trials").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert len(page.pdf()) > 20_000 and said == []


@pytest.mark.slow
def test_the_caption_names_the_front_that_is_drawn(browser: Any, tmp_path: Path) -> None:
    """Of three objectives, of two, and of numbers that are no objectives."""
    for objectives in (("macs", "latency_ms", "miou"), ("macs", "miou")):
        run = write_run(tmp_path / f"run{len(objectives)}", realistic_study(60, objectives=objectives))
        write_report([run], tmp_path / "page.html", as_json=True)
        with opened(browser, tmp_path / "page.html") as (page, said):
            front = page.evaluate(
                "[[...plotOfFront.large].sort(), [...FRONT].sort(), [...plotOfFront.line].sort()]"
            )
            assert front[0] == front[1]
            words = page.locator("#front-drawn").inner_text()
            if len(objectives) == 3:
                assert front[2] != front[1] and "line: the front of the two numbers shown alone" in words
                assert "large: on the study's front of macs, latency_ms, miou" in words
            else:
                assert front[2] == front[1] and words == "large and joined: the study's front of macs, miou"
            page.select_option("#axis-x", "params")
            assert "which is not the study's" in page.locator("#front-drawn").inner_text()
            assert page.evaluate("plotOfFront.front") is None and said == []


@pytest.mark.slow
def test_studies_drawn_together_have_a_colour_each(browser: Any, tmp_path: Path) -> None:
    runs = []
    for seed, name in ((1, "north"), (5, "south")):
        study = realistic_study(20, seed=seed)
        bound = {"constraints": {"macs": {"max": 1e9 * seed}}}
        runs.append(
            write_run(
                tmp_path / name, replace(study, name=name, config={**study.config, "name": name, **bound})
            )
        )
    write_report(runs, tmp_path / "page.html", as_json=True)
    with opened(browser, tmp_path / "page.html") as (page, said):
        assert page.locator("#plot-legend .study").all_inner_texts() == ["north", "south"]
        colours = page.evaluate(
            "Array.from({ length: ROWS }, (_, row) => [labelOf(row).split('/')[0], rowColour(row, theme())])"
        )
        assert {tuple(one) for one in colours} == {("north", "#0072B2"), ("south", "#D55E00")}
        assert "Limits" not in page.locator(".asked").inner_text(), "neither run's limit is that of both"
        assert "the runs differ in constraints.macs.max" in page.locator(".found").inner_text()
        assert said == []


@pytest.mark.slow
def test_the_downloaded_csv_runs_in_no_spreadsheet(browser: Any, tmp_path: Path) -> None:
    study = realistic_study(12)
    study = replace(study, trials=(replace(study.trials[0], given="=1+1"), *study.trials[1:]))
    write_report([write_run(tmp_path / "run", study)], tmp_path / "page.html", as_json=True)
    with opened(browser, tmp_path / "page.html") as (page, _):
        with page.expect_download() as download:
            page.click("#csv")
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert ",'=1+1," in text and ",=1+1," not in text
        assert page.evaluate("['-1.5', '+3', '@x', 'a=b', \"'=x\"].map(defused)") == [
            "-1.5", "+3", "'@x", "a=b", "''=x",
        ]  # fmt: skip
