"""Names and colours of classes go with a network, from the data to every form in which it is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from archspace import export, load
from archspace.build import build
from archspace.checkpoint import describe, save
from archspace.class_names import CITYSCAPES, ClassNames
from archspace.preprocessing import Preprocessing
from archspace.presets import preset
from archspace.spec.naming import find_network
from searches.demo.predicting import open_predictor
from tests.commands import archspace, printed
from tests.searches.own_data import CLASSES, COLOURS, study_file, training_file, write_data

pytestmark = pytest.mark.slow

FORMS = (
    "training folder",
    "RUN:N",
    "checkpoint",
    "export folder",
    "onnx",
    "trial's onnx",
)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | str]:
    """One network trained on own data in every form; another one as a trial."""
    folder = tmp_path_factory.mktemp("names")
    root = write_data(folder / "data")
    for words in (
        ("train", training_file(folder, root), "--out", folder / "training"),
        ("search", study_file(folder, root), "--out", folder / "run"),
        ("export", folder / "training", "--out", folder / "export"),
        ("export", folder / "run", "--out", folder / "knee"),
    ):
        ran = archspace(*words)
        assert ran.returncode == 0, ran.stderr
    (folder / "alone").mkdir()
    return {
        "training folder": folder / "training", "RUN:N": f"{folder / 'run'}:0",
        "checkpoint": shutil.copy(folder / "training" / "weights.safetensors", folder / "net.safetensors"),
        "export folder": folder / "export",
        "onnx": shutil.copy(folder / "export" / "model.onnx", folder / "alone" / "net.onnx"),
        "trial's onnx": shutil.copy(folder / "knee" / "model.onnx", folder / "alone" / "knee.onnx"),
        "image": root / "images" / "val" / "0.png",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_demo_shows_the_names_and_colours_of_the_data(
    forms: dict[str, Path | str], form: str, tmp_path: Path
) -> None:
    result = printed(archspace("demo", forms[form], forms["image"], "--out", tmp_path, "--json").stdout)
    (row,) = result["images"]
    assert row["shares"] and set(row["shares"]) <= set(CLASSES)
    named = find_network(str(forms[form]), accept="answers")
    predictor = open_predictor(named, size=None, labels=None, device=torch.device("cpu"), threshold=0.5)
    assert (predictor.names, predictor.colours) == (CLASSES, COLOURS)


@pytest.mark.slow
def test_an_export_says_them_to_every_reader(forms: dict[str, Path | str]) -> None:
    folder = Path(forms["export folder"])
    assert (folder / "classes.txt").read_text().splitlines() == list(CLASSES)
    card = json.loads((folder / "card.json").read_text())
    assert card["classes"] == list(CLASSES) and card["colours"] == [list(one) for one in COLOURS]
    assert card["files"]["classes.txt"]["bytes"] and card["found"]["data"]["name"] == "data"
    assert "0: ground (10, 20, 30); 1: disc (200, 100, 50)" in (folder / "card.md").read_text()
    metadata = {one.key: one.value for one in onnx.load(folder / "model.onnx").metadata_props}
    assert json.loads(metadata["archspace.classes"]) == list(CLASSES)
    assert json.loads(metadata["archspace.colours"]) == [list(one) for one in COLOURS]
    assert load(folder).class_names == ClassNames(CLASSES, COLOURS)


@pytest.mark.slow
def test_a_trained_void_and_a_network_without_names(tmp_path: Path) -> None:
    spec = preset("espnet-camvid").spec.replace(input_size=(32, 32), classes=3, alphas=(1, 1))
    network = build(spec).eval()
    network.preprocessing = Preprocessing(channel_order="rgb", mean=(0.5,) * 3, std=(0.5,) * 3)
    report = export(network, tmp_path / "bare")
    assert report.card["classes"] is None and not (tmp_path / "bare" / "classes.txt").exists()
    assert "not recorded" in (tmp_path / "bare" / "card.md").read_text()
    network.class_names = ClassNames(("road", "my field"), ((1, 2, 3), (4, 5, 6)))
    report = export(network, tmp_path / "named")
    assert report.card["classes"] == ["road", "my field", "void"]
    assert report.card["colours"] == [[1, 2, 3], [4, 5, 6], [0, 0, 0]]


def test_saving_keeps_them_and_notes_say_otherwise(tmp_path: Path) -> None:
    network = build(
        preset("espnet-camvid").spec.replace(input_size=(32, 32), classes=2, alphas=(1, 1))
    ).eval()
    network.class_names = ClassNames(("a", "b"))
    again = load(save(network, tmp_path / "one.safetensors"))
    assert again.class_names == ClassNames(("a", "b"))
    save(again, tmp_path / "two.safetensors", notes={"classes": ["c", "d"]})
    assert describe(tmp_path / "two.safetensors").class_names == ClassNames(("c", "d"))


@pytest.mark.slow
def test_published_weights_keep_the_names_of_their_data(shared: Path, tmp_path: Path) -> None:
    named = find_network(
        str(shared / "weights" / "espnet" / "espnet_c_p2_q8_cityscapes.pth"),
        accept="weights",
        input_size=(64, 64),
    )
    loaded = named.load()
    assert loaded.class_names is not None and loaded.class_names.names == (*CITYSCAPES, "background")
    predictor = open_predictor(named, size=(64, 64), labels=None, device=torch.device("cpu"), threshold=0.5)
    assert (
        predictor.named_by.startswith("cityscapes (published") and predictor.colours[0] == CITYSCAPES["road"]
    )
    image = tmp_path / "image.png"
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(image)
    export(loaded, tmp_path / "export")
    shown = printed(
        archspace("demo", tmp_path / "export" / "model.onnx", image, "--out", tmp_path, "--json").stdout
    )
    assert set(shown["images"][0]["shares"]) <= {*CITYSCAPES, "background"}
