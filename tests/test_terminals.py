"""Every table on terminals of 80 and 120 columns, and in a pipe."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from archspace.plan import UNITS
from archspace.presets import PRESETS
from searches.config.study import recipes
from searches.config.training import train_recipes
from searches.fetching.catalogue import read_catalogue
from tests.commands import ROOT, archspace
from tests.pseudo_terminal import in_terminal
from tests.reports.runs import realistic_study, write_run

MOST_LINES = 9


def listings() -> dict[str, list[str]]:
    """The commands that list what there is, and the names that a user types after reading them."""
    return {
        "presets": list(PRESETS), "recipes": list(train_recipes()), "studies": list(recipes()), "units": list(UNITS),
        "data fetch --list": list(read_catalogue()),
    }  # fmt: skip


def check_rows(lines: list[str], names: list[str], columns: int) -> None:
    """Asserts that every name is whole, at the beginning of a row of few lines, and that no line is cut or too long."""
    assert max(map(len, lines)) <= columns
    assert not any("…" in line for line in lines)
    rule = next(i for i, line in enumerate(lines) if set(line.strip()) == {"─"})
    starts = [i for i, line in enumerate(lines) if i > rule and line and not line.startswith(" ")]
    found = [re.split(r"\s{2,}", lines[i])[0] for i in starts]
    assert found[: len(names)] == names
    assert max(b - a for a, b in pairwise(starts)) <= MOST_LINES


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_lists_fit_a_terminal_and_no_name_is_cut(columns: int) -> None:
    for words, names in listings().items():
        check_rows(in_terminal(columns, *words.split()), names, columns)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_a_front_of_three_objectives_fits_a_terminal(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
    write_run(tmp_path / "run", realistic_study())
    words = ("pareto", "run", "--objectives", "macs,params,miou", "--json")
    front = json.loads(archspace(*words, cwd=tmp_path).stdout)["front"]
    lines = in_terminal(columns, *words[:-1], cwd=tmp_path)
    names = [f"{row['label']} (knee)" if row["knee"] else row["label"] for row in front]
    check_rows([line for line in lines if not line.startswith("run/report")], names, columns)
    header = " ".join(lines[:6])
    assert all(word in header for word in ("macs", "params", "miou", "counted", "measured"))


@pytest.mark.parametrize("words", ["presets", "recipes", "cost espnet"])
def test_a_pipe_has_everything_whatever_the_terminal_is(words: str) -> None:
    narrow, wide = (
        archspace(*words.split(), env={"COLUMNS": columns, "TERM": terminal, "FORCE_COLOR": "1"}).stdout
        for columns, terminal in (("40", "dumb"), ("200", "xterm-256color"))
    )
    assert narrow == wide
    assert "\x1b" not in wide and "Not shown" not in wide and "…" not in wide
    assert all(line == line.rstrip() for line in wide.splitlines())


def test_a_row_of_a_pipe_is_one_line() -> None:
    lines = archspace("presets").stdout.splitlines()
    assert len(lines) == len(PRESETS) + 2
    espnet = next(line for line in lines if line.startswith("espnet "))
    assert "mIoU 60.336 %, Cityscapes test" in espnet and espnet.endswith(PRESETS["espnet"].source)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_a_comparison_fits_a_terminal(columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
    run = ROOT / "docs" / "gallery" / "compared" / "modules"
    lines = in_terminal(columns, "compared", run, "--out", tmp_path / "out")
    files = next(i for i, line in enumerate(lines) if line.endswith("comparison.md"))
    assert max(map(len, lines[:files])) <= columns
    text = "\n".join(lines)
    for name in ("ESP", "MobileNet", "ShuffleNet", "Inception", "ResNeXt", "ResNet", "ASP", "EESP"):
        assert re.search(rf"^(◌ )?{name}  ", text, re.MULTILINE), name
    assert "published" in text and "ShuffleNet    38.96" in text and "[1] unstable: spread" in text
    piped = archspace("compared", run, "--out", tmp_path / "out", "--json").stdout
    assert "Latency" in archspace("compared", run, "--out", tmp_path / "out").stdout and '"tables"' in piped
