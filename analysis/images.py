"""Write Plotly figures: one self-contained HTML file, or PNG, SVG, PDF through a Chromium that is on the machine."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import plotly.graph_objects as go

from archspace.files import replacing, write_text

log = logging.getLogger(__name__)

PNG_SIZE = (1200, 750)
"""Width and height of a picture in CSS pixels; a PNG has twice as many of its own."""

_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
_ADVICE = "install one (apt-get install chromium) or set BROWSER_PATH"

# Runs in its own process, so that a browser that hangs can be ended. The sandbox is off by choreographer's
# default, without which root cannot start Chromium; MathJax would be fetched from the network.
_RENDER = """
import json, sys
import kaleido
path, width, height, seconds = sys.argv[1], *map(int, sys.argv[2:])
opts = {"format": path.rpartition(".")[2], "width": width, "height": height, "scale": 2 if path.endswith("png") else 1}
kaleido.write_fig_sync(json.load(sys.stdin), path, opts=opts, kopts={"mathjax": False, "timeout": seconds})
"""


def write_html(figure: go.Figure, path: Path) -> None:
    """Write the figure as one HTML page that needs no network, under a temporary name, then rename."""
    config = {"displaylogo": False, "responsive": True, "toImageButtonOptions": {"scale": 2}}
    page = figure.to_html(include_plotlyjs=True, full_html=True, default_height="96vh", config=config)
    write_text(path, page)


def write_png(figure: go.Figure, path: Path, *, time_limit: float = 90.0) -> str | None:
    """Write the figure as a PNG of 1200 x 750 CSS pixels at double density: :func:`write_picture` of a ``.png``."""
    return write_picture(figure, path, time_limit=time_limit)


def write_picture(
    figure: go.Figure, path: Path, *, size: tuple[int, int] = PNG_SIZE, time_limit: float = 90.0
) -> str | None:
    """Write the figure as PNG (at double density), SVG or PDF by the path's suffix, whole or not at all.

    Args:
        figure: what to draw.
        path: ends in ``.png``, ``.svg`` or ``.pdf``.
        size: width and height in CSS pixels.
        time_limit: seconds after which the browser is ended.

    Returns:
        ``None`` when it is written, else one line on why not and what to do, for the caller to show.
    """
    browser = find_browser()
    if browser is None:
        wanted = os.environ.get("BROWSER_PATH")
        reason = f"BROWSER_PATH is {wanted}, which is no program" if wanted else "no Chromium or Chrome found"
        return _not_written(path, f"{reason}: {_ADVICE}")
    # A browser that is ended leaves its profile behind: it gets a folder of its own.
    with tempfile.TemporaryDirectory(prefix="archspace-png-", ignore_cleanup_errors=True) as scratch:
        drawn = Path(scratch) / f"figure{path.suffix.lower()}"
        env = {**os.environ, "BROWSER_PATH": browser, "TMPDIR": scratch}
        problem = _render(figure.to_json(), drawn, size, env, time_limit)
        if problem is None and not drawn.is_file():
            problem = "the browser wrote nothing"
        if problem is not None:
            return _not_written(path, f"{problem} ({browser}); {_ADVICE}")
        with replacing(path) as temporary:
            shutil.copyfile(drawn, temporary)
    return None


def find_browser() -> str | None:
    """The Chromium that draws PNGs: ``BROWSER_PATH`` if set, else the first known name on the path."""
    wanted = os.environ.get("BROWSER_PATH")
    if wanted:
        return shutil.which(wanted)
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def _render(
    figure: str, path: Path, size: tuple[int, int], env: dict[str, str], time_limit: float
) -> str | None:
    """Draw in a process of its own; what went wrong, if anything."""
    sides = [str(side) for side in size]
    process = subprocess.Popen(
        [sys.executable, "-c", _RENDER, str(path), *sides, str(max(1, int(time_limit)))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=env,
    )
    try:
        _, errors = process.communicate(figure, timeout=time_limit)
    except subprocess.TimeoutExpired:
        return f"the browser did not answer within {time_limit:g} s"
    finally:
        _end(process)
    if process.returncode == 0:
        return None
    lines = errors.strip().splitlines()
    return lines[-1] if lines else f"the browser's process ended with code {process.returncode}"


def _end(process: subprocess.Popen[str]) -> None:
    """End the drawing process, and the browser that it started in a session of its own."""
    if process.poll() is not None:
        return
    for pid in (*_descendants(process.pid), process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.communicate()


def _descendants(pid: int) -> list[int]:
    """Processes below ``pid``; none where there is no ``/proc`` to read them from."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            # The name in parentheses may hold spaces; state and parent follow it.
            parents[int(file.parent.name)] = int(
                file.read_text(errors="replace").rsplit(")", 1)[1].split()[1]
            )
    found = [pid]
    for parent in found:
        found += [child for child, above in parents.items() if above == parent]
    return found[1:]


def _not_written(path: Path, reason: str) -> str:
    message = f"{path.name} not written: {reason}"
    log.info("%s", message)
    return message
