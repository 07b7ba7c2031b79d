"""The README and the guides are run as they stand, and what they name is there."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from archspace.__main__ import make_app
from tests.commands import archspace
from tests.forked import archspace_forked, program_forked

ROOT = Path(__file__).parents[1]
MADE = ("docs/gallery/", "docs/_build/")
"""Folders whose pages commands write; tests of their own hold them."""

PAGES = [
    path
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if not path.relative_to(ROOT).as_posix().startswith(MADE)
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
NAMED = re.compile(r"# (\S+\.(?:yaml|py))\n")
"""The first line of a block that is a file."""

PROGRAM = "archspace"


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Language and text of the fenced blocks of a page, in order."""
    return [(one, text) for one, text in FENCE.findall(page.read_text("utf-8")) if one in languages]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run(words: list[str], folder: Path) -> str:
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, f"{shlex.join(words)}\n{ran.stderr}"
    return ran.stdout


RUN = [page for page in PAGES if blocks(page, "sh", "python")]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=named)
def test_a_page_runs_as_printed(
    page: Path, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks marked sh and python, in order, in one folder, where those that name their file lie.

    A Python file is run too, unless it is below a folder: then it is part of a package. Commands of a page that has
    Python files of its own run in processes of their own: what such a file enters stays in its process. The other
    Python blocks of a page are one program.
    """
    monkeypatch.setenv(
        "BROWSER_PATH", "/no/such/browser"
    )  # pictures by Matplotlib: a browser takes seconds to start
    names: dict[str, Any] = {"__name__": "__main__"}
    entries = [(one, text, NAMED.match(text)) for one, text in blocks(page, "sh", "python", "yaml")]
    for _, text, name in entries:
        if name:
            path = tmp_path / name[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    own = any(name and name[1].endswith(".py") for _, _, name in entries)
    call = archspace_forked if own else archspace
    for language, text, name in entries:
        if name:
            if name[1].endswith(".py") and "/" not in name[1]:
                ran = program_forked(name[1], cwd=tmp_path)
                assert ran.returncode == 0, f"{name[1]}\n{ran.stderr}"
        elif language == "python":
            with chdir(tmp_path), redirect_stdout(StringIO()) as printed:
                exec(compile(text, named(page), "exec"), names)
            assert printed.getvalue().strip() or "print(" not in text
            assert "except SpecError" not in text or "nearest valid" in printed.getvalue()
        elif language == "sh":
            for line in text.strip().splitlines():
                program, *words = shlex.split(line)
                assert program == PROGRAM, line
                ran = call(*words, cwd=tmp_path)
                assert ran.returncode == 0, f"{line}\n{ran.stderr}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=named)
def test_examples_print_what_the_page_says(page: Path) -> None:
    text = "\n".join(text for _, text in blocks(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(text, {}, named(page), str(page), 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def commands() -> dict[str, Any]:
    """Every command by its words."""
    import typer

    by_words: dict[str, Any] = {}

    def enter(words: tuple[str, ...], command: Any) -> None:
        by_words[" ".join(words)] = command
        for name, inner in getattr(command, "commands", {}).items():
            enter((*words, name), inner)

    enter((), typer.main.get_command(make_app()))
    return by_words


def called(page: Path) -> list[str]:
    """Every call of the program on a page: whole lines of blocks, and code in the text that is a whole call."""
    lines = [line for _, text in blocks(page, "sh", "text") for line in text.splitlines()]
    prose = FENCE.sub("", page.read_text("utf-8"))
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    return [line for line in lines if re.match(rf"{PROGRAM} [a-z]", line)]


def test_commands_and_options_that_the_pages_name_exist() -> None:
    known = commands()
    # The changelog also names what was.
    calls = [(page, line) for page in PAGES if page.name != "CHANGELOG.md" for line in called(page)]
    assert len(calls) > 50
    for page, line in calls:
        where, words = f"{named(page)}: {line}", shlex.split(line.split("#")[0])[1:]
        depth = 2 if " ".join(words[:2]) in known else 1
        command = known.get(" ".join(words[:depth]))
        assert command is not None, where
        params = (*command.params, *known[""].params)
        options = {name for one in params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
        for word in words[depth:]:
            if re.match(r"--[a-z]", word):
                assert word.partition("=")[0] in options, where


def links(page: Path) -> list[str]:
    text = FENCE.sub("", page.read_text("utf-8"))
    return [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", one)]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and MyST make them."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


BUILT = ("docs/_static/study.schema.json", "docs/_static/train.schema.json")
"""Files that ``make docs`` writes."""


def test_links_lead_somewhere() -> None:
    pages = [*PAGES, ROOT / "docs/gallery/README.md"]
    assert sum(len(links(page)) for page in pages) > 100
    for page in pages:
        for link in links(page):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if named(target) in BUILT:
                continue
            assert target.exists(), f"{named(page)}: {link}"
            if anchor and target.suffix == ".md":
                assert anchor in anchors(target), f"{named(page)}: {link}"


def test_every_page_of_the_docs_is_in_the_contents() -> None:
    listed = set()
    for index in (ROOT / "docs/index.md", ROOT / "docs/reference/index.md"):
        for body in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text("utf-8"), re.S):
            names = [line for line in body.splitlines() if line and not line.startswith(":")]
            listed |= {(index.parent / f"{name}.md").resolve() for name in names}
    pages = {page.resolve() for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert pages - {ROOT / "docs/index.md"} == listed - {(ROOT / "docs/gallery/README.md").resolve()}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_yaml_that_names_its_file_is_right(page: Path) -> None:
    from searches.config.study import parse_config
    from searches.config.training import parse_train

    for _, text in blocks(page, "yaml"):
        data = yaml.safe_load(text)
        # A study that names a plug-in is run, where the plug-in is.
        if re.match(r"# \S+\.yaml\n", text) and "plugins" not in data:
            assert parse_train(data, named(page)) if "spec" in data else parse_config(data)


def test_the_citation_has_what_the_format_needs() -> None:
    import archspace

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == archspace.__version__
    for work in (cited, *cited["references"]):
        assert {"title", "authors", "type"} <= set(work)
    assert [one["title"].split(":")[0] for one in cited["references"]] == [
        "ESPNet",
        "ESPNetv2",
        "DiCENet",
        "ESNet",
    ]


def test_the_changelog_knows_the_version() -> None:
    import archspace

    heads = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert heads[0] == "Unreleased"
    assert any(head.startswith(f"{archspace.__version__} - ") for head in heads)


def test_the_label_of_the_guide_is_the_one_that_the_gallery_prints() -> None:
    guide = (ROOT / "docs/guides/labels.md").read_text("utf-8")
    (label,) = re.findall(r"```text\n(.*)\n```", guide)
    rows = dict(re.findall(r"^\| `([^`]+)` \| `(\w+)` \|", guide, re.M))
    from archspace import ArchSpec

    spec = ArchSpec("espnet-b", unit="mobilenet", width=0.25, alphas=(2, 4))
    assert spec.label == label
    for part in label.split():
        assert hasattr(spec, rows[part]), part


@pytest.mark.slow
def test_schemas_are_json(tmp_path: Path) -> None:
    for command in ("studies", "recipes"):
        printed = run([sys.executable, "-m", PROGRAM, command, "--schema"], tmp_path)
        assert json.loads(printed)["type"] == "object"
