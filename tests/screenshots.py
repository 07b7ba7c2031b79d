"""Screenshots of a page of archspace: ``python -m tests.screenshots PAGE.html``.

Beside the page: PAGE-wide.png, PAGE-dark.png and PAGE-phone.png, of what one sees when it opens.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tests.reports.browser import PHONE, READY, WIDE, chromium, opened

VIEWS = {"wide": (WIDE, False, False), "dark": (WIDE, True, False), "phone": (PHONE, False, True)}
"""Size, dark, touch."""


def main(pages: Sequence[Path]) -> list[Path]:
    """Takes the screenshots of each page; the files written."""
    written = []
    with chromium() as browser:
        for page in pages:
            ready = READY if "dataset.ready" in page.read_text(encoding="utf-8") else "table"
            for name, (size, dark, touch) in VIEWS.items():
                path = page.with_name(f"{page.stem}-{name}.png")
                with opened(browser, page.resolve(), size, dark=dark, touch=touch, ready=ready) as (tab, _):
                    tab.screenshot(path=str(path))
                with Image.open(path) as picture:
                    few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
                few.save(path, optimize=True)
                written.append(path)
    return written


if __name__ == "__main__":
    for done in main([Path(word) for word in sys.argv[1:]]):
        print(done)
