"""pareto.html in a real Chromium: on a phone of 400 pixels, on a projector of 1920, with two objectives and three."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports.figures.pareto.page import write_pareto_page
from reports.figures.pareto.run_figure import plot_front
from tests.reports.browser import chromium, opened
from tests.reports.runs import realistic_study, write_run

PHONE, PROJECTOR = (400, 850), (1920, 1080)
Opening = Callable[[tuple[int, int], int], tuple[Any, list[str]]]
EVIL = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The page of a study by its number of objectives; a given network is named like a script."""
    folder = tmp_path_factory.mktemp("pareto")
    pages = {}
    for objectives in (("macs", "miou"), ("macs", "latency_ms", "miou")):
        study = realistic_study(40, objectives=objectives)
        study = replace(study, trials=(replace(study.trials[0], given=EVIL), *study.trials[1:]))
        pages[len(objectives)] = folder / f"{len(objectives)}.html"
        write_pareto_page(
            plot_front(write_run(folder / f"run{len(objectives)}", study)), pages[len(objectives)]
        )
    return pages


@pytest.fixture(scope="module")
def shown(pages: dict[int, Path]) -> Iterator[Opening]:
    """The page of a size and a number of objectives, and what its console said: opened once for all tests."""
    with chromium() as browser, ExitStack() as stack:

        @cache
        def opening(size: tuple[int, int], objectives: int) -> tuple[Any, list[str]]:
            return stack.enter_context(opened(browser, pages[objectives], size, touch=size == PHONE))

        yield opening


def boxes(page: Any, selector: str) -> list[dict[str, float]]:
    return [one.bounding_box() for one in page.locator(selector).all() if one.is_visible()]


def apart(one: dict[str, float], other: dict[str, float]) -> bool:
    across = one["x"] + one["width"] <= other["x"] + 1 or other["x"] + other["width"] <= one["x"] + 1
    along = one["y"] + one["height"] <= other["y"] + 1 or other["y"] + other["height"] <= one["y"] + 1
    return across or along


@pytest.mark.slow
@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize("size", [PHONE, PROJECTOR])
def test_it_fits_and_the_legend_covers_nothing(
    shown: Opening, size: tuple[int, int], objectives: int
) -> None:
    page, said = shown(size, objectives)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0], "no scrolling sideways"
    (plot,), (legend,) = boxes(page, "#plot .main-svg >> nth=0"), boxes(page, "#legend")
    assert apart(plot, legend)
    assert plot["width"] > (0.9 * size[0] if size == PHONE else 1200)
    drawn = page.locator("#plot .cartesianlayer .subplot").all()
    assert len(drawn) == (3 if objectives == 3 else 2)
    areas = [page.locator(f"#plot .draglayer .{name} .nsewdrag").bounding_box() for name in names(page)]
    assert all(area["width"] > 250 and area["height"] > 60 for area in areas), areas
    assert all(apart(a, b) for i, a in enumerate(areas) for b in areas[:i])
    if objectives == 3:
        scene = page.locator("#plot #scene").bounding_box()
        assert scene["width"] > 250 and scene["height"] > 200 and all(apart(scene, area) for area in areas)
        assert page.evaluate("FIGURE.data.filter((t) => t.type === 'scatter3d').length") > 3
    if size == PHONE:
        assert all(one["height"] >= 44 and one["width"] >= 44 for one in boxes(page, "button"))
        assert legend["y"] > plot["y"] + plot["height"] - 1, "below the plot"
    assert [line for line in said if "readback" not in line and "GL Driver" not in line] == []
    assert EVIL not in page.content().split('id="figure"')[0]


def names(page: Any) -> list[str]:
    """The subplots as Plotly calls them: ``xy``, ``x2y2``, ..."""
    return page.evaluate("Object.keys(PLOT._fullLayout._plots)")  # type: ignore[no-any-return]


@pytest.mark.slow
def test_panels_show_the_front_of_all_three_and_the_knee(shown: Opening) -> None:
    page, _ = shown(PROJECTOR, 3)
    large = page.evaluate(
        """["x", "x2", "x3"].map((axis) => FIGURE.data
        .filter((t) => (t.xaxis || "x") === axis && t.type === "scatter" && t.hovertext)
        .flatMap((t) => t.hovertext.filter((text) => text.includes("on the Pareto front"))).length)"""
    )
    assert large[0] > 3 and large == [large[0]] * 3, "the same front in every panel"
    rings = page.evaluate(
        "FIGURE.data.filter((t) => t.legendgroup === 'knee of the front' && !t.showlegend).length"
    )
    assert rings == 4, "in every panel and in the 3-D view"
    words = page.locator("#legend").inner_text()
    assert "front of all three (large)" in words and "front of the two alone" in words


@pytest.mark.slow
def test_a_press_on_the_legend_hides_and_shows_everywhere(shown: Opening) -> None:
    page, _ = shown(PHONE, 3)
    seen = "PLOT.data.filter((t) => t.legendgroup === 'eesp' && !t.showlegend).map((t) => t.visible)"
    entry = page.locator("#legend button", has_text="EESP")
    entry.tap()
    assert entry.get_attribute("aria-pressed") == "false" and not any(page.evaluate(seen))
    entry.tap()
    assert entry.get_attribute("aria-pressed") == "true" and all(page.evaluate(seen))
    turn = page.locator("#turn")
    assert page.evaluate("PLOT.layout.scene.dragmode") is False, "a finger scrolls the page"
    turn.tap()
    assert page.evaluate("PLOT.layout.scene.dragmode") == "orbit"


@pytest.mark.slow
def test_it_lays_itself_out_again_when_the_window_changes(shown: Opening) -> None:
    page, _ = shown(PROJECTOR, 2)
    assert page.evaluate("FIGURE.data.filter((t) => t.meta === 'narrow').map((t) => t.visible)") == [False]
    page.set_viewport_size({"width": 400, "height": 850})
    page.wait_for_function("PLOT.clientWidth < 400 && PLOT.layout.width < 400")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("FIGURE.data.filter((t) => t.meta === 'narrow').map((t) => t.visible)") == [True]
    page.set_viewport_size({"width": PROJECTOR[0], "height": PROJECTOR[1]})
    page.wait_for_function("PLOT.clientWidth > 1200 && PLOT.layout.width > 1200")
