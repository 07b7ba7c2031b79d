"""An export is a folder that proves itself: ONNX Runtime answers as torch does, or there is no folder."""

from __future__ import annotations

import ast
import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from archspace.checkpoint import load
from archspace.class_names import ClassNames
from archspace.export.card_text import markdown
from archspace.export.export import ExportError, export
from archspace.export.formats import FORMATS
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.locks import try_lock
from tests.archspace.export.trained import trained

FILES = {"spec.yaml", "weights.safetensors", "model.onnx", "card.md", "card.json"}
SMALL = ArchSpec("espnetv2", width=0.5, alphas=(0, 1, 0, 0), classes=10, input_size=(8, 8), channels=1)
GRAY = Preprocessing(channel_order="gray", mean=(0.3,), std=(0.2,))


@pytest.fixture(scope="module")
def small() -> Network:
    return trained(SMALL)


@pytest.fixture(scope="module")
def folder(small: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One export that several tests read."""
    target = tmp_path_factory.mktemp("exports") / "deep" / "digits"
    card = {
        "found": {"study": "digits", "trial": 7},
        "numbers": [
            {
                "name": "accuracy",
                "value": 93.2,
                "unit": "%",
                "origin": "measured",
                "how": {"dataset": "digits"},
            }
        ],
        "remark": "smallest on the front",
    }
    report = export(small, target, real_inputs=torch.rand(3, 1, 8, 8), preprocessing=GRAY, card=card)
    assert report.arch_id == SMALL.arch_id and set(report.agreements) == {"random", "real"}
    return target


@pytest.mark.slow
def test_the_folder_is_complete_and_small(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert ArchSpec.read(folder / "spec.yaml") == SMALL


def test_onnx_runtime_answers_as_the_loaded_network(folder: Path) -> None:
    network = load(folder)
    assert network.preprocessing == GRAY
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("image", [1, 1, 8, 8])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("scores", [1, 10])]
    outputs = []
    for seed in range(3):
        x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
        theirs = session.run(["scores"], {"image": x.numpy()})[0]
        with torch.no_grad():
            ours = network(x).numpy()
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(ours).max()
        outputs.append(theirs)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3 * np.abs(outputs[0]).max(), (
        "the output depends on the input"
    )


def test_the_model_is_valid_folded_and_holds_no_paths_of_this_machine(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model)
    metadata = {prop.key: json.loads(prop.value) for prop in model.metadata_props if "archspace" in prop.key}
    assert metadata["archspace.arch_id"] == SMALL.arch_id
    assert metadata["archspace.preprocessing"] == GRAY.to_dict()
    assert not any(node.metadata_props for node in model.graph.node)
    assert b"/archspace/" not in model.SerializeToString()
    norms = sum(node.op_type == "BatchNormalization" for node in model.graph.node)
    alone = sum("norm.weight" in key and "mix" in key for key in load(folder).state_dict())
    assert (norms, alone) == (3, 5), "those fold too whose map is read once"


def test_a_card_in_words_leaves_out_what_is_not_set(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    card["found"] = {"training": {"teacher": None, "flip": False, "stages": [], "clip": 0}}
    assert "- training: flip False, clip 0\n" in markdown(card)


def test_the_card_says_what_it_should(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    assert card["format"] == "archspace-export" and card["arch_id"] == SMALL.arch_id
    assert card["found"] == {"study": "digits", "trial": 7} and card["notes"]["remark"]
    origins = {number["name"]: number["origin"] for number in card["numbers"]}
    assert origins == {"params": "counted", "macs": "counted", "conv_macs": "counted", "accuracy": "measured"}
    assert card["verification"]["real"]["images"] == 3
    assert card["verification"]["random"]["relative_difference"] <= 1e-4
    assert set(card["versions"]) == {"archspace", "torch", "onnx", "onnxruntime"}
    assert card["files"]["model.onnx"]["bytes"] == (folder / "model.onnx").stat().st_size
    text = (folder / "card.md").read_text()
    for wanted in (
        SMALL.arch_id,
        'archspace.load("digits")',
        "InferenceSession",
        "93.20 %",
        "measured",
        "trial: 7",
    ):
        assert wanted in text


@pytest.mark.slow
def test_an_export_is_replaced_and_other_content_is_not(small: Network, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="no export of archspace"):
        export(small, target)
    with pytest.raises(InputError, match="is a file"):
        export(small, target / "thesis.tex")
    assert (target / "thesis.tex").read_text() == "years of work"
    export(small, tmp_path / "again")
    first = (tmp_path / "again" / "weights.safetensors").read_bytes()
    export(trained(SMALL.replace(activation="relu")), tmp_path / "again")
    assert (tmp_path / "again" / "weights.safetensors").read_bytes() != first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "out"]
    (tmp_path / "again" / "__pycache__").mkdir()
    (tmp_path / "again" / "model.engine").write_text("built on the board")
    with pytest.raises(InputError, match=r"holds model\.engine beside an older export: move it"):
        export(small, tmp_path / "again")
    assert (tmp_path / "again" / "model.engine").read_text() == "built on the board"


@pytest.mark.slow
def test_any_names_of_folder_and_classes_are_written_as_they_are(tmp_path: Path) -> None:
    named = trained(SMALL.replace(classes=2))
    names = ("a\nline, \u732b", 'it\'s "odd" \\')
    vars(named)["class_names"] = ClassNames(names)
    target = tmp_path / 'it\'s "odd" \\ \u732b'
    card = export(named, target, preprocessing=GRAY, formats=["onnx", "tensorrt", "standalone"]).card
    assert tuple(card["classes"]) == names
    assert (target / "classes.txt").read_text(encoding="utf-8").splitlines() == [
        "a line, \u732b",
        names[1],
    ], "a line each"
    Image.new("L", (9, 9)).save(tmp_path / "photo.jpg")
    ran = subprocess.run(
        [sys.executable, "-c", card["example"]], cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert names[0] in ran.stdout and names[1] in ran.stdout
    for line in (card["load"]["archspace"], card["load"]["onnxruntime"]):
        assert target.name in ast.literal_eval(
            line[line.index('"') :].partition(", providers")[0].rstrip(")")
        )
    assert card["formats"]["tensorrt"]["files"] == ["model.tensorrt.onnx"], "no engine was built"
    listed = {file for one in card["formats"].values() for file in one["files"]}
    assert listed <= set(card["files"]) == {path.name for path in target.iterdir()} - {"card.json", "card.md"}
    assert {path.stat().st_mode & 0o777 for path in target.iterdir() if path.suffix != ".part"} == {0o644}


@pytest.mark.slow
def test_a_wrong_answer_leaves_nothing(
    small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = trained(SMALL.replace(activation="relu"))
    monkeypatch.setattr(sys.modules["archspace.export.source"], "deployed", lambda network: other.eval())
    with pytest.raises(
        ExportError, match=r"differs from torch on random input by \S+, .* nothing was written"
    ):
        export(small, tmp_path / "a" / "b" / "out")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    broken = trained(SMALL)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(ExportError, match="not a number"):
        export(broken, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="disk is full"):
        export(small, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch", "standalone"])
def test_a_disk_that_fills_up_in_a_format_leaves_nothing(
    name: str, small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        if path.name in FORMATS[name].files:
            raise OSError(errno.ENOSPC, "No space left on device")
        return path.open("wb").write(data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="disk is full"):
        export(small, tmp_path / "out", formats=[name])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "real", [torch.zeros(1, 1, 8, 9), torch.zeros(0, 1, 8, 8), torch.full((1, 1, 8, 8), float("nan"))]
)
def test_real_inputs_must_fit(small: Network, tmp_path: Path, real: torch.Tensor) -> None:
    with pytest.raises(InputError, match="real_inputs"):
        export(small, tmp_path / "out", real_inputs=real)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_export_left_behind_is_removed_by_the_next_one(small: Network, tmp_path: Path) -> None:
    dead, alive, other = (tmp_path / name for name in (".net.a.part", ".net.b.part", ".net2.c.part"))
    for left in (dead, alive, other):
        left.mkdir()
        (left / "weights.safetensors").touch()
        (left / ".lock").touch()
    held = try_lock(alive / ".lock")
    assert held is not None
    export(small, tmp_path / "net", formats=("standalone",))
    held.release()
    assert {path.name for path in tmp_path.iterdir()} == {"net", alive.name, other.name}
    assert not (tmp_path / "net" / ".lock").exists()
