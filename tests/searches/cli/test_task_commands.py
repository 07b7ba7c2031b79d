"""Training, evaluation and a study for every task of more than one answer an image, on data made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.quantities import QUANTITIES, main_metric
from archspace.support.errors import FieldError, InputError
from searches.config.study import STUDY_TASKS, parse_config
from searches.config.training import read_train, train_recipes
from searches.data.dataset import LAYOUTS, Layout, Request, Split, layouts
from searches.tasks.table import TASKS, image_tasks
from tests.commands import archspace, printed
from tests.searches.calls import evaluate, train
from tests.searches.data.boxed import coloured, rectangles
from tests.searches.studies import tiny, write_study

pytestmark = pytest.mark.slow

PRESET = {
    "network": "espnetv2", "width": 0.5, "alphas": [0, 0, 0, 0],
}  # fmt: skip


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layouts of generated data."""
    layouts()

    def read(request: Request) -> Split:
        seed = ("train", "val", "test").index(request.split)
        return rectangles(12, request.input_size, seed) if request.task == "detection" else coloured(24, seed)

    for name, task in (("rectangles", "detection"), ("coloured", "multilabel")):
        monkeypatch.setitem(LAYOUTS._entries, name, Layout(read=read, tasks=(task,), needs_root=False))


def spec_file(folder: Path, task: str, **fields: Any) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps({**PRESET, "task": task, "classes": 21, "input_size": [64, 64], **fields}))
    return str(path)


@pytest.mark.slow
def test_a_detector_is_trained_and_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"data.layout": "rectangles", "training.epochs": 1, "training.batch": 6}
    stages = [
        {"epochs": 1, "input_size": [64, 64]},
        {"epochs": 1, "input_size": [80, 80], "freeze_norms": True},
    ]
    run = tmp_path / "run"
    train(
        spec_file(tmp_path, "detection"), "ssd", {**changes, "training.stages": stages}, (64, 64), run, True
    )
    trained = printed(capsys.readouterr().out)
    assert {"map", "map_50", "map_voc07", "class_ap"} <= set(trained)
    evaluate(run / "weights.safetensors", None, "rectangles", "val", "cpu", as_json=True)
    metrics = printed(capsys.readouterr().out)
    assert metrics["images"] == 12
    assert metrics["input_size"] == [80, 80]  # where training ended
    assert list(metrics["class_ap"]) == ["red", "green"]
    assert metrics["map_small"] is None
    evaluate(run / "weights.safetensors", None, "rectangles", "val", "cpu", as_json=False)
    text = capsys.readouterr().out
    assert "PASCAL VOC 2012" in text
    assert "green" in text


def test_the_network_gets_the_background_and_the_classes(tmp_path: Path) -> None:
    changes = {"data.layout": "rectangles", "training.epochs": 1, "training.stages": []}
    for classes in (21, 2, 3):
        folder = tmp_path / str(classes)
        folder.mkdir()
        train(spec_file(folder, "detection", classes=classes), "ssd", changes, (64, 64), folder / "run", True)
        spec = read_train(str(folder / "run" / "train.yaml")).spec
        assert isinstance(spec, dict)
        assert spec["classes"] == 3


def test_a_multilabel_network_is_trained_and_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"data.layout": "coloured", "training.epochs": 1, "training.batch": 8}
    run = tmp_path / "run"
    train(spec_file(tmp_path, "multilabel"), "multilabel", changes, (16, 16), run, True)
    assert printed(capsys.readouterr().out)["map"] > 0
    evaluate(run / "weights.safetensors", None, "coloured", "test", "cpu", as_json=True)
    assert set(printed(capsys.readouterr().out)["class_ap"]) == {"red", "green"}


def test_a_teacher_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    changes = {"data.layout": "rectangles", "training.teacher": "net.pth", "training.stages": []}
    with pytest.raises(FieldError, match=r"training\.teacher"):
        train(spec_file(tmp_path, "detection"), "ssd", changes, (64, 64), tmp_path / "run", True)
    assert not (tmp_path / "run").exists()


def test_data_of_other_classes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"data.layout": "rectangles", "training.epochs": 1, "training.stages": []}
    train(spec_file(tmp_path, "detection"), "ssd", changes, (64, 64), tmp_path / "run", True)

    def more(request: Request) -> Split:
        split = rectangles(4)
        return Split(images=split.images, targets=split.targets, names=split.names, classes=("a", "b", "c"))

    monkeypatch.setitem(
        LAYOUTS._entries, "rectangles", Layout(read=more, tasks=("detection",), needs_root=False)
    )
    with pytest.raises(
        InputError, match=r"has 3 classes, the data have 3.*background among them; nearest valid: 2"
    ):
        evaluate(tmp_path / "run" / "weights.safetensors", None, "rectangles", "val", "cpu", as_json=True)


@pytest.mark.parametrize(
    ("task", "layout", "side"), [("detection", "rectangles", 32), ("multilabel", "coloured", 16)]
)
def test_a_study_searches_for_the_task(task: str, layout: str, side: int, tmp_path: Path) -> None:
    study = write_study(
        tmp_path, task=task, objectives=["map", "macs"], trials=2, data={"layout": layout, "input_size": [side, side]},
        training={"epochs": 1, "batch": 8},
        space={"network": "espnetv2", "alphas": [0, 0, 0, 0], "width": {"choices": [0.25, 0.5]}},
    )  # fmt: skip
    ran = archspace("search", study, "--out", tmp_path / "run", "--json")
    assert ran.returncode == 0, ran.stderr
    assert printed(ran.stdout)["front"]
    records = sorted((tmp_path / "run" / "trials").glob("*/record.json"))
    record = json.loads(records[0].read_text(), parse_constant=pytest.fail)
    assert record["state"] == "complete", record["reason"]
    assert record["measurements"]["map"]["how"]["class_ap"]
    assert record["spec"]["classes"] == (3 if task == "detection" else 2)


def test_every_task_has_its_metric() -> None:
    assert set(STUDY_TASKS) == set(TASKS) and set(image_tasks()) == set(TASKS) - {"language"}
    for name, task in image_tasks().items():
        assert task.metric == main_metric(name).name
        assert QUANTITIES[task.metric].direction == "maximize"
    with pytest.raises(InputError, match=r"objectives: 'miou': .*nearest valid: map"):
        parse_config(tiny(task="detection", objectives=["miou"]))


@pytest.mark.parametrize("name", ["ssd", "multilabel"])
def test_the_recipes_are_whole(name: str) -> None:
    assert name in train_recipes()
    stages = read_train(name).training.plan()
    if name == "ssd":
        assert [(s.epochs, s.batch, s.lr, s.input_size, s.freeze_norms) for s in stages] == [
            (100, 192, 0.01, (300, 300), False), (100, 60, 0.005, (512, 512), True),
        ]  # fmt: skip
        assert {(s.optimizer, s.momentum, s.weight_decay, s.schedule, s.restarts_until) for s in stages} == {
            ("sgd", 0.9, 5e-4, "hybrid", 61)
        }
