"""Write Plotly figures: one self-contained HTML file; PNG, SVG, PDF by the machine's Chromium or Matplotlib."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go

from archspace.support.files import replacing, write_text

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
kopts = {"mathjax": False, "timeout": int(sys.argv[1])}
kaleido.write_fig_from_object_sync(json.load(sys.stdin), kopts=kopts, cancel_on_error=True)
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
    """Write the figure as PNG (at double density), SVG or PDF: :func:`write_pictures` of one."""
    return write_pictures({path: figure}, size=size, time_limit=time_limit)[1]


def write_pictures(
    figures: Mapping[Path, go.Figure], *, size: tuple[int, int] = PNG_SIZE, time_limit: float = 90.0
) -> tuple[list[Path], str | None]:
    """Write figures as PNG (at double density), SVG or PDF by each path's suffix, each whole or not at all.

    One browser draws them all: starting it takes longer than a picture does. Where there is none, or it does not
    start, Matplotlib draws the same figures.

    Args:
        figures: what to draw, by file; a path ends in ``.png``, ``.svg`` or ``.pdf``.
        size: width and height in CSS pixels; a figure that has a height of its own keeps that.
        time_limit: seconds a picture after which the browser is ended.

    Returns:
        The files that are written; and ``None``, or one line on why the next one is not and what to do, for the
        caller to show.
    """
    if not figures:
        return [], None
    browser = find_browser()
    if browser is None:
        wanted = os.environ.get("BROWSER_PATH")
        reason = f"BROWSER_PATH is {wanted}, which is no program" if wanted else "no Chromium or Chrome found"
        return _plainly(figures, size, reason)
    # A browser that is ended leaves its profile behind: it gets a folder of its own.
    with tempfile.TemporaryDirectory(prefix="archspace-png-", ignore_cleanup_errors=True) as scratch:
        drawn = {
            path: Path(scratch) / f"{number}{path.suffix.lower()}" for number, path in enumerate(figures)
        }
        jobs = [_job(figures[path], file, size) for path, file in drawn.items()]
        env = {**os.environ, "BROWSER_PATH": browser, "TMPDIR": scratch}
        problem = _render(f"[{','.join(jobs)}]", env, time_limit, len(jobs))
        written: list[Path] = []
        for path, file in drawn.items():
            if not file.is_file():
                left = {one: figure for one, figure in figures.items() if one not in written}
                drawn_plainly, why = _plainly(
                    left, size, f"{problem or 'the browser wrote nothing'} ({browser})"
                )
                return [*written, *drawn_plainly], why
            with replacing(path) as temporary:
                _keep(file, temporary)
            written.append(path)
    return written, None


def _plainly(
    figures: Mapping[Path, go.Figure], size: tuple[int, int], why: str
) -> tuple[list[Path], str | None]:
    """Draw with Matplotlib; ``why`` is what the browser's trouble was, for where that cannot be."""
    from analysis.drawing.plain_pictures import draw_plainly, unable

    written: list[Path] = []
    for path, figure in figures.items():
        reason = unable(figure)
        if reason is not None:
            return written, _not_written(path, f"{why}: {_ADVICE}; {reason}")
        with tempfile.TemporaryDirectory(prefix="archspace-png-") as scratch:
            drawn = Path(scratch) / f"picture{path.suffix.lower()}"
            draw_plainly(figure, drawn, size)
            with replacing(path) as temporary:
                _keep(drawn, temporary)
        written.append(path)
    log.info("drawn without a browser (%s)", why)
    return written, None


def _job(figure: go.Figure, path: Path, size: tuple[int, int]) -> str:
    """What the drawing process is told of a picture."""
    kind = path.suffix.removeprefix(".")
    height = figure.layout.height or size[1]
    opts = {"format": kind, "width": size[0], "height": height, "scale": 2 if kind == "png" else 1}
    return f'{{"path": {json.dumps(str(path))}, "opts": {json.dumps(opts)}, "fig": {figure.to_json()}}}'


def _keep(drawn: Path, path: Path) -> None:
    """A picture at its place; a PNG with a palette, which is half the size or less and looks the same."""
    if drawn.suffix != ".png":
        shutil.copyfile(drawn, path)
        return
    from PIL import Image

    with Image.open(drawn) as picture:
        plain = Image.new("RGB", picture.size, "white")
        plain.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    few = plain.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, format="PNG", optimize=True)


def find_browser() -> str | None:
    """Returns the Chromium that draws PNGs: ``BROWSER_PATH`` if set, else the first known name on the path."""
    wanted = os.environ.get("BROWSER_PATH")
    if wanted:
        return shutil.which(wanted)
    return next((path for name in _BROWSERS if (path := shutil.which(name))), None)


def _render(jobs: str, env: dict[str, str], time_limit: float, count: int) -> str | None:
    """Draw in a process of its own; what went wrong, if anything."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RENDER, str(max(1, int(time_limit)))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=env,
    )
    try:
        _, errors = process.communicate(jobs, timeout=count * time_limit)
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
    processes = [pid]
    for parent in processes:
        processes += [child for child, above in parents.items() if above == parent]
    return processes[1:]


def _not_written(path: Path, reason: str) -> str:
    message = f"{path.name} not written: {reason}"
    log.info("%s", message)
    return message
