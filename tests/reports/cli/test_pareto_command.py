from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from reports.cli.commands import register
from tests.commands import python
from tests.reports.runs import realistic_study, study_config, study_of, trial, write_run


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.callback()
    def root() -> None:
        """Several commands, as the real door has."""

    register(app)
    return app


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder, on a machine with neither a browser nor Matplotlib."""
    monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
    monkeypatch.setattr("analysis.drawing.plain_pictures.find_spec", lambda _: None)
    return write_run(tmp_path / "run", realistic_study())


def refused(app: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["pareto", *arguments])
    assert isinstance(result.exception, InputError), result.output
    text = str(result.exception)
    assert "\n" not in text
    return text


def test_table_and_files(app: typer.Typer, run: Path) -> None:
    result = CliRunner().invoke(app, ["pareto", str(run)])
    assert result.exit_code == 0, result.exception
    assert "M MACs" in result.stdout and "counted" in result.stdout and "knee" in result.stdout
    assert {p.name for p in (run / "report").iterdir()} == {"front.csv", "trials.csv", "pareto.html"}
    assert "pareto.png not written" in result.stderr and "pareto.png" not in result.stdout


def test_the_table_names_each_network_by_what_it_differs_in(app: typer.Typer, run: Path) -> None:
    depths = ((0, 0, 1), (0, 1, 0))
    specs = [ArchSpec("espnetv2", task="segmentation", width=0.25, alphas=alphas) for alphas in depths]
    trials = [
        trial(str(n), n, {"macs": 1.0 + n, "miou": 2.0 + n}, spec=spec.to_dict(), given="mine" if n else None)
        for n, spec in enumerate(specs)
    ]
    lost = {"network": "espnetv2", "unit": "of a plug-in"}
    trials.append(trial("2", 2, {"macs": 9.0, "miou": 9.0}, spec=lost, network="espnetv2 s=1 ghost"))
    result = CliRunner().invoke(app, ["pareto", str(write_run(run.with_name("other"), study_of(*trials)))])
    assert result.exit_code == 0, result.exception
    for words in (specs[0].label, f"mine: {specs[1].label}", "espnetv2 s=1 ghost"):
        assert f"  {words}  " in result.stdout


def test_json_is_one_object_and_agrees_with_the_csv(app: typer.Typer, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    result = CliRunner().invoke(app, ["pareto", str(run), "--json", "--out", str(out)])
    assert result.exit_code == 0, result.exception
    data = json.loads(result.stdout, parse_constant=lambda word: pytest.fail(word))
    front = pd.read_csv(out / "front.csv", dtype={"label": str}, float_precision="round_trip")
    assert [row["label"] for row in data["front"]] == front["label"].tolist()
    assert [row["miou"] for row in data["front"]] == front["miou"].tolist()
    assert data["knee"] in set(front["label"])
    assert set(data["files"]) == {"front.csv", "trials.csv", "pareto.html"}
    assert all(Path(path).is_file() for path in data["files"].values())
    assert len(data["notes"]) == 1 and not (run / "report").exists()
    assert data["objectives"][1] == {"name": "miou", "unit": "%", "direction": "maximize"}


@pytest.mark.slow
def test_other_objectives_leave_the_studys_own_files(app: typer.Typer, run: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["pareto", str(run)]).exit_code == 0
    own = {path.name: path.read_bytes() for path in (run / "report").iterdir()}
    result = CliRunner().invoke(app, ["pareto", str(run), "--json", "--objectives", "params,miou"])
    assert "the study's own front (macs, miou) stays; these files are named *-params-miou" in result.stderr
    files = json.loads(result.stdout)["files"]
    assert {name: Path(path).name for name, path in files.items()} == {
        "front.csv": "front-params-miou.csv", "trials.csv": "trials-params-miou.csv",
        "pareto.html": "pareto-params-miou.html",
    }  # fmt: skip
    assert all(Path(path).is_file() for path in files.values())
    assert {name: (run / "report" / name).read_bytes() for name in own} == own
    for words in (
        ["--objectives", "miou,macs"],
        ["--objectives", "params,miou", "--out", str(tmp_path / "other")],
    ):
        files = json.loads(CliRunner().invoke(app, ["pareto", str(run), "--json", *words]).stdout)["files"]
        assert Path(files["pareto.html"]).name == "pareto.html", (
            "the same objectives, or a folder of one's own"
        )


def test_other_objectives(app: typer.Typer, run: Path) -> None:
    arguments = ["pareto", str(run), "--json", "--objectives", "latency_ms, params,miou"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    names = [o["name"] for o in json.loads(result.stdout)["objectives"]]
    assert names == ["latency_ms", "params", "miou"]


def test_help_has_an_example(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["pareto", "--help"])
    assert "Example: archspace pareto" in result.stdout


class TestBadInput:
    def test_no_run(self, app: typer.Typer, tmp_path: Path) -> None:
        assert "no such run folder" in refused(app, str(tmp_path / "none"))

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("macs,speed", "'speed': unknown objective"),
            ("macs,miuo", "nearest valid: miou"),
            (
                "macs,accuracy",
                "no complete trial of camvid-units has a number for it; nearest valid: one of miou, macs",
            ),
            ("macs", "two or three objectives, not 1"),
            ("macs,macs", "two or three objectives, not 1"),
            ("", "two or three objectives, not 0"),
            ("macs,params,miou,latency_ms", "two or three objectives, not 4"),
        ],
    )
    def test_objectives(self, app: typer.Typer, run: Path, names: str, message: str) -> None:
        text = refused(app, str(run), "--objectives", names)
        assert message in text and text.startswith("--objectives: ")
        assert not (run / "report").exists()

    def test_study_of_one_objective(self, app: typer.Typer, tmp_path: Path) -> None:
        study = study_of(trial("0", 0, {"miou": 50.0, "macs": 1.0}), objectives=("miou",))
        run = write_run(tmp_path / "run", study)
        assert "two or three of miou, macs" in refused(app, str(run))

    def test_no_complete_trial(self, app: typer.Typer, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", study_of(trial("0", 0, {}, state="failed", reason="x")))
        assert "no complete trial" in refused(app, str(run))

    def test_no_trial_has_all(self, app: typer.Typer, tmp_path: Path) -> None:
        study = study_of(trial("0", 0, {"miou": 50.0}), trial("1", 1, {"macs": 1.0}))
        assert "has all of them" in refused(app, str(write_run(tmp_path / "run", study)))

    def test_numbers_that_are_not_finite_are_none(self, app: typer.Typer, tmp_path: Path) -> None:
        study = study_of(*(trial(str(k), k, {"miou": math.nan, "macs": 1.0 + k}) for k in range(2)))
        text = refused(app, str(write_run(tmp_path / "run", study)))
        assert "'miou': no complete trial of small has a number for it" in text and "\n" not in text
        assert not (tmp_path / "run" / "report").exists()

    def test_a_file_is_no_run(self, app: typer.Typer, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("a\n")
        assert "is a file; give the run's folder" in refused(app, str(tmp_path / "rows.csv"))

    def test_out_that_cannot_be_written(self, app: typer.Typer, run: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert refused(app, str(run), "--out", str(tmp_path / "file" / "x")).startswith("--out: ")


def test_names_with_markup_are_shown_as_they_are(app: typer.Typer, run: Path) -> None:
    config = study_config(("macs", "miou"), "a [bold]name")
    study = study_of(trial("0", 0, {"macs": 1.0, "miou": 2.0}, given="[red].yaml"), name=config["name"])
    write_run(run, study)
    result = CliRunner().invoke(app, ["pareto", str(run)])
    assert result.exit_code == 0, result.exception
    assert "a [bold]name" in result.stdout and "[red].yaml" in result.stdout


def test_importing_the_commands_imports_nothing_heavy() -> None:
    heavy = ("torch", "optuna", "pandas", "numpy", "plotly", "rich.table")
    code = f"import sys, reports.cli.commands; print([m for m in {heavy} if m in sys.modules])"
    ran = python(code)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_drawing_a_report_imports_neither_torch_nor_optuna() -> None:
    code = (
        "import sys, reports.frames.trials, reports.figures.pareto.figure, analysis.store.runs, analysis.fronts.pareto;"
        "print([m for m in ('torch', 'optuna') if m in sys.modules])"
    )
    ran = python(code)
    assert ran.stdout.strip() == "[]", ran.stderr
