"""The gallery made again: ``python -m tests.gallery`` runs every command of docs/gallery/README.md.

The commands run in a scratch copy of the gallery's inputs, in one process; what the page shows is copied back.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
GALLERY = Path("docs/gallery")
PAGE = GALLERY / "README.md"
INPUTS = ("study", "devices", "study.yaml", "compared")
"""What the commands read; all else in the folder is made by them."""

_BLOCK = re.compile(
    r"```sh\n(?P<commands>.*?)```\n(?:\n<!-- printed -->\n(?P<printed>.*?)<!-- end -->\n)?", re.S
)


def blocks(page: str) -> Iterator[tuple[list[str], str | None, re.Match[str]]]:
    """Each block of commands, what the page says that the last of them prints (if it does), and where it stands."""
    for match in _BLOCK.finditer(page):
        yield match["commands"].strip().splitlines(), match["printed"], match


def shown(page: str) -> list[str]:
    """Files of the gallery that the page shows or links, its inputs aside; paths from the gallery's folder."""
    paths = dict.fromkeys(re.findall(r"\]\(([^)#:]+)\)", page))
    return [path for path in paths if not path.startswith("../") and path.split("/")[0] not in INPUTS]


def run(command: str) -> str:
    """Run a command of the page in this process, in the present folder; what it printed on standard output."""
    words = shlex.split(command)
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(io.StringIO()):
        if words[0] == "archspace":
            from archspace.__main__ import make_app

            make_app()(words[1:], standalone_mode=False)
        elif words[:3] == ["python", "-m", "tests.screenshots"]:
            from tests.screenshots import main

            main([Path(word) for word in words[3:]])
        else:
            raise ValueError(f"{command}: neither archspace nor tests.screenshots")
    return stdout.getvalue()


def run_all(scratch: Path, page: str) -> str:
    """Run every command in a copy of the gallery's inputs below ``scratch``; the page with what they print now."""
    for name in INPUTS:
        source, copy = ROOT / GALLERY / name, scratch / GALLERY / name
        if source.is_dir():
            shutil.copytree(source, copy)
        elif source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    # As wide on every machine.
    with contextlib.chdir(scratch), _environment(COLUMNS="130", TERM="dumb"):
        parts, end = [], 0
        for commands, printed, match in blocks(page):
            outputs = [run(command) for command in commands]
            if printed is not None:
                parts += [page[end : match.start("printed")], f"\n{_quoted(outputs[-1])}\n\n"]
                end = match.end("printed")
    return "".join([*parts, page[end:]])


def _quoted(printed: str) -> str:
    """What a command printed, as it stands in the page: Markdown one heading lower, else a block of text."""
    lines = [line.rstrip() for line in printed.strip().splitlines()]
    if lines[0].startswith("## "):
        return "\n".join(["#" + lines[0], *lines[1:]])
    return "\n".join(["```text", *lines, "```"])


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def main() -> None:
    """Makes every file that the page shows, and prints their sizes."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="archspace-gallery-") as name:
        page = (ROOT / PAGE).read_text(encoding="utf-8")
        made = run_all(Path(name), page)
        for path in shown(made):
            target = ROOT / GALLERY / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(name) / GALLERY / path, target)
            print(f"{target.stat().st_size / 1000:7.1f} kB  {path}")
        (ROOT / PAGE).write_text(made, encoding="utf-8")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
