"""The agent as one file: what a board gets and runs with its own Python."""

from __future__ import annotations

import functools
import io
import zipfile
from pathlib import Path

import analysis

MAIN = "import sys\n\nfrom analysis.board.agent import main\n\nsys.exit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)


@functools.cache
def bundle() -> bytes:
    """A zip that Python runs: ``analysis.board`` alone; the same bytes for the same source."""
    package = Path(analysis.__file__).parent
    sources = {"__main__.py": MAIN, "analysis/__init__.py": (package / "__init__.py").read_text("utf-8")}
    for path in sorted((package / "board").glob("*.py")):
        sources[f"analysis/board/{path.name}"] = path.read_text("utf-8")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in sources.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()
