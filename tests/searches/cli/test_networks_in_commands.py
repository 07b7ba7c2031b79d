"""Every command with every form of a network that it can honour, and the one line where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from archspace.__main__ import make_app
from archspace.checkpoint import load
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network
from archspace.support.errors import InputError
from searches.config.recipe import Recipe
from searches.config.study import parse_config
from searches.study.run import run_study
from searches.training.loop import teacher_of
from tests.searches.networks import FORMS, TRAINED, write_networks
from tests.searches.studies import tiny

pytestmark = pytest.mark.slow

torch.set_num_threads(1)
PUBLISHED = "weights/espnet/espnet_p2_q8_camvid.pth"
SPEC_COMMANDS: dict[str, list[str]] = {
    "cost": ["--no-counters"],
    "show": [],
    "layers": ["--runs", "2"],
    "measure": ["--runs", "2", "--no-power"],
    "receptive-field": ["--draws", "1", "--level", "level2"],
    "predict-tx2": [],
}
"""Commands that need no weights, with what makes them short."""

QUICK = ("RUN:knee", "training folder")
"""Forms that are exported in the quick tests; every export takes seconds."""


def run(*words: object) -> Result:
    return CliRunner().invoke(make_app(), list(map(str, words)))


def read(*words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def refused(*words: object) -> str:
    result = run(*words)
    assert isinstance(result.exception, InputError), result.output
    assert not result.stdout.strip()
    line = str(result.exception)
    assert "\n" not in line
    return line


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def published(shared: Path) -> Path:
    path = shared / PUBLISHED
    if not path.is_file():
        pytest.skip(f"published weights are not at {path}")
    return path


def arch_id(text: str) -> str:
    spec = find_network(text).spec
    assert spec is not None
    return spec.arch_id


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", SPEC_COMMANDS)
def test_commands_that_need_no_weights(
    command: str, form: str, networks: dict[str, str], tmp_path: Path
) -> None:
    out = ["--out", tmp_path] if command == "receptive-field" else []
    report = read(command, networks[form], *SPEC_COMMANDS[command], *out)
    assert report["arch_id"] == arch_id(networks[form])
    if command == "receptive-field":
        assert report["weights"] == (networks[form] if form in TRAINED else None)


@pytest.mark.slow
@pytest.mark.parametrize("command", [*SPEC_COMMANDS, "predict"])
def test_commands_that_need_no_weights_with_published_ones(
    command: str, published: Path, tmp_path: Path
) -> None:
    if command == "predict":
        line = refused("predict", published, "--by", tmp_path / "none.json")
        assert "none.json" in line, "the network was read; what is missing is the predictor"
        return
    out = ["--out", tmp_path] if command == "receptive-field" else []
    report = read(command, published, *SPEC_COMMANDS[command], "--input", "64x64", *out)
    spec = find_network(str(published), input_size=(64, 64)).spec
    assert spec is not None and report["arch_id"] == spec.arch_id


@pytest.mark.parametrize("form", FORMS)
def test_predict_reads_every_form(form: str, networks: dict[str, str], tmp_path: Path) -> None:
    assert "none.json" in refused("predict", networks[form], "--by", tmp_path / "none.json")


def test_an_onnx_file_is_measured_and_one_of_ours_is_counted(networks: dict[str, str]) -> None:
    wanted = arch_id(networks["export folder"])
    assert read("measure", networks["onnx"], "--runs", 2, "--no-power")["arch_id"] == wanted
    assert read("cost", networks["onnx"], "--no-counters")["arch_id"] == wanted
    assert "has no weights; takes a checkpoint" in refused("export", networks["onnx"])
    assert "classes" in refused("measure", networks["onnx"], "--classes", 3)


@pytest.mark.parametrize("form", [*TRAINED, "onnx"])
def test_evaluate_and_demo(form: str, networks: dict[str, str], tmp_path: Path) -> None:
    report = read("evaluate", networks[form], "--layout", "digits")
    assert report["arch_id"] == arch_id(networks[form]) and 0 <= report["accuracy"] <= 100
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "digit.png")
    shown = read("demo", networks[form], tmp_path / "digit.png", "--out", tmp_path / "demo")
    assert len(shown["images"][0]["classes"]) == 5


def test_the_same_weights_have_the_same_accuracy_in_every_form(networks: dict[str, str]) -> None:
    forms = ("training folder", "export folder", "checkpoint", "checkpoint folder", "onnx")
    accuracies = {read("evaluate", networks[form], "--layout", "digits")["accuracy"] for form in forms}
    assert len(accuracies) == 1


@pytest.mark.parametrize(
    "form",
    [form if form in QUICK else pytest.param(form, marks=pytest.mark.slow) for form in TRAINED],
)
def test_export(form: str, networks: dict[str, str], tmp_path: Path) -> None:
    report = read("export", networks[form], "--out", tmp_path / "out")
    agreements = report["verification"]
    assert agreements["random"]["relative_difference"] <= 1e-4
    assert ("real" in agreements) == form.startswith("RUN")
    given = find_network(networks[form]).load().state_dict()
    written = load(tmp_path / "out").state_dict()
    assert all(torch.equal(written[name], value) for name, value in given.items())
    if form == "RUN:knee":
        assert report["found"]["picked as"] == "knee"


@pytest.mark.slow
def test_export_of_a_run_folder_picks_the_same_knee(networks: dict[str, str], tmp_path: Path) -> None:
    picked = read("export", networks["run"], "--out", tmp_path / "one")
    named = read("export", networks["RUN:knee"], "--out", tmp_path / "two")
    assert picked["found"] == named["found"] and picked["arch_id"] == named["arch_id"]


def test_an_export_in_another_format_says_the_same_of_the_network(
    networks: dict[str, str], tmp_path: Path
) -> None:
    first = read("export", networks["RUN:knee"], "--out", tmp_path / "net")
    again = read("export", tmp_path / "net", "--out", tmp_path / "net", "--format", "standalone")
    assert isinstance(first["found"], dict) and len(first["numbers"]) > 3
    for part in ("found", "numbers", "notes", "classes", "preprocessing", "thresholds"):
        assert again[part] == first[part], part
    assert list(again["formats"]) == ["standalone"] and "model.onnx" not in again["files"]
    assert not (tmp_path / "net" / "model.onnx").exists()


def test_export_chooses_among_trials_of_a_run_folder_alone(networks: dict[str, str]) -> None:
    assert "chooses among the trials" in refused("export", networks["checkpoint"], "--pick", "best")
    assert "no such trial" in refused("export", networks["run"], "--pick", "99")
    assert "smallest macs" in refused("export", networks["run"], "--max-macs", 10)


@pytest.mark.slow
def test_export_goes_next_to_what_it_is_of(networks: dict[str, str]) -> None:
    for form, place in (("training folder", "training/export"), ("RUN:knee", "run/export/knee")):
        assert read("export", networks[form])["folder"].endswith(place)


@pytest.mark.slow
def test_published_weights_are_exported_and_the_onnx_is_equal(published: Path, tmp_path: Path) -> None:
    report = read("export", published, "--out", tmp_path / "out")
    assert report["verification"]["random"]["relative_difference"] <= 1e-4
    assert report["verification"]["random"]["same_class"] > 0.999
    assert report["found"].startswith("published weights")
    images = torch.randn(1, 3, *find_network(str(published)).load().spec.input_size)
    scores = find_network(str(published)).load()(images)
    answers = find_network(str(tmp_path / "out" / "model.onnx"), accept="answers").load()(images)
    assert torch.allclose(scores, answers, atol=1e-4 * scores.abs().max().item())


@pytest.mark.parametrize("form", [form for form in TRAINED if form != "training folder"])
def test_train_takes_the_architecture_and_init_the_weights(
    form: str, networks: dict[str, str], tmp_path: Path
) -> None:
    net, out = networks[form], tmp_path / "out"
    report = read("train", net, "--recipe", networks["recipe"], "--init", net, "--out", out)
    assert report["arch_id"] == arch_id(net)


def test_train_with_a_training_folder(networks: dict[str, str], tmp_path: Path) -> None:
    net, folder, out = networks["spec file"], networks["training folder"], tmp_path / "out"
    report = read("train", net, "--recipe", networks["recipe"], "--init", folder, "--out", out)
    assert report["arch_id"] == arch_id(net)
    line = refused("train", folder, "--recipe", networks["recipe"])
    assert "is a run with a recipe of its own" in line


def test_init_without_weights_is_refused(networks: dict[str, str], tmp_path: Path) -> None:
    net, out = networks["spec file"], tmp_path / "out"
    line = refused("train", net, "--recipe", networks["recipe"], "--init", net, "--out", out)
    assert line.startswith("--init: ") and "has no weights; takes" in line
    assert not out.exists()


@pytest.mark.parametrize("form", TRAINED)
def test_a_teacher_is_named_in_every_form(form: str, networks: dict[str, str]) -> None:
    stage = Recipe(teacher=networks[form], distillation=0.5).plan()[0]
    teacher = teacher_of(stage, torch.device("cpu"))
    assert teacher is not None and not teacher.training
    wanted = find_network(networks[form]).load().state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in teacher.state_dict().items())


def test_a_teacher_without_weights_is_refused(networks: dict[str, str]) -> None:
    stage = Recipe(teacher=networks["spec file"], distillation=0.5).plan()[0]
    with pytest.raises(InputError, match=r"training.teacher: .* has no weights; takes"):
        teacher_of(stage, torch.device("cpu"))


@pytest.mark.slow
def test_published_weights_start_a_training(published: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    data = {"layout": "scenes", "train": 4, "val": 4}
    recipe.write_text(yaml.safe_dump({"data": data, "training": {"epochs": 1, "batch": 4, "lr": 1e-9}}))
    out = tmp_path / "out"
    report = read(
        "train", published, "--recipe", recipe, "--init", published, "--input", "64x64", "--out", out
    )
    assert report["network"] == find_network(str(published)).load().spec.label
    ours, theirs = (
        dict(find_network(str(path)).load().encoder.named_parameters()) for path in (out, published)
    )
    assert ours and all(torch.allclose(value, theirs[name], atol=1e-6) for name, value in ours.items())


@pytest.mark.slow
def test_a_study_is_given_networks_of_every_form(networks: dict[str, str], tmp_path: Path) -> None:
    texts = [networks[form] for form in FORMS]
    weights = {"name": "as it is", "spec": networks["RUN:N"], "weights": networks["RUN:N"]}
    study = parse_config(tiny(trials=0, given=["espnetv2-0.5", *texts, weights]))
    records = run_study(study, tmp_path / "run").records()
    assert [record.state for record in records] == ["complete"] * len(study.given)
    assert [record.given for record in records] == ["espnetv2-0.5", *texts, "as it is"]
    for text, record in zip(texts, records[1:], strict=False):
        assert record.arch_id == arch_id(text)
    wanted = find_network(networks["RUN:N"]).load().spec.arch_id
    assert records[-1].arch_id == wanted
    held = yaml.safe_load((tmp_path / "run" / "study.yaml").read_text())["given"]
    assert held[:2] == ["espnetv2-0.5", networks["spec file"]]
    named = dict(zip(texts[1:], held[2:], strict=False))
    assert all(ArchSpec.from_dict(one["spec"]).arch_id == arch_id(text) for text, one in named.items())
    assert len(run_study(study, tmp_path / "run").records()) == len(records), "the same study goes on"


def test_a_study_given_published_weights_takes_their_architecture(published: Path, tmp_path: Path) -> None:
    from searches.study.given import fitted, settled

    fields = {"task": "segmentation", "objectives": ["miou"], "space": {"network": "espnet"}}
    data = {"layout": "scenes", "input_size": [64, 64]}
    study = settled(parse_config({**tiny(given=[str(published)]), **fields, "data": data}))
    fixed = {"task": "segmentation", "classes": 5, "input_size": [64, 64], "channels": 3}
    spec = fitted(study.reference[0], fixed)
    assert (spec.network, spec.alphas, spec.classes) == ("espnet", (2, 8), 5)


def test_a_study_refuses_what_is_no_network_and_writes_nothing(
    networks: dict[str, str], tmp_path: Path
) -> None:
    for given, words in (
        ("espnetv2-3", "given: 'espnetv2-3': is no preset"),
        (f"{networks['run']}:99", "no such trial"),
        (
            {"name": "x", "spec": "espnet", "weights": networks["spec file"]},
            "weights: .*has no weights; takes",
        ),
    ):
        with pytest.raises(InputError, match=words):
            run_study(parse_config(tiny(trials=0, given=[given])), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_networks_of_every_form_are_compared(networks: dict[str, str], tmp_path: Path) -> None:
    texts = ["espnetv2-0.5", *(networks[form] for form in FORMS)]
    options = [
        "--layout",
        "digits",
        "--input",
        "8x8",
        "--epochs",
        1,
        "--images",
        64,
        "--task",
        "classification",
    ]
    run_folder = tmp_path / "run"
    result = run("compare", "networks", *texts, *options, "--out", run_folder, "--json")
    assert result.exit_code == 0, result.output
    study = yaml.safe_load((run_folder / "study.yaml").read_text())
    evaluated = [one["name"] for one in study["given"] if one["weights"]]
    assert evaluated == [networks[form] for form in FORMS if form not in ("spec file", "RUN:N", "RUN:knee")]


def test_a_table_takes_one_trial(networks: dict[str, str]) -> None:
    tables = read("tables", "classification", "--with", networks["RUN:knee"])["tables"]
    label = find_network(networks["RUN:knee"]).trial
    rows = [row for table in tables for row in table["rows"] if f"(tiny:{label})" in str(row)]
    assert len(rows) == 1 and not any(
        "(tiny:" in str(row) for table in tables for row in table["rows"] if row not in rows
    )


@pytest.mark.parametrize("command", ["evaluate", "export", "demo"])
def test_a_preset_has_no_weights_and_the_command_says_what_it_takes(command: str, tmp_path: Path) -> None:
    more = {"evaluate": ["--layout", "digits"], "demo": [tmp_path / "no.png"], "export": []}[command]
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "no.png")
    line = refused(command, "espnet", *more)
    assert "'espnet': has no weights; takes" in line
    for words in ("RUN:knee", "training folder", "export folder", ".safetensors", ".pth"):
        assert words in line
    assert "a preset" not in line


def test_counting_a_preset_is_as_before() -> None:
    assert read("cost", "espnet", "--no-counters")["params"] == 364_569
    assert read("cost", "espnet", "--no-counters")["arch_id"] == preset("espnet").spec.arch_id
