"""``archspace tables`` and ``archspace report --paper`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from archspace.support.errors import InputError
from reports.cli.commands import register
from tests.commands import python
from tests.reports.runs import realistic_study, write_run


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.callback()
    def root() -> None:
        """Several commands, as the real door has."""

    register(app)
    return app


def ran(app: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.exception
    return result.stdout


def refused(app: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, InputError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_markdown_on_standard_output(app: typer.Typer) -> None:
    text = ran(app, "tables", "segmentation", "--dataset", "camvid")
    assert text.startswith("## Semantic segmentation: CamVid") and "| ESPNet " in text


def test_another_format_on_standard_output(app: typer.Typer) -> None:
    text = ran(app, "tables", "multilabel", "--format", "csv")
    assert text.splitlines()[0] == "network,split,input,cf1,cf1_origin,of1,of1_origin,dominated,notes"


def test_files_of_every_format_with_a_run(app: typer.Typer, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", realistic_study(12))
    text = ran(app, "tables", "segmentation", "--with", str(run), "--out", str(tmp_path / "out"))
    names = {Path(line).name for line in text.splitlines()}
    assert {
        "segmentation.md",
        "segmentation.html",
        "segmentation-camvid.csv",
        "segmentation-all.tex",
    } <= names
    assert names == {path.name for path in (tmp_path / "out").iterdir()}
    assert "camvid-units:" in (tmp_path / "out" / "segmentation.html").read_text(encoding="utf-8")


def test_json_is_one_object(app: typer.Typer) -> None:
    data = json.loads(ran(app, "tables", "language", "--json"))
    (table,) = data["tables"]
    assert data["task"] == "language" and table["rows"][0]["cells"]["ppl_test"]["origin"] == "published"
    assert data["files"] == {}


@pytest.mark.slow
def test_the_papers_in_one_command(app: typer.Typer, tmp_path: Path) -> None:
    text = ran(app, "report", "--paper", "--out", str(tmp_path))
    line = next(line for line in text.splitlines() if "mobilenetv1-0.75 at 224x224" in line)
    assert "317 M MACs published, 325.4 M counted: 2.6 % below any count" in line
    assert "published costs of networks that archspace has were compared" in text
    assert {"paper.html", "paper.md", "paper-all.tex", "contradictions.csv"} <= {
        p.name for p in tmp_path.iterdir()
    }
    data = json.loads(ran(app, "report", "--paper", "--out", str(tmp_path), "--json"))
    assert data["contradictions"] == len(data["tables"][-1]["rows"]) > 10


@pytest.mark.slow
def test_no_command_loads_torch(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['archspace', 'report', '--paper', '--out', sys.argv[1]]\n"
        "from archspace.__main__ import make_app\n"
        "make_app()(standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    ran = python(code, tmp_path)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("command", ["tables", "report"])
def test_help_has_an_example(app: typer.Typer, command: str) -> None:
    assert f"Example: archspace {command}" in ran(app, command, "--help")


class TestBadInput:
    def test_formats(self, app: typer.Typer, tmp_path: Path) -> None:
        assert "--format: 'pdf': unknown format" in refused(app, "tables", "language", "--format", "pdf")
        assert "--format: ''" in refused(app, "tables", "language", "--format", ",")
        assert "need --out DIR" in refused(app, "tables", "language", "--format", "md,csv")

    def test_nothing_is_written_when_a_file_is_broken(self, app: typer.Typer, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text("{", encoding="utf-8")
        out = tmp_path / "out"
        message = refused(app, "tables", "language", "--with", str(tmp_path / "x.json"), "--out", str(out))
        assert "x.json: is not JSON" in message and not out.exists()

    def test_a_folder_that_cannot_be_written(self, app: typer.Typer, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        assert "cannot be written" in refused(
            app, "tables", "language", "--out", str(tmp_path / "file" / "x")
        )

    def test_report_needs_a_run_or_paper(self, app: typer.Typer) -> None:
        assert "needs a RUN, or --paper" in refused(app, "report")
        assert "archspace tables TASK --with runs/x" in refused(app, "report", "runs/x", "--paper")
