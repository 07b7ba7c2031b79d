"""One table in four formats: nothing breaks out of its cell, raw values come back, LaTeX compiles."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.frames.rows import read_rows
from reports.tables.latex import LONG, escape, latex
from reports.tables.markdown import markdown
from reports.tables.page import html_page
from reports.tables.table import Cell, Row, Table
from reports.tables.values import csv_text, plain
from reports.tables.write import write_tables
from tests.reports.tables.nasty import COLUMNS, NASTY, nasty_table


class TestMarkdown:
    def test_every_row_keeps_its_number_of_cells(self) -> None:
        lines = [line for line in markdown([nasty_table()]).splitlines() if line.startswith("|")]
        assert len(lines) == 5
        for line in lines:
            assert len(re.split(r"(?<!\\)\|", line)) == 6, line

    def test_nothing_is_markup(self) -> None:
        text = markdown([nasty_table()])
        assert "<script>" not in text and r"\<script\>" in text and "&amp;" in text and r"\*b\*" in text
        assert not re.search(r"(?<![\\])[<`$]", text.replace("\\\\", ""))

    def test_marks_bold_dash_and_dominated(self) -> None:
        text = markdown([nasty_table()])
        assert "| **1.23**ᶜ |" in text and "**2.0**ᵖᶜ" not in text and "2.0ᵖᶜ" in text
        assert "| – |" in text and "n/aᵐ" in text and "40.00ᵉ" in text
        table = Table(
            name="t", title="T", labels=("N",), columns=COLUMNS, pareto=("params", "miou"),
            rows=(Row(("good",), (Cell(1e6, "counted"), Cell(50.0, "measured"))),
                  Row(("bad",), (Cell(2e6, "counted"), Cell(40.0, "measured")))),
        )  # fmt: skip
        text = markdown([table])
        assert "| ◌ bad |" in text and "◌: another row is at least as good" in text and "| good |" in text


class TestCsv:
    def test_raw_values_and_origins_come_back(self) -> None:
        rows = list(csv.DictReader(io.StringIO(csv_text(nasty_table()))))
        assert rows[0]["net|work"] == NASTY and rows[0]["params"] == "1234567" and rows[0]["miou"] == "nan"
        assert rows[0]["notes"] == NASTY and rows[2]["net|work"] == "none\nof it"
        assert float(rows[1]["miou"]) == 61.2345678 and rows[1]["params_counted"] == "2000400"
        assert [row["params_origin"] for row in rows] == ["counted", "published", ""]
        assert [row["miou_origin"] for row in rows] == ["measured", "measured", "predicted"]
        assert rows[2]["params"] == "" and rows[2]["notes"] == "guess_1"

    def test_a_name_is_no_formula_and_a_number_stays_one(self, tmp_path: Path) -> None:
        rows = tuple(
            Row((name,), (Cell(-2.5, "counted"), Cell(None))) for name in ("=A1", "-x", "@y", "-1", "plain")
        )
        text = csv_text(Table(name="t", title="T", labels=("Network",), columns=COLUMNS, rows=rows))
        assert [line.split(",")[:2] for line in text.splitlines()[1:]] == [
            ["'=A1", "-2.5"], ["'-x", "-2.5"], ["'@y", "-2.5"], ["-1", "-2.5"], ["plain", "-2.5"],
        ]  # fmt: skip
        path = tmp_path / "own.csv"
        path.write_text(text, encoding="utf-8")
        assert read_rows(path)["network"].tolist() == ["=A1", "-x", "@y", "-1", "plain"]

    def test_json_is_strict_and_holds_the_same(self) -> None:
        data = json.loads(json.dumps(plain(nasty_table()), allow_nan=False))
        assert data["rows"][0]["cells"]["miou"]["value"] is None
        assert data["rows"][1]["cells"]["params"] == {
            "value": 2e6, "text": "2.0", "origin": "published", "best": False, "counted": 2_000_400.0, "agrees": True,
            "notes": [],
        }  # fmt: skip
        assert "params" not in data["rows"][2]["cells"] and data["columns"][0]["unit"] == ""


class TestLatex:
    def test_text_becomes_plain_ascii_without_commands(self) -> None:
        text = escape(NASTY)
        assert text.isascii() and r"\input" not in text and "[U+4E2D]" in text and r"\'{e}" in text
        assert r"100\%" in text and r"c\_d" in text and r"\textless{}script\textgreater{}" in text
        assert escape("a\x00b\tc") == "ab c"

    @pytest.mark.parametrize("rows", [3, LONG + 1])
    def test_every_row_has_as_many_cells_as_columns(self, rows: int) -> None:
        text = latex(nasty_table(rows))
        body = text.split("\\midrule\n", 1)[1].split("\\end{")[0]
        lines = [line for line in body.splitlines() if line.endswith("\\\\") and "multicolumn" not in line]
        assert len([line for line in lines if "Params" not in line]) == rows
        for line in lines:
            assert len(re.findall(r"(?<!\\)&", line)) == 3, line
        assert text.count("{") == text.count("}") and r"\toprule" in text and r"\bottomrule" in text
        assert ("longtable" in text.split("\n", 1)[1]) == (rows > LONG)

    def test_it_compiles(self, tmp_path: Path) -> None:
        if shutil.which("pdflatex") is None:
            pytest.skip("no pdflatex: apt-get install texlive-latex-recommended")
        tables = [nasty_table(), nasty_table(LONG + 20)]
        tables[1] = Table(**{name: getattr(tables[1], name) for name in Table.__slots__} | {"name": "long"})
        files = write_tables(tables, tmp_path, "both", ("tex",), title="Both")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", files["both-all.tex"].name]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stdout[-2000:]
        assert (tmp_path / "both-all.pdf").stat().st_size > 10_000


class Tags(HTMLParser):
    """Counts elements and collects text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {"src", "onclick", "onerror"} & {name for name, _ in attrs}
        assert all(value is None or value.startswith("#") for name, value in attrs if name == "href")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_shows_names_and_runs_nothing_of_them() -> None:
    page = html_page([nasty_table()], title=NASTY)
    parser = Tags()
    parser.feed(page)
    assert parser.tags.count("script") == 1 and "b" not in parser.tags and "i" not in parser.tags
    assert parser.tags.count("tr") == 4
    assert (
        " ".join(parser.words).count("<script>alert('x')</script>") == 5
    )  # page, heading, table, name, footnote
    assert "http" not in page and 'data-value=""' in page


def test_files_are_written_whole_and_named(tmp_path: Path) -> None:
    files = write_tables([nasty_table()], tmp_path / "new", "all", title="T")
    assert sorted(files) == ["all-all.tex", "all.html", "all.md", "nasty.csv", "nasty.tex"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(files)
