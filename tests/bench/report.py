"""How long a study's page takes to build and to open, and how large it is: python -m tests.bench.report [TRIALS ...]

Prints a line a size. Opening is from the request to the first drawn front and table (``front_s``) and to the last chart
(``all_s``) in the machine's own Chromium. Fails only beyond a generous cap: times on a shared machine say little more.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from reports.frames.merge import merge_runs
from reports.page.content import content_of
from reports.page.html import page_html
from tests.reports.browser import chromium
from tests.reports.runs import realistic_study, write_run

CAP_S = 30.0


def build(run: Path, page: Path) -> dict[str, float]:
    """Seconds to read and to compute and write, megabytes of the page, and of memory at the most so far."""
    start = time.perf_counter()
    merged = merge_runs([run])
    read = time.perf_counter()
    page.write_text(page_html(content_of(merged)), encoding="utf-8")
    done = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {
        "read_s": read - start,
        "make_s": done - read,
        "page_mb": page.stat().st_size / 1e6,
        "memory_mb": memory,
    }


def open_page(browser: Any, page: Path) -> dict[str, float]:
    """Seconds until the front and table, and until everything, are drawn."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    tab = context.new_page()
    start = time.perf_counter()
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_selector("#trials tbody tr", timeout=60_000)
    front = time.perf_counter()
    tab.wait_for_selector("html[data-ready=yes]", timeout=60_000)
    done = time.perf_counter()
    context.close()
    return {"front_s": front - start, "all_s": done - start}


def main() -> None:
    """Prints the figures of each size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="*", type=int, default=[500, 10_000])
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        for count in parser.parse_args().trials:
            run = write_run(Path(scratch) / str(count), realistic_study(count))
            page = Path(scratch) / f"{count}.html"
            figures = build(run, page) | open_page(browser, page)
            print(f"{count} trials: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
            slow = {name: value for name, value in figures.items() if name.endswith("_s") and value > CAP_S}
            assert not slow, f"beyond {CAP_S:g} s: {slow}"


if __name__ == "__main__":
    main()
